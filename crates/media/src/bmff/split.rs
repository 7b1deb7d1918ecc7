//! From a stream of bytes to whole pieces.

use std::mem;

use super::{BoxError, FourCc, boxes::Header};

/// What an encoder's output is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// `ftyp` and `moov`: the init segment.
    Init(Vec<u8>),
    /// `moof` and `mdat`.
    Fragment(Vec<u8>),
}

/// Cuts fragmented mp4 into pieces, as it comes: first the init segment, then the
/// fragments. Boxes beside them (`styp`, `sidx`, `free`, `mfra`, ...) are dropped.
#[derive(Debug)]
pub struct TopLevel {
    /// Bytes not yet taken: less than one box, between calls.
    waiting: Vec<u8>,
    /// Boxes of the piece that is not yet whole.
    piece: Vec<u8>,
    expects: Expects,
    len_max: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expects {
    Ftyp,
    Moov,
    Moof,
    Mdat,
}

impl TopLevel {
    /// A splitter that refuses pieces and boxes over `len_max` bytes; it holds no more
    /// than twice that, and what one [`push`](Self::push) brings.
    #[must_use]
    pub fn new(len_max: usize) -> Self {
        Self {
            waiting: Vec::new(),
            piece: Vec::new(),
            expects: Expects::Ftyp,
            len_max,
        }
    }

    /// Takes the next bytes of the stream, any number of them, and gives the pieces
    /// they complete. After an error the stream is lost: push no more.
    ///
    /// # Errors
    /// Impossible sizes, boxes out of order, and anything over the limit.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Piece>, BoxError> {
        self.waiting.extend_from_slice(bytes);
        let mut pieces = Vec::new();
        let mut at = 0;
        while let Some((kind, len)) = self.next_box(at)? {
            pieces.extend(self.take(kind, at..at + len)?);
            at += len;
        }
        self.waiting.drain(..at);
        Ok(pieces)
    }

    /// The stream has ended.
    ///
    /// # Errors
    /// [`BoxError::Truncated`] when it ended inside a box, or between the boxes of a
    /// piece; [`BoxError::Missing`] when there was no init segment.
    pub fn finish(self) -> Result<(), BoxError> {
        if let Some(header) = Header::read(&self.waiting)? {
            return Err(BoxError::Truncated {
                inside: header.kind,
            });
        }
        match self.expects {
            _ if !self.waiting.is_empty() => Err(BoxError::Truncated {
                inside: FourCc(*b"????"),
            }),
            Expects::Ftyp | Expects::Moov => Err(BoxError::Missing(FourCc(*b"moov"))),
            Expects::Mdat => Err(BoxError::Truncated {
                inside: FourCc(*b"moof"),
            }),
            Expects::Moof => Ok(()),
        }
    }

    /// The box that starts at `at`, when all of it has come.
    fn next_box(&self, at: usize) -> Result<Option<(FourCc, usize)>, BoxError> {
        let rest = &self.waiting[at..];
        let Some(Header { kind, len, .. }) = Header::read(rest)? else {
            return Ok(None);
        };
        match usize::try_from(len) {
            Ok(len) if len <= self.len_max => Ok((len <= rest.len()).then_some((kind, len))),
            _ => Err(BoxError::TooLong {
                kind,
                len_max: self.len_max,
            }),
        }
    }

    /// Adds a box to the piece, or drops it; gives the piece if that makes it whole.
    fn take(
        &mut self,
        kind: FourCc,
        range: std::ops::Range<usize>,
    ) -> Result<Option<Piece>, BoxError> {
        let next = match (&kind.0, self.expects) {
            (b"ftyp", Expects::Ftyp) => Expects::Moov,
            (b"moov", Expects::Moov) | (b"mdat", Expects::Mdat) => Expects::Moof,
            (b"moof", Expects::Moof) => Expects::Mdat,
            (b"ftyp" | b"moov" | b"moof" | b"mdat", _) => return Err(BoxError::Misplaced(kind)),
            // A box between moof and mdat would move the samples: offsets count from moof.
            (_, Expects::Mdat) => return Err(BoxError::Misplaced(kind)),
            _ => return Ok(None),
        };
        if self.piece.len() + range.len() > self.len_max {
            return Err(BoxError::TooLong {
                kind,
                len_max: self.len_max,
            });
        }
        self.piece.extend_from_slice(&self.waiting[range]);
        self.expects = next;
        Ok(match &kind.0 {
            b"moov" => Some(Piece::Init(mem::take(&mut self.piece))),
            b"mdat" => Some(Piece::Fragment(mem::take(&mut self.piece))),
            _ => None,
        })
    }
}
