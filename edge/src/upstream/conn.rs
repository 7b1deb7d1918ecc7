//! Connections to one origin, and those of them that wait for their next request.

use std::{
    error::Error,
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, OnceLock, Weak},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_util::FutureExt;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::{
    sync::oneshot,
    time::{Instant, sleep},
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    upload::Upload,
    wire::{Sending, Wire},
};

/// Longest head of an answer, bytes. Chosen: four times what servers send at most.
const HEAD_LEN_MAX: usize = 64 << 10;
/// Longest piece of a body that is read at once, bytes; also what a connection that waits may
/// still hold. Chosen: hyper's own 400 KiB left a third more in the allocator than was stored.
pub(crate) const PIECE_LEN_MAX: usize = 128 << 10;

/// A connection. Dropping it closes it.
pub(crate) struct Conn {
    pub(crate) sender: SendRequest<Upload>,
    task: AbortOnDropHandle<End>,
    want_wire: oneshot::Sender<()>,
}

/// How hyper's part in a connection ended.
enum End {
    Closed(hyper::Result<()>),
    /// What is under it was asked for; these bytes were read already.
    Left(Wire, Bytes),
}

/// How a connection stands after an answer's last byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// It takes another request.
    Ready,
    /// It is closed.
    Closed,
    /// More came than the answer's length says.
    More,
}

impl Conn {
    /// Speaks HTTP on it.
    pub(crate) async fn new(wire: Wire) -> hyper::Result<Self> {
        let sending = wire.sending();
        let mut http = http1::Builder::new();
        http.max_header_size(HEAD_LEN_MAX)
            .max_buf_size(PIECE_LEN_MAX);
        let (sender, connection) = http.handshake::<_, Upload>(TokioIo::new(wire)).await?;
        let (want_wire, wanted) = oneshot::channel();
        let task = AbortOnDropHandle::new(tokio::spawn(run(connection, sending, wanted)));
        Ok(Self {
            sender,
            task,
            want_wire,
        })
    }

    /// What is under it, without hyper, and what was read of it already. The answer's body has
    /// one piece at most, which hyper had taken before. `None` if the connection has ended.
    pub(crate) async fn into_wire(self) -> Option<(Wire, Bytes)> {
        self.want_wire.send(()).ok()?;
        match self.task.await {
            Ok(End::Left(wire, rest)) => Some((wire, rest)),
            Ok(End::Closed(_)) | Err(_) => None,
        }
    }

    /// Finds out how the connection stands, once an answer has ended. hyper looks for
    /// what should not be there before it takes another request.
    pub(crate) fn poll_after(&mut self, cx: &mut Context<'_>) -> Poll<After> {
        if ready!(self.sender.poll_ready(cx)).is_ok() {
            return Poll::Ready(After::Ready);
        }
        let ended = ready!(Pin::new(&mut self.task).poll(cx));
        Poll::Ready(match ended {
            Ok(End::Closed(Err(error))) if is_unexpected(&error) => After::More,
            _ => After::Closed,
        })
    }
}

/// Has hyper run the connection, until what is under it is wanted.
async fn run(
    mut connection: Connection<TokioIo<Wire>, Upload>,
    sending: Sending,
    wanted: oneshot::Receiver<()>,
) -> End {
    let (mut wanted, mut is_wanted) = (wanted.fuse(), false);
    let closed = poll_fn(|cx| {
        is_wanted |= wanted.poll_unpin(cx) == Poll::Ready(Ok(()));
        // What of a request is still to be sent is nowhere but with hyper.
        if (!is_wanted || sending.goes_on())
            && let Poll::Ready(closed) = connection.poll_unpin(cx)
        {
            return Poll::Ready(Some(closed));
        }
        if is_wanted && !sending.goes_on() {
            return Poll::Ready(None);
        }
        Poll::Pending
    });
    match closed.await {
        Some(closed) => End::Closed(closed),
        None => {
            let parts = connection.into_parts();
            End::Left(parts.io.into_inner(), parts.read_buf)
        }
    }
}

/// hyper has no name for it: of its errors, the one that is no other.
fn is_unexpected(error: &hyper::Error) -> bool {
    let known = error.is_parse()
        || error.is_canceled()
        || error.is_closed()
        || error.is_incomplete_message()
        || error.is_timeout()
        || error.is_shutdown()
        || error.is_user();
    !known && error.source().is_none()
}

/// Connections that wait for their next request, the latest used on top.
pub(crate) struct Idle {
    kept: Mutex<Vec<(Instant, Conn)>>,
    count_max: usize,
    time_max: Duration,
    reaper: OnceLock<AbortOnDropHandle<()>>,
}

impl Idle {
    pub(crate) fn new(count_max: usize, time_max: Duration) -> Arc<Self> {
        Arc::new(Self {
            kept: Mutex::default(),
            count_max,
            time_max,
            reaper: OnceLock::new(),
        })
    }

    /// One that still takes a request, as far as can be seen.
    pub(crate) fn take(&self) -> Option<Conn> {
        let mut kept = self.lock();
        while let Some((since, conn)) = kept.pop() {
            if since.elapsed() < self.time_max && conn.sender.is_ready() {
                return Some(conn);
            }
        }
        None
    }

    /// Keeps one for later.
    pub(crate) fn put(self: &Arc<Self>, conn: Conn) {
        if self.count_max == 0 {
            return;
        }
        let mut kept = self.lock();
        if kept.len() >= self.count_max {
            kept.remove(0);
        }
        kept.push((Instant::now(), conn));
        drop(kept);
        let reap =
            || AbortOnDropHandle::new(tokio::spawn(reap(Arc::downgrade(self), self.time_max)));
        self.reaper.get_or_init(reap);
    }

    fn prune(&self) {
        let fresh = |(since, conn): &(Instant, Conn)| {
            since.elapsed() < self.time_max && !conn.sender.is_closed()
        };
        self.lock().retain(fresh);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Instant, Conn)>> {
        self.kept.lock().expect("no holder panics")
    }
}

/// Closes what was kept too long, while there is anyone to keep it for.
async fn reap(idle: Weak<Idle>, time_max: Duration) {
    loop {
        sleep(time_max.max(Duration::from_millis(100)) / 2).await;
        match idle.upgrade() {
            Some(idle) => idle.prune(),
            None => return,
        }
    }
}
