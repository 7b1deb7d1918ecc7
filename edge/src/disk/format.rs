//! How an object is written down.
//!
//! A header, then the body. All numbers are little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | magic |
//! | 4 | version of this format |
//! | 4 | length of the header, this table included |
//! | 8 | length of the body |
//! | 8 | XXH3 of the header's other bytes |
//! | … | key, head, then XXH3 of each [`PIECE_LEN`] of the body |
//!
//! Every byte of a file is under a checksum, and its length is in its header: a file that
//! was cut or changed anywhere is not taken for what was written.

mod head;

use std::time::SystemTime;

use tokio::time::Instant;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::cursor::Cursor;
use crate::head::Head;

const MAGIC: &[u8; 8] = b"WEIRDISK";
/// Raised whenever the layout changes: what has another is a miss.
pub(crate) const VERSION: u32 = 2;
/// What stands before the key, bytes.
pub(crate) const PRELUDE_LEN: usize = 32;
/// Where the header's checksum stands in it.
const SUM_AT: std::ops::Range<usize> = 24..32;
/// Longest header that is read, bytes. Chosen: a header of HTTP and the checksums of
/// 8 GiB fit.
const HEADER_LEN_MAX: usize = 1 << 20;
/// Each has a checksum of its own, so that a part can be checked alone, bytes.
pub(crate) const PIECE_LEN: usize = 256 << 10;

/// Two clocks, read together once: the wall's time of any later instant follows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    pub(crate) now: Instant,
    pub(crate) wall: SystemTime,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self {
            now: Instant::now(),
            wall: SystemTime::now(),
        }
    }

    /// The same clocks, read again.
    pub(crate) fn read(&self) -> Self {
        let now = Instant::now();
        let since = now.saturating_duration_since(self.now);
        let wall = self.wall + since;
        Self { now, wall }
    }
}

/// What a file's first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Prelude {
    pub(crate) header_len: usize,
    pub(crate) body_len: u64,
}

impl Prelude {
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(bytes);
        let known = cursor.take(MAGIC.len())? == MAGIC && cursor.u32()? == VERSION;
        let header_len = cursor.u32()? as usize;
        let good = known && (PRELUDE_LEN..=HEADER_LEN_MAX).contains(&header_len);
        let body_len = cursor.u64()?;
        good.then_some(Self {
            header_len,
            body_len,
        })
    }

    /// Of the whole file, bytes.
    pub(crate) fn file_len(self) -> Option<u64> {
        self.body_len.checked_add(self.header_len as u64)
    }
}

/// What a file's header says.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) key: Box<str>,
    pub(crate) head: Head,
    pub(crate) sums: Box<[u64]>,
}

/// Writes the header of an object of `len` bytes, as it is at `clock`.
pub(crate) fn encode(key: &str, head: &Head, len: u64, sums: &[u64], clock: Clock) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024 + sums.len() * 8);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&[0; 8]);
    head::put_bytes(&mut out, key.as_bytes());
    head::put(&mut out, head, clock);
    for sum in sums {
        out.extend_from_slice(&sum.to_le_bytes());
    }
    let header_len = u32::try_from(out.len()).unwrap_or(u32::MAX);
    out[12..16].copy_from_slice(&header_len.to_le_bytes());
    let sum = header_sum(&out);
    out[SUM_AT].copy_from_slice(&sum.to_le_bytes());
    out
}

/// Reads a header, of all its bytes; `None` if anything in it is not as it was written.
pub(crate) fn decode(bytes: &[u8], clock: Clock) -> Option<Header> {
    let prelude = Prelude::parse(bytes)?;
    let bytes = bytes.get(..prelude.header_len)?;
    let sum = u64::from_le_bytes(bytes[SUM_AT].try_into().ok()?);
    if sum != header_sum(bytes) {
        return None;
    }
    let mut cursor = Cursor::new(&bytes[PRELUDE_LEN..]);
    let key = cursor.text()?.into();
    let head = head::take(&mut cursor, prelude.body_len, clock)?;
    let count = usize::try_from(prelude.body_len.div_ceil(PIECE_LEN as u64)).ok()?;
    let sums = cursor.rest();
    let good = sums.len() == count.checked_mul(8)?;
    let sums = sums
        .as_chunks()
        .0
        .iter()
        .map(|sum| u64::from_le_bytes(*sum));
    good.then(|| Header {
        key,
        head,
        sums: sums.collect(),
    })
}

/// Of each [`PIECE_LEN`] of a body that lies in other pieces.
pub(crate) fn sums<'a>(body: impl IntoIterator<Item = &'a [u8]>) -> Vec<u64> {
    let (mut sums, mut hash, mut room) = (Vec::new(), Xxh3::new(), PIECE_LEN);
    for mut rest in body {
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(room));
            hash.update(now);
            (rest, room) = (later, room - now.len());
            if room == 0 {
                sums.push(hash.digest());
                hash.reset();
                room = PIECE_LEN;
            }
        }
    }
    if room < PIECE_LEN {
        sums.push(hash.digest());
    }
    sums
}

/// Whether a piece is what was written.
pub(crate) fn is_right(piece: &[u8], sum: Option<&u64>) -> bool {
    sum == Some(&xxh3_64(piece))
}

fn header_sum(header: &[u8]) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(&header[..SUM_AT.start]);
    hash.update(&header[SUM_AT.end..]);
    hash.digest()
}

#[cfg(test)]
mod tests;
