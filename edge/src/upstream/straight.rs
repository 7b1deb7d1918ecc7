//! A body of known length, read from its connection without hyper.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

use super::{
    conn::{Conn, PIECE_LEN_MAX},
    error::FetchError,
    wire::Wire,
};

/// See the module.
pub(crate) struct Straight {
    /// What hyper had read.
    before: VecDeque<Bytes>,
    /// That was more than the body.
    more: bool,
    /// None once all was read.
    wire: Option<Wire>,
}

impl Straight {
    /// Of `left` bytes: what hyper's body still has, then `rest`, then what comes.
    pub(super) fn new(wire: Wire, body: &mut Incoming, mut rest: Bytes, left: u64) -> Self {
        let mut before = VecDeque::new();
        let mut left = usize::try_from(left).unwrap_or(usize::MAX);
        // Nothing but what is there: its other end is gone.
        while let Some(Some(Ok(frame))) = body.frame().now_or_never() {
            if let Ok(piece) = frame.into_data() {
                left = left.saturating_sub(piece.len());
                before.push_back(piece);
            }
        }
        let more = rest.len() > left;
        rest.truncate(left);
        before.push_back(rest);
        before.retain(|piece| !piece.is_empty());
        let wire = Some(wire);
        Self { before, more, wire }
    }

    pub(super) fn has_more(&self) -> bool {
        self.more
    }

    /// What comes next is still on its way.
    pub(super) fn is_at_wire(&self) -> bool {
        self.before.is_empty()
    }

    /// Once all was read: the connection, for the next request.
    pub(super) fn conn(&mut self) -> Option<Conn> {
        let wire = self.wire.take()?;
        // Nothing is sent or awaited to begin.
        Conn::new(wire).now_or_never()?.ok()
    }

    /// Bytes from the connection; none at its end.
    pub(super) async fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match &mut self.wire {
            Some(wire) => wire.read(room).await,
            None => Ok(0),
        }
    }

    /// The next piece of the `left` bytes that are still to come.
    pub(super) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
        left: u64,
    ) -> Poll<Option<Result<Bytes, FetchError>>> {
        if let Some(piece) = self.before.pop_front() {
            return Poll::Ready(Some(Ok(piece)));
        }
        let Some(wire) = &mut self.wire else {
            return Poll::Ready(None);
        };
        let most = usize::try_from(left).unwrap_or(usize::MAX);
        let mut piece = BytesMut::zeroed(most.min(PIECE_LEN_MAX));
        let mut room = ReadBuf::new(&mut piece);
        if ready!(Pin::new(wire).poll_read(cx, &mut room)).is_err() {
            return Poll::Ready(Some(Err(FetchError::Cut)));
        }
        let len = room.filled().len();
        piece.truncate(len);
        let piece = Some(piece.freeze()).filter(|piece| !piece.is_empty());
        Poll::Ready(piece.map(Ok))
    }
}
