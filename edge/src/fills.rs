//! The fetches that run, at most one for each cache key and credential.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    fill::{Fill, Reader},
    path::CacheKey,
    upstream::Credential,
};

/// What a fetch is for: who may not have one answer must not wait for it either.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct FillKey {
    pub(crate) cache: CacheKey,
    pub(crate) credential: Credential,
}

/// See the module.
pub(crate) struct Fills {
    running: Mutex<HashMap<FillKey, Arc<Fill>>>,
    window: u64,
    readers_max: usize,
}

/// A place in a fetch.
pub(crate) enum Joined<T> {
    /// It is this request's to run.
    Leader(Arc<Fill>, Reader),
    /// Another request began it.
    Follower(Reader),
    /// It has just ended; this is what it left.
    Done(T),
    /// Too many wait for it.
    Full,
}

impl Fills {
    pub(crate) fn new(window: u64, readers_max: usize) -> Self {
        Self {
            running: Mutex::default(),
            window,
            readers_max,
        }
    }

    /// Joins the fetch of `key`, or begins it, unless `done` finds that one ended since
    /// the caller looked.
    pub(crate) fn join<T>(&self, key: &FillKey, done: impl FnOnce() -> Option<T>) -> Joined<T> {
        let mut running = self.running.lock().expect("no holder panics");
        match running.entry(key.clone()) {
            Entry::Occupied(fill) => match fill.get().join() {
                Some(reader) => Joined::Follower(reader),
                None => Joined::Full,
            },
            Entry::Vacant(place) => match done() {
                Some(left) => Joined::Done(left),
                None => {
                    let (fill, reader) = self.apart();
                    place.insert(fill.clone());
                    Joined::Leader(fill, reader)
                }
            },
        }
    }

    /// A fetch that nobody else joins.
    pub(crate) fn apart(&self) -> (Arc<Fill>, Reader) {
        let fill = Fill::new(self.window, self.readers_max);
        let reader = fill.join().expect("the first of at least one");
        (fill, reader)
    }

    /// Lets nobody join what runs for this object, or a variant of it, and stores none of
    /// it.
    pub(crate) fn spoil(&self, place: &CacheKey) {
        let mut running = self.running.lock().expect("no holder panics");
        running.retain(|key, fill| {
            let hit = key.cache.is_of(place);
            if hit {
                fill.spoil();
            }
            !hit
        });
    }

    /// Lets nobody join `fill` any more.
    pub(crate) fn close(&self, key: &FillKey, fill: &Arc<Fill>) {
        let mut running = self.running.lock().expect("no holder panics");
        if running
            .get(key)
            .is_some_and(|other| Arc::ptr_eq(other, fill))
        {
            running.remove(key);
        }
    }
}

/// Memory for running fetches, bytes.
pub(crate) struct Budget {
    used: AtomicU64,
    limit: u64,
}

/// A part of a budget; given back when dropped.
pub(crate) struct Portion {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Budget {
    pub(crate) fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self {
            used: AtomicU64::new(0),
            limit,
        })
    }

    /// What is taken, bytes.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Whether so much could be taken now.
    pub(crate) fn has(&self, bytes: u64) -> bool {
        self.used().saturating_add(bytes) <= self.limit
    }

    /// Nothing yet.
    pub(crate) fn portion(self: &Arc<Self>) -> Portion {
        Portion {
            budget: self.clone(),
            bytes: 0,
        }
    }
}

impl Portion {
    /// Grows to `bytes`; `false`, and no change, if there is not enough.
    #[must_use]
    pub(crate) fn grow_to(&mut self, bytes: u64) -> bool {
        let Some(more) = bytes.checked_sub(self.bytes) else {
            return true;
        };
        let limit = self.budget.limit;
        let take = |used: u64| used.checked_add(more).filter(|sum| *sum <= limit);
        let relaxed = Ordering::Relaxed;
        let taken = self
            .budget
            .used
            .fetch_update(relaxed, relaxed, take)
            .is_ok();
        if taken {
            self.bytes = bytes;
        }
        taken
    }
}

impl Drop for Portion {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::{Reading, Target};

    #[test]
    fn no_fetch_begins_for_what_another_has_just_left() {
        let fills = Fills::new(1, 2);
        let key = FillKey {
            cache: Target::parse("/x", None, Reading::WEIR).unwrap().key,
            credential: Credential::Edge,
        };
        assert!(matches!(
            fills.join(&key, || Some("left")),
            Joined::Done("left")
        ));
        let Joined::Leader(fill, _first) = fills.join(&key, || None::<()>) else {
            panic!("the first leads");
        };
        let second = fills.join(&key, || Some(()));
        assert!(matches!(second, Joined::Follower(_)));
        assert!(matches!(fills.join(&key, || None::<()>), Joined::Full));
        fills.close(&key, &fill);
        assert!(matches!(
            fills.join(&key, || None::<()>),
            Joined::Leader(..)
        ));
    }

    #[test]
    fn a_budget_is_never_exceeded_and_all_comes_back() {
        let budget = Budget::new(10);
        let (mut a, mut b) = (budget.portion(), budget.portion());
        assert!(a.grow_to(6) && b.grow_to(4) && a.grow_to(3));
        assert!(!b.grow_to(5));
        assert_eq!(budget.used(), 10);
        drop(a);
        assert!(b.grow_to(5));
        drop(b);
        assert_eq!(budget.used(), 0);
    }
}
