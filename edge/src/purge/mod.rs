//! Purges as facts with a position: what was asked for before a purge that matches it is
//! dead, wherever it lies: in memory, on disk, or in a fetch that still runs.
//!
//! A [`Position`] says which purges were in force when an answer's bytes were asked for.
//! Nothing has to be found and removed for a purge to hold: order, repetition and replay do
//! no harm, and what an index does not know yet is judged when it is read.

mod journal;
mod position;
mod selector;
mod set;
mod tags;

use std::{
    io,
    path::Path,
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use tokio::time::Instant;

use self::journal::Journal;
pub(crate) use self::{
    position::Position,
    selector::{Purge, Selector},
    set::{Judgement, Set, Subject},
    tags::{CACHE_TAG, SURROGATE_KEY, Tags},
};
use crate::head::Object;

/// The purges that this edge has heard of.
pub(crate) struct Purges {
    epoch: u64,
    /// The offset of the newest one.
    newest: AtomicU64,
    set: RwLock<Set>,
    /// Held by whoever adds one: offsets are given in the order of writing.
    journal: Mutex<Option<Journal>>,
}

impl Purges {
    /// Those of this process alone: for an edge whose objects do not outlive it either.
    pub(crate) fn new() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let millis = since.unwrap_or_default().as_millis();
        Self {
            epoch: u64::try_from(millis).unwrap_or(u64::MAX),
            newest: AtomicU64::new(0),
            set: RwLock::new(Set::new()),
            journal: Mutex::new(None),
        }
    }

    /// Those that the journal in `folder` has, and its epoch. One that is not there, or
    /// can't be read, is begun anew: what is stored there under another epoch is stale.
    ///
    /// # Errors
    /// The folder can't be written to.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let mut purges = Self::new();
        let (journal, kept) = Journal::open(folder, purges.epoch)?;
        purges.epoch = kept.epoch;
        *purges.newest.get_mut() = kept.newest;
        purges.set = RwLock::new(kept.set);
        purges.journal = Mutex::new(Some(journal));
        Ok(purges)
    }

    /// What an answer gets whose bytes are asked for from now on.
    pub(crate) fn now(&self) -> Position {
        Position {
            epoch: self.epoch,
            offset: self.newest.load(Ordering::Acquire),
        }
    }

    /// Puts a purge in force; from its return on it holds everywhere. Writes to disk where
    /// there is a journal.
    ///
    /// # Errors
    /// It holds, but is not written down: a restart would forget it.
    pub(crate) fn add(&self, purge: &Purge) -> (Position, io::Result<()>) {
        let mut journal = self.journal.lock().expect("no holder panics");
        let offset = self.newest.load(Ordering::Acquire) + 1;
        let soft = purge.soft.then(Instant::now);
        let mut set = self.set.write().expect("no holder panics");
        set.add(&purge.selectors, offset, soft);
        self.newest.store(offset, Ordering::Release);
        drop(set);
        let written = journal.as_mut().map_or(Ok(()), |journal| {
            let set = self.set.read().expect("no holder panics");
            journal.append(offset, purge, &set)
        });
        let position = Position {
            epoch: self.epoch,
            offset,
        };
        (position, written)
    }

    /// Writes the journal anew, after another process may have done so.
    ///
    /// # Errors
    /// It can't be written: a restart would forget what is purged from now on.
    pub(crate) fn rewrite(&self) -> io::Result<()> {
        let mut journal = self.journal.lock().expect("no holder panics");
        let set = self.set.read().expect("no holder panics");
        let newest = self.newest.load(Ordering::Acquire);
        journal
            .as_mut()
            .map_or(Ok(()), |it| it.rewrite(newest, &set))
    }

    /// What became of an answer whose bytes were asked for at `position`.
    pub(crate) fn judge(&self, subject: Subject<'_>, position: Position) -> Judgement {
        let now = self.now();
        if now == position {
            return Judgement::Alive;
        }
        let set = self.set.read().expect("no holder panics");
        if position.epoch == self.epoch {
            return set.judge(subject, position.offset);
        }
        // From before this counter began: which purges it has seen can't be known.
        match set.judge(subject, 0) {
            Judgement::Alive => Judgement::Stale(Instant::now()),
            other => other,
        }
    }

    /// An object as it may be used: as it is, or stale by a soft purge; `None` if it is dead.
    ///
    /// One compare, unless there was a purge since it was looked at last.
    pub(crate) fn admit(&self, key: &str, object: Arc<Object>) -> Option<Arc<Object>> {
        let newest = self.newest.load(Ordering::Acquire);
        if object.seen.load(Ordering::Relaxed) == newest {
            return Some(object);
        }
        let tags = Some(&object.head.tags);
        let key = object_of(key);
        match self.judge(Subject { key, tags }, object.head.position) {
            Judgement::Alive => {
                // Purges came in order: what is older than `newest` has been judged.
                object.seen.store(newest, Ordering::Relaxed);
                Some(object)
            }
            Judgement::Stale(since) => Some(Arc::new(object.stale_since(since))),
            Judgement::Dead => None,
        }
    }
}

/// The cache key without what tells variants and blocks of one object apart.
pub(crate) fn object_of(key: &str) -> &str {
    key.split('\0').next().unwrap_or(key)
}
