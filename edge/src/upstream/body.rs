use std::{
    error::Error,
    future::poll_fn,
    io::ErrorKind,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Duration, timeout},
};
use tracing::debug;

use super::{
    conn::{After, Conn, Idle, PIECE_LEN_MAX},
    error::FetchError,
    group::Ticket,
    straight::Straight,
};

/// Longest body that is read only so that its connection can be used again, bytes.
const UNREAD_MAX: usize = 64 << 10;
/// And how long that may take.
const UNREAD_WAIT: Duration = Duration::from_secs(1);

/// Shortest rest of a body for which hyper is left, bytes: twice what it reads at once.
const STRAIGHT_MIN: u64 = 2 * PIECE_LEN_MAX as u64;

/// Reads a body that nobody wants, if it is short.
pub(crate) async fn finish_unread(body: Body) {
    let _ = timeout(UNREAD_WAIT, Limited::new(body, UNREAD_MAX).collect()).await;
}

/// The body of an origin's answer. Its last piece comes once it is known whether anything
/// follows that should not be there; if not, its connection waits for the next request.
pub(crate) struct Body {
    inner: Flow,
    /// Bytes that are still to come, if the answer said how many there are.
    left: Option<u64>,
    last: Option<Bytes>,
    ended: bool,
    conn: Option<Conn>,
    /// The connection may be used again.
    keep: bool,
    idle: Arc<Idle>,
    /// Where it came from, to say if it was cut.
    ticket: Ticket,
    /// The right to one of the origin's requests.
    place: Option<OwnedSemaphorePermit>,
}

/// Where a body's bytes come from.
enum Flow {
    Hyper(Incoming),
    Straight(Straight),
}

/// What a body comes with.
pub(crate) struct Source {
    pub(crate) conn: Conn,
    /// Whether it may be used again.
    pub(crate) keep: bool,
    pub(crate) ticket: Ticket,
    pub(crate) place: Option<OwnedSemaphorePermit>,
}

impl Body {
    pub(crate) fn new(inner: Incoming, source: Source, idle: Arc<Idle>) -> Self {
        let left = inner.size_hint().exact();
        Self {
            ended: inner.is_end_stream(),
            inner: Flow::Hyper(inner),
            left,
            last: None,
            conn: Some(source.conn),
            keep: source.keep,
            idle,
            ticket: source.ticket,
            place: source.place,
        }
    }

    /// Without a body: waits until the connection stands by for the next request.
    pub(crate) async fn settle(mut self) -> Result<Self, FetchError> {
        if self.ended {
            poll_fn(|cx| self.poll_after(cx)).await?;
        }
        Ok(self)
    }

    /// Without hyper from here on, if that is worth it: it reads to memory of its own, and
    /// each piece is a turn of another task.
    pub(crate) async fn straighten(&mut self) {
        let is_long = self.left.is_some_and(|left| left >= STRAIGHT_MIN);
        if self.ended || !is_long || !matches!(self.inner, Flow::Hyper(_)) {
            return;
        }
        let Some(conn) = self.conn.take() else { return };
        // If it has ended, hyper's body says how.
        let Some((wire, rest)) = conn.into_wire().await else {
            return;
        };
        if let Flow::Hyper(body) = &mut self.inner {
            let straight = Straight::new(wire, body, rest, self.left.unwrap_or(0));
            self.keep &= !straight.has_more();
            self.inner = Flow::Straight(straight);
        }
    }

    /// Whether [`Self::read`] may be used.
    pub(crate) fn is_straight(&self) -> bool {
        !self.ended && matches!(&self.inner, Flow::Straight(straight) if straight.is_at_wire())
    }

    /// Reads to `room`, which has some: how many bytes. As with pieces, the last of them are
    /// told of once it is known whether anything follows.
    pub(crate) async fn read(&mut self, room: &mut [u8]) -> Result<usize, FetchError> {
        let most = usize::try_from(self.left.unwrap_or(0)).unwrap_or(usize::MAX);
        let most = most.min(room.len());
        let Flow::Straight(straight) = &mut self.inner else {
            return Err(self.fail(FetchError::Cut));
        };
        let len = match straight.read(&mut room[..most]).await {
            Ok(len) if len > 0 => len,
            _ => return Err(self.fail(FetchError::Cut)),
        };
        if self.came(len) {
            poll_fn(|cx| self.poll_after(cx)).await?;
        }
        Ok(len)
    }

