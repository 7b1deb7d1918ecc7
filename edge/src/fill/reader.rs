use std::{
    future::poll_fn,
    ops::Range,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;

use super::{Arrival, Fill, State};
use crate::upstream::FetchError;

/// Reads a fill. Dropping it leaves the fill to others.
pub(crate) struct Reader {
    pub(super) fill: Arc<Fill>,
    pub(super) id: u64,
    pub(super) end: Option<u64>,
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

    /// Bytes that came so far.
    pub(crate) fn came(&self) -> u64 {
        self.fill.lock().len
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

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.fill.lock();
        state.readers.remove(&self.id);
        if let Some(writer) = state.writer.take() {
            writer.wake();
        }
    }
}
