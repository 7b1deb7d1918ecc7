//! The worker API of an origin, over real HTTP, with everything in memory. It is as
//! strict as the real one: keys open one attempt at one job, and a segment must fit its
//! neighbours.

use std::{
    collections::BTreeMap,
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
    Completion, Failure, Heartbeat, HeartbeatAck, Lease, LeaseRequest, PackageSettings, Pass,
    PassCost, Plan, Problem, Progress, StoredTrack, Task, TaskKind, kind,
};

use super::{
    PATIENCE,
    board::Board,
    published::{Published, Stored},
};

pub(crate) const JOIN: &str = "join-token";

/// How a version ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Ended {
    /// All jobs are done, with these warnings.
    Complete(Vec<String>),
    /// A job failed.
    Failed { reason: String, permanent: bool },
}

/// What the origin does wrong.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    /// Each connection that reads the source breaks after this many bytes.
    pub(crate) source_breaks_after: Option<usize>,
    /// All leases are lost when this many segments of pictures are stored, and nothing
    /// is lent until [`Origin::lend_again`].
    pub(crate) lease_lost_at: Option<usize>,
    /// The same when this many logs of first passes are stored.
    pub(crate) passes_lost_at: Option<usize>,
    /// The asset is deleted when this many segments of pictures are stored.
    pub(crate) cancelled_at: Option<usize>,
    /// So many requests of a job, but for its source, are answered 503.
    pub(crate) unavailable: usize,
    /// Seconds that a lease lasts; 0 for 30.
    pub(crate) lease_secs: u32,
}

#[derive(Default)]
struct State {
    source: Vec<u8>,
    board: Board,
    settings: PackageSettings,
    published: Published,
    /// Logs of first passes, by span and track.
    passes: BTreeMap<(u32, String), (PassCost, Bytes)>,
    faults: Faults,
    /// Nothing is lent.
    closed: bool,
    /// Requests for pictures since then.
    asked_in_vain: usize,
    heartbeats: Vec<Beat>,
    /// All requests for work, and what they got.
    asks: Vec<(LeaseRequest, Option<Task>)>,
    source_requests: usize,
    source_bytes: usize,
    inits: Vec<String>,
    given_back: Vec<TaskKind>,
    ended: Option<Ended>,
}

/// What a heartbeat told.
#[derive(Debug, Clone)]
pub(crate) struct Beat {
    /// Number of the job.
    pub(crate) job: usize,
    pub(crate) progress: Progress,
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

    /// Puts a new version in the queue.
    /// Asks for these renditions, all of them encoded.
    pub(crate) fn offer(&self, ladder: &[u32]) {
        self.offer_with(PackageSettings {
            ladder: ladder.to_vec(),
            copy: false,
            ..PackageSettings::default()
        });
    }

    pub(crate) fn offer_with(&self, settings: PackageSettings) {
        let mut state = self.state();
        state.settings = settings;
        state.board = Board::start();
    }

    /// Lends what is to be done, after all leases were lost.
    pub(crate) fn lend_again(&self) {
        let mut state = self.state();
        state.faults = Faults::default();
        state.closed = false;
        state.asked_in_vain = 0;
    }

    /// Changes what is stored, as if another attempt had done it.
    pub(crate) fn tamper(&self, change: impl FnOnce(&mut Published)) {
        change(&mut self.state().published);
    }

    pub(crate) fn published(&self) -> Published {
        self.state().published.clone()
    }

    pub(crate) fn heartbeats(&self) -> Vec<Beat> {
        self.state().heartbeats.clone()
    }

    pub(crate) fn source_requests(&self) -> usize {
        self.state().source_requests
    }

    /// Bytes of the source that were sent.
    pub(crate) fn source_bytes(&self) -> usize {
        self.state().source_bytes
    }

    /// The track of each init segment that came, also those that came again.
    pub(crate) fn inits(&self) -> Vec<String> {
        self.state().inits.clone()
    }

