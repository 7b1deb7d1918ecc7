//! Connections: accepted, bounded, drained.

use std::{
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt;
use http::{Request, Response, StatusCode, header::CONTENT_LENGTH};
use http_body::Body as _;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use tokio::{
    net::{TcpListener, TcpStream},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Level, Span, debug, enabled, info, info_span, warn};

use crate::{
    Config, EdgeError,
    access_log::{Answered, Watched},
    admin::{self, Listening},
    answer::{answer, is_licence_request},
    body::Body,
    connection::{self, Wire},
    handover::Offer,
    kept_keys::Kept,
    keyring::{self, Pace},
    listeners::Listeners,
    node::Node,
    outcome::Outcome,
    respond::Answer,
    upstream, warm,
};

/// Pause after a failed accept: mostly too many open files, which only time cures.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Longest question for keys that is read, bytes, and longest wait for it. Chosen: as the
/// origin; a longer one ends the connection.
const LICENCE_REQUEST_MAX: usize = 8 << 10;
const LICENCE_REQUEST_WAIT: Duration = Duration::from_secs(5);
/// What a client gets that is one too many.
const FULL: (StatusCode, &[u8]) = (
    StatusCode::SERVICE_UNAVAILABLE,
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n\
access-control-allow-origin: *\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
);
/// What one gets whose address has too many.
const TOO_MANY: (StatusCode, &[u8]) = (
    StatusCode::TOO_MANY_REQUESTS,
    b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\n\
access-control-allow-origin: *\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
);

/// Serves `config.origin` on `listeners` until `shutdown`, then lets running answers end,
/// for at most `config.drain`.
///
/// With a `join` token the origin is Weir's: keys are judged and access classes hold.
/// Without one it is any web site. Once it serves, faults are answers: see
/// [`crate::EdgeError`].
///
/// # Errors
/// What `config` or `join` have wrong. Nothing was served then.
pub async fn serve(
    listeners: impl Into<Listeners>,
    config: Config,
    join: Option<String>,
    shutdown: CancellationToken,
) -> Result<(), EdgeError> {
    let mut listeners = listeners.into();
    let admin = admin::listen(&config, listeners.admin.take()).await?;
    // A process that takes over ends this one as well.
    let told = shutdown;
    let shutdown = told.child_token();
    let node = Arc::new(Node::new(config, join.as_deref())?);
    if let Some(log) = &node.log {
        until_shutdown(&node, &shutdown, log.clone().follow_signals());
    }
    if let Some(gate) = &node.gate {
        let kept = Kept::new(&node.config);
        if let Some(kept) = &kept {
            keyring::recall(gate, kept);
            until_shutdown(&node, &shutdown, kept.clone().follow());
        }
        let how = (pace(&node), kept);
        let follow = keyring::follow(gate.clone(), node.clone(), how);
        until_shutdown(&node, &shutdown, follow);
        if node.config.warm {
            until_shutdown(&node, &shutdown, warm::follow(node.clone(), pace(&node)));
        }
    }
    #[cfg(feature = "tls")]
    if let Some(tls) = &node.tls {
        until_shutdown(&node, &shutdown, tls.clone().follow_files());
    }
    if let Some(path) = &node.config.take_over {
        let offer = Offer::new(path, &listeners, admin.as_ref().and_then(Listening::here))?;
        let offering = offer.run(node.clone(), shutdown.clone());
        until_shutdown(&node, &shutdown, offering);
    }
    if let Some(listener) = admin {
        until_shutdown(&node, &shutdown, admin::serve(node.clone(), listener));
    }
    let parked = node.clone();
    until_shutdown(
        &node,
        &shutdown,
        async move { parked.parked.follow().await },
    );
    for origin in node.sites.origins() {
        until_shutdown(&node, &shutdown, upstream::watch(origin.clone()));
    }
    let Listeners { http, tls, old, .. } = listeners;
    if let Some(old) = old {
        old.retire().await;
    }
    let address = |of: &TcpListener| of.local_addr().ok().map(tracing::field::display);
    info!(
        address = address(&http),
        tls = tls.as_ref().and_then(address),
        pop = node.config.pop,
        sites = node.sites.names(),
        "edge serves"
    );
    tokio::join!(
        accept(&node, http, Wire::Clear, &shutdown),
        accept_tls(&node, tls, &shutdown)
    );
    if !told.is_cancelled() {
        linger(&node).await;
    }
    drain(&node).await;
    node.store.close().await;
    if let Some(log) = &node.log {
        log.close().await;
    }
    Ok(())
}

/// Another process serves from now on: this one gives up its memory, and answers each
/// client once more before it closes, for half of the drain.
async fn linger(node: &Node) {
    node.store.clear();
    node.tasks.close();
    node.lines.linger();
    let _ = timeout(node.config.drain / 2, node.tasks.wait()).await;
}

/// How the origin is asked for news.
fn pace(node: &Node) -> Pace {
    Pace {
        wait: node.config.keys_wait,
        retry_max: node.config.keys_retry_max,
    }
}

/// Runs what never ends by itself; it must not hold up the drain.
fn until_shutdown(
    node: &Node,
    shutdown: &CancellationToken,
    task: impl Future<Output = ()> + Send + 'static,
) {
    let shutdown = shutdown.clone();
    node.spawn(async move {
        shutdown.run_until_cancelled(task).await;
    });
}

async fn accept_tls(node: &Arc<Node>, listener: Option<TcpListener>, shutdown: &CancellationToken) {
    #[cfg(feature = "tls")]
    if let Some(listener) = listener {
        accept(node, listener, Wire::Tls, shutdown).await;
    }
    // `Config::validate` has refused an address for it.
    #[cfg(not(feature = "tls"))]
    let _ = (node, listener, shutdown);
}

async fn accept(node: &Arc<Node>, listener: TcpListener, wire: Wire, shutdown: &CancellationToken) {
    while let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, peer)) => admit(node, stream, peer, wire),
            Err(error) => {
                warn!(%error, "can't accept connections");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn admit(node: &Arc<Node>, stream: TcpStream, peer: SocketAddr, wire: Wire) {
    let Ok(place) = node.places.clone().try_acquire_owned() else {
        node.metrics.cut.increment(1);
        return refuse(node, (&stream, peer), FULL, wire);
    };
    let Ok(guest) = node.clients.admit(peer.ip()) else {
        node.metrics.limited.increment(1);
        return refuse(node, (&stream, peer), TOO_MANY, wire);
    };
    connection::open(node, stream, peer, place, guest, wire);
}

/// One that is too many is told so where that costs nothing, and closed.
fn refuse(
    node: &Node,
    (stream, peer): (&TcpStream, SocketAddr),
    (status, why): (StatusCode, &[u8]),
    wire: Wire,
) {
    if wire == Wire::Clear {
        // A fresh socket has room for it; one that has not gets nothing.
        let _ = stream.try_write(why);
    }
    if let Some(log) = &node.log {
        log.refused(peer, None, (status, Outcome::Overloaded));
    }
}

/// Answers a request that may be answered.
pub(crate) async fn respond(
    node: &Arc<Node>,
    request: Request<Incoming>,
    peer: SocketAddr,
) -> Response<Watched> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let (parts, mut body) = request.into_parts();
    if is_licence_request(node, &parts) {
        // Unread, it would reset the connection over the answer.
        let body = Limited::new(&mut body, LICENCE_REQUEST_MAX).collect();
        let _ = timeout(LICENCE_REQUEST_WAIT, body).await;
    }
    let began = Instant::now();
    let target = parts
        .uri
        .path_and_query()
        .map_or("*", |target| target.as_str());
    // Numbered where there is one: threads that serve hits share no counter for it.
    let span = || {
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        info_span!("request", id, %peer, method = %parts.method, path = %keys::redact(target))
    };
    let debugging = admin::Debugging::of(node, &parts).await;
    let answering = pin!(answer(node, &parts, body));
    let ((answered, leash, site), span) = in_span(answering, span).await;
    let Answer {
        mut response,
        outcome,
        key,
    } = answered;
    if let Some(debugging) = debugging {
        debugging.tell(outcome, response.headers_mut());
    }
    let took = began.elapsed();
    let requests = site.map(|site| &site.requests);
    requests.unwrap_or(&node.metrics.requests).add(outcome);
    if outcome == Outcome::Hit {
        node.metrics.hit.record(took);
    }
    if parts.method == http::Method::HEAD {
        response = without_body(response);
    }
    span.in_scope(|| {
        let status = response.status().as_u16();
        debug!(status, outcome = outcome.as_str(), ?took, "answered");
    });
    let answered = Answered {
        request: &parts,
        peer,
        began,
        took,
        outcome,
        key,
        site,
    };
    let ticket = node.log.as_ref().map(|log| log.ticket(answered, &response));
    response.map(|body| Watched::new(body, ticket, leash))
}

