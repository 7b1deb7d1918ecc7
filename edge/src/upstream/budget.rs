use tokio::time::{Duration, Instant};

/// How long requests and retries are counted together. Chosen.
const WINDOW: Duration = Duration::from_secs(10);
/// Retries for so many requests in a window: one in five. Chosen, as the issue says.
const REQUESTS_EACH: u32 = 5;
/// And so many besides, for times of few requests. Chosen.
const FEW: u32 = 10;

/// Bounds retries by a share of requests, so that an origin in trouble gets hardly more
/// of them than one that is well.
#[derive(Debug)]
pub(crate) struct Budget {
    began: Instant,
    requests: u32,
    retries: u32,
}

impl Budget {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            began: now,
            requests: 0,
            retries: 0,
        }
    }

    /// Counts a request's first try.
    pub(crate) fn request(&mut self, now: Instant) {
        self.turn(now);
        self.requests = self.requests.saturating_add(1);
    }

    /// Takes the right to one retry, if there is one.
    pub(crate) fn retry(&mut self, now: Instant) -> bool {
        self.turn(now);
        let may = self.retries < FEW + self.requests / REQUESTS_EACH;
        self.retries += u32::from(may);
        may
    }

    fn turn(&mut self, now: Instant) {
        if now.saturating_duration_since(self.began) >= WINDOW {
            *self = Self::new(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_a_few_and_a_fifth_of_the_requests_in_any_window() {
        let began = Instant::now();
        let mut budget = Budget::new(began);
        let asked = |budget: &mut Budget, requests: u32, now| {
            let retried = (0..requests).filter(|_| {
                budget.request(now);
                budget.retry(now)
            });
            retried.count()
        };
        assert_eq!(asked(&mut budget, 5, began), 5);
        assert_eq!(asked(&mut budget, 995, began), 205);
        assert!(!budget.retry(began));
        assert_eq!(asked(&mut budget, 50, began + WINDOW), 20);
    }
}
