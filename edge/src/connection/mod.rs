//! One client's connection, from its acceptance to its end.
//!
//! While it waits for a request, a connection is only a socket and a small task: hyper's
//! parser and buffers are made when bytes come, and given up after a second of silence.
//! The first bytes say whether it is HTTP/1 or HTTP/2; under TLS, ALPN does.

mod http1;
mod http2;
mod meter;
mod pulse;
mod queue;
mod register;
mod socket;
mod tracked;
mod watch;

use std::{future::poll_fn, net::SocketAddr, sync::Arc, task::Poll, time::Duration};

use http::{
    HeaderValue, Request, Response, StatusCode, Version, header::CONNECTION, request::Parts,
};
use hyper::body::Incoming;
use rustix::net::sockopt::set_socket_send_buffer_size;
use tokio::{
    net::TcpStream,
    sync::OwnedSemaphorePermit,
    time::{sleep, sleep_until, timeout},
};
use tracing::{debug, warn};

pub(crate) use register::Register;

use self::{
    pulse::{Order, Pulse},
    socket::Socket,
    tracked::{Running, Tracked},
};
use crate::{
    access_log::Watched, clients::Guest, lanes::Seat, node::Node, outcome::Outcome, request,
    respond::Answer, server,
};

/// Pause before the first bytes are looked at again when there are too few to tell; doubled
/// each time, so that drop by drop they cost nothing.
const PREFACE_PAUSE: Duration = Duration::from_millis(10);

/// How its bytes come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    Clear,
    #[cfg(feature = "tls")]
    Tls,
}

/// What all requests of a connection share.
pub(crate) struct Line {
    node: Arc<Node>,
    peer: SocketAddr,
    /// Its client's share; none for who is not limited.
    guest: Option<Guest>,
    pulse: Pulse,
    id: u64,
    seat: Seat,
    _place: OwnedSemaphorePermit,
}

/// Serves a connection, in a task of its own.
pub(crate) fn open(
    node: &Arc<Node>,
    stream: TcpStream,
    peer: SocketAddr,
    place: OwnedSemaphorePermit,
    guest: Option<Guest>,
    wire: Wire,
) {
    let _ = stream.set_nodelay(true);
    let send_buffer = node.config.send_buffer.as_u64();
    if send_buffer > 0 {
        let _ = set_socket_send_buffer_size(&stream, usize::try_from(send_buffer).unwrap_or(0));
    }
    let (seat, stream) = match node.lanes.take(stream) {
        Ok(taken) => taken,
        Err(error) => {
            node.metrics.cut.increment(1);
            return warn!(%peer, %error, "can't take a connection");
        }
    };
    node.metrics.connections.increment(1.0);
    let line = Arc::new_cyclic(|line| Line {
        node: node.clone(),
        peer,
        guest,
        pulse: Pulse::default(),
        id: node.lines.add(line),
        seat,
        _place: place,
    });
    line.pulse.give(node.lines.order());
    let lane = line.seat.runtime.clone();
    node.tasks.spawn_on(run(line, stream, wire), &lane);
}

impl Line {
    fn cut(&self, why: &'static str) {
        self.node.metrics.cut.increment(1);
        debug!(peer = %self.peer, why, "connection cut");
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.node.lines.remove(self.id);
        self.node.metrics.connections.decrement(1.0);
    }
}

async fn run(line: Arc<Line>, stream: TcpStream, wire: Wire) {
    let begun = match wire {
        // Boxed, as what is needed once must not make each idle connection larger.
        Wire::Clear => Box::pin(begin(&line, stream)).await,
        #[cfg(feature = "tls")]
        Wire::Tls => Box::pin(begin_tls(&line, stream)).await,
    };
    let mut socket = match begun {
        None => return,
        Some((socket, Version::HTTP_2)) => return Box::pin(http2::serve(&line, socket)).await,
        Some((socket, _)) => socket,
    };
    loop {
        match Box::pin(http1::serve(&line, socket)).await {
            None => return,
            Some(parked) => socket = parked,
        }
        let _parked = line.node.parked.add();
        let idle = line.node.config.keep_alive_idle;
        if !readable(&line, socket.tcp(), idle).await {
            return;
        }
    }
}

