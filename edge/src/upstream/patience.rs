use std::time::Duration;

use tokio::time::Instant;

/// How long an answer's head is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) until: Instant,
    /// The whole of it, to tell.
    pub(crate) whole: Duration,
    /// The origin may hold the question, or its body comes slowly: it counts not as one of
    /// the requests that are answered at one time.
    pub(crate) held: bool,
}

impl Patience {
    pub(crate) fn of(whole: Duration, held: bool) -> Self {
        Self {
            until: Instant::now() + whole,
            whole,
            held,
        }
    }

    /// For one try, after which another may follow.
    pub(crate) fn half(self) -> Self {
        let now = Instant::now();
        let left = self.until.saturating_duration_since(now);
        Self {
            until: now + left / 2,
            ..self
        }
    }
}
