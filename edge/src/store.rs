//! Whole answers, in memory.

use std::sync::Arc;

use http::HeaderMap;
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

    /// What is stored for a request with these fields; `sent` gives those that go up.
    pub(crate) fn get(
        &self,
        key: &CacheKey,
        sent: impl FnOnce() -> HeaderMap,
    ) -> Option<Arc<Object>> {
        let object = self.objects.get(key)?;
        let Some(vary) = &object.head.vary else {
            return Some(object);
        };
        let sent = sent();
        if vary.matches(&sent) {
            return Some(object);
        }
        let other = self.objects.get(&key.variant(&vary.variant(&sent)))?;
        let matches = other.head.vary.as_ref().is_some_and(|it| it.matches(&sent));
        matches.then_some(other)
    }

    /// Stores an object under its key; if it varies, and others do so that stand there,
    /// beside them.
    pub(crate) fn insert(&self, key: CacheKey, mut object: Object) -> Arc<Object> {
        let first = self.objects.get(&key);
        let first = first.as_ref().and_then(|it| it.head.vary.as_ref());
        let mut place = key;
        if let (Some(vary), Some(first)) = (&mut object.head.vary, first)
            && vary.is_like(first)
        {
            vary.join(first);
            if !vary.is_same_variant(first) {
                place = place.variant(&vary.own_variant());
            }
        }
        let object = Arc::new(object);
        self.objects.insert(place, object.clone());
        // Else moka evicts later, and holds more than its capacity until then.
        self.objects.run_pending_tasks();
        object
    }

    /// Removes an object, and all that vary from it.
    pub(crate) fn remove(&self, key: &CacheKey) {
        self.objects.invalidate(key);
    }

    /// Removes this one of several that vary, if it still stands.
    pub(crate) fn remove_variant(&self, key: &CacheKey, object: &Arc<Object>) {
        let is_it = |found: Option<Arc<Object>>| found.is_some_and(|it| Arc::ptr_eq(&it, object));
        if is_it(self.objects.get(key)) {
            return self.remove(key);
        }
        if let Some(vary) = &object.head.vary {
            let place = key.variant(&vary.own_variant());
            if is_it(self.objects.get(&place)) {
                self.remove(&place);
            }
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.objects.invalidate_all();
        self.objects.run_pending_tasks();
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
        freshness::{Received, Terms},
        head::{Head, Taking},
        path::{Reading, Target},
    };

    fn object(len: usize) -> Object {
        variant(len, "", &HeaderMap::new())
    }

    fn variant(len: usize, vary: &str, sent: &HeaderMap) -> Object {
        let (parts, ()) = http::Response::builder()
            .header("cache-control", "max-age=60")
            .header("vary", vary)
            .body(())
            .unwrap()
            .into_parts();
        let received = Received {
            at: Instant::now(),
            wall: SystemTime::now(),
            delay: Duration::ZERO,
        };
        let taking = Taking {
            received,
            terms: Terms::default(),
            via: &HeaderValue::from_static("1.1 x"),
            our_cors: false,
            sent,
        };
        let head = Head::new(&parts, None, &taking);
        Object::new(&head, Arc::new([Bytes::from(vec![0; len])]))
    }

    #[test]
    fn the_budget_holds_after_every_insert() {
        let store = Store::new(100_000);
        for n in 0..100 {
            let path = format!("/{n}");
            let key = Target::parse(&path, None, Reading::WEIR).unwrap().key;
            store.insert(key, object(9_000));
            assert!(store.weight() <= 100_000);
        }
        assert!(store.weight() > 50_000);
    }

    fn key() -> CacheKey {
        Target::parse("/x", None, Reading::WEIR).unwrap().key
    }

    fn asks(language: &str) -> HeaderMap {
        let field = HeaderValue::from_str(language).unwrap();
        HeaderMap::from_iter([(http::header::ACCEPT_LANGUAGE, field)])
    }

    fn len(store: &Store, sent: &HeaderMap) -> Option<u64> {
        let object = store.get(&key(), || sent.clone())?;
        object.head.length
    }

    #[test]
    fn variants_stand_beside_each_other() {
        let store = Store::new(100_000);
        let vary = "accept-language";
        for (language, len) in [("de", 1), ("en", 2), ("fr", 3), ("de", 4)] {
            store.insert(key(), variant(len, vary, &asks(language)));
        }
        let lens = ["de", "en", "fr", "it"].map(|language| len(&store, &asks(language)));
        assert_eq!(lens, [Some(4), Some(2), Some(3), None]);
        let en = store.get(&key(), || asks("en")).unwrap();
        store.remove_variant(&key(), &en);
        assert_eq!(
            (len(&store, &asks("en")), len(&store, &asks("fr"))),
            (None, Some(3))
        );
    }

    #[test]
    fn a_removed_object_takes_its_variants_along_for_good() {
        let store = Store::new(100_000);
        let vary = "accept-language";
        for language in ["de", "en"] {
            store.insert(key(), variant(1, vary, &asks(language)));
        }
        store.remove(&key());
        store.insert(key(), variant(2, vary, &asks("de")));
        assert_eq!(
            (len(&store, &asks("de")), len(&store, &asks("en"))),
            (Some(2), None)
        );
    }

    #[test]
    fn what_varies_no_more_or_otherwise_takes_the_place() {
        let store = Store::new(100_000);
        store.insert(key(), variant(1, "accept-language", &asks("de")));
        store.insert(key(), variant(2, "accept", &asks("de")));
        assert_eq!(len(&store, &asks("en")), Some(2));
        store.insert(key(), object(3));
        assert_eq!(len(&store, &asks("de")), Some(3));
    }
}
