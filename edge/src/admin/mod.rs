//! The operator's listener: purges, and what an edge would do with a request. Apart from the
//! viewers', and only for who shows the token.

mod explain;
mod purge;
mod token;

use std::{convert::Infallible, io::ErrorKind, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE},
    request::Parts,
};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::sleep,
};
use tracing::{debug, info, warn};
use wire::{Problem, kind};

pub(crate) use self::{explain::Debugging, token::Token};
use crate::{
    Config, EdgeError,
    answer::parse,
    node::Node,
    path::{Refused, Target},
};

/// Connections at one time; more are closed. Chosen: operators, not viewers.
const CONNECTIONS_MAX: usize = 16;
/// Longest wait for a request's header; also how long an idle connection is kept.
const HEADER_WAIT: Duration = Duration::from_secs(10);
/// Pause after a failed accept: mostly too many open files, which only time cures.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Pause before its address is tried again that another process has.
const TAKEN_PAUSE: Duration = Duration::from_millis(100);
/// Switches the listener off.
const OFF: &str = "off";

/// Where it listens; `None` if nowhere.
pub(crate) fn address(config: &Config) -> Result<Option<SocketAddr>, EdgeError> {
    if config.admin_listen == OFF {
        return Ok(None);
    }
    let limit = |key, why| EdgeError::Limit { key, why };
    let why = "it is neither an ADDRESS:PORT nor \"off\"";
    let address = config.admin_listen.parse();
    let address = address.map_err(|_| limit("admin_listen", why))?;
    if config.admin_token_file.as_os_str().is_empty() {
        let why = "admin_listen needs it; a file that is not there is made, with a new token";
        return Err(limit("admin_token_file", why));
    }
    Ok(Some(address))
}

/// An address of the admin listener.
pub(crate) enum Listening {
    Here(TcpListener),
    /// The process that is taken over still listens there.
    Soon(SocketAddr),
}

impl Listening {
    /// For a process that takes over.
    pub(crate) fn here(&self) -> Option<&TcpListener> {
        match self {
            Self::Here(listener) => Some(listener),
            Self::Soon(_) => None,
        }
    }
}

/// Listens there, on what was taken over if it does, or will once the process before this one
/// has let go.
pub(crate) async fn listen(
    config: &Config,
    taken: Option<TcpListener>,
) -> Result<Option<Listening>, EdgeError> {
    let Some(address) = address(config)? else {
        return Ok(None);
    };
    let is_it = |taken: &TcpListener| taken.local_addr().is_ok_and(|other| other == address);
    if let Some(taken) = taken.filter(is_it) {
        return Ok(Some(Listening::Here(taken)));
    }
    match TcpListener::bind(address).await {
        Ok(listener) => {
            if let Ok(address) = listener.local_addr() {
                info!(%address, "the admin listener takes purges");
            }
            Ok(Some(Listening::Here(listener)))
        }
        Err(error) if config.take_over.is_some() && error.kind() == ErrorKind::AddrInUse => {
            Ok(Some(Listening::Soon(address)))
        }
        Err(error) => Err(EdgeError::Admin { address, error }),
    }
}

/// Serves until dropped.
pub(crate) async fn serve(node: Arc<Node>, listening: Listening) {
    let listener = match listening {
        Listening::Here(listener) => listener,
        Listening::Soon(address) => loop {
            sleep(TAKEN_PAUSE).await;
            if let Ok(listener) = TcpListener::bind(address).await {
                break listener;
            }
        },
    };
    accept(node, listener).await;
}

async fn accept(node: Arc<Node>, listener: TcpListener) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let Ok(place) = places.clone().try_acquire_owned() else {
                    continue;
                };
                let node = node.clone();
                node.clone().spawn(async move {
                    connection(node, stream).await;
                    drop(place);
                });
            }
            Err(error) => {
                warn!(%error, "can't accept connections of operators");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(node: Arc<Node>, stream: TcpStream) {
    let service = service_fn(move |request| {
        let node = node.clone();
        async move { Ok::<_, Infallible>(answer(&node, request).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_WAIT)
        // One request each: nothing idle keeps a drain from ending.
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = served.await {
        debug!(%error, "a connection of an operator ended early");
    }
}

async fn answer(node: &Arc<Node>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    if !is_admin(node, request.headers()) {
        return unauthorized();
    }
    match (request.method(), request.uri().path()) {
        (&Method::POST, "/purge") => purge::answer(node, request).await,
        (&Method::GET, "/explain") => explain::answer(node, request.uri().query()).await,
        (_, "/purge") => not_allowed("POST"),
        (_, "/explain") => not_allowed("GET"),
        _ => problem(404, kind::NOT_FOUND, "here are /purge and /explain"),
    }
}

/// A GET of an address, whole or from its path on.
fn parts_of(url: &str) -> Result<Parts, &'static str> {
    let request = Request::get(url).body(());
    let (parts, ()) = request.map_err(|_| "it is no address")?.into_parts();
    if parts.uri.path().starts_with('/') {
        Ok(parts)
    } else {
        Err("it begins neither with http:// nor with a slash")
    }
}

/// What an address stands for here.
fn target_of(node: &Node, url: &str) -> Result<Target, String> {
    let parts = parts_of(url)?;
    let site = node.sites.of(&parts);
    let site = site.ok_or("no site of this edge has this host; write the whole address")?;
    parse(node, site, &parts).map_err(Refused::why)
}

fn is_admin(node: &Node, headers: &HeaderMap) -> bool {
    let field = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
    let scheme = |field: &[u8]| {
        field
            .first_chunk()
            .is_some_and(|it: &[u8; 7]| it.eq_ignore_ascii_case(b"bearer "))
    };
    let field = field.filter(|field| scheme(field));
    let shown = field.map_or(&b""[..], |field| field["bearer ".len()..].trim_ascii());
    node.admin.as_ref().is_some_and(|token| token.is(shown))
}

fn unauthorized() -> Response<Full<Bytes>> {
    let why = "send the token of edge.admin_token_file: Authorization: Bearer <token>";
    let mut response = problem(401, kind::KEY_MISSING, why);
    let bearer = HeaderValue::from_static("Bearer");
    response.headers_mut().insert(WWW_AUTHENTICATE, bearer);
    response
}

fn not_allowed(method: &'static str) -> Response<Full<Bytes>> {
    let mut response = problem(405, kind::BAD_REQUEST, format!("this takes {method}"));
    let method = HeaderValue::from_static(method);
    response.headers_mut().insert(ALLOW, method);
    response
}

fn problem(status: u16, kind: &str, detail: impl Into<String>) -> Response<Full<Bytes>> {
    let problem = Problem::new(status, kind, detail.into());
    let mut response = typed(Problem::CONTENT_TYPE, problem.to_json());
    *response.status_mut() = StatusCode::from_u16(status).expect("all here are statuses");
    response
}

fn json(value: &impl Serialize) -> Response<Full<Bytes>> {
    let text = serde_json::to_vec(value).expect("strings and numbers are always JSON");
    typed("application/json", text)
}

fn typed(kind: &'static str, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
