//! From a request to its answer.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use http::{
    HeaderMap, HeaderValue, Method, Response, StatusCode,
    header::{ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE},
    request::Parts,
};
use http_body::Body as _;
use http_body_util::{Either, Empty, Limited};
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::{
    access::{Refusal, Viewer},
    body::Body,
    cors,
    fill::{Arrival, Reader},
    fills::{FillKey, Joined},
    forward,
    freshness::{Freshness, Share, State, split_unquoted},
    head::{Head, Object},
    node::Node,
    outcome::Outcome,
    path::{Kind, Refused, Target},
    pump::{self, Order},
    respond::{self, Answer, Asked, Note},
    site::{self, Site},
    upstream::{CDN_LOOP, Credential, FetchError},
};

/// Fetches of other variants that a request waits for, before it makes its own. Chosen.
const VARIANTS_TRIED: usize = 3;

/// Answers a request. `body` is read where it goes up only.
pub(crate) async fn answer(node: &Arc<Node>, request: &Parts, body: Incoming) -> Answer {
    if let (&Method::GET | &Method::HEAD, path @ ("/healthz" | "/readyz")) =
        (&request.method, request.uri.path())
    {
        return if path == "/healthz" {
            healthy()
        } else {
            readiness(node)
        };
    }
    if node.names.loops(&request.headers) {
        return looped();
    }
    let Some(site) = node.sites.of(request) else {
        return no_such_site();
    };
    let answer = match request.method {
        Method::GET | Method::HEAD => read(node, site, request).await,
        Method::OPTIONS if site.has_our_cors() => preflight(),
        _ if is_licence_request(node, request) => read(node, site, request).await,
        // TRACE would show a page what its browser sends (RFC 9110 §9.3.8).
        Method::CONNECT | Method::TRACE => method_refused(),
        _ if site.passed.is_all() => pass(node, site, request, body).await,
        _ => method_refused(),
    };
    Answer {
        site: Some(site.clone()),
        ..answer
    }
}

/// A player's question for the keys of an asset. What it says is of no account: the answer
/// has all keys, so it is asked for as by GET, and no cache may keep it.
pub(crate) fn is_licence_request(node: &Node, request: &Parts) -> bool {
    let path = request.uri.path();
    let is_media = path.starts_with("/v/") || path.starts_with("/k/");
    let is_post = node.gate.is_some() && request.method == Method::POST;
    let is_asked = is_post && is_media && path.ends_with("/license");
    is_asked
        && node
            .sites
            .of(request)
            .is_some_and(|site| site.kind == Kind::Weir)
}

async fn read(node: &Arc<Node>, site: &Arc<Site>, request: &Parts) -> Answer {
    let target = match parse(node, site, request) {
        Ok(target) => target,
        Err(refused) => return target_refused(refused),
    };
    let authorization = request.headers.get(AUTHORIZATION);
    let gate = node.gate.as_ref().filter(|_| site.kind == Kind::Weir);
    let viewer = match gate {
        None => Ok(Viewer::Anyone),
        Some(gate) => gate.admit(&target, authorization, unix_now()),
    };
    let viewer = match viewer {
        Ok(viewer) => viewer,
        Err(refusal) => return respond::refusal(refusal),
    };
    let exchange = Exchange {
        node,
        site,
        own: authorization.filter(|_| site.kind == Kind::Plain),
        target,
        asked: Asked {
            headers: &request.headers,
            head_only: request.method == Method::HEAD,
            viewer,
        },
    };
    exchange.run().await
}

/// Passes on what is neither GET nor HEAD.
async fn pass(node: &Arc<Node>, site: &Arc<Site>, request: &Parts, body: Incoming) -> Answer {
    let target = match parse(node, site, request) {
        Ok(target) => target,
        Err(refused) => return target_refused(refused),
    };
    let most = node.config.request_max.as_u64();
    if body.size_hint().lower() > most {
        return respond::fetch_failed(&FetchError::RequestTooLong);
    }
    let exchange = Exchange {
        node,
        site,
        own: request.headers.get(AUTHORIZATION),
        target,
        asked: Asked {
            headers: &request.headers,
            head_only: false,
            viewer: Viewer::Anyone,
        },
    };
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let upload = (!body.is_end_stream()).then(|| Either::Right(Limited::new(body, most)));
    let order = exchange.order(None, true);
    let mut fields = order.fields.clone();
    fields.extend(forward::conditions(&request.headers));
    let order = Order {
        fields,
        method: request.method.clone(),
        host: site::authority(request).map(Into::into),
        upload: upload.or_else(|| Some(Either::Left(Empty::new()))),
        ..order
    };
    exchange.fetch_by(order, Outcome::Bypass, None).await
}

/// One request that passed the gate.
pub(crate) struct Exchange<'a> {
    pub(crate) node: &'a Arc<Node>,
    pub(crate) site: &'a Arc<Site>,
    pub(crate) target: Target,
    pub(crate) asked: Asked<'a>,
    /// The client's credential for the origin.
    pub(crate) own: Option<&'a HeaderValue>,
}

