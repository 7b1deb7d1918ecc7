//! HTTP/2 (RFC 9113).

use std::{convert::Infallible, future::poll_fn, pin::Pin, sync::Arc, task::Poll, time::Duration};

use hyper::{rt::Executor, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tracing::debug;

use super::{
    Line,
    meter::Meter,
    pulse::Order,
    socket::Socket,
    watch::{Patience, Verdict, Watch},
};
use crate::node::Node;

/// What every client of HTTP/2 sends first begins with this (RFC 9113 §3.4); no method
/// of HTTP/1 does.
pub(super) const PREFACE_START: &[u8; 4] = b"PRI ";

/// Bytes that a client may send before it is told to go on, on a stream and on all of
/// them: the least allowed (RFC 9113 §6.9.2), as requests have next to no bodies.
pub(super) const RECEIVE_WINDOW: u32 = 65_535;
/// What of one answer may wait for the client's window. Chosen: two round trips of 50 ms
/// at 20 Mbit/s, an eighth of an object's piece; hyper's own is 400 KiB.
const SEND_BUFFER: usize = 256 << 10;
/// Streams that a client may open and reset before they are looked at, and errors of its
/// making that are answered by a reset, before the connection ends (CVE-2023-44487,
/// RUSTSEC-2024-0003). Chosen.
const UNSEEN_RESETS_MAX: usize = 20;
const ERROR_RESETS_MAX: usize = 100;
/// Longest wait for the answer to a ping, and for an idle client to close after GOAWAY.
const PING_WAIT: Duration = Duration::from_secs(20);
const GOAWAY_WAIT: Duration = Duration::from_secs(5);

/// Streams run as tasks of the node, so that the drain waits for them.
#[derive(Clone)]
struct OfNode(Arc<Node>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for OfNode {
    fn execute(&self, stream: F) {
        self.0.spawn(stream);
    }
}

/// Serves until the connection ends.
pub(super) async fn serve(line: &Arc<Line>, socket: Socket) {
    let config = &line.node.config;
    let service = {
        let line = line.clone();
        service_fn(move |request| {
            let line = line.clone();
            async move { Ok::<_, Infallible>(super::answer(line, request).await) }
        })
    };
    let header_len_max = u32::try_from(config.header_len_max.as_u64()).unwrap_or(u32::MAX);
    let ping = config.h2_ping_interval;
    let mut connection = http2::Builder::new(OfNode(line.node.clone()))
        .timer(TokioTimer::new())
        .max_concurrent_streams(config.h2_streams_max)
        // CONTINUATION frames are bounded by it too (in h2: a little over what it takes).
        .max_header_list_size(header_len_max)
        .max_pending_accept_reset_streams(UNSEEN_RESETS_MAX)
        .max_local_error_reset_streams(ERROR_RESETS_MAX)
        .initial_stream_window_size(RECEIVE_WINDOW)
        .initial_connection_window_size(RECEIVE_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval((!ping.is_zero()).then_some(ping))
        .keep_alive_timeout(PING_WAIT)
        .serve_connection(TokioIo::new(Meter::new(socket, line.clone())), service);
    let mut watch = Watch::new(Patience::http2(config, config.keep_alive_idle), &line.pulse);
    let mut going = false;
    let mut idle = false;
    poll_fn(|cx| {
        line.pulse.waker.register(cx.waker());
        loop {
            if let Poll::Ready(ended) = Pin::new(&mut connection).poll(cx) {
                if let Err(error) = ended {
                    debug!(peer = %line.peer, %error, "connection ended early");
                }
                return Poll::Ready(());
            }
            let order = line.pulse.order();
            if order == Order::Cut {
                return Poll::Ready(());
            }
            if !going && (idle || order != Order::GoOn) {
                going = true;
                watch.idle_from_now(GOAWAY_WAIT);
                Pin::new(&mut connection).graceful_shutdown();
                continue;
            }
            match watch.poll(&line.pulse, cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Verdict::Look) => {}
                Poll::Ready(Verdict::Idle) if !going => idle = true,
                Poll::Ready(Verdict::Idle) => return Poll::Ready(()),
                Poll::Ready(Verdict::Cut(why)) => {
                    line.cut(why);
                    return Poll::Ready(());
                }
            }
        }
    })
    .await;
}
