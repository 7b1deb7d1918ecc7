//! Finding `moov`, at the front of a file or at its end.

use std::ops::Range;

use crate::bmff::{BoxError, FourCc, boxes::Header};

/// Longest `moov` that is read, bytes. Chosen: two hours of video and ten languages take
/// less than half.
pub const MOOV_LEN_MAX: usize = 64 << 20;
/// How many bytes [`Locate::wants`] asks for, where the file has them. Chosen: the boxes
/// before `mdat` fit, and so does the `moov` of a short file.
pub const HEAD_LEN: u64 = 64 << 10;
/// Most boxes that are looked at. Chosen: files have five or six.
const BOXES_MAX: u32 = 1000;

/// Types that a file may start with: those of the standard, and what QuickTime wrote
/// before there was one.
const STARTS: [&[u8; 4]; 9] = [
    b"ftyp", b"styp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"uuid",
];

/// Walks the top-level boxes of a file of which it is given what it asks for.
#[derive(Debug, Clone)]
pub struct Locate {
    len: u64,
    at: u64,
    seen: u32,
}

impl Locate {
    /// For a file of `len` bytes.
    #[must_use]
    pub fn new(len: u64) -> Self {
        Self {
            len,
            at: 0,
            seen: 0,
        }
    }

    /// The bytes that [`take`](Self::take) needs next.
    #[must_use]
    pub fn wants(&self) -> Range<u64> {
        self.at..self.len.min(self.at.saturating_add(HEAD_LEN))
    }

    /// Takes the bytes of [`wants`](Self::wants); where all of `moov` is, header and
    /// body, or `None` when more is wanted.
    ///
    /// # Errors
    /// [`BoxError::Unsupported`] when the file starts with a box that mp4 does not;
    /// [`BoxError::Missing`] when it has no `moov`; impossible sizes, and a `moov` over
    /// [`MOOV_LEN_MAX`] or behind the file's end.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Option<Range<u64>>, BoxError> {
        let base = self.at;
        while let Some(rest) = self.within(base, bytes) {
            let Some((kind, len)) = self.header(rest)? else {
                return Err(BoxError::Truncated {
                    inside: FourCc(*b"file"),
                });
            };
            let end = self.at.checked_add(len).filter(|end| *end <= self.len);
            if &kind.0 == b"moov" {
                return self.found(kind, end);
            }
            self.seen += 1;
            // A box that ends behind the file is its last: it was cut short.
            self.at = end.unwrap_or(self.len);
            if self.at >= self.len || self.seen > BOXES_MAX {
                return Err(BoxError::Missing(FourCc(*b"moov")));
            }
        }
        Ok(None)
    }

    /// What of `bytes`, which stand at `base`, starts at the next box: enough for its
    /// header, or all that the file has.
    fn within<'a>(&self, base: u64, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let skip = usize::try_from(self.at - base).ok()?;
        let rest = bytes.get(skip..)?;
        let whole = self.at + rest.len() as u64 >= self.len;
        (rest.len() >= 16 || whole).then_some(rest)
    }

    /// Type and length of the box at `rest`; one of size 0 goes to the file's end.
    fn header(&self, rest: &[u8]) -> Result<Option<(FourCc, u64)>, BoxError> {
        let Some(kind) = rest.get(4..8).and_then(|kind| kind.try_into().ok()) else {
            return Ok(None);
        };
        if self.seen == 0 && !STARTS.contains(&&kind) {
            return Err(BoxError::Unsupported("file type".into()));
        }
        if rest.starts_with(&[0; 4]) {
            return Ok(Some((FourCc(kind), self.len - self.at)));
        }
        Ok(Header::read(rest)?.map(|header| (header.kind, header.len)))
    }

    fn found(&self, kind: FourCc, end: Option<u64>) -> Result<Option<Range<u64>>, BoxError> {
        let end = end.ok_or(BoxError::Truncated { inside: kind })?;
        if end - self.at > MOOV_LEN_MAX as u64 {
            return Err(BoxError::TooLong {
                kind,
                len_max: MOOV_LEN_MAX,
            });
        }
        Ok(Some(self.at..end))
    }
}
