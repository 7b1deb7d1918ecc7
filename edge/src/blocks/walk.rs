//! A part of an object, block by block.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;

use super::{
    Spread,
    fetch::{Asker, Block, Place},
};
use crate::{
    body,
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
}

enum Source {
    Stored(VecDeque<Bytes>),
    Fill(Reader),
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
        }
    }

    /// Finds the first block, and waits until it is known to be of this version.
    pub(super) async fn begin(&mut self) -> Result<How, FetchError> {
        let (source, how) = self.open(self.left.start)?;
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
                None => Some(self.open(self.left.start)?.0),
            };
        }
        Ok(match &mut self.present {
            Some(Source::Stored(pieces)) => Poll::Ready(pieces.pop_front().map(Ok)),
            Some(Source::Fill(reader)) => reader.poll_piece(cx),
            None => Poll::Ready(None),
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
            self.next = Some(self.open(at)?.0);
        }
        Ok(())
    }

    /// The rest of the block that has this byte, as far as it is wanted.
    fn open(&self, at: u64) -> Result<(Source, How), FetchError> {
        let number = self.spread.number(at);
        let block = self.spread.range(number);
        let part = at - block.start..self.left.end.min(block.end) - block.start;
        match Block::find(&self.node, &self.asker, &self.spread, number)? {
            Place::Stored(object) => stored(&object, &part).map(|source| (source, How::Stored)),
            Place::Joined(reader) => Ok((of_fill(reader, &part), How::Joined)),
            Place::Led(fetch, reader) => {
                let source = of_fill(reader, &part);
                fetch.start();
                Ok((source, How::Fetched))
            }
        }
    }
}

type Step = Poll<Option<Result<Bytes, FetchError>>>;

fn of_fill(mut reader: Reader, part: &Range<u64>) -> Source {
    reader.restrict(part);
    Source::Fill(reader)
}

fn stored(object: &Object, part: &Range<u64>) -> Result<Source, FetchError> {
    // A block is in memory, or not at all.
    let Content::Ram(body) = &object.body else {
        return Err(FetchError::Cut);
    };
    let pieces = body::slice(body, part);
    let len: u64 = pieces.iter().map(|piece| piece.len() as u64).sum();
    // Never so; a shorter one must not shift what comes behind it.
    if len < part.end - part.start {
        return Err(FetchError::Cut);
    }
    Ok(Source::Stored(pieces))
}
