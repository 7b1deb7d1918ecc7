//! From a request to its answer.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use http::{
    HeaderValue, Method, Response, StatusCode,
    header::{ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE},
    request::Parts,
};
use tokio::time::Instant;

use crate::{
    access::{Refusal, Viewer},
    body::Body,
    cors,
    fetch::{Credential, FetchError},
    fill::{Arrival, Reader},
    fills::{FillKey, Joined},
    freshness::{Share, State},
    head::{Head, Object},
    node::Node,
    outcome::Outcome,
    path::{Refused, Site, Target},
    pump::{self, Order},
    respond::{self, Answer, Asked, Note},
};

/// Answers a request; its body, if it has one, is not read.
pub(crate) async fn answer(node: &Arc<Node>, request: &Parts) -> Answer {
    match (&request.method, request.uri.path()) {
        (&Method::OPTIONS, _) => preflight(),
        (&Method::GET | &Method::HEAD, "/healthz") => healthy(),
        (&Method::GET | &Method::HEAD, "/readyz") => readiness(node),
        (&Method::GET | &Method::HEAD, _) => read(node, request).await,
        _ if is_licence_request(node, request) => read(node, request).await,
        _ => method_refused(),
    }
}

/// A player's question for the keys of an asset. What it says is of no account: the answer
/// has all keys, so it is asked for as by GET, and no cache may keep it.
pub(crate) fn is_licence_request(node: &Node, request: &Parts) -> bool {
    let path = request.uri.path();
    let is_media = path.starts_with("/v/") || path.starts_with("/k/");
    let is_post = node.site() == Site::Weir && request.method == Method::POST;
    is_post && is_media && path.ends_with("/license")
}

async fn read(node: &Arc<Node>, request: &Parts) -> Answer {
    let target = match parse(node, request) {
        Ok(target) => target,
        Err(refused) => return target_refused(refused),
    };
    let authorization = request.headers.get(AUTHORIZATION);
    let viewer = match &node.gate {
        None => Ok(Viewer::Anyone),
        Some(gate) => gate.admit(&target, authorization, unix_now()),
    };
    let viewer = match viewer {
        Ok(viewer) => viewer,
        Err(refusal) => return respond::refusal(refusal),
    };
    let exchange = Exchange {
        node,
        // RFC 9111 §3.5: what is fetched with a client's credential is not shared.
        own: authorization.filter(|_| node.site() == Site::Plain),
        target,
        asked: Asked {
            headers: &request.headers,
            head_only: request.method == Method::HEAD,
            viewer,
        },
    };
    exchange.run().await
}

/// One request that passed the gate.
struct Exchange<'a> {
    node: &'a Arc<Node>,
    target: Target,
    asked: Asked<'a>,
    own: Option<&'a HeaderValue>,
}

