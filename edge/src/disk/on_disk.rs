//! A body on disk, and its reading in pieces.

use std::{
    fmt,
    fs::File,
    io,
    ops::Range,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use tokio::{
    sync::oneshot,
    time::{Instant, Sleep, sleep},
};
use tracing::debug;

use super::{
    Disk, Fault,
    format::{self, PIECE_LEN},
    name::Name,
};
use crate::upstream::FetchError;

/// Longest wait for a piece once an answer has begun: after it the answer is cut. Chosen:
/// as long as the origin may be silent.
const PIECE_WAIT: Duration = Duration::from_secs(10);

/// An open file. What takes its place, or deletes it, does not change what is read.
pub(crate) struct OnDisk {
    pub(crate) disk: Arc<Disk>,
    pub(crate) file: Open,
    pub(crate) name: Name,
    pub(crate) turn: u32,
    /// Where the body begins.
    pub(crate) at: u64,
    pub(crate) len: u64,
    /// Of each [`PIECE_LEN`].
    pub(crate) sums: Box<[u64]>,
    /// Nothing of it need be checked.
    pub(crate) checked: bool,
}

/// A file that is read. Where it was deleted meanwhile, closing it frees its disk, which takes
/// long for a long one: a thread does that which may wait.
pub(crate) struct Open(Option<(File, Arc<Disk>)>);

impl Open {
    pub(crate) fn new(file: File, disk: Arc<Disk>) -> Self {
        Self(Some((file, disk)))
    }

    fn read_exact_at(&self, bytes: &mut [u8], at: u64) -> io::Result<()> {
        let (file, _) = self.0.as_ref().expect("taken at its end alone");
        file.read_exact_at(bytes, at)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some((file, disk)) = self.0.take()
            && file.metadata().is_ok_and(|file| file.nlink() == 0)
        {
            disk.pool.run(move || drop(file));
        }
    }
}

impl fmt::Debug for OnDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OnDisk({}, {} bytes)", self.name, self.len)
    }
}

impl OnDisk {
    pub(crate) fn pieces(&self) -> u64 {
        self.len.div_ceil(PIECE_LEN as u64)
    }

    /// A piece, checked. Blocks.
    pub(crate) fn piece(&self, n: u64) -> io::Result<BytesMut> {
        let start = n * PIECE_LEN as u64;
        let piece = self.bytes(start..self.len.min(start + PIECE_LEN as u64))?;
        if format::is_right(&piece, self.sums.get(n as usize)) {
            return Ok(piece);
        }
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a checksum is wrong",
        ))
    }

    fn bytes(&self, part: Range<u64>) -> io::Result<BytesMut> {
        let mut bytes = BytesMut::zeroed((part.end - part.start) as usize);
        self.file.read_exact_at(&mut bytes, self.at + part.start)?;
        Ok(bytes)
    }

    /// What of the piece at `from` is wanted. Blocks.
    fn wanted(&self, from: u64, end: u64) -> io::Result<Bytes> {
        let n = from / PIECE_LEN as u64;
        let start = n * PIECE_LEN as u64;
        let end = end.min(start + PIECE_LEN as u64);
        if self.checked {
            return Ok(self.disk.held.hold(self.bytes(from..end)?));
        }
        let piece = self.disk.held.hold(self.piece(n)?);
        Ok(piece.slice((from - start) as usize..(end - start) as usize))
    }

    /// Checks the whole body. Blocks.
    pub(crate) fn check(&self) -> io::Result<()> {
        (0..self.pieces()).try_for_each(|n| self.piece(n).map(drop))?;
        self.disk.found_right(self.name, self.turn);
        Ok(())
    }

    /// Reads and checks it all. Blocks.
    pub(crate) fn whole(&self) -> io::Result<Arc<[Bytes]>> {
        let held = &self.disk.held;
        let pieces = (0..self.pieces()).map(|n| self.piece(n).map(|piece| held.hold(piece)));
        pieces.collect()
    }

    /// Begins to read a part.
    pub(crate) fn read(self: &Arc<Self>, part: &Range<u64>) -> Stream {
        Stream {
            body: self.clone(),
            at: part.start,
            end: part.end,
            all: *part == (0..self.len),
            reading: None,
            alarm: None,
        }
    }
}

/// Pieces of a body, one read ahead of the one that is being sent.
pub(crate) struct Stream {
    body: Arc<OnDisk>,
    /// What is read next, unless it is being read.
    at: u64,
    end: u64,
    all: bool,
    reading: Option<oneshot::Receiver<io::Result<Bytes>>>,
    /// Runs while a piece is waited for.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Stream {
    /// Bytes to come.
    pub(crate) fn left(&self) -> u64 {
        self.end - self.at
    }

    /// The next piece; `None` at the end.
    pub(crate) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, FetchError>>> {
        if self.left() == 0 {
            return Poll::Ready(None);
        }
        if self.reading.is_none() {
            self.reading = Some(self.ask(self.at));
        }
        let piece = match ready!(self.poll_reading(cx)) {
            Ok(piece) => piece,
            Err(fault) => return Poll::Ready(Some(Err(self.cut(&fault)))),
        };
        self.alarm = None;
        self.at += piece.len() as u64;
        self.reading = (self.left() > 0).then(|| self.ask(self.at));
        if self.left() == 0 && self.all && !self.body.checked {
            self.body.disk.found_right(self.body.name, self.body.turn);
        }
        Poll::Ready(Some(Ok(piece)))
    }

    fn ask(&self, from: u64) -> oneshot::Receiver<io::Result<Bytes>> {
        let (done, reading) = oneshot::channel();
        let (body, end) = (self.body.clone(), self.end);
        self.body.disk.pool.run(move || {
            if !done.is_closed() {
                let _ = done.send(body.wanted(from, end));
            }
        });
        reading
    }

    fn poll_reading(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, Fault>> {
        let reading = self.reading.as_mut().expect("the caller asked");
        if let Poll::Ready(done) = Pin::new(reading).poll(cx) {
            // A job that is dropped has not read.
            let done = done.unwrap_or_else(|_| Err(io::ErrorKind::Interrupted.into()));
            return Poll::Ready(done.map_err(Fault::from));
        }
        let alarm = self
            .alarm
            .get_or_insert_with(|| Box::pin(sleep(PIECE_WAIT)));
        alarm.as_mut().poll(cx).map(|()| Err(Fault::Slow))
    }

    /// What was sent is right; there is no more of it.
    fn cut(&mut self, fault: &Fault) -> FetchError {
        debug!(name = %self.body.name, ?fault, "an answer from disk is cut");
        let OnDisk {
            disk, name, turn, ..
        } = &*self.body;
        disk.faulted(*name, Some(*turn), fault, Instant::now());
        (self.at, self.reading) = (self.end, None);
        FetchError::Cut
    }
}
