//! The worker API of an origin, over real HTTP, with everything in memory. It is as
//! strict as the real one: segments come in order and without a hole.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{
    body::{Frame, Incoming},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, sync::Notify, task::JoinSet};
use wire::{
    Completion, Failure, Heartbeat, HeartbeatAck, Lease, PackageSettings, Plan, Problem, Progress,
    StoredTrack, kind,
};

use super::{
    PATIENCE,
    published::{Published, Stored},
};

pub(crate) const JOIN: &str = "join-token";

/// How a job ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Ended {
    /// With these warnings.
    Complete(Vec<String>),
    Failed {
        reason: String,
        permanent: bool,
    },
    /// A try that does not count.
    GivenBack,
}

/// What the origin does wrong.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    /// Each connection that reads the source breaks after this many bytes.
    pub(crate) source_breaks_after: Option<usize>,
    /// The lease is lost when this many segments are stored.
    pub(crate) lease_lost_at: Option<usize>,
    /// The asset is deleted when this many segments are stored.
    pub(crate) cancelled_at: Option<usize>,
    /// So many requests of a job, but for its source, are answered 503.
    pub(crate) unavailable: usize,
    /// Seconds that a lease lasts; 0 for 30.
    pub(crate) lease_secs: u32,
}

#[derive(Default)]
struct State {
    source: Vec<u8>,
    lease: Option<Lease>,
    attempt: u32,
    settings: PackageSettings,
    published: Published,
    faults: Faults,
    heartbeats: Vec<Progress>,
    lease_requests: usize,
    source_requests: usize,
    ended: Option<Ended>,
}

/// An origin on a port of its own.
#[derive(Clone)]
pub(crate) struct Origin {
    state: Arc<Mutex<State>>,
    changed: Arc<Notify>,
    at: SocketAddr,
    accepting: Arc<Mutex<JoinSet<()>>>,
}

impl Origin {
    pub(crate) async fn start(source: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let state = Arc::new(Mutex::new(State {
            source,
            ..State::default()
        }));
        let origin = Self {
            state,
            changed: Arc::new(Notify::new()),
            at: listener.local_addr().unwrap(),
            accepting: Arc::default(),
        };
        origin.serve(listener);
        origin
    }

    fn serve(&self, listener: TcpListener) {
        let accept = self.clone().accept(listener);
        self.accepting.lock().unwrap().spawn(accept);
    }

    /// Closes its port and all connections.
    pub(crate) async fn goes_away(&self) {
        let mut accepting = std::mem::take(&mut *self.accepting.lock().unwrap());
        accepting.shutdown().await;
    }