impl Exchange<'_> {
    async fn run(&self) -> Answer {
        if self.own.is_some() {
            return self.fetch_apart(Outcome::Bypass, None).await;
        }
        let now = Instant::now();
        let stored = self.stored();
        if let Some(object) = &stored {
            match object.head.freshness.state(now) {
                State::Fresh => return self.serve(object, Outcome::Hit, now),
                State::WhileRevalidate => {
                    self.refresh(object);
                    return self.serve(object, Outcome::Stale, now);
                }
                State::Stale => {}
            }
        }
        if self.was_refused(now) {
            let negative = Answer {
                outcome: Outcome::Negative,
                ..respond::refusal(Refusal::Missing)
            };
            return self.noted(negative, Note::default());
        }
        self.fetch(stored).await
    }

    /// What is stored, if this viewer may read it.
    fn stored(&self) -> Option<Arc<Object>> {
        let object = self.node.store.get(&self.target.key)?;
        let may_read = self.asked.viewer.may_read(object.head.access);
        may_read.then_some(object)
    }

    fn serve(&self, object: &Object, outcome: Outcome, now: Instant) -> Answer {
        let note = Note {
            ttl_secs: Some(object.head.freshness.ttl_secs(now)),
            ..Note::default()
        };
        let response = respond::object(&self.asked, object, now);
        self.noted(Answer::new(response, outcome), note)
    }

    fn was_refused(&self, now: Instant) -> bool {
        let asset = self.target.asset();
        self.asked.viewer == Viewer::Keyless
            && asset.is_some_and(|asset| self.node.refusals.holds(asset, now))
    }

    /// Asks for an object anew, in the background, unless that is being done.
    fn refresh(&self, stale: &Arc<Object>) {
        if let Joined::Leader(fill, _) = self.join() {
            pump::start(self.node, fill, self.order(Some(stale.clone()), false));
        }
    }

    async fn fetch(&self, stale: Option<Arc<Object>>) -> Answer {
        let (reader, outcome) = match self.join() {
            Joined::Leader(fill, reader) => {
                pump::start(self.node, fill, self.order(stale.clone(), false));
                (reader, Outcome::Miss)
            }
            Joined::Follower(reader) => (reader, Outcome::Collapsed),
            Joined::Done(object) => {
                return self.serve(&object, Outcome::Hit, Instant::now());
            }
            Joined::Full => return self.failed(&FetchError::Overloaded, stale.as_deref()),
        };
        let arrival = reader.arrival().await;
        // A purge may have come meanwhile.
        let stale = stale.filter(|stale| self.node.store.may_use(&self.target.key, stale));
        match arrival {
            // Seen at its head: this answer is for the request it was fetched for.
            Ok(Arrival::Head(head))
                if outcome == Outcome::Collapsed && head.share == Share::Nobody =>
            {
                drop(reader);
                self.fetch_apart(Outcome::Miss, stale).await
            }
            arrival => self.arrived(arrival, reader, outcome, stale.as_deref()),
        }
    }

    /// Fetches for this request alone.
    async fn fetch_apart(&self, outcome: Outcome, stale: Option<Arc<Object>>) -> Answer {
        let (fill, reader) = self.node.fills.apart();
        pump::start(self.node, fill, self.order(None, true));
        let arrival = reader.arrival().await;
        self.arrived(arrival, reader, outcome, stale.as_deref())
    }

    fn join(&self) -> Joined<Arc<Object>> {
        let fresh = || {
            let now = Instant::now();
            let is_fresh = |object: &Arc<Object>| object.head.freshness.state(now) == State::Fresh;
            self.stored().filter(is_fresh)
        };
        self.node.fills.join(&self.fill_key(), fresh)
    }

    fn fill_key(&self) -> FillKey {
        FillKey {
            cache: self.target.key.clone(),
            credential: match self.asked.viewer {
                Viewer::Keyed { .. } => Credential::Edge,
                Viewer::Keyless | Viewer::Anyone => Credential::Anonymous,
            },
        }
    }

    fn order(&self, stale: Option<Arc<Object>>, apart: bool) -> Order {
        Order {
            key: self.fill_key(),
            asset: self.target.asset().map(Into::into),
            authorization: self.own.cloned(),
            stale,
            apart,
        }
    }

    fn arrived(
        &self,
        arrival: Result<Arrival, FetchError>,
        reader: Reader,
        outcome: Outcome,
        stale: Option<&Object>,
    ) -> Answer {
        let now = Instant::now();
        let may_read = |access| self.asked.viewer.may_read(access);
        let mut note = Note {
            was_stale: stale.is_some(),
            collapsed: outcome == Outcome::Collapsed,
            ..Note::default()
        };
        match arrival {
            Err(error) => self.failed(&error, stale),
            Ok(Arrival::Object(object)) if may_read(object.head.access) => {
                note.status = Some(StatusCode::NOT_MODIFIED);
                note.stored = object.head.store;
                note.was_stale = true;
                let response = respond::object(&self.asked, &object, now);
                self.noted(Answer::new(response, Outcome::Revalidated), note)
            }
            Ok(Arrival::Head(head)) if may_read(head.access) || !reveals(&head) => {
                if let Some(stale) = stale.filter(|stale| saves(stale, &head, now)) {
                    return self.serve(stale, Outcome::Stale, now);
                }
                note.stored = head.store;
                note.status = note.was_stale.then_some(head.status);
                let response = respond::stream(&self.asked, &head, reader, now);
                self.noted(Answer::new(response, outcome), note)
            }
            Ok(Arrival::KeyMissing | Arrival::Object(_) | Arrival::Head(_)) => {
                self.noted(respond::refusal(Refusal::Missing), Note::default())
            }
        }
    }

    /// The stale object, if it may stand in; else says what failed.
    fn failed(&self, error: &FetchError, stale: Option<&Object>) -> Answer {
        let now = Instant::now();
        let disconnected = matches!(error, FetchError::Unreachable(_) | FetchError::Silent(_));
        let most = self.node.config.stale_if_unreachable;
        let stands_in = |stale: &&Object| {
            let freshness = &stale.head.freshness;
            freshness.serves_on_error(now)
                || (disconnected && freshness.serves_disconnected(now, most))
        };
        match stale.filter(stands_in) {
            Some(stale) => self.serve(stale, Outcome::Stale, now),
            None => self.noted(respond::fetch_failed(error), Note::default()),
        }
    }

    fn noted(&self, answer: Answer, note: Note) -> Answer {
        answer.noted(&self.node.config.pop, note)
    }
}

