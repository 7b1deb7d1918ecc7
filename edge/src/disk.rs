//! Answers on disk: one file each, which outlives the process.
//!
//! A file's path follows from the hash of its cache key, so that it is found while the
//! [`index`] is still being built at a start. Files are written under another name first,
//! every byte is under a checksum ([`format`]), and nothing is ever waited for: reads are
//! done by a [`pool`] of threads, writing and deleting by one more ([`writer`]), which
//! takes what is queued and leaves the rest.

mod cursor;
mod fault;
mod find;
mod folder;
mod format;
mod health;
mod index;
mod lifetime;
mod metrics;
mod name;
mod on_disk;
mod pool;
mod seen;
mod state;
#[cfg(test)]
mod tests;
mod writer;

use std::{
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    time::Duration,
};

use tokio::{sync::watch, time::timeout};

use crate::{head::Object, held::Held, path::CacheKey};
use fault::Fault;
use find::Running;
use folder::Draft;
use format::Clock;
use health::Health;
use metrics::Metrics;
use name::Name;
use pool::Pool;
use state::{Stage, State, Waiting};

pub(crate) use find::{Find, Found};
pub(crate) use on_disk::{OnDisk, Stream};

/// What disk is given out in, bytes. Chosen: as most file systems.
const BLOCK: u64 = 4096;
/// Least that a disk is worth its trouble with, bytes. Chosen.
pub(crate) const BYTES_MIN: u64 = 16 << 20;
/// Objects that wait to be written.
const QUEUE_LEN_MAX: usize = 4096;
/// The share of the disk that one object may take.
const OBJECT_SHARE: u64 = 4;
/// See the module.
pub(crate) struct Disk {
    dir: PathBuf,
    blocks_max: u64,
    /// As many as the index may hold.
    objects_max: usize,
    queue_bytes_max: u64,
    wait: Duration,
    clock: Clock,
    held: Held,
    metrics: Metrics,
    pool: Pool,
    state: Mutex<State>,
    /// The writer has something to do.
    wake: Condvar,
    running: Running,
    reads: Health,
    writes: Health,
    /// Deletions done, of [`State::deletions`].
    deleted: watch::Sender<u64>,
    /// The folder may be another process's.
    released: watch::Sender<bool>,
}

impl Disk {
    /// What it takes in memory beside bodies, bytes.
    pub(crate) fn weight(&self) -> u64 {
        let state = self.state();
        state.index.weight() + state.seen.weight()
    }

    /// How many objects are there, as far as is known by now.
    pub(crate) fn objects(&self) -> usize {
        self.state().index.len()
    }

    pub(crate) fn gauge(&self) {
        let state = self.state();
        let (blocks, objects) = (state.index.blocks(), state.index.len());
        drop(state);
        self.metrics.size(blocks * BLOCK, objects);
    }

    /// Whether nothing would have to go for an object.
    pub(crate) fn has_room(&self) -> bool {
        let state = self.state();
        let queued = state.queued_bytes.div_ceil(BLOCK);
        // A tenth stays out of it, for what is asked for twice.
        state.index.blocks() + queued < state.room(self.blocks_max) / 10 * 9
            && state.index.len() + state.queue.len() < self.objects_max / 10 * 9
    }

    /// Whether something stands under this key, on disk or on its way there; `None` while
    /// that is being found out.
    pub(crate) fn holds(&self, key: &CacheKey) -> Option<bool> {
        let name = Name::of(key.as_str());
        let state = self.state();
        if state.index.holds(name) || state.writing.contains_key(&name) {
            return Some(true);
        }
        let may_be = state.stage == Stage::Scanning && !state.gone.contains(&name);
        (!may_be).then_some(false)
    }

    /// Notes that what is under this key is needed, as its look-up would; whether it is there.
    pub(crate) fn touch(&self, key: &CacheKey) -> bool {
        let name = Name::of(key.as_str());
        let mut state = self.state();
        state.index.visit(name) || state.writing.contains_key(&name)
    }

    /// What is under this key is not to be found any more; something newer may follow.
    /// Whether it was asked for before.
    pub(crate) fn renew(&self, key: &CacheKey) -> bool {
        let name = Name::of(key.as_str());
        let mut state = self.state();
        let known = state.forget(name);
        let seen = state.seen.note(name);
        drop(state);
        self.wake.notify_one();
        known || seen
    }

    /// What is under this key is not to be found any more.
    pub(crate) fn remove(&self, key: &CacheKey) {
        self.state().forget(Name::of(key.as_str()));
        self.wake.notify_one();
    }

    /// Waits until what was removed so far is deleted, so that no crash brings it back: for no
    /// longer than for a look-up, as a disk that hangs must not hold up answers.
    pub(crate) async fn settled(&self) {
        let removed = {
            let state = self.state();
            if !state.deletes() {
                return;
            }
            state.deletions
        };
        let mut deleted = self.deleted.subscribe();
        let _ = timeout(self.wait, deleted.wait_for(|count| *count >= removed)).await;
    }

    /// Has an object written, unless it is there, or too much waits.
    pub(crate) fn write(&self, key: CacheKey, object: Arc<Object>, hits: u8) {
        let name = Name::of(key.as_str());
        let blocks = object.len().div_ceil(BLOCK);
        let mut state = self.state();
        if state.index.holds(name) || state.writing.contains_key(&name) {
            return;
        }
        if blocks > state.room(self.blocks_max) / OBJECT_SHARE || state.closing.is_some() {
            return;
        }
        let full = state.queued_bytes + object.len() > self.queue_bytes_max;
        if (full && !state.queue.is_empty()) || state.queue.len() >= QUEUE_LEN_MAX || state.ailing {
            drop(state);
            return self.metrics.dropped.increment(1);
        }
        state.queued_bytes += object.len();
        state.queue.push_back(name);
        let clock = self.clock.read();
        let waiting = Waiting {
            draft: Draft { key, object, clock },
            hits,
            queued: true,
        };
        state.writing.insert(name, waiting);
        drop(state);
        self.wake.notify_one();
    }

    /// What waits to be written under this key.
    pub(crate) fn waiting(&self, key: &CacheKey) -> Option<Arc<Object>> {
        let state = self.state();
        if state.writing.is_empty() {
            return None;
        }
        let waiting = state.writing.get(&Name::of(key.as_str()))?;
        Some(waiting.draft.object.clone())
    }

    /// Calls `then` if what was found still stands there, before anything can change that.
    pub(crate) fn if_still(&self, name: Name, turn: u32, then: impl FnOnce()) {
        let mut state = self.state();
        if state.index.still(name, turn) {
            then();
        }
    }

    /// Runs what reads a disk and nobody waits for, unless many wait.
    pub(crate) fn run_if_idle(&self, job: impl FnOnce() + Send + 'static) -> bool {
        self.pool.try_run(job)
    }

    fn found_right(&self, name: Name, turn: u32) {
        self.state().index.check(name, turn);
    }

    /// Whether the writer has nothing to do.
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        let state = self.state();
        state.writing.is_empty() && state.gone.is_empty() && state.stage == Stage::Known
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }
}
