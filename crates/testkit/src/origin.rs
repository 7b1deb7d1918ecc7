use std::{
    collections::HashMap,
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{
    HeaderMap, Request, Response, StatusCode,
    header::{AUTHORIZATION, CONTENT_LENGTH, ETAG, IF_NONE_MATCH, RANGE},
};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use keys::{Claims, KeySet, PublicKey, SigningKey};
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinSet, yield_now},
    time::timeout,
};
use wire::{KeyBulletin, Problem, RevokedBefore, kind};

use crate::{Answer, answer::Step};

/// The join token that a [`FakeOrigin`] takes.
pub const JOIN: &str = "join-token-of-the-fake-origin";

/// Longest wait for an edge to do what a test waits for. Chosen: far above what any takes.
const PATIENCE: Duration = Duration::from_secs(20);

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// An HTTP server that answers each path as its script says, counts and remembers what
/// it was asked, and signs keys. Stops when dropped.
#[derive(Debug)]
pub struct FakeOrigin {
    addr: SocketAddr,
    shared: Arc<Shared>,
    server: JoinSet<()>,
}

/// A request that came in.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Its method.
    pub method: http::Method,
    /// Its path and query.
    pub target: String,
    /// Its fields.
    pub headers: HeaderMap,
}

#[derive(Debug)]
struct Shared {
    routes: Mutex<HashMap<String, Answer>>,
    recorded: Mutex<Vec<Recorded>>,
    asked: watch::Sender<usize>,
    signing: SigningKey,
    keys: watch::Sender<KeyBulletin>,
    keys_answered: Mutex<bool>,
}

