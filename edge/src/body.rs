use std::{
    collections::VecDeque,
    ops::Range,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::{disk::Stream, fill::Reader, head::Content, upstream::FetchError};

/// The body of an answer. An error ends it without its end, so that the connection is
/// cut and no client takes a part for the whole.
pub(crate) enum Body {
    /// What is here already.
    Pieces(VecDeque<Bytes>),
    /// What is still coming, and how much of it is left if that is known.
    Fill { reader: Reader, left: Option<u64> },
    /// What is read from disk.
    Disk(Stream),
}

impl Body {
    pub(crate) fn empty() -> Self {
        Self::Pieces(VecDeque::new())
    }

    /// A part of a stored body, wherever that is.
    pub(crate) fn of(content: &Content, part: &Range<u64>) -> Self {
        match content {
            Content::Ram(body) => Self::part(body, part),
            Content::Disk(body) => Self::Disk(body.read(part)),
        }
    }

    /// A part of a body in memory.
    pub(crate) fn part(body: &[Bytes], part: &Range<u64>) -> Self {
        let mut offset = 0;
        let mut pieces = VecDeque::with_capacity(body.len());
        for piece in body {
            let len = piece.len() as u64;
            let start = part.start.clamp(offset, offset + len) - offset;
            let end = part.end.clamp(offset, offset + len) - offset;
            if start < end {
                pieces.push_back(piece.slice(start as usize..end as usize));
            }
            offset += len;
        }
        Self::Pieces(pieces)
    }

    /// All that a fill brings, or a part of it.
    pub(crate) fn fill(mut reader: Reader, part: Option<&Range<u64>>, len: Option<u64>) -> Self {
        if let Some(part) = part {
            reader.restrict(part);
        }
        let left = part.map(|part| part.end - part.start).or(len);
        Self::Fill { reader, left }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Pieces(VecDeque::from([Bytes::from(bytes)]))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = FetchError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, FetchError>>> {
        let piece = match self.get_mut() {
            Self::Pieces(pieces) => pieces.pop_front().map(Ok),
            Self::Fill { reader, left } => {
                let piece = ready!(reader.poll_piece(cx));
                if let (Some(left), Some(Ok(piece))) = (left, &piece) {
                    *left = left.saturating_sub(piece.len() as u64);
                }
                piece
            }
            Self::Disk(stream) => ready!(stream.poll_piece(cx)),
        };
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Pieces(pieces) => pieces.is_empty(),
            Self::Fill { left, .. } => *left == Some(0),
            Self::Disk(stream) => stream.left() == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        let exact = match self {
            Self::Pieces(pieces) => Some(pieces.iter().map(|piece| piece.len() as u64).sum()),
            Self::Fill { left, .. } => *left,
            Self::Disk(stream) => Some(stream.left()),
        };
        exact.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
