//! An answer's body, whose connection knows when it is over.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};

use super::Line;
use crate::{body::Body, fetch::FetchError};

/// A request that runs: counted until it is dropped.
pub(super) struct Running {
    line: Arc<Line>,
    /// It is not the client that ended it.
    whole: bool,
}

impl Running {
    pub(super) fn new(line: Arc<Line>) -> Self {
        Self { line, whole: false }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.line.pulse.end(self.whole);
    }
}

/// See the module.
pub(crate) struct Tracked {
    body: Body,
    running: Running,
    /// HTTP/2, where pieces wait for the client's window, out of sight of the socket.
    windowed: bool,
    owes: bool,
}

impl Tracked {
    pub(super) fn new(body: Body, running: Running, windowed: bool) -> Self {
        Self {
            body,
            running,
            windowed,
            owes: false,
        }
    }

    fn owe(&mut self, more: bool) {
        if self.windowed && more != self.owes {
            self.owes = more;
            self.running.line.pulse.owes(more);
        }
    }
}

impl http_body::Body for Tracked {
    type Data = Bytes;
    type Error = FetchError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, FetchError>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        match &frame {
            Poll::Ready(Some(Ok(_))) => self.owe(true),
            Poll::Ready(_) => self.running.whole = true,
            Poll::Pending => self.owe(false),
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
        self.owe(false);
        self.running.whole |= self.body.is_end_stream();
    }
}