impl FakeOrigin {
    /// A server on a free port of this host. Paths without a script are 404.
    pub async fn start() -> Self {
        Self::start_on(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// A server on this address.
    pub async fn start_on(addr: SocketAddr) -> Self {
        let listener = TcpListener::bind(addr).await.expect("the address is free");
        let signing = SigningKey::from_seed([42; 32]);
        let bulletin = KeyBulletin {
            revision: 1,
            jwks: KeySet::new(vec![signing.public()]).to_jwks(),
            ..KeyBulletin::default()
        };
        let shared = Arc::new(Shared {
            routes: Mutex::default(),
            recorded: Mutex::default(),
            asked: watch::Sender::new(0),
            signing,
            keys: watch::Sender::new(bulletin),
            keys_answered: Mutex::new(true),
        });
        let addr = listener
            .local_addr()
            .expect("a bound socket has an address");
        let mut server = JoinSet::new();
        server.spawn(accept(listener, shared.clone()));
        Self {
            addr,
            shared,
            server,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Closes its socket and all connections.
    pub async fn stop(mut self) {
        self.server.shutdown().await;
    }

    /// Answers this path and query so from now on; with `#bytes=0-9` behind it, requests
    /// for that range of it.
    pub fn route(&self, target: &str, answer: Answer) {
        lock(&self.shared.routes).insert(target.to_owned(), answer);
    }

    /// How often this path and query was asked for.
    #[must_use]
    pub fn fetches(&self, target: &str) -> usize {
        self.requests(target).len()
    }

    /// The requests for this path and query, in order.
    #[must_use]
    pub fn requests(&self, target: &str) -> Vec<Recorded> {
        let recorded = lock(&self.shared.recorded);
        let of_target = recorded.iter().filter(|request| request.target == target);
        of_target.cloned().collect()
    }

    /// Waits until this path and query was asked for so often.
    pub async fn asked(&self, target: &str, times: usize) {
        let mut asked = self.shared.asked.subscribe();
        let enough = asked.wait_for(|_| self.fetches(target) >= times);
        let waited = timeout(PATIENCE, enough).await;
        waited
            .expect("the origin is asked in time")
            .expect("the sender is alive");
    }

    /// Signs a key.
    #[must_use]
    pub fn mint(&self, claims: &Claims) -> String {
        keys::mint(&self.shared.signing, claims)
    }

    /// What verifies its keys.
    #[must_use]
    pub fn trusted(&self) -> KeySet {
        KeySet::new(vec![self.shared.signing.public()])
    }

    /// A key that plays this asset for the next hour.
    #[must_use]
    pub fn key(&self, asset: &str) -> String {
        let now = unix_now();
        self.mint(&keys::play(asset, now, now + 3600, format!("jti-{asset}")))
    }

    /// Takes a key back: edges hear it by their long poll.
    pub fn revoke(&self, jti: &str) {
        self.shared.keys.send_modify(|bulletin| {
            bulletin.revision += 1;
            bulletin.revoked.push(jti.to_owned());
        });
    }

    /// Takes back all keys that have something in common.
    pub fn revoke_before(&self, revoked: RevokedBefore) {
        self.shared.keys.send_modify(|bulletin| {
            bulletin.revision += 1;
            bulletin.revoked_before.push(revoked);
        });
    }

    /// Tells edges to trust these public keys, and no others.
    pub fn trust(&self, public: Vec<PublicKey>) {
        self.shared.keys.send_modify(|bulletin| {
            bulletin.revision += 1;
            bulletin.jwks = KeySet::new(public).to_jwks();
        });
    }

    /// Whether `/api/keys` is answered; else it is 503.
    pub fn answer_keys(&self, answered: bool) {
        *lock(&self.shared.keys_answered) = answered;
    }
}

/// Now, in Unix seconds.
#[must_use]
pub fn unix_now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("the clock is past 1970").as_secs()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no holder panics")
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = shared.clone();
        let service = service_fn(move |request| {
            let shared = shared.clone();
            async move { answer(&shared, request).await }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        connections.spawn(async move {
            let _ = connection.await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(shared: &Shared, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let (head, _) = request.into_parts();
    let target = head
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str());
    lock(&shared.recorded).push(Recorded {
        method: head.method.clone(),
        target: target.to_owned(),
        headers: head.headers.clone(),
    });
    shared.asked.send_modify(|asked| *asked += 1);
    if head.uri.path() == "/api/keys" {
        return Ok(bulletin(shared, &head.headers, head.uri.query().unwrap_or_default()).await);
    }
    let scripted = script(shared, target, &head.headers);
    match scripted {
        None => Ok(problem(404, kind::NOT_FOUND)),
        Some(script) => play(script, &head.headers).await,
    }
}

/// What is scripted for this range of the path, or else for the path.
fn script(shared: &Shared, target: &str, asked: &HeaderMap) -> Option<Answer> {
    let routes = lock(&shared.routes);
    let range = asked.get(RANGE).and_then(|field| field.to_str().ok());
    let of_range = range.and_then(|range| routes.get(&format!("{target}#{range}")));
    of_range.or_else(|| routes.get(target)).cloned()
}

async fn play(mut script: Answer, asked: &HeaderMap) -> io::Result<Response<Body>> {
    if let Some(gate) = &script.before {
        gate.passed().await;
    }
    if script.hang_up {
        return Err(io::Error::other("scripted"));
    }
    if script.guarded && !is_joined(asked) {
        return Ok(problem(401, kind::KEY_MISSING));
    }
    let known = script.headers.get(ETAG);
    let mut response = Response::new(Body::default());
    if known.is_some() && asked.get(IF_NONE_MATCH) == known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        script = script.for_range(asked);
        *response.status_mut() = script.status;
        if let Some(len) = script.length() {
            response.headers_mut().insert(CONTENT_LENGTH, len.into());
        }
        *response.body_mut() = body(script.steps);
    }
    response.headers_mut().extend(script.headers);
    Ok(response)
}

fn body(steps: Vec<Step>) -> Body {
    let frames = stream::iter(steps).filter_map(|step| async move {
        match step {
            Step::Bytes(bytes) => Some(Ok(Frame::data(bytes))),
            Step::Cut => {
                // What came before is flushed first.
                yield_now().await;
                Some(Err(io::Error::other("scripted")))
            }
            Step::Wait(gate) => {
                gate.passed().await;
                None
            }
        }
    });
    // A body that is shorter than it claims ends like a cut one.
    let flushed = stream::once(yield_now()).filter_map(|()| async { None });
    StreamBody::new(frames.chain(flushed)).boxed_unsync()
}

async fn bulletin(shared: &Shared, asked: &HeaderMap, query: &str) -> Response<Body> {
    let number = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let value = pairs.find(|(key, _)| *key == name)?.1;
        value.parse::<u64>().ok()
    };
    let (Some(after), Some(wait)) = (number("after"), number("wait")) else {
        return problem(400, kind::BAD_REQUEST);
    };
    if !is_joined(asked) {
        return problem(401, kind::KEY_MISSING);
    }
    if !*lock(&shared.keys_answered) {
        return problem(503, kind::INTERNAL);
    }
    let mut keys = shared.keys.subscribe();
    let news = keys.wait_for(|bulletin| bulletin.revision != after);
    match timeout(Duration::from_secs(wait), news).await {
        Ok(Ok(bulletin)) => {
            let json = serde_json::to_vec(&*bulletin).expect("a bulletin is always JSON");
            respond(StatusCode::OK, json)
        }
        _ => respond(StatusCode::NO_CONTENT, Vec::new()),
    }
}

fn is_joined(asked: &HeaderMap) -> bool {
    asked
        .get(AUTHORIZATION)
        .is_some_and(|field| *field == format!("Bearer {JOIN}"))
}

fn problem(status: u16, kind: &str) -> Response<Body> {
    let problem = Problem::new(status, kind, None);
    let code = StatusCode::from_u16(status).expect("a real status");
    respond(code, problem.to_json())
}

fn respond(status: StatusCode, body: Vec<u8>) -> Response<Body> {
    let full = Full::from(body).map_err(|never: Infallible| match never {});
    let mut response = Response::new(full.boxed_unsync());
    *response.status_mut() = status;
    response
}
