//! The fetches that run, at most one for each cache key and credential.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    fill::{Fill, Reader},
    path::CacheKey,
    purge::{Judgement, Purges, Subject, object_of},
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
    purges: Arc<Purges>,
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
    pub(crate) fn new(window: u64, readers_max: usize, purges: Arc<Purges>) -> Self {
        Self {
            running: Mutex::default(),
            window,
            readers_max,
            purges,
        }
    }

    /// Joins the fetch of `key`, or begins it, unless `done` finds that one ended since
    /// the caller looked.
    pub(crate) fn join<T>(&self, key: &FillKey, done: impl FnOnce() -> Option<T>) -> Joined<T> {
        let mut running = self.running.lock().expect("no holder panics");
        if let Some(fill) = running.get(key).filter(|fill| self.is_alive(key, fill)) {
            return match fill.join() {
                Some(reader) => Joined::Follower(reader),
                None => Joined::Full,
            };
        }
        match done() {
            Some(left) => Joined::Done(left),
            None => {
                let (fill, reader) = self.apart();
                running.insert(key.clone(), fill.clone());
                Joined::Leader(fill, reader)
            }
        }
    }

    /// No purge has come since `fill` began that takes what it brings: who asks now must
    /// not get that.
    fn is_alive(&self, key: &FillKey, fill: &Fill) -> bool {
        if fill.position() == self.purges.now() {
            return true;
        }
        let tags = fill.tags();
        let subject = Subject {
            key: object_of(key.cache.as_str()),
            tags: tags.as_ref(),
        };
        self.purges.judge(subject, fill.position()) == Judgement::Alive
    }

    /// Whether a fetch for `key` runs that a request could join.
    pub(crate) fn runs(&self, key: &FillKey) -> bool {
        let running = self.running.lock().expect("no holder panics");
        running
            .get(key)
            .is_some_and(|fill| self.is_alive(key, fill))
    }

    /// A fetch that nobody else joins.
    pub(crate) fn apart(&self) -> (Arc<Fill>, Reader) {
        let fill = Fill::new(self.window, self.readers_max, self.purges.now());
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
        let fills = Fills::new(1, 2, Arc::new(Purges::new()));
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