    /// Is at the same port again, and knows what it knew.
    pub(crate) async fn comes_back(&self) {
        self.serve(TcpListener::bind(self.at).await.unwrap());
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.at)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn fail_with(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// Puts the job in the queue, with what is stored already.
    pub(crate) fn offer(&self, ladder: &[u32]) {
        self.offer_with(PackageSettings {
            ladder: ladder.to_vec(),
            ..PackageSettings::default()
        });
    }

    pub(crate) fn offer_with(&self, settings: PackageSettings) {
        let mut state = self.state();
        state.attempt += 1;
        state.ended = None;
        state.settings = settings;
        state.lease = Some(lease(&state));
    }

    /// Changes what is stored, as if another attempt had done it.
    pub(crate) fn tamper(&self, change: impl FnOnce(&mut Published)) {
        change(&mut self.state().published);
    }

    pub(crate) fn published(&self) -> Published {
        self.state().published.clone()
    }

    pub(crate) fn heartbeats(&self) -> Vec<Progress> {
        self.state().heartbeats.clone()
    }

    pub(crate) fn source_requests(&self) -> usize {
        self.state().source_requests
    }

    pub(crate) async fn ended(&self) -> Ended {
        self.until(|state| state.ended.clone()).await
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.state().ended.is_some()
    }

    pub(crate) async fn stored_segments(&self, count: usize) {
        self.until(|state| (stored(state) >= count).then_some(()))
            .await;
    }

    /// Waits until a worker has asked for work so many times.
    pub(crate) async fn lease_requests(&self, count: usize) {
        self.until(|state| (state.lease_requests >= count).then_some(()))
            .await;
    }

    async fn until<T>(&self, found: impl Fn(&State) -> Option<T>) -> T {
        let waiting = async {
            loop {
                let changed = self.changed.notified();
                let now = found(&self.state());
                match now {
                    Some(value) => return value,
                    None => changed.await,
                }
            }
        };
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .expect("it comes to pass")
    }

    async fn accept(self, listener: TcpListener) {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let origin = self.clone();
            let service = service_fn(move |request| {
                let origin = origin.clone();
                async move { Ok::<_, Infallible>(origin.answer(request).await) }
            });
            let server = hyper::server::conn::http1::Builder::new();
            // A body that breaks is an error here, and the client's to handle.
            connections.spawn(server.serve_connection(TokioIo::new(stream), service));
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let path = head.uri.path().to_owned();
        let parts: Vec<&str> = path.trim_start_matches("/api/jobs/").split('/').collect();
        let key = head.headers[header::AUTHORIZATION]
            .to_str()
            .unwrap()
            .to_owned();
        let response = {
            let mut state = self.state();
            match parts[..] {
                ["lease"] => leased(&mut state, &key),
                _ if key != format!("Bearer key-{}", state.attempt) || lost(&state) => {
                    problem(409, kind::LEASE_LOST)
                }
                _ if head.method != Method::GET && state.faults.unavailable > 0 => {
                    state.faults.unavailable -= 1;
                    problem(503, kind::OVERLOADED)
                }
                [_, "source"] => source(&mut state, &head),
                [_, "tracks", track, "segments", n] => {
                    segment(&mut state, track, n, head.uri.query().unwrap(), body)
                }
                [_, "tracks", track, "init"] => init(&mut state, track, body),
                [_, ref rest @ ..] => told(&mut state, rest, &body),
                [] => problem(404, kind::NOT_FOUND),
            }
        };
        self.changed.notify_waiters();
        // An origin without work holds the question; here only a moment.
        if parts == ["lease"] && response.status() == StatusCode::NO_CONTENT {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        response
    }
}

type Body = BoxBody<Bytes, std::io::Error>;

fn lease(state: &State) -> Lease {
    let stored = |(name, track): (&String, &super::published::Track)| StoredTrack {
        track: name.parse().unwrap(),
        init: track.init.is_some(),
        segments: track.segments.len() as u32,
    };
    Lease {
        job: "job-1".parse().unwrap(),
        attempt: state.attempt,
        attempts_max: 3,
        lease_secs: match state.faults.lease_secs {
            0 => 30,
            secs => secs,
        },
        key: format!("key-{}", state.attempt),
        asset: "asset-1".parse().unwrap(),
        version: "version-1".parse().unwrap(),
        source_len_bytes: state.source.len() as u64,
        settings: state.settings.clone(),
        plan: state.published.plan.clone(),
        stored: state.published.tracks.iter().map(stored).collect(),
    }
}

fn stored(state: &State) -> usize {
    state
        .published
        .tracks
        .values()
        .map(|track| track.segments.len())
        .sum()
}

fn lost(state: &State) -> bool {
    state
        .faults
        .lease_lost_at
        .is_some_and(|at| stored(state) >= at)
}

fn leased(state: &mut State, key: &str) -> Response<Body> {
    state.lease_requests += 1;
    if key != format!("Bearer {JOIN}") {
        return problem(401, kind::KEY_INVALID);
    }
    state.lease.take().map_or_else(none, |lease| json(&lease))
}

fn source(state: &mut State, head: &http::request::Parts) -> Response<Body> {
    state.source_requests += 1;
    let range = head.headers[header::RANGE].to_str().unwrap();
    let from: usize = range
        .trim_start_matches("bytes=")
        .trim_end_matches('-')
        .parse()
        .unwrap();
    let rest = Bytes::copy_from_slice(&state.source[from..]);
    let response = Response::builder()
        .status(206)
        .header(header::CONTENT_LENGTH, rest.len());
    let sent = state
        .faults
        .source_breaks_after
        .unwrap_or(rest.len())
        .min(rest.len());
    let broken = (sent < rest.len()).then(|| Err(std::io::Error::other("broken")));
    let frames = stream::iter(
        [Ok(Frame::data(rest.slice(..sent)))]
            .into_iter()
            .chain(broken),
    );
    // Boxed as a stream, so that what was sent is flushed before it breaks.
    response
        .body(BodyExt::boxed(StreamBody::new(frames.then(
            |frame| async {
                tokio::task::yield_now().await;
                frame
            },
        ))))
        .unwrap()
}

fn init(state: &mut State, track: &str, body: Bytes) -> Response<Body> {
    let track = state.published.tracks.entry(track.to_owned()).or_default();
    if track.init.as_ref().is_some_and(|stored| *stored != body) {
        return problem(409, kind::INIT_MISMATCH);
    }
    track.init = Some(body);
    none()
}

fn segment(state: &mut State, track: &str, n: &str, query: &str, bytes: Bytes) -> Response<Body> {
    let number = |name: &str| {
        let pair = query.split('&').find_map(|pair| pair.strip_prefix(name));
        pair.unwrap()
            .trim_start_matches('=')
            .parse::<u64>()
            .unwrap()
    };
    let (start, duration) = (number("start"), number("duration"));
    let Some(track) = state
        .published
        .tracks
        .get_mut(track)
        .filter(|t| t.init.is_some())
    else {
        return problem(400, kind::BAD_REQUEST);
    };
    let repeated =
        |old: &Stored| (old.start, old.duration, &old.bytes) == (start, duration, &bytes);
    if n.parse()
        .ok()
        .and_then(|n: usize| track.segments.get(n))
        .is_some_and(repeated)
    {
        return none();
    }
    let end = track
        .segments
        .last()
        .map_or(0, |last| last.start + last.duration);
    if n.parse() != Ok(track.segments.len()) || start != end {
        return problem(400, kind::BAD_REQUEST);
    }
    track.segments.push(Stored {
        start,
        duration,
        bytes,
    });
    none()
}

/// Plan, heartbeat, complete, fail.
fn told(state: &mut State, what: &[&str], body: &[u8]) -> Response<Body> {
    match what {
        ["plan"] => {
            let plan: Plan = serde_json::from_slice(body).unwrap();
            assert!(state.published.plan.as_ref().is_none_or(|old| *old == plan));
            state.published.plan = Some(plan);
        }
        ["heartbeat"] => {
            let heartbeat: Heartbeat = serde_json::from_slice(body).unwrap();
            state.heartbeats.push(heartbeat.progress);
            let cancel = state
                .faults
                .cancelled_at
                .is_some_and(|at| stored(state) >= at);
            return json(&HeartbeatAck { cancel });
        }
        ["complete"] => {
            let Completion { warnings } = serde_json::from_slice(body).unwrap();
            state.ended = Some(Ended::Complete(warnings));
        }
        ["fail"] => {
            let failure: Failure = serde_json::from_slice(body).unwrap();
            state.ended = Some(match (failure.given_back, failure.permanent) {
                (true, _) => Ended::GivenBack,
                (false, permanent) => Ended::Failed {
                    reason: failure.reason,
                    permanent,
                },
            });
        }
        _ => return problem(404, kind::NOT_FOUND),
    }
    none()
}

fn none() -> Response<Body> {
    Response::builder()
        .status(204)
        .body(full(Bytes::new()))
        .unwrap()
}

fn json(value: &impl serde::Serialize) -> Response<Body> {
    Response::new(full(serde_json::to_vec(value).unwrap().into()))
}

fn problem(status: u16, kind: &str) -> Response<Body> {
    let problem = Problem::new(status, kind, None);
    Response::builder()
        .status(status)
        .body(full(problem.to_json().into()))
        .unwrap()
}

fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed()
}
