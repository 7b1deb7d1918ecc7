//! Whole answers, in memory.

use std::sync::Arc;

use moka::sync::Cache;

use crate::{head::Object, path::CacheKey};

/// Objects by cache key, up to a number of bytes.
pub(crate) struct Store {
    objects: Cache<CacheKey, Arc<Object>>,
}

impl Store {
    pub(crate) fn new(ram_bytes: u64) -> Self {
        let weigh = |key: &CacheKey, object: &Arc<Object>| {
            let weight = object.weight() + key.as_str().len() as u64;
            u32::try_from(weight).unwrap_or(u32::MAX)
        };
        let objects = Cache::builder()
            .max_capacity(ram_bytes)
            .weigher(weigh)
            .build();
        Self { objects }
    }

    pub(crate) fn get(&self, key: &CacheKey) -> Option<Arc<Object>> {
        self.objects.get(key)
    }

    pub(crate) fn insert(&self, key: CacheKey, object: Arc<Object>) {
        self.objects.insert(key, object);
        // Else moka evicts later, and holds more than its capacity until then.
        self.objects.run_pending_tasks();
    }

    pub(crate) fn remove(&self, key: &CacheKey) {
        self.objects.invalidate(key);
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
        };
        let head = Head::new(&parts, None, received, &HeaderValue::from_static("1.1 x"));
        Arc::new(Object::new(&head, Arc::new([Bytes::from(vec![0; len])])))
    }

    #[test]
    fn the_budget_holds_after_every_insert() {
        let store = Store::new(100_000);
        for n in 0..100 {
            let path = format!("/{n}");
            let key = Target::parse(&path, None, Site::Plain).unwrap().key;
            store.insert(key, object(9_000));
            assert!(store.weight() <= 100_000);
        }
        assert!(store.weight() > 50_000);
    }
}