/// Runs a future in a span. One that is ready at once, as a hit is, has nothing to log
/// and goes without, for a span costs as much as its look-up; not so where all is logged.
async fn in_span<T>(
    mut future: Pin<&mut impl Future<Output = T>>,
    span: impl FnOnce() -> Span,
) -> (T, Span) {
    if !enabled!(Level::DEBUG)
        && let Some(done) = future.as_mut().now_or_never()
    {
        return (done, Span::none());
    }
    let span = span();
    (future.instrument(span.clone()).await, span)
}

/// The same, as HEAD wants it (RFC 9110 §9.3.2).
fn without_body(response: Response<Body>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    if let Some(len) = body.size_hint().exact().filter(|len| *len > 0) {
        parts.headers.insert(CONTENT_LENGTH, len.into());
    }
    Response::from_parts(parts, Body::empty())
}

/// The listener is closed; what runs may end, up to the deadline.
async fn drain(node: &Node) {
    let open = node.open();
    let deadline = node.config.drain;
    node.tasks.close();
    node.lines.drain();
    if timeout(deadline, node.tasks.wait()).await.is_ok() {
        info!(open, cut = 0, "drained");
        return;
    }
    let cut = node.open();
    node.metrics.cut.increment(cut as u64);
    warn!(
        open,
        cut,
        ?deadline,
        "drained; what was still running is cut"
    );
    node.lines.cut();
    node.cut.cancel();
    node.tasks.wait().await;
}
