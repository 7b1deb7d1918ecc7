//! Counts what passes through a socket, for [`super::pulse`].

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Line, queue, socket::Socket};

/// See the module.
pub(crate) struct Meter {
    pub(super) socket: Socket,
    line: Arc<Line>,
}

impl Meter {
    pub(super) fn new(socket: Socket, line: Arc<Line>) -> Self {
        Self { socket, line }
    }

    fn wait(&self) {
        self.line.pulse.waits(queue::len(self.socket.tcp()));
    }

    fn count(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Ready(Ok(len)) => {
                self.line.pulse.wrote(*len);
                self.line.node.metrics.sent.increment(*len as u64);
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.wait(),
        }
        written
    }
}

impl AsyncRead for Meter {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let came = Pin::new(&mut self.socket).poll_read(cx, buf);
        self.line.pulse.read(buf.filled().len() - before);
        came
    }
}

impl AsyncWrite for Meter {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.count(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        self.count(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.socket).poll_flush(cx);
        match &flushed {
            // What TLS holds back counts as unwritten.
            Poll::Pending => self.wait(),
            Poll::Ready(_) => self.line.pulse.flushed(),
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.socket).poll_shutdown(cx);
        if shut.is_pending() {
            self.wait();
        }
        shut
    }
}
