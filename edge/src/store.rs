//! Whole answers, in memory and on disk, and their variants.

mod on_disk;
mod tiers;

use std::sync::Arc;

use http::HeaderMap;
use tokio::runtime::Handle;

use crate::{
    Config, EdgeError,
    fills::Budget,
    head::Object,
    memory::Memory,
    path::CacheKey,
    purge::{Judgement, Position, Purge, Purges, Set, Subject, object_of},
};
use tiers::Tiers;

/// Objects by cache key; those that vary stand beside each other.
pub(crate) struct Store(Arc<Tiers>, Arc<Purges>);

impl Store {
    /// A store as `config` has it. What `fills` take comes out of the same memory.
    ///
    /// # Errors
    /// `cache_dir` can't be had.
    pub(crate) fn open(config: &Config, fills: Arc<Budget>) -> Result<Self, EdgeError> {
        let tiers = Arc::new(Tiers::open(config, fills)?);
        let purges = match &config.cache_dir {
            None => Purges::new(),
            // The folder is ours alone by now.
            Some(dir) => Purges::open(dir).map_err(|source| EdgeError::CacheDir {
                dir: dir.clone(),
                source,
            })?,
        };
        Ok(Self(tiers, Arc::new(purges)))
    }

    /// What was purged, here and before.
    pub(crate) fn purges(&self) -> &Arc<Purges> {
        &self.1
    }

    /// What stands in a place in memory, unless it was purged.
    fn at(&self, place: &CacheKey) -> Option<Arc<Object>> {
        self.admitted(place, self.0.get(place)?)
    }

    fn admitted(&self, place: &CacheKey, object: Arc<Object>) -> Option<Arc<Object>> {
        let admitted = self.1.admit(place.as_str(), object);
        if admitted.is_none() {
            self.0.remove(place);
        }
        admitted
    }

    /// Whether an object that was looked up before is not dead since.
    pub(crate) fn may_use(&self, key: &CacheKey, object: &Arc<Object>) -> bool {
        self.1.admit(key.as_str(), object.clone()).is_some()
    }

    /// What is in memory for a request with these fields; `sent` gives those that go up.
    pub(crate) fn get(
        &self,
        key: &CacheKey,
        sent: impl FnOnce() -> HeaderMap,
    ) -> Option<Arc<Object>> {
        let object = self.at(key)?;
        match Choice::of(key, object, sent) {
            Choice::This(object) => Some(object),
            Choice::Other(place, sent) => is_for(self.at(&place)?, &sent),
        }
    }

    /// What is in memory, or on disk, for a request with these fields.
    pub(crate) async fn find(
        &self,
        key: &CacheKey,
        sent: impl FnOnce() -> HeaderMap,
    ) -> Option<Arc<Object>> {
        let object = self.admitted(key, self.0.find(key).await?)?;
        match Choice::of(key, object, sent) {
            Choice::This(object) => Some(object),
            Choice::Other(place, sent) => {
                let other = self.admitted(&place, self.0.find(&place).await?)?;
                is_for(other, &sent)
            }
        }
    }

    /// The same, only to tell of it: it does not count as asked for.
    pub(crate) async fn peek(
        &self,
        key: &CacheKey,
        sent: impl FnOnce() -> HeaderMap,
    ) -> Option<Arc<Object>> {
        let object = self.admitted(key, self.0.peek(key).await?)?;
        match Choice::of(key, object, sent) {
            Choice::This(object) => Some(object),
            Choice::Other(place, sent) => {
                let other = self.admitted(&place, self.0.peek(&place).await?)?;
                is_for(other, &sent)
            }
        }
    }

    /// Stores an object under its key; if it varies, and others do so that stand there,
    /// beside them. What had its place is gone, from memory and from disk.
    pub(crate) fn insert(&self, key: CacheKey, mut object: Object) -> Arc<Object> {
        let first = self.at(&key);
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
        let newer = |had: Arc<Object>| had.head.position > object.head.position;
        if !self.may_use(&place, &object) || self.0.get(&place).is_some_and(newer) {
            return object;
        }
        self.0.insert(place, object.clone());
        object
    }

    /// Removes an object, and all that vary from it.
    pub(crate) fn remove(&self, key: &CacheKey) {
        self.0.remove(key);
    }

