//! One fetch from the origin, read by all who wait for it, each at its own pace.
//!
//! A fill that keeps its bytes never waits for a reader. One that does not (its answer
//! can't be stored) waits for its fastest reader, and cuts those too far behind it.

use std::{
    collections::{HashMap, VecDeque},
    future::poll_fn,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;

use crate::{
    freshness::Share,
    head::{Head, Object},
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
    /// The origin wants a key.
    KeyMissing,
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

#[derive(Default)]
struct State {
    arrival: Option<Arrival>,
    /// In order, each with the offset of its first byte.
    pieces: VecDeque<(u64, Bytes)>,
    /// Bytes that came so far.
    len: u64,
    end: Option<Result<(), FetchError>>,
    /// The bytes are not kept.
    passing: bool,
    /// The store waits for the body as well.
    storing: bool,
    /// What it brings was invalidated meanwhile.
    spoilt: bool,
    readers: HashMap<u64, Slot>,
    next_reader: u64,
    writer: Option<Waker>,
}

#[derive(Default)]
struct Slot {
    position: u64,
    waker: Option<Waker>,
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
            Some(Arrival::KeyMissing) | None => None,
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
        drop(state);
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

    /// The writer's: adds a piece.
    pub(crate) fn push(&self, piece: Bytes) {
        if piece.is_empty() {
            return;
        }
        let window = self.window;
        self.change(|state| {
            let offset = state.len;
            state.len += piece.len() as u64;
            state.pieces.push_back((offset, piece));
            if state.passing {
                state.trim(window);
            }
        });
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
        self.change(|state| (state.pieces, state.len) = (pieces, offset));
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

impl State {
    /// Drops what no reader inside the window needs any more.
    fn trim(&mut self, window: u64) {
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

    /// The bytes from `position` on that are in one piece.
    fn read(&self, position: u64) -> Option<Bytes> {
        let after = self
            .pieces
            .partition_point(|(offset, _)| *offset <= position);
        let (offset, piece) = self.pieces.get(after.checked_sub(1)?)?;
        let skip = usize::try_from(position - offset).ok()?;
        (skip < piece.len()).then(|| piece.slice(skip..))
    }
}

/// Reads a fill. Dropping it leaves the fill to others.
pub(crate) struct Reader {
    fill: Arc<Fill>,
    id: u64,
    end: Option<u64>,
}

impl Reader {
    /// Waits for what the fill comes to.
    pub(crate) async fn arrival(&self) -> Result<Arrival, FetchError> {
        poll_fn(|cx| {
            let mut state = self.fill.lock();
            match (&state.arrival, &state.end) {
                (Some(arrival), _) => Poll::Ready(Ok(arrival.clone())),
                (None, Some(Err(error))) => Poll::Ready(Err(error.clone())),
                (None, Some(Ok(()))) => Poll::Ready(Err(FetchError::Cut)),
                (None, None) => state.park(self.id, cx),
            }
        })
        .await
    }

    /// Reads this part only.
    pub(crate) fn restrict(&mut self, part: &Range<u64>) {
        self.end = Some(part.end);
        self.go_to(&mut self.fill.lock(), part.start);
    }

    /// The next piece; `None` at the end.
    pub(crate) fn poll_piece(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, FetchError>>> {
        let mut state = self.fill.lock();
        let position = state.readers[&self.id].position;
        let left = self.end.map(|end| end.saturating_sub(position));
        if left == Some(0) {
            return Poll::Ready(None);
        }
        if let Some(mut piece) = state.read(position) {
            if let Some(left) = left {
                piece.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            }
            self.go_to(&mut state, position + piece.len() as u64);
            return Poll::Ready(Some(Ok(piece)));
        }
        if position < state.len {
            return Poll::Ready(Some(Err(FetchError::TooSlow)));
        }
        match &state.end {
            None => state.park(self.id, cx),
            Some(Ok(())) => Poll::Ready(None),
            Some(Err(error)) => Poll::Ready(Some(Err(error.clone()))),
        }
    }

    fn go_to(&self, state: &mut State, position: u64) {
        if let Some(slot) = state.readers.get_mut(&self.id) {
            slot.position = position;
        }
        if let Some(writer) = state.writer.take() {
            writer.wake();
        }
    }
}

impl State {
    fn park<T>(&mut self, reader: u64, cx: &Context<'_>) -> Poll<T> {
        if let Some(slot) = self.readers.get_mut(&reader) {
            slot.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.fill.lock();
        state.readers.remove(&self.id);
        if let Some(writer) = state.writer.take() {
            writer.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECE: usize = AHEAD_MAX as usize;

    fn passing(window: u64) -> Arc<Fill> {
        let fill = Fill::new(window, 10, Position::default());
        fill.pass();
        fill
    }

    async fn piece(reader: &Reader) -> Option<Result<Bytes, FetchError>> {
        poll_fn(|cx| reader.poll_piece(cx)).await
    }

    /// Whether the fill has room without anyone reading meanwhile.
    fn has_room(fill: &Fill) -> Option<bool> {
        let mut room = Box::pin(fill.room());
        match room.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(room) => Some(room),
            Poll::Pending => None,
        }
    }

    #[tokio::test]
    async fn a_fill_that_keeps_nothing_waits_for_its_one_reader() {
        let fill = passing(u64::MAX);
        let reader = fill.join().unwrap();
        fill.push(Bytes::from(vec![1; PIECE]));
        assert_eq!(has_room(&fill), None);
        assert_eq!(piece(&reader).await.unwrap().unwrap().len(), PIECE);
        assert_eq!(has_room(&fill), Some(true));
        drop(reader);
        assert_eq!(has_room(&fill), Some(false));
    }

    #[tokio::test]
    async fn what_all_have_read_of_such_a_fill_is_dropped() {
        let fill = passing(u64::MAX);
        let reader = fill.join().unwrap();
        for n in 0..100 {
            fill.push(Bytes::from(vec![n; PIECE]));
            assert_eq!(piece(&reader).await.unwrap().unwrap()[0], n);
            assert!(fill.pieces().len() <= 1);
        }
    }

    #[tokio::test]
    async fn who_is_a_window_behind_is_cut_and_the_others_go_on() {
        let fill = passing(2 * AHEAD_MAX);
        let (slow, fast) = (fill.join().unwrap(), fill.join().unwrap());
        for _ in 0..4 {
            fill.push(Bytes::from(vec![1; PIECE]));
            assert!(piece(&fast).await.unwrap().is_ok());
        }
        let cut = piece(&slow).await.unwrap();
        assert!(matches!(cut, Err(FetchError::TooSlow)));
        fill.finish(Ok(()));
        assert!(piece(&fast).await.is_none());
    }

    #[tokio::test]
    async fn the_first_end_counts() {
        let fill = Fill::new(1, 1, Position::default());
        let reader = fill.join().unwrap();
        fill.finish(Err(FetchError::Cut));
        fill.finish(Ok(()));
        assert!(matches!(reader.arrival().await, Err(FetchError::Cut)));
        assert!(matches!(piece(&reader).await, Some(Err(FetchError::Cut))));
    }
}
