//! Connections to one origin, and those of them that wait for their next request.

use std::{
    error::Error,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, OnceLock, Weak},
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::client::conn::http1::SendRequest;
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;

use super::upload::Upload;

/// A connection. Dropping it closes it.
pub(crate) struct Conn {
    pub(crate) sender: SendRequest<Upload>,
    pub(crate) task: AbortOnDropHandle<hyper::Result<()>>,
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
    /// Finds out how the connection stands, once an answer has ended. hyper looks for
    /// what should not be there before it takes another request.
    pub(crate) fn poll_after(&mut self, cx: &mut Context<'_>) -> Poll<After> {
        if ready!(self.sender.poll_ready(cx)).is_ok() {
            return Poll::Ready(After::Ready);
        }
        let ended = ready!(Pin::new(&mut self.task).poll(cx));
        Poll::Ready(match ended {
            Ok(Err(error)) if is_unexpected(&error) => After::More,
            _ => After::Closed,
        })
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
