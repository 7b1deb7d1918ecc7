//! The source, from the origin to a file: all of it, or the ranges that are needed.

use std::{
    io::SeekFrom,
    ops::Range,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use futures_util::future::try_join_all;
use http_body_util::BodyExt;
use tokio::{
    fs::{File, OpenOptions},
    io::{AsyncSeekExt, AsyncWriteExt, BufWriter},
    sync::{Notify, OnceCell},
    time::timeout,
};
use wire::Stage;

use crate::{
    Config, PackagerError,
    input::Input,
    worker::{api::Job, progress::Shared, ranges::Ranges},
};

/// How often a connection may break without having brought a byte.
const BREAKS_MAX: u32 = 5;
/// Ranges that one task reads at once. Chosen.
const READS_AT_ONCE: usize = 4;
/// Most bytes of one request: a task that needs others does not wait for the rest.
/// Chosen.
const PIECE_LEN_MAX: u64 = 64 << 20;
/// After so many bytes those who wait are told what has come. Chosen.
const STEP_LEN: u64 = 4 << 20;

/// A file as long as the source, with those of its bytes that were needed so far; the
/// rest is a hole. Shared by all tasks of a version: each byte is read once.
pub(crate) struct Download {
    path: PathBuf,
    len_bytes: u64,
    /// The file is there.
    made: OnceCell<()>,
    state: Mutex<State>,
    /// Something came, or will not come.
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// What the file has.
    have: Ranges,
    /// What is on its way to it.
    coming: Ranges,
}

/// For whom bytes are read.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'a> {
    pub(crate) config: &'a Config,
    pub(crate) job: &'a Job,
    pub(crate) progress: &'a Shared,
}

/// What is to be done for some bytes.
enum Next<'a> {
    Read(Piece<'a>),
    /// Others read what is missing.
    Wait,
    Done,
}

/// A range that one request reads. What has not come is free again when it is dropped.
struct Piece<'a> {
    download: &'a Download,
    claimed: Range<u64>,
    /// Up to here, the file has it.
    at: u64,
}

impl Download {
    pub(crate) fn new(path: PathBuf, len_bytes: u64) -> Self {
        Self {
            path,
            len_bytes,
            made: OnceCell::new(),
            state: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Where the file is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Length of the source.
    pub(crate) fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    /// Reads the whole source.
    pub(crate) async fn all(&self, reading: Reading<'_>) -> Result<(), PackagerError> {
        self.need(reading, &Ranges::one(0..self.len_bytes)).await
    }

    /// Some bytes of the source.
    pub(crate) async fn bytes(
        &self,
        reading: Reading<'_>,
        range: Range<u64>,
    ) -> Result<Bytes, PackagerError> {
        self.need(reading, &Ranges::one(range.clone())).await?;
        Input::open(&self.path)?.read(range).await
    }

    /// Reads what is missing of these ranges, which must lie within the source; where a
    /// connection breaks, the next goes on from the last byte.
    pub(crate) async fn need(
        &self,
        reading: Reading<'_>,
        wanted: &Ranges,
    ) -> Result<(), PackagerError> {
        if self.len_bytes == 0 {
            return Err(PackagerError::Source("the file is empty".to_owned()));
        }
        self.made.get_or_try_init(|| self.make()).await?;
        let readers = (0..READS_AT_ONCE).map(|_| self.fill(reading, wanted));
        try_join_all(readers).await.map(drop)
    }

    async fn make(&self) -> Result<(), PackagerError> {
        let file = File::create(&self.path).await.map_err(|e| self.disk(e))?;
        file.set_len(self.len_bytes).await.map_err(|e| self.disk(e))
    }

    /// Reads one missing piece after another, until none is missing.
    async fn fill(&self, reading: Reading<'_>, wanted: &Ranges) -> Result<(), PackagerError> {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // From now on, nothing is missed.
            changed.as_mut().enable();
            match self.next(wanted) {
                Next::Read(piece) => self.read(reading, wanted, piece).await?,
                Next::Wait => changed.await,
                Next::Done => return Ok(()),
            }
        }
    }

    fn next(&self, wanted: &Ranges) -> Next<'_> {
        let mut state = self.state();
        let missing = state.have.lacks(wanted);
        let Some(free) = state.coming.lacks(&missing).first() else {
            return match missing.count() {
                0 => Next::Done,
                _ => Next::Wait,
            };
        };
        let claimed = free.start..free.end.min(free.start + PIECE_LEN_MAX);
        state.coming.insert(claimed.clone());
        Next::Read(Piece {
            download: self,
            at: claimed.start,
            claimed,
        })
    }

    async fn read(
        &self,
        reading: Reading<'_>,
        wanted: &Ranges,
        mut piece: Piece<'_>,
    ) -> Result<(), PackagerError> {
        let disk = |source| self.disk(source);
        let Reading { config, job, .. } = reading;
        let file = OpenOptions::new().write(true).open(&self.path).await;
        let mut file = BufWriter::new(file.map_err(disk)?);
        let (mut have, end) = (piece.at, piece.claimed.end);
        file.seek(SeekFrom::Start(have)).await.map_err(disk)?;
        let mut breaks = 0;
        while have < end {
            let mut body = job.source(have..end).await?;
            let before = have;
            // A frame that does not come in time is a broken connection.
            while let Ok(Some(Ok(frame))) = timeout(config.answer_timeout, body.frame()).await {
                let Ok(data) = frame.into_data() else {
                    continue;
                };
                let wanted_len = usize::try_from(end - have).unwrap_or(usize::MAX);
                let data = &data[..data.len().min(wanted_len)];
                file.write_all(data).await.map_err(disk)?;
                have += data.len() as u64;
                if have - piece.at >= STEP_LEN || have == end {
                    file.flush().await.map_err(disk)?;
                    piece.has(have);
                    self.tell(reading, wanted);
                }
                if have == end {
                    break;
                }
            }
            metrics::counter!("weir_worker_source_bytes_total", "role" => "worker")
                .increment(have - before);
            breaks = if have > before { 0 } else { breaks + 1 };
            if breaks > BREAKS_MAX {
                return Err(PackagerError::Unreachable {
                    request: "GET source".to_owned(),
                    waited: config.answer_timeout * BREAKS_MAX,
                    reason: format!("the connection broke at byte {have}, again and again"),
                });
            }
        }
        Ok(())
    }

    /// How much of what is wanted is there.
    fn tell(&self, reading: Reading<'_>, wanted: &Ranges) {
        let missing = self.state().have.lacks(wanted).len_bytes();
        let done = 1.0 - missing as f64 / wanted.len_bytes().max(1) as f64;
        reading.progress.set(Stage::Download, done, None);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn disk(&self, source: std::io::Error) -> PackagerError {
        PackagerError::WorkDir {
            path: self.path.clone(),
            source,
        }
    }
}

impl Piece<'_> {
    /// The file has it up to `at`.
    fn has(&mut self, at: u64) {
        self.download.state().have.insert(self.at..at);
        self.at = at;
        self.download.changed.notify_waiters();
    }
}

impl Drop for Piece<'_> {
    fn drop(&mut self) {
        self.download.state().coming.remove(&self.claimed);
        self.download.changed.notify_waiters();
    }
}
