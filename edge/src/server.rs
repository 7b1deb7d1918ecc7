//! Connections: accepted, bounded, drained.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http::{Request, Response, header::CONTENT_LENGTH};
use http_body::Body as _;
use http_body_util::{BodyExt, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::OwnedSemaphorePermit,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, info, info_span, warn};

use crate::{
    Config, EdgeError,
    access_log::{Answered, Watched},
    admin,
    answer::{answer, is_licence_request},
    body::Body,
    keyring::{self, Pace},
    node::Node,
    outcome::Outcome,
    respond::Answer,
    stall::Stall,
    warm,
};

/// Pause after a failed accept: mostly too many open files, which only time cures.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Longest question for keys that is read, bytes, and longest wait for it. Chosen: as the
/// origin; a longer one ends the connection.
const LICENCE_REQUEST_MAX: usize = 8 << 10;
const LICENCE_REQUEST_WAIT: Duration = Duration::from_secs(5);
/// What a client gets that is one too many.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n\
access-control-allow-origin: *\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// Serves `config.origin` on `listener` until `shutdown`, then lets running answers end,
/// for at most `config.drain`.
///
/// With a `join` token the origin is Weir's: keys are judged and access classes hold.
/// Without one it is any web site. Once it serves, faults are answers: see
/// [`crate::EdgeError`].
///
/// # Errors
/// What `config` or `join` have wrong. Nothing was served then.
pub async fn serve(
    listener: TcpListener,
    config: Config,
    join: Option<String>,
    shutdown: CancellationToken,
) -> Result<(), EdgeError> {
    let admin = admin::listen(&config).await?;
    let node = Arc::new(Node::new(config, join.as_deref())?);
    if let Some(listener) = admin {
        until_shutdown(&node, &shutdown, admin::serve(node.clone(), listener));
    }
    let told = node.clone();
    until_shutdown(&node, &shutdown, async move { told.metrics.tell().await });
    if let Some(log) = &node.log {
        until_shutdown(&node, &shutdown, log.clone().follow_signals());
    }
    if let Some(gate) = &node.gate {
        let follow = keyring::follow(gate.clone(), node.origin.clone(), pace(&node));
        until_shutdown(&node, &shutdown, follow);
        if node.config.warm {
            until_shutdown(&node, &shutdown, warm::follow(node.clone(), pace(&node)));
        }
    }
    let graceful = GracefulShutdown::new();
    accept(&node, listener, &graceful, &shutdown).await;
    drain(&node, graceful).await;
    node.store.close().await;
    if let Some(log) = &node.log {
        log.close().await;
    }
    Ok(())
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

async fn accept(
    node: &Arc<Node>,
    listener: TcpListener,
    graceful: &GracefulShutdown,
    shutdown: &CancellationToken,
) {
    while let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, peer)) => match node.places.clone().try_acquire_owned() {
                Ok(place) => open(
                    node,
                    graceful,
                    Connection {
                        stream,
                        peer,
                        place,
                    },
                ),
                Err(_) => refuse(node, &stream),
            },
            Err(error) => {
                warn!(%error, "can't accept connections");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    place: OwnedSemaphorePermit,
}

fn refuse(node: &Node, stream: &TcpStream) {
    node.metrics.cut.increment(1);
    // A fresh socket has room for it; one that has not gets nothing.
    let _ = stream.try_write(FULL);
}

fn open(node: &Arc<Node>, graceful: &GracefulShutdown, connection: Connection) {
    let Connection {
        stream,
        peer,
        place,
    } = connection;
    let _ = stream.set_nodelay(true);
    let config = &node.config;
    let stream = Stall::new(
        stream,
        config.client_stall_timeout,
        node.metrics.sent.clone(),
    );
    let service = {
        let node = node.clone();
        service_fn(move |request| {
            let node = node.clone();
            async move { Ok::<_, Infallible>(respond(&node, request, peer).await) }
        })
    };
    let header_len_max = usize::try_from(config.header_len_max.as_u64()).unwrap_or(usize::MAX);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(config.header_read_timeout)
        .max_header_size(header_len_max)
        .max_headers(config.header_fields_max)
        .serve_connection(TokioIo::new(stream), service);
    let connection = graceful.watch(connection);
    let gauge = Open::new(node);
    node.spawn(async move {
        let _held = (place, gauge);
        if let Err(error) = connection.await {
            debug!(%peer, %error, "connection ended early");
        }
    });
}

/// Counts a connection while it lives.
struct Open(Arc<Node>);

impl Open {
    fn new(node: &Arc<Node>) -> Self {
        node.metrics.connections.increment(1.0);
        Self(node.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.metrics.connections.decrement(1.0);
    }
}

async fn respond(
    node: &Arc<Node>,
    request: Request<Incoming>,
    peer: SocketAddr,
) -> Response<Watched> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
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
    let span =
        info_span!("request", id, %peer, method = %parts.method, path = %keys::redact(target));
    let debugging = admin::Debugging::of(node, &parts).await;
    let answered = answer(node, &parts, body).instrument(span.clone()).await;
    let Answer {
        mut response,
        outcome,
        key,
        site,
    } = answered;
    if let Some(debugging) = debugging {
        debugging.tell(outcome, response.headers_mut());
    }
    let took = began.elapsed();
    let requests = site.as_ref().map(|site| &site.requests);
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
    response.map(|body| Watched::new(body, ticket))
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
async fn drain(node: &Node, graceful: GracefulShutdown) {
    let open = node.open();
    let deadline = node.config.drain;
    node.tasks.close();
    let drained = timeout(deadline, async {
        graceful.shutdown().await;
        node.tasks.wait().await;
    });
    if drained.await.is_ok() {
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
    node.cut.cancel();
    node.tasks.wait().await;
}