    /// Counts bytes: whether they are the last.
    fn came(&mut self, len: usize) -> bool {
        self.ticket.came(len);
        let Some(left) = &mut self.left else {
            return false;
        };
        *left = left.saturating_sub(len as u64);
        self.ended = *left == 0;
        if self.ended
            && self.keep
            && let Flow::Straight(straight) = &mut self.inner
        {
            self.conn = straight.conn();
        }
        self.ended
    }

    fn poll_after(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), FetchError>> {
        if let Some(conn) = self.conn.as_mut().filter(|_| self.keep) {
            match ready!(conn.poll_after(cx)) {
                After::Ready => self
                    .conn
                    .take()
                    .into_iter()
                    .for_each(|it| self.idle.put(it)),
                After::Closed => {}
                // The answer is as long as it said; what follows is nobody's, and ends with
                // its connection (RFC 9112 §6.3).
                After::More => debug!("more bytes came than the answer said"),
            }
        }
        (self.conn, self.place) = (None, None);
        Poll::Ready(Ok(()))
    }

    fn fail(&mut self, error: FetchError) -> FetchError {
        (self.conn, self.place, self.last) = (None, None, None);
        (self.ended, self.left) = (true, None);
        self.ticket.cut();
        error
    }

    /// Nothing came for so long: what is to be said of it.
    pub(crate) fn stalled(&mut self, idle: Duration) -> FetchError {
        self.fail(FetchError::Stalled(idle))
    }

    fn take(&mut self, piece: Bytes) -> Option<Bytes> {
        if self.came(piece.len()) {
            self.last = Some(piece);
            return None;
        }
        Some(piece)
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = FetchError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, FetchError>>> {
        loop {
            if self.ended {
                let after = ready!(self.poll_after(cx));
                let last = self.last.take().map(|piece| Ok(Frame::data(piece)));
                return Poll::Ready(after.err().map(Err).or(last));
            }
            let left = self.left;
            let frame = match &mut self.inner {
                Flow::Hyper(body) => {
                    let frame = ready!(Pin::new(body).poll_frame(cx));
                    frame.map(|frame| frame.map_err(|error| broken(&error)))
                }
                Flow::Straight(straight) => {
                    let piece = ready!(straight.poll_piece(cx, left.unwrap_or(0)));
                    piece.map(|piece| piece.map(Frame::data))
                }
            };
            match frame {
                None if self.left.is_some_and(|left| left > 0) => {
                    return Poll::Ready(Some(Err(self.fail(FetchError::Cut))));
                }
                None => self.ended = true,
                Some(Err(error)) => return Poll::Ready(Some(Err(self.fail(error)))),
                // Trailers are not passed on (RFC 9110 §6.5.1 allows it).
                Some(Ok(frame)) => {
                    let piece = frame.into_data().ok().filter(|piece| !piece.is_empty());
                    if let Some(piece) = piece.and_then(|piece| self.take(piece)) {
                        return Poll::Ready(Some(Ok(Frame::data(piece))));
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended && self.last.is_none() && self.conn.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.last.as_ref().map_or(0, Bytes::len) as u64;
        match self.left {
            Some(left) => SizeHint::with_exact(left + held),
            None => SizeHint::default(),
        }
    }
}

fn broken(error: &hyper::Error) -> FetchError {
    let mut source = error.source();
    while let Some(inner) = source {
        match inner
            .downcast_ref::<std::io::Error>()
            .map(std::io::Error::kind)
        {
            // What hyper makes of a chunk that is none.
            Some(ErrorKind::InvalidInput | ErrorKind::InvalidData) => {
                return FetchError::BadCoding(inner.to_string());
            }
            _ => source = inner.source(),
        }
    }
    FetchError::Cut
}
