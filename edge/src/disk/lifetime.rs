//! How a folder is taken, given up, and taken again.

use std::{
    io,
    path::Path,
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, timeout},
};
use tracing::warn;

use super::{
    BLOCK, Disk,
    find::Running,
    folder::{Folder, Refused},
    format::Clock,
    health::Health,
    index,
    metrics::Metrics,
    pool::Pool,
    state::State,
    writer,
};
use crate::{Config, EdgeError, held::Held};

/// Bodies that wait to be written, bytes, and the share of memory that they may take.
/// Chosen: what a slow disk writes in a second.
const QUEUE_BYTES_MAX: u64 = 64 << 20;
const QUEUE_SHARE: u64 = 16;
/// The share of memory that the index of many small objects may take. Chosen.
const INDEX_SHARE: u64 = 2;
/// How long what is queued may take to be written at shutdown. Chosen.
const CLOSE_WAIT: Duration = Duration::from_secs(2);

impl Disk {
    /// Takes `config.cache_dir`, if there is one, and begins to find out what is there.
    ///
    /// # Errors
    /// It can't be written to, is another process's, or of a later version.
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
            Refused::Later => EdgeError::CacheLater(dir.clone()),
            Refused::Io(error) => failed(error),
        })?;
        let disk = Arc::new(Self::new(config, dir, held).map_err(failed)?);
        disk.state().enter(folder.is_outdated());
        disk.start(Some(folder)).map_err(failed)?;
        Ok(Some(disk))
    }

    fn new(config: &Config, dir: &Path, held: &Held) -> io::Result<Self> {
        let (bytes, ram) = (config.disk.as_u64(), config.ram.as_u64());
        Ok(Self {
            dir: dir.to_owned(),
            blocks_max: bytes / BLOCK,
            objects_max: index::len_max(ram / INDEX_SHARE),
            queue_bytes_max: QUEUE_BYTES_MAX.min(ram / QUEUE_SHARE),
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
            deleted: watch::Sender::new(0),
            released: watch::Sender::new(false),
        })
    }

    /// Starts the writer, with a folder or to find it.
    fn start(self: &Arc<Self>, folder: Option<Folder>) -> io::Result<()> {
        let writer = self.clone();
        let thread = thread::Builder::new().name("disk-write".to_owned());
        thread.spawn(move || writer::run(&writer, folder))?;
        Ok(())
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

    /// Goes on after [`Self::close`], once no other process has the folder.
    pub(crate) async fn reopen(self: &Arc<Self>) {
        let stopped = {
            let mut state = self.state();
            if state.closing.is_none() {
                return;
            }
            if !state.stopped {
                state.closing = None;
            }
            state.stopped
        };
        // One that never stopped goes on.
        self.wake.notify_one();
        if !stopped {
            return;
        }
        let mut released = self.released.subscribe();
        // It does nothing more than that.
        let _ = released.wait_for(|done| *done).await;
        {
            let mut state = self.state();
            state.leave();
            (state.closing, state.stopped) = (None, false);
        }
        self.released.send_replace(false);
        if let Err(error) = self.start(None) {
            warn!(dir = ?self.dir, %error, "the cache's disk can't be had again; storing in memory only");
        }
    }

    /// Ends the writer as soon as may be.
    pub(crate) fn abandon(&self) {
        self.state().closing = Some(Instant::now());
        self.wake.notify_one();
    }
}