/// Whether an answer shows something of what it is about: an error does not.
fn reveals(head: &Head) -> bool {
    head.status.is_success() || head.status.is_redirection()
}

/// Whether a stale object is better than this answer, by its own word (RFC 5861 §4).
fn saves(stale: &Object, head: &Head, now: Instant) -> bool {
    matches!(head.status.as_u16(), 500 | 502 | 503 | 504)
        && stale.head.freshness.serves_on_error(now)
}

pub(crate) fn parse(node: &Node, request: &Parts) -> Result<Target, Refused> {
    let (path, query) = (request.uri.path(), request.uri.query());
    let len_max = node.config.target_len_max;
    if path.len() + query.map_or(0, str::len) > len_max {
        return Err(Refused::TooLong(len_max));
    }
    Target::parse(path, query, node.site())
}

/// A GET of an address, whole or from its path on.
pub(crate) fn parts_of(url: &str) -> Result<Parts, &'static str> {
    let request = http::Request::get(url).body(());
    let (parts, ()) = request.map_err(|_| "it is no address")?.into_parts();
    if parts.uri.path().starts_with('/') {
        Ok(parts)
    } else {
        Err("it begins neither with http:// nor with a slash")
    }
}

/// What an address stands for here.
pub(crate) fn target_of(node: &Node, url: &str) -> Result<Target, String> {
    let parts = parts_of(url)?;
    parse(node, &parts).map_err(Refused::why)
}

fn target_refused(refused: Refused) -> Answer {
    use wire::kind::{BAD_REQUEST, NOT_FOUND, TOO_LARGE};
    let (status, kind) = match refused {
        Refused::Malformed(_) => (StatusCode::BAD_REQUEST, BAD_REQUEST),
        Refused::NotHere(_) => (StatusCode::NOT_FOUND, NOT_FOUND),
        Refused::TooLong(_) => (StatusCode::URI_TOO_LONG, TOO_LARGE),
    };
    Answer::new(
        respond::problem(status, kind, refused.why()),
        Outcome::Refused,
    )
}

fn preflight() -> Answer {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    cors::allow(response.headers_mut());
    cors::preflight(response.headers_mut());
    response.headers_mut().insert(ALLOW, cors::METHODS);
    Answer::new(response, Outcome::Local)
}

fn healthy() -> Answer {
    let mut response = Response::new(Body::from(b"ok\n".to_vec()));
    let headers = response.headers_mut();
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(CONTENT_TYPE, text);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    cors::allow(headers);
    Answer::new(response, Outcome::Local)
}

/// Ready once keys can be judged, where there are keys to judge.
fn readiness(node: &Node) -> Answer {
    match &node.gate {
        Some(gate) if gate.revision().is_none() => Answer {
            outcome: Outcome::Local,
            ..respond::unready()
        },
        _ => healthy(),
    }
}

fn method_refused() -> Answer {
    let detail = "an edge answers GET, HEAD and OPTIONS; the rest is at the origin".to_owned();
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let mut response = respond::problem(status, wire::kind::BAD_REQUEST, detail);
    response.headers_mut().insert(ALLOW, cors::METHODS);
    Answer::new(response, Outcome::Refused)
}

pub(crate) fn unix_now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}
