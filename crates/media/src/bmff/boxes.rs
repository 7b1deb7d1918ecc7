//! Box headers and fields.

use std::{fmt, ops::Range};

use super::BoxError;

/// A box's type: four bytes, printable as a rule.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FourCc(pub [u8; 4]);

impl fmt::Display for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{self}'")
    }
}

/// One box of a slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoxRef<'a> {
    /// Its type.
    pub kind: FourCc,
    /// Where its body stands in the walked slice, behind size and type.
    pub range: Range<usize>,
    /// Its body.
    pub body: &'a [u8],
}

/// Walks the boxes that fill a slice, one behind the other.
#[must_use]
pub fn boxes(bytes: &[u8]) -> Boxes<'_> {
    Boxes { bytes, at: 0 }
}

/// See [`boxes()`]; ends after the first error.
#[derive(Debug, Clone)]
pub struct Boxes<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Boxes<'a> {
    type Item = Result<BoxRef<'a>, BoxError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
        let found = whole_box(rest).map(|(kind, header_len, len)| {
            let range = self.at + header_len..self.at + len;
            self.at += len;
            BoxRef {
                kind,
                body: &self.bytes[range.clone()],
                range,
            }
        });
        if found.is_err() {
            self.at = self.bytes.len();
        }
        Some(found)
    }
}

/// Type, header length and whole length of the box at the start of `rest`, all of
/// which is there.
fn whole_box(rest: &[u8]) -> Result<(FourCc, usize, usize), BoxError> {
    let header = Header::read(rest)?.ok_or(BoxError::Truncated {
        inside: FourCc(*b"????"),
    })?;
    let len = usize::try_from(header.len).unwrap_or(usize::MAX);
    if len > rest.len() {
        return Err(BoxError::Truncated {
            inside: header.kind,
        });
    }
    Ok((header.kind, header.header_len, len))
}

/// Size and type of a box (ISO/IEC 14496-12 §4.2).
pub(super) struct Header {
    pub(super) kind: FourCc,
    pub(super) header_len: usize,
    /// Of the whole box, and not less than `header_len`.
    pub(super) len: u64,
}

impl Header {
    /// `None` when more bytes are needed.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>, BoxError> {
        let (Some(size), Some(kind)) = (array(bytes, 0), array(bytes, 4)) else {
            return Ok(None);
        };
        let kind = FourCc(kind);
        let (header_len, len) = match u32::from_be_bytes(size) {
            1 => match array(bytes, 8) {
                Some(large) => (16, u64::from_be_bytes(large)),
                None => return Ok(None),
            },
            small => (8, u64::from(small)),
        };
        if len < header_len as u64 {
            return Err(BoxError::Size { kind, len });
        }
        Ok(Some(Self {
            kind,
            header_len,
            len,
        }))
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// The body of the one box of a kind; [`BoxError::Misplaced`] when there are more.
pub(super) fn only<'a>(parent: &'a [u8], kind: &[u8; 4]) -> Result<&'a [u8], BoxError> {
    only_at(parent, 0..parent.len(), kind).map(|range| &parent[range])
}

/// Where the body of the one box of a kind stands in `bytes`, looking at the boxes
/// that fill `within`.
pub(super) fn only_at(
    bytes: &[u8],
    within: Range<usize>,
    kind: &[u8; 4],
) -> Result<Range<usize>, BoxError> {
    let base = within.start;
    let mut found = None;
    for child in boxes(&bytes[within]) {
        let child = child?;
        if child.kind.0 == *kind && found.replace(child.range).is_some() {
            return Err(BoxError::Misplaced(FourCc(*kind)));
        }
    }
    let range = found.ok_or(BoxError::Missing(FourCc(*kind)))?;
    Ok(base + range.start..base + range.end)
}

/// Reads the fields of one box in order.
#[derive(Clone)]
pub(super) struct Fields<'a> {
    inside: FourCc,
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The fields of a box's body; `inside` names the box in errors.
    pub(super) fn of(inside: &[u8; 4], body: &'a [u8]) -> Self {
        Self {
            inside: FourCc(*inside),
            rest: body,
        }
    }

    /// All that was not read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn bytes(&mut self, len: usize) -> Result<&'a [u8], BoxError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(BoxError::Truncated {
            inside: self.inside,
        })?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn skip(&mut self, len: usize) -> Result<(), BoxError> {
        self.bytes(len).map(|_| ())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], BoxError> {
        self.bytes(N)
            .map(|b| b.try_into().expect("bytes(N) gives N bytes"))
    }

    pub(super) fn u8(&mut self) -> Result<u8, BoxError> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, BoxError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, BoxError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, BoxError> {
        self.array().map(u64::from_be_bytes)
    }

    /// Version and flags of a full box (ISO/IEC 14496-12 §4.2.2).
    pub(super) fn version_flags(&mut self) -> Result<(u8, u32), BoxError> {
        let word = self.u32()?;
        Ok(((word >> 24) as u8, word & 0x00ff_ffff))
    }
}
