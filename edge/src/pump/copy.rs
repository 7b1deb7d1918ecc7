//! A body, from the origin to who waits for it and into the store.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::time::timeout;

use super::Pump;
use crate::{
    fills::Portion,
    freshness::Share,
    head::{Head, Object},
    held::Held,
    upstream::{self, FetchError},
};

/// Stored bodies are in pieces of this length, bytes. Chosen: copying one does not hold
/// up other tasks, and a hit needs few.
const PIECE_LEN: usize = 1 << 20;
/// What a piece costs in memory beside its bytes, estimated.
const PIECE_OVERHEAD: u64 = 64;

impl Pump {
    pub(super) async fn copy(
        &self,
        head: &Head,
        mut body: upstream::Body,
        mut portion: Portion,
    ) -> Result<(), FetchError> {
        let idle = self.node.config.body_idle_timeout;
        let mut keeping = head.store || head.share != Share::Nobody;
        let (mut len, mut overhead) = (0, 0);
        let mut last = Bytes::new();
        while self.fill.room().await {
            let Some(piece) = next_piece(&mut body, idle).await? else {
                return self.end(head, last, keeping).await;
            };
            len += piece.len() as u64;
            overhead += PIECE_OVERHEAD;
            let fits = len <= self.node.config.object_max.as_u64();
            if keeping && !(fits && portion.grow_to(len + overhead)) {
                keeping = false;
                self.node.fills.close(&self.order.key, &self.fill);
                self.fill.pass();
            }
            // The last piece is given out when the object is stored, so that whoever has
            // read it all finds it there.
            if Some(len) == head.length {
                last = piece;
                return self.end(head, last, keeping).await;
            }
            self.fill.push(piece);
            self.gauge();
        }
        Err(FetchError::Stopped)
    }

    async fn end(&self, head: &Head, last: Bytes, keeping: bool) -> Result<(), FetchError> {
        if !(keeping && head.store && self.fill.may_store()) {
            self.fill.push(last);
            return Ok(());
        }
        let mut pieces = self.fill.pieces();
        pieces.push(last);
        let body = joined(&pieces, self.node.store.held()).await;
        drop(pieces);
        self.store(Object::new(head, body.clone()));
        self.fill.replace(&body);
        Ok(())
    }
}

/// The next piece of a body; `None` at its end.
pub(crate) async fn next_piece(
    body: &mut upstream::Body,
    idle: Duration,
) -> Result<Option<Bytes>, FetchError> {
    loop {
        let Ok(frame) = timeout(idle, body.frame()).await else {
            return Err(body.stalled(idle));
        };
        match frame {
            None => return Ok(None),
            Some(Err(error)) => return Err(error),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(piece) if !piece.is_empty() => return Ok(Some(piece)),
                // Trailers are not passed on (RFC 9110 §6.5.1 allows it).
                _ => {}
            },
        }
    }
}

/// The same bytes in few pieces, each in memory of just its length: pieces from the
/// network may hold on to far larger buffers.
pub(crate) async fn joined(pieces: &[Bytes], held: &Held) -> Arc<[Bytes]> {
    let mut left: usize = pieces.iter().map(Bytes::len).sum();
    let mut whole = Vec::with_capacity(left.div_ceil(PIECE_LEN));
    let mut block = BytesMut::with_capacity(left.min(PIECE_LEN));
    for piece in pieces {
        let mut rest = &piece[..];
        while !rest.is_empty() {
            let room = PIECE_LEN.min(left) - block.len();
            let (now, later) = rest.split_at(rest.len().min(room));
            block.extend_from_slice(now);
            rest = later;
            if block.len() == PIECE_LEN.min(left) {
                left -= block.len();
                whole.push(held.hold(block));
                block = BytesMut::with_capacity(left.min(PIECE_LEN));
                tokio::task::yield_now().await;
            }
        }
    }
    whole.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn joining_changes_no_byte(lens in prop::collection::vec(0..PIECE_LEN * 2, 0..4)) {
            let pieces: Vec<_> = lens.iter().zip(1_u8..).map(|(len, n)| Bytes::from(vec![n; *len])).collect();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let whole = runtime.block_on(joined(&pieces, &Held::default()));
            prop_assert!(whole.iter().all(|piece| piece.len() <= PIECE_LEN));
            prop_assert_eq!(whole.concat(), pieces.concat());
        }
    }
}
