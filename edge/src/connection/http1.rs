//! HTTP/1.1 and 1.0 (RFC 9112).

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Poll, ready},
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tracing::debug;

use super::{
    Line,
    meter::Meter,
    pulse::Order,
    socket::Socket,
    watch::{Patience, Verdict, Watch},
};

/// After so long without a request a connection keeps only its socket. Chosen: a client
/// that asks again sooner pays nothing, and one that plays asks every few seconds.
const PARK_AFTER: Duration = Duration::from_secs(1);

/// What ended it.
enum End {
    Parked,
    Closed,
}

/// Serves until the connection has been idle for a moment, and gives it back then.
pub(super) async fn serve(line: &Arc<Line>, socket: Socket) -> Option<Socket> {
    let config = &line.node.config;
    let service = {
        let line = line.clone();
        service_fn(move |request| {
            let line = line.clone();
            async move { Ok::<_, Infallible>(super::answer(line, request).await) }
        })
    };
    let header_len_max = usize::try_from(config.header_len_max.as_u64()).unwrap_or(usize::MAX);
    let mut connection = http1::Builder::new()
        // [`Watch`] does that, without a timer for each request.
        .header_read_timeout(None)
        .max_header_size(header_len_max)
        .max_headers(config.header_fields_max)
        .serve_connection(TokioIo::new(Meter::new(socket, line.clone())), service);
    let mut watch = Watch::new(Patience::http1(config, PARK_AFTER), &line.pulse);
    let mut draining = false;
    let end = poll_fn(|cx| {
        line.pulse.waker.register(cx.waker());
        loop {
            if let Poll::Ready(ended) = Pin::new(&mut connection).poll(cx) {
                if let Err(error) = ended {
                    debug!(peer = %line.peer, %error, "connection ended early");
                    line.unread(&error);
                }
                return Poll::Ready(End::Closed);
            }
            match line.pulse.order() {
                Order::Cut => return Poll::Ready(End::Closed),
                Order::Drain if !draining => {
                    draining = true;
                    Pin::new(&mut connection).graceful_shutdown();
                    continue;
                }
                Order::Drain | Order::Linger | Order::GoOn => {}
            }
            match ready!(watch.poll(&line.pulse, cx)) {
                Verdict::Look => {}
                Verdict::Idle => return Poll::Ready(End::Parked),
                Verdict::Cut(why) => {
                    line.cut(why);
                    return Poll::Ready(End::Closed);
                }
            }
        }
    });
    match end.await {
        End::Closed => None,
        End::Parked => {
            let parts = connection.into_parts();
            // The begin of a header came after the clock was read: rare, and the client
            // asks again.
            parts
                .read_buf
                .is_empty()
                .then(|| parts.io.into_inner().socket)
        }
    }
}
