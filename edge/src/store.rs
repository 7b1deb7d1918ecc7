//! Whole answers, in memory.

use std::sync::Arc;

use metrics::Counter;
use moka::{notification::RemovalCause, sync::Cache};

use crate::{
    head::Object,
    path::CacheKey,
    purge::{Position, Purge, Purges, Set, Subject, object_of},
};

/// Objects by cache key, up to a number of bytes.
pub(crate) struct Store {
    objects: Cache<CacheKey, Arc<Object>>,
    purges: Arc<Purges>,
}

impl Store {
    pub(crate) fn new(ram_bytes: u64, purges: Arc<Purges>, evicted: Counter) -> Self {
        let weigh = |key: &CacheKey, object: &Arc<Object>| {
            let weight = object.weight() + key.as_str().len() as u64;
            u32::try_from(weight).unwrap_or(u32::MAX)
        };
        let objects = Cache::builder()
            .max_capacity(ram_bytes)
            .weigher(weigh)
            .eviction_listener(move |_, _, cause| {
                if cause == RemovalCause::Size {
                    evicted.increment(1);
                }
            })
            .build();
        Self { objects, purges }
    }

    /// What is stored, unless it was purged.
    pub(crate) fn get(&self, key: &CacheKey) -> Option<Arc<Object>> {
        let object = self.objects.get(key)?;
        let admitted = self.purges.admit(key.as_str(), object);
        if admitted.is_none() {
            self.remove(key);
        }
        admitted
    }

    /// Whether an object that was looked up before is not dead since.
    pub(crate) fn may_use(&self, key: &CacheKey, object: &Arc<Object>) -> bool {
        self.purges.admit(key.as_str(), object.clone()).is_some()
    }

    pub(crate) fn insert(&self, key: CacheKey, object: Arc<Object>) {
        let newer = |had: Arc<Object>| had.head.position > object.head.position;
        if !self.may_use(&key, &object) || self.objects.get(&key).is_some_and(newer) {
            return;
        }
        self.objects.insert(key, object);
        // Else moka evicts later, and holds more than its capacity until then.
        self.objects.run_pending_tasks();
    }

    pub(crate) fn remove(&self, key: &CacheKey) {
        self.objects.invalidate(key);
    }

    /// Counts what a purge at `position` takes, and removes it where it is gone by that.
    pub(crate) fn purge(&self, purge: &Purge, position: Position) -> u64 {
        let one = Set::just(purge);
        let mut matched = 0;
        for (key, object) in &self.objects {
            let subject = Subject {
                key: object_of(key.as_str()),
                tags: Some(&object.head.tags),
            };
            if object.head.position < position && one.takes(subject) {
                matched += 1;
                if !purge.soft {
                    self.remove(&key);
                }
            }
        }
        self.objects.run_pending_tasks();
        matched
    }

    /// What is stored, bytes.
    pub(crate) fn weight(&self) -> u64 {
        self.objects.weighted_size()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use bytes::Bytes;
    use http::HeaderValue;
    use tokio::time::Instant;

    use super::*;
    use crate::{
        freshness::Received,
        head::Head,
        path::{Site, Target},
        purge::Position,
    };

    fn object(len: usize) -> Arc<Object> {
        let (parts, ()) = http::Response::builder()
            .header("cache-control", "max-age=60")
            .body(())
            .unwrap()
            .into_parts();
        let received = Received {
            at: Instant::now(),
            wall: SystemTime::now(),
            delay: Duration::ZERO,
            position: Position::default(),
        };
        let head = Head::new(&parts, None, received, &HeaderValue::from_static("1.1 x"));
        Arc::new(Object::new(&head, Arc::new([Bytes::from(vec![0; len])])))
    }

    #[test]
    fn the_budget_holds_after_every_insert() {
        let store = Store::new(100_000, Arc::new(Purges::new()), Counter::noop());
        for n in 0..100 {
            let path = format!("/{n}");
            let key = Target::parse(&path, None, Site::Plain).unwrap().key;
            store.insert(key, object(9_000));
            assert!(store.weight() <= 100_000);
        }
        assert!(store.weight() > 50_000);
    }
}