    /// Removes many, on a thread that may wait. Until then each may be found under its key.
    pub(crate) fn remove_aside(&self, keys: impl Iterator<Item = CacheKey> + Send + 'static) {
        let tiers = self.0.clone();
        let remove = move || keys.for_each(|key| tiers.remove(&key));
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(remove)),
            Err(_) => remove(),
        }
    }

    /// Removes this one of several that vary, unless another stands in its place.
    pub(crate) fn remove_variant(&self, key: &CacheKey, object: &Arc<Object>) {
        let is_other = |found: Option<Arc<Object>>| found.is_some_and(|it| !it.has_body_of(object));
        // What is on disk only can't be told from it.
        if !is_other(self.0.get(key)) {
            return self.remove(key);
        }
        if let Some(vary) = &object.head.vary {
            let place = key.variant(&vary.own_variant());
            if !is_other(self.0.get(&place)) {
                self.remove(&place);
            }
        }
    }

    /// Counts what in memory a purge at `position` takes. What is gone by that is returned:
    /// nobody finds it any more, and its room is free once it is [forgotten](Self::forget_dead).
    pub(crate) fn purge(&self, purge: &Purge, position: Position) -> (u64, Vec<CacheKey>) {
        let one = Set::just(purge);
        let by_tag = purge.is_by_tag();
        let (mut matched, mut gone) = (0, Vec::new());
        self.0.for_each(|it| {
            let subject = Subject {
                key: object_of(it.key.as_str()),
                tags: by_tag.then(|| it.tags()),
            };
            if it.position < position && one.takes(subject) {
                matched += 1;
                if !purge.soft {
                    gone.push(it.key.clone());
                }
            }
        });
        (matched, gone)
    }

    /// Answers on disk, as far as they are known by now.
    pub(crate) fn on_disk(&self) -> u64 {
        self.0.on_disk()
    }

    /// Forgets what is in memory.
    pub(crate) fn clear(&self) {
        self.0.clear();
    }

    /// Frees the room of those under these keys that are dead; what came since stays.
    pub(crate) fn forget_dead(&self, keys: &[CacheKey]) {
        for key in keys {
            self.0.remove_if(key, |object| {
                let subject = Subject {
                    key: object_of(key.as_str()),
                    tags: Some(&object.head.tags),
                };
                self.1.judge(subject, object.head.position) == Judgement::Dead
            });
        }
    }

    /// What is stored in memory, bytes.
    pub(crate) fn weight(&self) -> u64 {
        self.0.weight()
    }

    /// Where bodies are kept.
    pub(crate) fn memory(&self) -> &Memory {
        &self.0.memory
    }

    pub(crate) fn gauge(&self) {
        self.0.gauge();
    }

    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        self.0.disk.as_ref().is_none_or(|disk| disk.is_idle())
    }
}

/// Whether what stands under a key is for a request, or which of its variants.
enum Choice {
    This(Arc<Object>),
    Other(CacheKey, HeaderMap),
}

impl Choice {
    fn of(key: &CacheKey, object: Arc<Object>, sent: impl FnOnce() -> HeaderMap) -> Self {
        let Some(vary) = &object.head.vary else {
            return Self::This(object);
        };
        let sent = sent();
        if vary.matches(&sent) {
            return Self::This(object);
        }
        Self::Other(key.variant(&vary.variant(&sent)), sent)
    }
}

fn is_for(object: Arc<Object>, sent: &HeaderMap) -> Option<Arc<Object>> {
    let vary = object.head.vary.as_ref();
    vary.is_some_and(|it| it.matches(sent)).then_some(object)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use bytes::Bytes;
    use http::HeaderValue;
    use tokio::time::Instant;

    use bytesize::ByteSize;

    use super::*;
    use crate::{
        freshness::{Received, Terms},
        head::{Head, Taking},
        path::{Reading, Target},
    };

    fn store() -> Store {
        let config = Config {
            ram: ByteSize(100_000),
            ..Config::default()
        };
        Store::open(&config, Budget::new(0)).unwrap()
    }

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
            position: Position::default(),
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
        let store = store();
        for n in 0..100 {
            let path = format!("/{n}");
            let key = Target::parse(&path, None, Reading::WEIR).unwrap().key;
            store.insert(key, object(9_000));
            assert!(store.weight() <= 100_000);
        }
        assert!(store.weight() > 50_000);
    }

    /// The bar is 50 ms, optimized and on a quiet machine; here it is neither, so that the best
    /// of some counts.
    #[test]
    fn a_purge_among_a_hundred_thousand_objects_is_quick() {
        let config = Config {
            ram: ByteSize::gib(1),
            ..Config::default()
        };
        let store = Store::open(&config, Budget::new(0)).unwrap();
        let mut object = object(10);
        object.head.position = store.purges().now();
        let object = Arc::new(object);
        for n in 0..100_000 {
            let path = format!("/v/{}/{n}", n % 100);
            let key = Target::parse(&path, None, Reading::WEIR).unwrap().key;
            store.0.insert(key, object.clone());
        }
        let took = (0..5).map(|n| {
            let purge = Purge {
                selectors: vec![crate::purge::Selector::Prefix(format!("/v/{n}/").into())],
                soft: false,
            };
            let began = Instant::now();
            let (position, written) = store.purges().add(&purge);
            let (matched, gone) = store.purge(&purge, position);
            let took = began.elapsed();
            assert!(written.is_ok());
            assert_eq!((matched, gone.len()), (1000, 1000));
            took
        });
        let best = took.min().unwrap();
        assert!(best < Duration::from_millis(1500), "{best:?}");
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
        let store = store();
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
        let store = store();
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
        let store = store();
        store.insert(key(), variant(1, "accept-language", &asks("de")));
        store.insert(key(), variant(2, "accept", &asks("de")));
        assert_eq!(len(&store, &asks("en")), Some(2));
        store.insert(key(), object(3));
        assert_eq!(len(&store, &asks("de")), Some(3));
    }
}
