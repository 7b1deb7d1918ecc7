//! Whole answers in memory.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, RwLock,
        atomic::{AtomicU8, AtomicU64, Ordering::Relaxed},
    },
};

use crate::{
    head::Object,
    path::CacheKey,
    purge::{Position, Tags},
    sieve::{Item, Place, Sieve},
};

/// Maps that the objects are spread over, so that who adds one seldom holds up who looks
/// for another. A power of two; chosen.
const SHARDS: usize = 64;

type Shard = HashMap<CacheKey, Slot>;

struct Slot {
    entry: Arc<Entry>,
    place: Place,
    /// The object's: who looks at all there is need not go to each.
    position: Position,
}

/// How often an object was asked for: never, once or more, and since the hand came by.
const NEW: u8 = 0;
const HIT: u8 = 1;
const VISITED: u8 = 2;

struct Entry {
    key: CacheKey,
    object: Arc<Object>,
    asked: AtomicU8,
}

impl Item for Arc<Entry> {
    fn take_visit(&mut self) -> bool {
        let visited = self.asked.load(Relaxed) == VISITED;
        if visited {
            self.asked.store(HIT, Relaxed);
        }
        visited
    }
}

/// What there is, to who looks at all.
pub(crate) struct Seen<'a> {
    pub(crate) key: &'a CacheKey,
    pub(crate) position: Position,
    entry: &'a Entry,
}

impl<'a> Seen<'a> {
    /// The object's; it has to be looked up.
    pub(crate) fn tags(&self) -> &'a Tags {
        &self.entry.object.head.tags
    }
}

/// What was found.
pub(crate) struct Found {
    pub(crate) object: Arc<Object>,
    /// Nobody asked for it before, since it is here.
    pub(crate) first: bool,
}

/// What had to go, or did not fit.
pub(crate) struct Evicted {
    pub(crate) key: CacheKey,
    pub(crate) object: Arc<Object>,
    /// Somebody asked for it while it was here.
    pub(crate) hit: bool,
}

/// Objects by cache key. A look-up shares its lock with other look-ups; what comes and
/// goes stands in one queue behind another lock.
pub(crate) struct Ram {
    shards: Box<[RwLock<Shard>]>,
    queue: Mutex<Sieve<Arc<Entry>>>,
    weight: AtomicU64,
    bodies: AtomicU64,
}

