//! A body on its way into memory.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::{RUN_MAX, run::Run};
use crate::held::Held;

/// Most bytes that are read at once. Chosen: they are still in the processor's cache when they
/// are sent on.
const READ_MAX: usize = 256 << 10;

/// See the module.
pub(crate) struct Intake {
    /// In order; none where each piece stays where it came, until all are there.
    runs: Vec<Run>,
    /// The one that is written.
    at: usize,
    /// More came than there is room for.
    over: bool,
    held: Held,
}

/// What a piece from the network became.
pub(crate) struct Growth {
    /// Ends with it.
    pub(crate) piece: Bytes,
    /// Bytes of that which are new: if not all are, the others are the last piece before.
    pub(crate) new: usize,
}

impl From<Bytes> for Growth {
    fn from(piece: Bytes) -> Self {
        let new = piece.len();
        Self { piece, new }
    }
}

impl Intake {
    pub(super) fn new(runs: Vec<Run>, held: Held) -> Self {
        Self {
            runs,
            at: 0,
            over: false,
            held,
        }
    }

    /// Takes a piece in. What it says at once may be read.
    pub(crate) fn take(&mut self, piece: Bytes) -> Vec<Growth> {
        let mut rest = &piece[..];
        let mut grown = Vec::with_capacity(2);
        while !rest.is_empty() {
            let Some(run) = self.runs.get_mut(self.at) else {
                grown.push(piece.slice_ref(rest).into());
                self.over = true;
                break;
            };
            let new = run.write(rest);
            rest = &rest[new..];
            if new > 0 {
                let piece = run.since(0);
                grown.push(Growth { piece, new });
            }
            if run.is_full() {
                self.at += 1;
            }
        }
        grown
    }

    /// Room in its memory for what comes next; none where pieces stay as they come.
    pub(crate) fn room(&mut self) -> Option<&mut [u8]> {
        let run = self.runs.get_mut(self.at)?;
        Some(run.room(READ_MAX))
    }

    /// So many bytes of the room were written.
    pub(crate) fn wrote(&mut self, len: usize) -> Vec<Growth> {
        let Some(run) = self.runs.get_mut(self.at) else {
            return Vec::new();
        };
        let new = run.advance(len);
        let piece = run.since(0);
        if run.is_full() {
            self.at += 1;
        }
        vec![Growth { piece, new }]
    }

    /// From now on pieces stay where they come.
    pub(crate) fn stop(&mut self) {
        self.count();
        self.runs.clear();
    }

    /// The whole body, whose pieces are these; where it has no memory of its own yet, it is
    /// copied there.
    pub(crate) async fn whole(self, pieces: impl FnOnce() -> Vec<Bytes>) -> Arc<[Bytes]> {
        if self.over || self.runs.is_empty() || self.at < self.runs.len() {
            return joined(&pieces(), &self.held).await;
        }
        self.runs.iter().map(|run| run.since(0)).collect()
    }

    /// Whoever still reads it, its memory is accounted for.
    fn count(&self) {
        self.runs.iter().for_each(|run| run.count(&self.held));
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        self.count();
    }
}

/// The same bytes in few pieces, each in memory of just its length: pieces from the
/// network may hold on to far larger buffers.
async fn joined(pieces: &[Bytes], held: &Held) -> Arc<[Bytes]> {
    let piece_max = RUN_MAX as usize;
    let mut left: usize = pieces.iter().map(Bytes::len).sum();
    let mut whole = Vec::with_capacity(left.div_ceil(piece_max));
    let mut block = BytesMut::with_capacity(left.min(piece_max));
    for piece in pieces {
        let mut rest = &piece[..];
        while !rest.is_empty() {
            let room = piece_max.min(left) - block.len();
            let (now, later) = rest.split_at(rest.len().min(room));
            block.extend_from_slice(now);
            rest = later;
            if block.len() == piece_max.min(left) {
                left -= block.len();
                whole.push(held.hold(block));
                block = BytesMut::with_capacity(left.min(piece_max));
                // Copying one does not hold up other tasks.
                tokio::task::yield_now().await;
            }
        }
    }
    whole.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::Memory, *};

    fn now<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(future)
    }

    /// A piece taken in, or written to the room there is while there is some.
    fn taken(intake: &mut Intake, piece: &Bytes, straight: bool) -> Vec<Growth> {
        let mut rest = piece.clone();
        let mut grown = Vec::new();
        while straight
            && !rest.is_empty()
            && let Some(room) = intake.room()
        {
            let len = rest.len().min(room.len());
            room[..len].copy_from_slice(&rest.split_to(len));
            grown.extend(intake.wrote(len));
        }
        grown.extend(intake.take(rest));
        grown
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_body_is_what_came_and_so_is_what_is_read_meanwhile(
            lens in prop::collection::vec(1..RUN_MAX as usize, 1..6),
            says in 0..4_u8,
            straight: bool,
        ) {
            let memory = Memory::new(1 << 30);
            let came: Vec<_> = lens.iter().zip(1_u8..).map(|(len, n)| Bytes::from(vec![n; *len])).collect();
            let len = lens.iter().sum::<usize>() as u64;
            // Right, wrong either way, and not at all.
            let told = [Some(len), Some(len + 1), Some(len - 1), None][says as usize];
            let mut intake = memory.intake(told);
            let mut read: Vec<Bytes> = Vec::new();
            for piece in &came {
                for Growth { piece, new } in taken(&mut intake, piece, straight) {
                    if new < piece.len() {
                        prop_assert_eq!(read.pop().unwrap(), piece.slice(..piece.len() - new));
                    }
                    read.push(piece);
                }
            }
            prop_assert_eq!(read.concat(), came.concat());
            let whole = now(intake.whole(|| read.clone()));
            drop(read);
            prop_assert!(whole.iter().all(|piece| piece.len() <= RUN_MAX as usize));
            prop_assert_eq!(whole.concat(), came.concat());
            prop_assert_eq!(memory.held().bytes(), len);
            drop(whole);
            prop_assert_eq!(memory.held().bytes(), 0);
        }
    }

    #[test]
    fn a_short_body_holds_no_more_memory_than_its_length() {
        let memory = Memory::new(1 << 30);
        let network = Bytes::from(vec![7; 64 << 10]);
        let mut intake = memory.intake(Some(1000));
        let pieces: Vec<_> = intake
            .take(network.slice(..1000))
            .into_iter()
            .map(|it| it.piece)
            .collect();
        let whole = now(intake.whole(|| pieces));
        assert_eq!((memory.held().bytes(), whole.concat().len()), (1000, 1000));
    }

    #[test]
    fn who_still_reads_what_is_not_stored_is_counted() {
        let memory = Memory::new(1 << 30);
        let mut intake = memory.intake(Some(1 << 20));
        let read = intake.take(Bytes::from(vec![7; 1000])).remove(0).piece;
        intake.stop();
        assert_eq!(memory.held().bytes(), 1 << 20);
        drop((read, intake));
        assert_eq!(memory.held().bytes(), 0);
    }
}
