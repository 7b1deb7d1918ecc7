//! What is remembered for a while of an object that is not stored.

use moka::sync::Cache;
use tokio::time::{Duration, Instant};

use crate::fills::FillKey;

/// How long a mark holds. Issue 4, "hit-for-miss": 120 s.
const KEPT: Duration = Duration::from_secs(120);
/// Most marks of one kind; the least used go first. Chosen: about 3 MiB.
const COUNT_MAX: u64 = 16_384;

/// See the module.
pub(crate) struct Marks(Cache<FillKey, Instant>);

impl Marks {
    pub(crate) fn new() -> Self {
        Self(Cache::new(COUNT_MAX))
    }

    pub(crate) fn set(&self, key: &FillKey) {
        self.0.insert(key.clone(), Instant::now() + KEPT);
    }

    pub(crate) fn clear(&self, key: &FillKey) {
        self.0.invalidate(key);
    }

    pub(crate) fn holds(&self, key: &FillKey) -> bool {
        let until = self.0.get(key);
        until.is_some_and(|until| Instant::now() < until)
    }
}