impl Ram {
    pub(crate) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            queue: Mutex::new(Sieve::new()),
            weight: AtomicU64::new(0),
            bodies: AtomicU64::new(0),
        }
    }

    pub(crate) fn get(&self, key: &CacheKey) -> Option<Found> {
        let shard = self.shard(key).read().expect("no holder panics");
        let Slot { entry, .. } = shard.get(key)?;
        // What is asked for often is read only: no line of memory goes to and fro.
        let asked = entry.asked.load(Relaxed);
        if asked != VISITED {
            entry.asked.store(VISITED, Relaxed);
        }
        Some(Found {
            object: entry.object.clone(),
            first: asked == NEW,
        })
    }

    /// What stands under a key, unnoticed: that nobody asked for it stays true.
    pub(crate) fn peek(&self, key: &CacheKey) -> Option<Arc<Object>> {
        let shard = self.shard(key).read().expect("no holder panics");
        shard.get(key).map(|it| it.entry.object.clone())
    }

    /// Looks at all there is, map by map: what comes or goes meanwhile may be missed.
    pub(crate) fn for_each(&self, mut look: impl FnMut(Seen<'_>)) {
        for shard in &self.shards {
            let shard = shard.read().expect("no holder panics");
            for (key, slot) in &*shard {
                look(Seen {
                    key,
                    position: slot.position,
                    entry: &slot.entry,
                });
            }
        }
    }

    pub(crate) fn has(&self, key: &CacheKey) -> bool {
        let shard = self.shard(key).read().expect("no holder panics");
        shard.contains_key(key)
    }

    /// Whether it is this object that stands under a key.
    pub(crate) fn holds(&self, key: &CacheKey, object: &Arc<Object>) -> bool {
        let shard = self.shard(key).read().expect("no holder panics");
        shard
            .get(key)
            .is_some_and(|it| Arc::ptr_eq(&it.entry.object, object))
    }

    /// Adds an object, in place of what had its key, and takes out what is too much then
    /// for `limit` bytes.
    pub(crate) fn insert(&self, key: CacheKey, object: Arc<Object>, limit: u64) -> Vec<Evicted> {
        let mut queue = self.queue();
        let replaced = self.take(&mut queue, &key);
        let weight = object.weight() + key.as_str().len() as u64;
        let position = object.head.position;
        let entry = Arc::new(Entry {
            key: key.clone(),
            object,
            asked: AtomicU8::new(NEW),
        });
        if weight > limit {
            return vec![entry.evicted()];
        }
        let evicted = self.make_room(&mut queue, limit - weight);
        self.bodies.fetch_add(entry.object.len(), Relaxed);
        let place = queue.push(entry.clone(), weight);
        self.weight.store(queue.size(), Relaxed);
        let mut shard = self.shard(&key).write().expect("no holder panics");
        let slot = Slot {
            entry,
            place,
            position,
        };
        shard.insert(key, slot);
        drop((shard, queue, replaced));
        evicted
    }

    pub(crate) fn remove(&self, key: &CacheKey) {
        let removed = self.take(&mut self.queue(), key);
        drop(removed);
    }

    /// Takes out what stands under a key, if it `is` that. Whatever comes needs the queue
    /// too, so nothing else can have taken its place.
    pub(crate) fn remove_if(&self, key: &CacheKey, is: impl FnOnce(&Object) -> bool) -> bool {
        let mut queue = self.queue();
        let shard = self.shard(key).read().expect("no holder panics");
        let found = shard.get(key).is_some_and(|it| is(&it.entry.object));
        drop(shard);
        let removed = found.then(|| self.take(&mut queue, key)).flatten();
        drop(queue);
        removed.is_some()
    }

    /// Takes out what is too much for `limit` bytes.
    pub(crate) fn shrink(&self, limit: u64) -> Vec<Evicted> {
        self.make_room(&mut self.queue(), limit)
    }

    /// What is stored, bytes.
    pub(crate) fn weight(&self) -> u64 {
        self.weight.load(Relaxed)
    }

    /// What of that is bodies, bytes.
    pub(crate) fn bodies(&self) -> u64 {
        self.bodies.load(Relaxed)
    }

    fn make_room(&self, queue: &mut Sieve<Arc<Entry>>, limit: u64) -> Vec<Evicted> {
        let mut evicted = Vec::new();
        while queue.size() > limit {
            let Some(entry) = queue.evict() else { break };
            let mut shard = self.shard(&entry.key).write().expect("no holder panics");
            shard.remove(&entry.key);
            drop(shard);
            self.left(queue, &entry);
            evicted.push(entry.evicted());
        }
        evicted
    }

    fn take(&self, queue: &mut Sieve<Arc<Entry>>, key: &CacheKey) -> Option<Arc<Entry>> {
        let mut shard = self.shard(key).write().expect("no holder panics");
        let Slot { entry, place, .. } = shard.remove(key)?;
        queue.remove(place);
        self.left(queue, &entry);
        Some(entry)
    }

    fn left(&self, queue: &Sieve<Arc<Entry>>, entry: &Entry) {
        self.bodies.fetch_sub(entry.object.len(), Relaxed);
        self.weight.store(queue.size(), Relaxed);
    }

    fn queue(&self) -> MutexGuard<'_, Sieve<Arc<Entry>>> {
        self.queue.lock().expect("no holder panics")
    }

    /// The end of a key differs most. Not for strangers to guess: the map inside is keyed.
    fn shard(&self, key: &CacheKey) -> &RwLock<Shard> {
        let end = key.as_str().bytes().rev().take(16);
        let mix = end.fold(0_usize, |mix, byte| {
            (mix ^ byte as usize).wrapping_mul(0x9E37_79B1)
        });
        &self.shards[(mix >> 16) % SHARDS]
    }
}

impl Entry {
    fn evicted(self: &Arc<Self>) -> Evicted {
        Evicted {
            key: self.key.clone(),
            object: self.object.clone(),
            hit: self.asked.load(Relaxed) != NEW,
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::path::{Reading, Target};

    fn object(len: usize) -> Arc<Object> {
        let body = [Bytes::from(vec![0; len])];
        Arc::new(Object::sample(&[], Arc::new(body)))
    }

    fn key(n: usize) -> CacheKey {
        let path = format!("/{n}");
        Target::parse(&path, None, Reading::WEIR).unwrap().key
    }

    #[test]
    fn the_budget_holds_after_every_insert() {
        let ram = Ram::new();
        for n in 0..100 {
            ram.insert(key(n), object(9_000), 100_000);
            assert!(ram.weight() <= 100_000 && ram.bodies() < ram.weight());
        }
        assert!(ram.weight() > 50_000);
        ram.insert(key(99), object(90_000), 100_000);
        assert_eq!(ram.bodies(), 90_000);
        assert!(ram.insert(key(99), object(100_000), 100_000).len() == 1);
        assert_eq!((ram.weight(), ram.bodies()), (0, 0));
    }

    #[test]
    fn what_is_asked_for_stays_and_what_goes_says_whether_it_was() {
        let ram = Ram::new();
        for n in 0..4 {
            ram.insert(key(n), object(20_000), 100_000);
        }
        assert!(ram.get(&key(0)).unwrap().first);
        assert!(!ram.get(&key(0)).unwrap().first);
        let gone = |evicted: Vec<Evicted>| -> Vec<_> {
            let each = evicted.into_iter();
            each.map(|it| (it.key.as_str().to_owned(), it.hit))
                .collect()
        };
        let limit = ram.weight() / 2;
        let cold = [("/1".to_owned(), false), ("/2".to_owned(), false)];
        assert_eq!(gone(ram.shrink(limit)), cold);
        assert_eq!(
            gone(ram.shrink(0)),
            [("/3".to_owned(), false), ("/0".to_owned(), true)]
        );
    }
}
