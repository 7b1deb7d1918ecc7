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
    io,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, timeout},
};
use tracing::warn;

use crate::{Config, EdgeError, head::Object, held::Held, path::CacheKey};
use fault::Fault;
use find::Running;
use folder::{Draft, Folder, Refused};
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
/// Bodies that wait to be written, bytes, and the share of memory that they may take.
/// Chosen: what a slow disk writes in a second.
const QUEUE_BYTES_MAX: u64 = 64 << 20;
const QUEUE_SHARE: u64 = 16;
/// And how many.
const QUEUE_LEN_MAX: usize = 4096;
/// The share of the disk that one object may take.
const OBJECT_SHARE: u64 = 4;
/// How long what is queued may take to be written at shutdown. Chosen.
const CLOSE_WAIT: Duration = Duration::from_secs(2);

/// See the module.
pub(crate) struct Disk {
    dir: PathBuf,
    blocks_max: u64,
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
    released: watch::Sender<bool>,
}

impl Disk {
    /// Takes `config.cache_dir`, if there is one, and begins to find out what is there.
    pub(crate) fn open(config: &Config, held: &Held) -> Result<Option<Arc<Self>>, EdgeError> {
        let Some(dir) = &config.cache_dir else {
            return Ok(None);
        };
        let failed = |source| EdgeError::CacheDir {
            dir: dir.clone(),
            source,
        };
        std::fs::create_dir_all(dir).map_err(failed)?;
        let folder = Folder::open(dir).map_err(|refused| match refused {
            Refused::InUse => EdgeError::CacheInUse(dir.clone()),
            Refused::Io(error) => failed(error),
        })?;
        let disk = Arc::new(Self::new(config, dir, held).map_err(failed)?);
        disk.start(folder).map_err(failed)?;
        Ok(Some(disk))
    }

    fn start(self: &Arc<Self>, folder: Folder) -> io::Result<()> {
        let writer = self.clone();
        let thread = thread::Builder::new().name("disk-write".to_owned());
        thread.spawn(move || writer::run(&writer, folder))?;
        Ok(())
    }

    /// Takes the folder again after [`Self::close`], unless another process has it.
    pub(crate) fn reopen(self: &Arc<Self>) {
        if self.state().closing.is_none() {
            return;
        }
        let opened = Folder::open(&self.dir).map_err(io::Error::other);
        let started = opened.and_then(|folder| {
            let mut state = self.state();
            state.start_over();
            state.closing = None;
            drop(state);
            self.released.send_replace(false);
            self.start(folder)
        });
        if let Err(error) = started {
            warn!(dir = ?self.dir, %error, "the cache's disk can't be had again; storing in memory only");
        }
    }

    fn new(config: &Config, dir: &Path, held: &Held) -> io::Result<Self> {
        let bytes = config.disk.as_u64();
        Ok(Self {
            dir: dir.to_owned(),
            blocks_max: bytes / BLOCK,
            queue_bytes_max: QUEUE_BYTES_MAX.min(config.ram.as_u64() / QUEUE_SHARE),
            wait: config.disk_wait,
            clock: Clock::start(),
            held: held.clone(),
            metrics: Metrics::new(&config.pop),
            pool: Pool::start()?,
            state: Mutex::new(State::new(bytes)),
            wake: Condvar::new(),
            running: Running::default(),
            reads: Health::default(),
            writes: Health::default(),
            released: watch::Sender::new(false),
        })
    }

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
        state.index.blocks() + queued < self.blocks_max / 10 * 9
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

    /// Has an object written, unless it is there, or too much waits.
    pub(crate) fn write(&self, key: CacheKey, object: Arc<Object>, hits: u8) {
        let name = Name::of(key.as_str());
        let blocks = object.len().div_ceil(BLOCK);
        let mut state = self.state();
        if state.index.holds(name) || state.writing.contains_key(&name) {
            return;
        }
        if blocks > self.blocks_max / OBJECT_SHARE || state.closing.is_some() {
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

    /// Writes what is queued, for a while, and lets another process have the folder.
    pub(crate) async fn close(&self) {
        self.state()
            .closing
            .get_or_insert(Instant::now() + CLOSE_WAIT);
        self.wake.notify_one();
        let mut released = self.released.subscribe();
        // The writer may be in a write that a slow disk does not end.
        if timeout(2 * CLOSE_WAIT, released.wait_for(|done| *done))
            .await
            .is_err()
        {
            warn!(dir = ?self.dir, "the cache's disk takes no more; what was queued is lost");
        }
    }

    /// Ends the writer as soon as may be.
    pub(crate) fn abandon(&self) {
        self.state().closing = Some(Instant::now());
        self.wake.notify_one();
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
