//! Long polls: a question that is held until there is an answer.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::{OriginError, app::App, catalogue::Topic};

/// Longest that a question is held, however much longer who asks would wait.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// How often is looked without news: for what time alone brings, such as leases that ran out,
/// and for news of another origin that got lost. Chosen: a tenth of a lease.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Looks now, and again at each news of a topic, for `wait_secs` at most; `None` if there was
/// nothing to be seen, or the origin stops.
pub(super) async fn until_there_is<T, F>(
    app: &App,
    (topic, wait_secs): (Topic, u64),
    mut look: impl FnMut() -> F,
) -> Result<Option<T>, OriginError>
where
    F: Future<Output = Result<Option<T>, OriginError>>,
{
    let _waiter = app.waiter()?;
    let until = Instant::now() + Duration::from_secs(wait_secs).min(WAIT_MAX);
    loop {
        // Before the look, so that none is missed.
        let news = app.catalogue.news(topic);
        let seen = look().await?;
        if seen.is_some() || Instant::now() >= until || app.shutdown.is_cancelled() {
            return Ok(seen);
        }
        let again = until.min(Instant::now() + LOOK_EVERY);
        tokio::select! {
            _ = timeout_at(again, news) => {}
            () = app.shutdown.cancelled() => {}
        }
    }
}
