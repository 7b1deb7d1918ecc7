//! An answer's body, whose connection knows when it is over.

use std::{
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use tokio::time::Instant;

use super::Line;
use crate::{Config, access_log::Watched, upstream::FetchError};

/// A year.
const FOREVER: Duration = Duration::from_secs(31_536_000);

/// A request that runs: counted until it is dropped.
pub(super) struct Running {
    line: Arc<Line>,
    number: u64,
    /// It is not the client that ended it.
    whole: bool,
}

impl Running {
    pub(super) fn new(line: Arc<Line>, number: u64) -> Self {
        Self {
            line,
            number,
            whole: false,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.line.pulse.end(self.whole);
    }
}

/// See the module.
pub(crate) struct Tracked {
    body: Watched,
    running: Running,
    /// HTTP/2, where pieces wait for the client's window, out of sight of the socket.
    windowed: bool,
    owes: bool,
    /// Its head is out, or goes out with the next piece.
    begun: bool,
}

impl Tracked {
    pub(super) fn new(body: Watched, running: Running, windowed: bool) -> Self {
        Self {
            body,
            running,
            windowed,
            owes: false,
            begun: false,
        }
    }

    /// A piece of so many bytes goes to where the client's window lets it out.
    fn owe(&mut self, len: usize) {
        if self.windowed {
            self.owes = true;
            let Running { line, number, .. } = &self.running;
            let patience = stream_patience(&line.node.config, len);
            line.pulse.owes(*number, Instant::now() + patience);
        }
    }

    /// The key that opened it was taken back since. Not before the first piece: the head,
    /// judged just now, goes out with it, and a client should not see neither.
    fn is_revoked(&mut self) -> bool {
        if !mem::replace(&mut self.begun, true) && !self.windowed {
            return false;
        }
        let gate = self.running.line.node.gate.as_deref();
        let leash = self.body.leash.as_mut();
        gate.zip(leash)
            .is_some_and(|(gate, leash)| gate.has_revoked(leash))
    }

    fn pay(&mut self) {
        if self.owes {
            self.owes = false;
            self.running.line.pulse.paid(self.running.number);
        }
    }
}

/// How long a client may take for a piece of a stream: as its least rate says, and no less
/// than it may stand still. Without a least rate only the whole connection is looked at.
fn stream_patience(config: &Config, len: usize) -> Duration {
    let least = config.client_rate_min.as_u64();
    let slow = (len as u64).checked_div(least).map(Duration::from_secs);
    slow.unwrap_or(FOREVER).max(config.client_stall_timeout)
}

impl http_body::Body for Tracked {
    type Data = Bytes;
    type Error = FetchError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, FetchError>>> {
        if self.is_revoked() {
            return Poll::Ready(Some(Err(FetchError::Revoked)));
        }
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        match &frame {
            Poll::Ready(Some(Ok(piece))) => {
                let len = piece.data_ref().map_or(0, Bytes::len);
                self.owe(len);
            }
            Poll::Ready(_) => self.running.whole = true,
            Poll::Pending => self.pay(),
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.pay();
        self.running.whole |= self.body.is_end_stream();
    }
}