/// Waits for the first bytes, and tells by them what is spoken.
async fn begin(line: &Line, stream: TcpStream) -> Option<(Socket, Version)> {
    let patience = line.node.config.header_read_timeout;
    let look = async {
        let mut start = [0; http2::PREFACE_START.len()];
        let mut pause = PREFACE_PAUSE;
        loop {
            if !readable(line, &stream, patience).await {
                return None;
            }
            match stream.peek(&mut start).await {
                Ok(0) | Err(_) => return None,
                Ok(len) if &start == http2::PREFACE_START => {
                    debug_assert_eq!(len, start.len());
                    return Some(Version::HTTP_2);
                }
                Ok(len) if len < start.len() && http2::PREFACE_START.starts_with(&start[..len]) => {
                    sleep(pause).await;
                    pause *= 2;
                }
                Ok(_) => return Some(Version::HTTP_11),
            }
        }
    };
    let look = until_cut(line, timeout(patience, look));
    let version = look.await.and_then(Result::ok).flatten();
    if version.is_none() {
        debug!(peer = %line.peer, "a connection without a request");
    }
    Some((Socket::Clear(stream), version?))
}

#[cfg(feature = "tls")]
async fn begin_tls(line: &Line, stream: TcpStream) -> Option<(Socket, Version)> {
    let tls = line.node.tls.as_ref()?;
    let stream = match until_cut(line, tls.accept(stream)).await? {
        Ok(stream) => stream,
        Err(error) => {
            line.node.metrics.handshakes_failed.increment(1);
            debug!(peer = %line.peer, %error, "no TLS");
            return None;
        }
    };
    let version = match stream.get_ref().1.alpn_protocol() {
        Some(b"h2") => Version::HTTP_2,
        _ => Version::HTTP_11,
    };
    Some((Socket::Tls(Box::new(stream)), version))
}

/// What comes of a future, if the edge does not cut the connection before.
async fn until_cut<T>(line: &Line, future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    poll_fn(|cx| {
        line.pulse.waker.register(cx.waker());
        match line.pulse.order() {
            Order::Cut => Poll::Ready(None),
            Order::GoOn | Order::Linger | Order::Drain => future.as_mut().poll(cx).map(Some),
        }
    })
    .await
}

/// Whether bytes come in time, and before the edge drains.
async fn readable(line: &Line, stream: &TcpStream, patience: Duration) -> bool {
    let mut alarm = std::pin::pin!(sleep_until(tokio::time::Instant::now() + patience));
    poll_fn(|cx| {
        line.pulse.waker.register(cx.waker());
        // What has come is answered, even now that the edge drains.
        match stream.poll_read_ready(cx) {
            Poll::Ready(ready) => Poll::Ready(ready.is_ok()),
            Poll::Pending if matches!(line.pulse.order(), Order::Drain | Order::Cut) => {
                Poll::Ready(false)
            }
            Poll::Pending => alarm.as_mut().poll(cx).map(|()| false),
        }
    })
    .await
}

/// Answers one request, unless its client asks too often or what it says is no request.
async fn answer(line: Arc<Line>, request: Request<Incoming>) -> Response<Tracked> {
    let count = line.pulse.begin();
    let running = Running::new(line.clone(), count);
    let windowed = request.version() == Version::HTTP_2;
    let (mut parts, body) = request.into_parts();
    let (response, close) = match request::check(&line.node.config, &mut parts) {
        _ if line.is_over_its_rate() => {
            line.node.metrics.limited.increment(1);
            (line.refused(&parts, request::too_many()), false)
        }
        Err(fault) => (line.refused(&parts, fault.answer()), true),
        Ok(()) => {
            let request = Request::from_parts(parts, body);
            let response =
                server::respond(&line.node, request, (line.peer, line.guest.as_ref())).await;
            let last = count >= line.node.config.connection_requests_max;
            (response, last || line.pulse.order() != Order::GoOn)
        }
    };
    let mut response = response.map(|body| Tracked::new(body, running, windowed));
    if close && !windowed {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    response
}

impl Line {
    fn is_over_its_rate(&self) -> bool {
        self.guest.as_ref().is_some_and(|guest| !guest.may_ask())
    }

    fn refused(&self, request: &Parts, answer: Answer) -> Response<Watched> {
        let status = answer.response.status();
        self.count_refused(Some(request), (status, answer.outcome));
        answer.response.map(|body| Watched::new(body, None, None))
    }

    /// hyper has refused what it could not read as a request, with these same statuses.
    fn unread(&self, error: &hyper::Error) {
        let status = if error.is_parse_too_large() {
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
        } else {
            StatusCode::BAD_REQUEST
        };
        if error.is_parse() {
            self.count_refused(None, (status, Outcome::Refused));
        }
    }

    fn count_refused(&self, request: Option<&Parts>, end: (StatusCode, Outcome)) {
        self.node.metrics.requests.add(end.1);
        if let Some(log) = &self.node.log {
            log.refused(self.peer, request, end);
        }
    }
}