impl Exchange<'_> {
    async fn run(&self) -> Answer {
        let stored = self.find().await;
        let now = Instant::now();
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
        let only_stored = self.site.kind == Kind::Plain && only_if_cached(self.asked.headers);
        if only_stored && !self.is_in_blocks(now).await {
            return self.noted(not_cached(), Note::default());
        }
        if stored.is_none()
            && self.own.is_none()
            && let Some(answer) = self.by_blocks(None).await
        {
            return answer;
        }
        if self.asked.head_only && self.site.passed.is_all() {
            let order = Order {
                method: Method::HEAD,
                ..self.order(stored.clone(), true)
            };
            return self.fetch_by(order, Outcome::Miss, stored).await;
        }
        if self.own.is_some() {
            let order = self.order(stored.clone(), true);
            return self.fetch_by(order, Outcome::Bypass, stored).await;
        }
        self.fetch(stored).await
    }

    /// What is stored, in memory or on disk, if this viewer may read it.
    pub(crate) async fn find(&self) -> Option<Arc<Object>> {
        let store = &self.node.store;
        self.readable(store.find(&self.target.key, || self.fields()).await?)
    }

    /// What is in memory, if this viewer may read it.
    pub(crate) fn stored(&self) -> Option<Arc<Object>> {
        let store = &self.node.store;
        self.readable(store.get(&self.target.key, || self.fields())?)
    }

    fn readable(&self, object: Arc<Object>) -> Option<Arc<Object>> {
        let head = &object.head;
        // RFC 9111 §3.5: to whom has a credential, an answer of no one's in particular may be
        // another than theirs.
        let may_share = self.own.is_none() || head.says_shared;
        let may_read = may_share && self.asked.viewer.may_read(head.access);
        may_read.then_some(object)
    }

    /// What goes up of the client's fields.
    pub(crate) fn fields(&self) -> HeaderMap {
        let mut fields = self.site.passed.of(self.asked.headers);
        if let Some(hops) = self.asked.headers.get(CDN_LOOP) {
            fields.insert(CDN_LOOP, hops.clone());
        }
        if let Some(own) = self.own {
            fields.insert(AUTHORIZATION, own.clone());
        }
        fields
    }

    pub(crate) fn serve(&self, object: &Object, outcome: Outcome, now: Instant) -> Answer {
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
        let key = self.fill_key(Some(stale));
        if let Joined::Leader(fill, _) = self.join(&key) {
            let mut order = self.order(Some(stale.clone()), false);
            order.key = key;
            pump::start(self.node, fill, order);
        }
    }

    async fn fetch(&self, mut stale: Option<Arc<Object>>) -> Answer {
        let mut key = self.fill_key(stale.as_ref());
        let tries = match self.node.unshared.holds(&key) {
            true => 0,
            false => VARIANTS_TRIED,
        };
        // A running fetch may turn out to be of another variant than this request's.
        for _ in 0..tries {
            let (reader, outcome) = match self.join(&key) {
                Joined::Leader(fill, reader) => {
                    let mut order = self.order(stale.clone(), false);
                    order.key = key.clone();
                    pump::start(self.node, fill, order);
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
            stale = stale.filter(|stale| self.node.store.may_use(&key.cache, stale));
            let head = match &arrival {
                Ok(Arrival::Head(head)) if outcome == Outcome::Collapsed => Some(&**head),
                Ok(Arrival::Object(object)) if outcome == Outcome::Collapsed => Some(&object.head),
                _ => None,
            };
            // Seen at its head: this answer is for the request it was fetched for.
            if head.is_some_and(|head| head.share == Share::Nobody) {
                break;
            }
            if matches!(arrival, Ok(Arrival::Alone)) {
                break;
            }
            if let Ok(Arrival::Spread(spread)) = &arrival {
                match self.by_blocks(Some((spread.clone(), outcome))).await {
                    Some(answer) => return answer,
                    None => continue,
                }
            }
            match self.other_variant(head) {
                Some(values) => key.cache = self.target.key.variant(&values),
                None => return self.arrived(arrival, reader, outcome, stale.as_deref()),
            }
        }
        let order = self.order(None, true);
        self.fetch_by(order, Outcome::Miss, stale).await
    }

    /// Names the variant that this request wants, if that is not the one which came.
    pub(crate) fn other_variant(&self, head: Option<&Head>) -> Option<String> {
        let vary = head?.vary.as_ref()?;
        let fields = self.fields();
        (!vary.matches(&fields)).then(|| vary.variant(&fields))
    }

    /// Fetches for this request alone.
    pub(crate) async fn fetch_by(
        &self,
        order: Order,
        outcome: Outcome,
        stale: Option<Arc<Object>>,
    ) -> Answer {
        let (fill, reader) = self.node.fills.apart();
        pump::start(self.node, fill, order);
        let arrival = reader.arrival().await;
        self.arrived(arrival, reader, outcome, stale.as_deref())
    }

    fn join(&self, key: &FillKey) -> Joined<Arc<Object>> {
        let fresh = || {
            let now = Instant::now();
            let is_fresh = |object: &Arc<Object>| object.head.freshness.state(now) == State::Fresh;
            self.stored().filter(is_fresh)
        };
        self.node.fills.join(key, fresh)
    }

    /// Of the object, or of the variant of it that is stored and stale.
    pub(crate) fn fill_key(&self, stale: Option<&Arc<Object>>) -> FillKey {
        let vary = stale.and_then(|stale| stale.head.vary.as_ref());
        FillKey {
            cache: match vary {
                Some(vary) => self.target.key.variant(&vary.own_variant()),
                None => self.target.key.clone(),
            },
            credential: match self.asked.viewer {
                Viewer::Keyed { .. } => Credential::Edge,
                Viewer::Keyless | Viewer::Anyone => Credential::Anonymous,
            },
        }
    }

    pub(crate) fn order(&self, stale: Option<Arc<Object>>, apart: bool) -> Order {
        Order {
            place: self.target.key.clone(),
            asset: self.target.asset().map(Into::into),
            fields: self.fields(),
            authorized: self.own.is_some(),
            stale,
            apart,
            ..Order::new(self.site.clone(), self.fill_key(None))
        }
    }

    pub(crate) fn arrived(
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
            Ok(_) => self.noted(respond::refusal(Refusal::Missing), Note::default()),
        }
    }

    /// The stale object, if it may stand in; else says what failed.
    pub(crate) fn failed(&self, error: &FetchError, stale: Option<&Object>) -> Answer {
        let now = Instant::now();
        let stands_in = |stale: &&Object| self.outlives(&stale.head.freshness, error, now);
        match stale.filter(stands_in) {
            Some(stale) => self.serve(stale, Outcome::Stale, now),
            None => {
                let failed = respond::fetch_failed(error);
                let blamed = failed.blamed(&self.node.config.pop, error);
                self.noted(blamed, Note::default())
            }
        }
    }

    /// Whether what is so fresh may be served instead of this error.
    pub(crate) fn outlives(&self, freshness: &Freshness, error: &FetchError, now: Instant) -> bool {
        let disconnected = matches!(error, FetchError::Unreachable(_) | FetchError::Silent(_));
        let most = self.node.config.stale_if_unreachable;
        freshness.serves_on_error(now) || (disconnected && freshness.serves_disconnected(now, most))
    }

    pub(crate) fn noted(&self, answer: Answer, note: Note) -> Answer {
        Answer {
            key: Some(self.target.key.clone()),
            ..answer.noted(&self.node.config.pop, note)
        }
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

pub(crate) fn parse(node: &Node, site: &Site, request: &Parts) -> Result<Target, Refused> {
    let (path, query) = (request.uri.path(), request.uri.query());
    let len_max = node.config.target_len_max;
    if path.len() + query.map_or(0, str::len) > len_max {
        return Err(Refused::TooLong(len_max));
    }
    Target::parse(path, query, site.reading(path))
}

fn target_refused(refused: Refused) -> Answer {
    use wire::kind::{BAD_REQUEST, NOT_FOUND, TOO_LARGE};
    let (status, kind) = match refused {
        Refused::Malformed(_) => (StatusCode::BAD_REQUEST, BAD_REQUEST),
        Refused::NotHere(_) => (StatusCode::NOT_FOUND, NOT_FOUND),
        Refused::TooLong(_) => (StatusCode::URI_TOO_LONG, TOO_LARGE),
    };
    let response = respond::problem(status, kind, refused.why());
    Answer::new(response, Outcome::Refused)
}

/// A request that was here before (RFC 8586 §2).
fn looped() -> Answer {
    let detail = "this request has passed this edge before".to_owned();
    let response = respond::problem(StatusCode::LOOP_DETECTED, wire::kind::BAD_REQUEST, detail);
    Answer::new(response, Outcome::Refused)
}

/// The client wants what is stored, and nothing fetched (RFC 9111 §5.2.1.7).
fn only_if_cached(request: &HeaderMap) -> bool {
    let fields = request.get_all(CACHE_CONTROL).iter();
    let mut texts = fields.filter_map(|field| field.to_str().ok());
    texts.any(|text| {
        split_unquoted(text).any(|directive| directive.eq_ignore_ascii_case("only-if-cached"))
    })
}

fn not_cached() -> Answer {
    let detail = "only-if-cached, and nothing fresh is stored".to_owned();
    let status = StatusCode::GATEWAY_TIMEOUT;
    let response = respond::problem(status, wire::kind::NOT_FOUND, detail);
    Answer::new(response, Outcome::Refused)
}

fn no_such_site() -> Answer {
    let detail = "no site of this edge has this host".to_owned();
    let status = StatusCode::MISDIRECTED_REQUEST;
    let response = respond::problem(status, wire::kind::NOT_FOUND, detail);
    Answer::new(response, Outcome::Refused)
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
