//! A small reader of ISO-BMFF (ISO/IEC 14496-12) that trusts nothing it reads.

mod fragment;
mod init;

pub(crate) use fragment::{Run, read_segment};
pub(crate) use init::{Init, InitTrack, read_init};

/// What is wrong with the bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BoxError {
    #[error("box {0} does not fit in what holds it")]
    Overrun(FourCc),
    #[error("box {0} is too short for its fields")]
    Short(FourCc),
    #[error("no {0} box")]
    Missing(FourCc),
    #[error("{0} bytes after the last whole box")]
    Trailing(usize),
    #[error("samples need {needed} bytes and mdat has {has}")]
    SamplesOverrun { needed: u64, has: u64 },
    #[error("track {0} is not in the init segment")]
    UnknownTrack(u32),
    #[error("track {track}: a fragment begins at {found} where {expected} was due")]
    Gap {
        track: u32,
        found: u64,
        expected: u64,
    },
    #[error("a timescale of 0")]
    Timescale,
    #[error("times or sizes too large to add")]
    TooLarge,
}

/// A type of box.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct FourCc(pub(crate) [u8; 4]);

impl std::fmt::Display for FourCc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.escape_ascii().fmt(f)
    }
}

impl std::fmt::Debug for FourCc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// One box: its type, where it stands and what is in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Box<'a> {
    pub(crate) kind: FourCc,
    /// Where its body begins in what holds the box, bytes.
    pub(crate) at: usize,
    pub(crate) body: &'a [u8],
}

/// The boxes that fill `bytes`, no byte left over.
pub(crate) fn boxes(mut bytes: &[u8]) -> Result<Vec<Box<'_>>, BoxError> {
    let mut found = Vec::new();
    let mut before = 0;
    while !bytes.is_empty() {
        let head: [u8; 8] = bytes
            .get(..8)
            .and_then(|b| b.try_into().ok())
            .ok_or(BoxError::Trailing(bytes.len()))?;
        let [a, b, c, d, kind @ ..] = head;
        let kind = FourCc(kind);
        let (header, len) = match u32::from_be_bytes([a, b, c, d]) {
            // 0 means up to the end of the file; a segment that does not know its length
            // cannot be told from one that was cut short.
            0 => return Err(BoxError::Overrun(kind)),
            1 => (16, Fields::new(kind, &bytes[8..]).u64()?),
            len => (8, u64::from(len)),
        };
        let len = usize::try_from(len).map_err(|_| BoxError::Overrun(kind))?;
        let body = bytes.get(header..len).ok_or(BoxError::Overrun(kind))?;
        let at = before + header;
        found.push(Box { kind, at, body });
        before += len;
        bytes = &bytes[len..];
    }
    Ok(found)
}

/// The first box of a kind.
pub(crate) fn find<'a>(boxes: &[Box<'a>], kind: &[u8; 4]) -> Result<Box<'a>, BoxError> {
    let found = boxes.iter().find(|b| b.kind.0 == *kind);
    found.copied().ok_or(BoxError::Missing(FourCc(*kind)))
}

/// Reads the fields of a box one after the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a> {
    kind: FourCc,
    left: &'a [u8],
}

impl<'a> Fields<'a> {
    fn new(kind: FourCc, body: &'a [u8]) -> Self {
        Self { kind, left: body }
    }

    pub(crate) fn of(b: Box<'a>) -> Self {
        Self::new(b.kind, b.body)
    }

    pub(crate) fn take<const N: usize>(&mut self) -> Result<[u8; N], BoxError> {
        let (head, left) = self
            .left
            .split_first_chunk()
            .ok_or(BoxError::Short(self.kind))?;
        self.left = left;
        Ok(*head)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, BoxError> {
        self.take().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, BoxError> {
        self.take().map(u64::from_be_bytes)
    }

    /// Version and flags of a full box.
    pub(crate) fn version(&mut self) -> Result<(u8, u32), BoxError> {
        let [version, flags @ ..] = self.take::<4>()?;
        Ok((
            version,
            u32::from_be_bytes([0, flags[0], flags[1], flags[2]]),
        ))
    }

    /// A field of 64 bits in version 1, of 32 in version 0.
    pub(crate) fn time(&mut self, version: u8) -> Result<u64, BoxError> {
        if version == 1 {
            self.u64()
        } else {
            self.u32().map(u64::from)
        }
    }

    pub(crate) fn u32_if(&mut self, present: bool) -> Result<Option<u32>, BoxError> {
        if present {
            self.u32().map(Some)
        } else {
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_that_does_not_fit_is_refused() {
        for (bytes, error) in [
            (&b"\0\0\0\x09free"[..], BoxError::Overrun(FourCc(*b"free"))),
            (b"\0\0\0\x07free", BoxError::Overrun(FourCc(*b"free"))),
            (b"\0\0\0\0free", BoxError::Overrun(FourCc(*b"free"))),
            (
                b"\0\0\0\x01free\xff\xff\xff\xff\xff\xff\xff\xff",
                BoxError::Overrun(FourCc(*b"free")),
            ),
            (b"\0\0\0\x01free\0\0", BoxError::Short(FourCc(*b"free"))),
            (b"\0\0\0\x08free\0", BoxError::Trailing(1)),
        ] {
            assert_eq!(boxes(bytes).unwrap_err(), error);
        }
        assert_eq!(boxes(b"\0\0\0\x08free\0\0\0\x09skip!").unwrap().len(), 2);
    }
}
