//! One fetch from the origin, read by all who wait for it, each at its own pace.
//!
//! A fill that keeps its bytes never waits for a reader. One that does not (its answer
//! can't be stored) waits for its fastest reader, and cuts those too far behind it.

mod reader;
mod state;

use std::{
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard},
    task::{Poll, Waker},
};

use bytes::Bytes;

pub(crate) use reader::Reader;

use self::state::{Slot, State};
use crate::{
    blocks::Spread,
    freshness::Share,
    head::{Head, Object},
    memory::Growth,
    purge::{Position, Tags},
    upstream::FetchError,
};

/// How far a fill that does not keep its bytes runs ahead of its fastest reader, bytes.
/// Chosen: twice what a socket takes at once.
const AHEAD_MAX: u64 = 256 << 10;

/// What a fill comes to.
#[derive(Clone)]
pub(crate) enum Arrival {
    /// An answer, whose body follows.
    Head(Arc<Head>),
    /// An object that was stored, and still is what the origin has.
    Object(Arc<Object>),
    /// A version whose blocks can be had.
    Spread(Arc<Spread>),
    /// The origin wants a key.
    KeyMissing,
    /// Parts that can't be kept: each request asks for its own.
    Alone,
}

/// See the module.
pub(crate) struct Fill {
    state: Mutex<State>,
    /// Who falls further behind is cut, bytes.
    window: u64,
    readers_max: usize,
    /// The purges in force when it was begun.
    position: Position,
}

impl Fill {
    pub(crate) fn new(window: u64, readers_max: usize, position: Position) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            window,
            readers_max,
            position,
        })
    }

    pub(crate) fn position(&self) -> Position {
        self.position
    }

    /// The tags of what it comes to, once that is known.
    pub(crate) fn tags(&self) -> Option<Tags> {
        match &self.lock().arrival {
            Some(Arrival::Head(head)) => Some(head.tags.clone()),
            Some(Arrival::Object(object)) => Some(object.head.tags.clone()),
            Some(Arrival::Spread(spread)) => Some(spread.head().tags.clone()),
            Some(Arrival::KeyMissing | Arrival::Alone) | None => None,
        }
    }

    /// A reader at the body's begin; `None` if there are too many.
    pub(crate) fn join(self: &Arc<Self>) -> Option<Reader> {
        let mut state = self.lock();
        if state.readers.len() >= self.readers_max {
            return None;
        }
        let id = state.next_reader;
        state.next_reader += 1;
        state.readers.insert(id, Slot::default());
        let writer = state.writer.take();
        drop(state);
        if let Some(writer) = writer {
            writer.wake();
        }
        Some(Reader {
            fill: self.clone(),
            id,
            end: None,
        })
    }

    /// The writer's: says what the fill comes to. A head says as well whether the body
    /// is to be stored, and whether anyone but the first reader may have it: if not, its
    /// bytes are not kept.
    pub(crate) fn arrive(&self, arrival: Arrival) {
        self.change(|state| {
            if let Arrival::Head(head) = &arrival {
                state.storing = head.store && !state.spoilt;
                state.passing = head.share == Share::Nobody && !state.storing;
            }
            state.arrival = Some(arrival);
        });
    }

    /// The writer's: the bytes are not to be kept, nor stored, any more.
    pub(crate) fn pass(&self) {
        self.change(|state| (state.passing, state.storing) = (true, false));
    }

    /// What it brings is not to be stored any more; who reads it still may.
    pub(crate) fn spoil(&self) {
        self.change(|state| state.spoilt = true);
    }

    /// The writer's: whether what it brings may be stored.
    pub(crate) fn may_store(&self) -> bool {
        !self.lock().spoilt
    }

    /// The writer's: adds what came.
    pub(crate) fn grow(&self, grown: Vec<Growth>) {
        let window = self.window;
        self.change(|state| {
            state.add(grown);
            state.len = state.total;
            if state.passing {
                state.trim(window);
            }
        });
    }

    /// The writer's: adds what came, for [`Self::give_out`] to show.
    pub(crate) fn keep_back(&self, grown: Vec<Growth>) {
        self.lock().add(grown);
    }

    /// The writer's: shows what was kept back.
    pub(crate) fn give_out(&self) {
        self.grow(Vec::new());
    }

    /// The writer's: ends the body. The first end counts.
    pub(crate) fn finish(&self, end: Result<(), FetchError>) {
        self.change(|state| {
            state.end.get_or_insert(end);
        });
    }

    /// The writer's: the whole body in other pieces, so that what readers still hold is
    /// what is stored.
    pub(crate) fn replace(&self, body: &[Bytes]) {
        let mut offset = 0;
        let pieces = body.iter().map(|piece| {
            let at = offset;
            offset += piece.len() as u64;
            (at, piece.clone())
        });
        let pieces = pieces.collect();
        self.change(|state| (state.pieces, state.total, state.len) = (pieces, offset, offset));
    }

    /// The writer's: all pieces so far.
    pub(crate) fn pieces(&self) -> Vec<Bytes> {
        let state = self.lock();
        state
            .pieces
            .iter()
            .map(|(_, piece)| piece.clone())
            .collect()
    }

    /// The writer's: waits until there is room. `false` if nobody needs more.
    pub(crate) async fn room(&self) -> bool {
        poll_fn(|cx| {
            let mut state = self.lock();
            let positions = state.readers.values().map(|slot| slot.position);
            let Some(fastest) = positions.max() else {
                return Poll::Ready(state.storing);
            };
            if !state.passing || state.len < fastest + AHEAD_MAX {
                return Poll::Ready(true);
            }
            state.writer = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// The writer's: waits for so many readers.
    pub(crate) async fn audience(&self, count: usize) {
        poll_fn(|cx| {
            let mut state = self.lock();
            if state.readers.len() >= count {
                return Poll::Ready(());
            }
            state.writer = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Changes the state, then wakes all readers, outside the lock.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        let wakers: Vec<_> = state
            .readers
            .values_mut()
            .filter_map(|slot| slot.waker.take())
            .collect();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }
}

#[cfg(test)]
mod tests;