    /// The tasks that were given back.
    pub(crate) fn given_back(&self) -> Vec<TaskKind> {
        self.state().given_back.clone()
    }

    /// What was lent, in order, and to which toolchain.
    pub(crate) fn lent(&self) -> Vec<(Task, String)> {
        let state = self.state();
        let lent = |(ask, task): &(LeaseRequest, Option<Task>)| {
            task.clone().map(|task| (task, ask.toolchain.clone()))
        };
        state.asks.iter().filter_map(lent).collect()
    }

    pub(crate) async fn ended(&self) -> Ended {
        self.until(|state| state.ended.clone()).await
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.state().ended.is_some()
    }

    /// Waits until so many segments of pictures are stored.
    pub(crate) async fn stored_segments(&self, count: usize) {
        self.until(|state| (stored(state) >= count).then_some(()))
            .await;
    }

    /// Waits until all leases are lost, and a worker asked for pictures anew.
    pub(crate) async fn asked_after_loss(&self) {
        self.until(|state| (state.asked_in_vain > 0).then_some(()))
            .await;
    }

    /// Waits until a worker with this toolchain asked so many times for pictures.
    pub(crate) async fn asked_with(&self, toolchain: &str, times: usize) {
        let by = |(ask, _): &&(LeaseRequest, Option<Task>)| {
            ask.toolchain.contains(toolchain) && ask.kinds.contains(&TaskKind::Rest)
        };
        self.until(|state| (state.asks.iter().filter(by).count() >= times).then_some(()))
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
            lose_leases(&mut state);
            match parts[..] {
                ["lease"] => leased(&mut state, &key, &body),
                [job, ref rest @ ..] => match state.board.opened(job, &key) {
                    None => problem(409, kind::LEASE_LOST),
                    Some(_) if head.method != Method::GET && state.faults.unavailable > 0 => {
                        state.faults.unavailable -= 1;
                        problem(503, kind::OVERLOADED)
                    }
                    Some(job) => match *rest {
                        ["source"] => source(&mut state, &head),
                        ["tracks", track, "segments", n] => {
                            let query = head.uri.query().unwrap();
                            segment(&mut state, job, (track, n, query), body)
                        }
                        ["tracks", track, "init"] => init(&mut state, track, body),
                        ["passes", track] if head.method == Method::GET => {
                            log(&state, job, track, &head)
                        }
                        ["passes", track] => {
                            let query = head.uri.query().unwrap();
                            pass(&mut state, job, (track, query), body)
                        }
                        ["files", name] => file(&mut state, name, body),
                        _ => told(&mut state, job, rest, &body),
                    },
                },
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

fn lease(state: &State, at: usize) -> Lease {
    let job = state.board.job(at);
    let tracks = &state.published.tracks;
    let from = job.task.segments.map_or(0, |range| range.0);
    let stored = |id: &wire::TrackId| {
        tracks.get(id.as_str()).map(|track| StoredTrack {
            track: id.clone(),
            init: track.init.is_some(),
            segments: (from..)
                .take_while(|n| track.segments.contains_key(n))
                .count() as u32,
        })
    };
    Lease {
        job: format!("job-{at}").parse().unwrap(),
        attempt: job.attempt,
        attempts_max: 3,
        lease_secs: match state.faults.lease_secs {
            0 => 30,
            secs => secs,
        },
        key: state.board.key(at),
        asset: "asset-1".parse().unwrap(),
        version: "version-1".parse().unwrap(),
        source_len_bytes: state.source.len() as u64,
        settings: state.settings.clone(),
        task: job.task.clone(),
        plan: state.published.plan.clone(),
        stored: job.task.tracks.iter().filter_map(stored).collect(),
        addition: None,
        content_keys: None,
        passes: passes(state, &job.task),
    }
}

/// What a task is told of first passes.
fn passes(state: &State, task: &Task) -> Vec<Pass> {
    let of_task = |track: &str| task.tracks.iter().any(|t| t.as_str() == track);
    let found = state.passes.iter().filter(|((_, track), _)| of_task(track));
    let pass = |((span, track), (cost, log)): (&(u32, String), &(PassCost, Bytes))| Pass {
        span: *span,
        track: track.parse().unwrap(),
        len_bytes: log.len() as u64,
        cost: *cost,
    };
    found.map(pass).collect()
}

fn pass(state: &mut State, job: usize, (track, query): (&str, &str), log: Bytes) -> Response<Body> {
    let number = |name: &str| -> f64 {
        let pair = query.split('&').find_map(|pair| pair.strip_prefix(name));
        pair.unwrap().trim_start_matches('=').parse().unwrap()
    };
    let cost = PassCost {
        texture_bits: number("texture_bits") as u64,
        motion_bits: number("motion_bits") as u64,
        other_bits: number("other_bits") as u64,
        scale: number("scale"),
        pictures: number("pictures") as u32,
        secs: number("secs"),
    };
    let task = &state.board.job(job).task;
    if task.kind != TaskKind::FirstPass {
        return problem(400, kind::BAD_REQUEST);
    }
    let key = (task.span, track.to_owned());
    // As with other tasks, another attempt must come to the same.
    assert!(
        state
            .passes
            .get(&key)
            .is_none_or(|old| *old == (cost, log.clone()))
    );
    state.passes.insert(key, (cost, log));
    none()
}

fn log(state: &State, job: usize, track: &str, head: &http::request::Parts) -> Response<Body> {
    let key = (state.board.job(job).task.span, track.to_owned());
    let Some((_, log)) = state.passes.get(&key) else {
        return problem(404, kind::NOT_FOUND);
    };
    let range = head.headers[header::RANGE].to_str().unwrap();
    let (from, last) = range["bytes=".len()..].split_once('-').unwrap();
    let (from, last): (usize, usize) = (from.parse().unwrap(), last.parse().unwrap());
    Response::builder()
        .status(206)
        .body(full(log.slice(from..=last)))
        .unwrap()
}

/// How many segments of pictures are stored.
fn stored(state: &State) -> usize {
    let tracks = state.published.tracks.iter();
    let pictures = tracks.filter(|(name, _)| name.starts_with('v'));
    pictures.map(|(_, track)| track.segments.len()).sum()
}

fn lose_leases(state: &mut State) {
    let reached = |at: &usize| stored(state) >= *at;
    let measured = state.passes.len();
    let passes = state.faults.passes_lost_at.is_some_and(|at| measured >= at);
    if state.faults.lease_lost_at.as_ref().is_some_and(reached) || passes {
        state.faults.lease_lost_at = None;
        state.faults.passes_lost_at = None;
        state.board.take_back();
        state.closed = true;
    }
}

fn leased(state: &mut State, key: &str, body: &[u8]) -> Response<Body> {
    if key != format!("Bearer {JOIN}") {
        return problem(401, kind::KEY_INVALID);
    }
    let ask: LeaseRequest = serde_json::from_slice(body).unwrap();
    let lent = match state.closed || state.ended.is_some() {
        true => None,
        false => state.board.lend(&ask, state.published.plan.as_ref()),
    };
    state.asked_in_vain += usize::from(state.closed && ask.kinds.contains(&TaskKind::Rest));
    let task = lent.map(|at| state.board.job(at).task.clone());
    state.asks.push((ask, task));
    lent.map_or_else(none, |at| json(&lease(state, at)))
}

fn source(state: &mut State, head: &http::request::Parts) -> Response<Body> {
    state.source_requests += 1;
    let range = head.headers[header::RANGE].to_str().unwrap();
    let (from, last) = range["bytes=".len()..].split_once('-').unwrap();
    let end = last
        .parse()
        .map_or(state.source.len(), |last: usize| last + 1);
    let rest = Bytes::copy_from_slice(&state.source[from.parse().unwrap()..end]);
    let response = Response::builder()
        .status(206)
        .header(header::CONTENT_LENGTH, rest.len());
    let sent = state
        .faults
        .source_breaks_after
        .unwrap_or(rest.len())
        .min(rest.len());
    state.source_bytes += sent;
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
    state.inits.push(track.to_owned());
    let track = state.published.tracks.entry(track.to_owned()).or_default();
    if track.init.as_ref().is_some_and(|stored| *stored != body) {
        return problem(409, kind::INIT_MISMATCH);
    }
    track.init = Some(body);
    none()
}

fn file(state: &mut State, name: &str, body: Bytes) -> Response<Body> {
    state.published.files.insert(name.to_owned(), body);
    none()
}

/// A segment of its task's, that ends where the next one starts, and starts where the
/// one before ends.
fn segment(
    state: &mut State,
    job: usize,
    (track, n, query): (&str, &str, &str),
    bytes: Bytes,
) -> Response<Body> {
    let number = |name: &str| {
        let pair = query.split('&').find_map(|pair| pair.strip_prefix(name));
        pair.unwrap()
            .trim_start_matches('=')
            .parse::<u64>()
            .unwrap()
    };
    let new = Stored {
        start: number("start"),
        duration: number("duration"),
        iframe_len: number("iframe"),
        bytes,
    };
    let task = &state.board.job(job).task;
    let n: u32 = n.parse().unwrap();
    let within = task
        .segments
        .is_none_or(|(from, end)| (from..end).contains(&n));
    let own = task.tracks.iter().any(|t| t.as_str() == track) && within;
    let tracks = &mut state.published.tracks;
    let stored = tracks.get_mut(track).filter(|t| own && t.init.is_some());
    let Some(track) = stored else {
        return problem(400, kind::BAD_REQUEST);
    };
    let at = |n: Option<u32>| n.and_then(|n| track.segments.get(&n));
    let follows = at(n.checked_sub(1)).is_none_or(|old| old.end() == new.start);
    let leads = at(n.checked_add(1)).is_none_or(|next| new.end() == next.start);
    let first = (n == 0) <= (new.start == 0);
    match track.segments.get(&n) {
        Some(old) if *old == new => none(),
        None if follows && leads && first => {
            track.segments.insert(n, new);
            none()
        }
        _ => problem(400, kind::BAD_REQUEST),
    }
}

/// Plan, heartbeat, complete, fail.
fn told(state: &mut State, job: usize, what: &[&str], body: &[u8]) -> Response<Body> {
    match what {
        ["plan"] => {
            let plan: Plan = serde_json::from_slice(body).unwrap();
            assert!(state.published.plan.as_ref().is_none_or(|old| *old == plan));
            state.published.plan = Some(plan);
        }
        ["heartbeat"] => {
            let Heartbeat { progress } = serde_json::from_slice(body).unwrap();
            state.heartbeats.push(Beat { job, progress });
            let deleted = |at: usize| stored(state) >= at;
            let cancel = state.faults.cancelled_at.is_some_and(deleted);
            state.closed |= cancel;
            return json(&HeartbeatAck { cancel });
        }
        ["complete"] => {
            let Completion { warnings, analysis } = serde_json::from_slice(body).unwrap();
            if let (Some(plan), Some(analysis)) = (&mut state.published.plan, analysis) {
                plan.analysis = Some(analysis);
            }
            let plan = state.published.plan.as_ref();
            assert!(state.published.holds(&state.board.job(job).task));
            state.board.complete(job, warnings, plan);
            state.ended = state.board.whole(plan).map(Ended::Complete);
        }
        ["fail"] => failed(state, job, serde_json::from_slice(body).unwrap()),
        _ => return problem(404, kind::NOT_FOUND),
    }
    none()
}

/// Here the first attempt that fails ends it all, so that tests see why.
fn failed(state: &mut State, job: usize, failure: Failure) {
    let kind = state.board.job(job).task.kind;
    state.board.give_back(job);
    if failure.given_back {
        state.given_back.push(kind);
        return;
    }
    state.ended.get_or_insert(Ended::Failed {
        reason: failure.reason,
        permanent: failure.permanent,
    });
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
