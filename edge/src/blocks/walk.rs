//! A part of an object, block by block.

use std::{
    collections::VecDeque,
    ops::Range,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;

use super::{
    Spread,
    fetch::{Asker, Block, Place, Sought},
};
use crate::{
    body,
    disk::Stream,
    fill::Reader,
    head::{Content, Object},
    node::Node,
    upstream::FetchError,
};

/// How the first block is had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Stored,
    Fetched,
    Joined,
}

/// The body of an answer from blocks. It holds at most the block that is being sent and
/// the next; that is fetched once the first bytes of this one are sent. Who drops it stops
/// the reading ahead.
pub(crate) struct Walk {
    node: Arc<Node>,
    asker: Asker,
    spread: Arc<Spread>,
    /// What is still to be sent.
    left: Range<u64>,
    present: Option<Source>,
    next: Option<Source>,
    /// Not once it failed: then the origin is asked.
    on_disk: bool,
}

enum Source {
    Stored(VecDeque<Bytes>),
    Fill(Reader),
    Sought(Sought),
    Disk(Stream),
}

impl Walk {
    /// Walks this part, which is not empty.
    pub(super) fn new(
        node: &Arc<Node>,
        asker: Asker,
        spread: &Arc<Spread>,
        part: Range<u64>,
    ) -> Self {
        Self {
            node: node.clone(),
            asker,
            spread: spread.clone(),
            left: part,
            present: None,
            next: None,
            on_disk: true,
        }
    }

    /// Finds the first block, and waits until it is known to be of this version.
    pub(super) async fn begin(&mut self) -> Result<How, FetchError> {
        let (mut source, mut how) = self.open(self.left.start, true)?;
        if let Source::Sought(sought) = source {
            let found = sought.await.ok().flatten();
            (source, how) = self.found(self.left.start, found)?;
        }
        if let Source::Fill(reader) = &source {
            reader.arrival().await?;
        }
        self.present = Some(source);
        Ok(how)
    }

    /// Bytes still to be sent.
    pub(crate) fn left(&self) -> u64 {
        self.left.end - self.left.start
    }

    /// The next piece; `None` at the end.
    pub(crate) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, FetchError>>> {
        while !self.left.is_empty() {
            let piece = match self.step(cx) {
                Ok(step) => ready!(step),
                Err(error) => return self.fail(error),
            };
            match piece {
                Some(Ok(piece)) => {
                    self.left.start += piece.len() as u64;
                    if let Err(error) = self.look_ahead() {
                        // What is at hand is of one version; the next is not to be had.
                        tracing::debug!(%error, "can't read ahead");
                    }
                    return Poll::Ready(Some(Ok(piece)));
                }
                Some(Err(_)) if matches!(self.present, Some(Source::Disk(_))) => {
                    // What was sent is right; the origin has the rest.
                    (self.present, self.next, self.on_disk) = (None, None, false);
                }
                Some(Err(error)) => return self.fail(error),
                None => self.present = None,
            }
        }
        Poll::Ready(None)
    }

    /// The next piece of the present block; `None` at its end.
    fn step(&mut self, cx: &mut Context<'_>) -> Result<Step, FetchError> {
        if self.present.is_none() {
            self.present = match self.next.take() {
                Some(next) => Some(next),
                None => Some(self.open(self.left.start, self.on_disk)?.0),
            };
        }
        while let Some(Source::Sought(sought)) = &mut self.present {
            let Poll::Ready(found) = Pin::new(sought).poll(cx) else {
                return Ok(Poll::Pending);
            };
            let found = found.ok().flatten();
            self.present = Some(self.found(self.left.start, found)?.0);
        }
        Ok(match &mut self.present {
            Some(Source::Stored(pieces)) => Poll::Ready(pieces.pop_front().map(Ok)),
            Some(Source::Fill(reader)) => reader.poll_piece(cx),
            Some(Source::Disk(stream)) => stream.poll_piece(cx),
            Some(Source::Sought(_)) | None => Poll::Ready(None),
        })
    }

    fn fail(&mut self, error: FetchError) -> Poll<Option<Result<Bytes, FetchError>>> {
        (self.present, self.next) = (None, None);
        Poll::Ready(Some(Err(error)))
    }

    /// Opens the block after the one that is being sent, if there is memory to keep it: it
    /// must not wait for a reader, as nobody reads it yet.
    fn look_ahead(&mut self) -> Result<(), FetchError> {
        let start = self.left.start;
        let at = match start % self.spread.block {
            0 => start,
            _ => self.spread.range(self.spread.number(start)).end,
        };
        let room = self.node.fill_ram.has(self.spread.block);
        if self.next.is_none() && at < self.left.end && room {
            self.next = Some(self.open(at, self.on_disk)?.0);
        }
        Ok(())
    }

    /// The rest of the block that has this byte, as far as it is wanted.
    fn open(&self, at: u64, on_disk: bool) -> Result<(Source, How), FetchError> {
        let number = self.spread.number(at);
        match Block::find(&self.node, &self.asker, &self.spread, number, on_disk)? {
            Place::Stored(object) => self.stored(at, &object),
            Place::Sought(sought) => Ok((Source::Sought(sought), How::Stored)),
            Place::Joined(reader) => Ok((of_fill(reader, &self.wanted(at)), How::Joined)),
            Place::Led(fetch, reader) => {
                let source = of_fill(reader, &self.wanted(at));
                fetch.start();
                Ok((source, How::Fetched))
            }
        }
    }

    /// The same once it is known what the disk has.
    fn found(&self, at: u64, found: Option<Arc<Object>>) -> Result<(Source, How), FetchError> {
        // It may have come from there just before the version ended.
        if self.spread.is_dead() {
            return Err(FetchError::Changed);
        }
        match found {
            Some(object) => self.stored(at, &object),
            None => self.open(at, false),
        }
    }

    /// What of its block is wanted from this byte on, in the block.
    fn wanted(&self, at: u64) -> Range<u64> {
        let block = self.spread.range(self.spread.number(at));
        at - block.start..self.left.end.min(block.end) - block.start
    }

    fn stored(&self, at: u64, object: &Object) -> Result<(Source, How), FetchError> {
        let block = self.spread.range(self.spread.number(at));
        // Never so; a shorter one must not shift what comes behind it.
        if object.len() != block.end - block.start {
            return Err(FetchError::Cut);
        }
        let part = self.wanted(at);
        let source = match &object.body {
            Content::Ram(body) => Source::Stored(body::slice(body, &part)),
            Content::Disk(body) => Source::Disk(body.read(&part)),
        };
        Ok((source, How::Stored))
    }
}

type Step = Poll<Option<Result<Bytes, FetchError>>>;

fn of_fill(mut reader: Reader, part: &Range<u64>) -> Source {
    reader.restrict(part);
    Source::Fill(reader)
}
