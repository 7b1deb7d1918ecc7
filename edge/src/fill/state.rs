use std::{
    collections::{HashMap, VecDeque},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;

use super::Arrival;
use crate::{memory::Growth, upstream::FetchError};

/// What a fill has, and who reads it.
#[derive(Default)]
pub(super) struct State {
    pub(super) arrival: Option<Arrival>,
    /// In order, each with the offset of its first byte.
    pub(super) pieces: VecDeque<(u64, Bytes)>,
    /// Bytes that came so far, and how many of them readers may have.
    pub(super) total: u64,
    pub(super) len: u64,
    pub(super) end: Option<Result<(), FetchError>>,
    /// The bytes are not kept.
    pub(super) passing: bool,
    /// The store waits for the body as well.
    pub(super) storing: bool,
    /// What it brings was invalidated meanwhile.
    pub(super) spoilt: bool,
    pub(super) readers: HashMap<u64, Slot>,
    pub(super) next_reader: u64,
    pub(super) writer: Option<Waker>,
}

#[derive(Default)]
pub(super) struct Slot {
    pub(super) position: u64,
    pub(super) waker: Option<Waker>,
}

impl State {
    /// Drops what no reader inside the window needs any more.
    pub(super) fn trim(&mut self, window: u64) {
        let floor = self.len.saturating_sub(window);
        let positions = self.readers.values().map(|slot| slot.position);
        let needed = positions
            .filter(|at| *at >= floor)
            .min()
            .unwrap_or(self.len);
        let passed = |(offset, piece): &(u64, Bytes)| offset + piece.len() as u64 <= needed;
        while self.pieces.front().is_some_and(passed) {
            self.pieces.pop_front();
        }
    }

    pub(super) fn add(&mut self, grown: Vec<Growth>) {
        for Growth { piece, new } in grown {
            self.total += new as u64;
            // The piece before, which it continues, may be dropped already.
            let offset = self.total - piece.len() as u64;
            match self.pieces.back_mut() {
                Some((at, last)) if *at == offset => *last = piece,
                _ => self.pieces.push_back((offset, piece)),
            }
        }
    }

    /// The bytes from `position` on that are in one piece.
    pub(super) fn read(&self, position: u64) -> Option<Bytes> {
        let most = usize::try_from(self.len.checked_sub(position)?).ok()?;
        let after = self
            .pieces
            .partition_point(|(offset, _)| *offset <= position);
        let (offset, piece) = self.pieces.get(after.checked_sub(1)?)?;
        let skip = usize::try_from(position - offset).ok()?;
        let end = piece.len().min(skip.saturating_add(most));
        (skip < end).then(|| piece.slice(skip..end))
    }

    pub(super) fn park<T>(&mut self, reader: u64, cx: &Context<'_>) -> Poll<T> {
        if let Some(slot) = self.readers.get_mut(&reader) {
            slot.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}
