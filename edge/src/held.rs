//! Bodies in memory, wherever they are held.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::{Bytes, BytesMut};

/// Counts the bytes of bodies that are in memory: stored, or not stored any more and
/// still being sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Held(Arc<AtomicU64>);

impl Held {
    /// The same bytes, counted until the last who holds some of them lets go.
    pub(crate) fn hold(&self, bytes: BytesMut) -> Bytes {
        let len = bytes.capacity() as u64;
        self.add(len);
        let held = self.clone();
        Bytes::from_owner(Piece { bytes, len, held })
    }

    /// Counts so many bytes more.
    pub(crate) fn add(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }

    /// What [`Self::add`] counted is gone.
    pub(crate) fn sub(&self, bytes: u64) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

struct Piece {
    bytes: BytesMut,
    len: u64,
    held: Held,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.held.sub(self.len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_count_until_their_last_slice_is_gone() {
        let held = Held::default();
        let piece = held.hold(BytesMut::from(&[7; 100][..]));
        let part = piece.slice(10..20);
        drop(piece);
        assert_eq!((held.bytes(), &part[..]), (100, &[7; 10][..]));
        drop(part);
        assert_eq!(held.bytes(), 0);
    }
}
