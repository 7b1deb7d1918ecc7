//! What clients get: heads, parts, problems, and the `Cache-Status` of each.

use std::{fmt::Write, ops::Range, sync::Arc};

use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{
        AGE, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, DATE, EXPIRES, RANGE,
        RETRY_AFTER, WWW_AUTHENTICATE,
    },
};
use tokio::time::Instant;
use wire::Problem;

use crate::{
    access::{Refusal, Viewer},
    body::Body,
    conditional, cors,
    fill::Reader,
    freshness::CDN_CACHE_CONTROL,
    head::{Head, Object},
    outcome::Outcome,
    path::CacheKey,
    purge::SURROGATE_KEY,
    range::{Wanted, wanted},
    site::Site,
    upstream::FetchError,
};

const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");
const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
/// Room for what it mostly says, bytes.
const CACHE_STATUS_LEN: usize = 64;
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// What of a request shapes its answer.
pub(crate) struct Asked<'a> {
    pub(crate) headers: &'a HeaderMap,
    pub(crate) head_only: bool,
    pub(crate) viewer: Viewer,
}

/// An answer, and how it came about.
pub(crate) struct Answer {
    pub(crate) response: Response<Body>,
    pub(crate) outcome: Outcome,
    /// What it is stored under, or would be.
    pub(crate) key: Option<CacheKey>,
    /// The one that it is for.
    pub(crate) site: Option<Arc<Site>>,
}

/// What `Cache-Status` says beside the outcome (RFC 9211 §2).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Note {
    pub(crate) ttl_secs: Option<i64>,
    /// Something stale was there.
    pub(crate) was_stale: bool,
    pub(crate) collapsed: bool,
    /// Some of what was asked for was there.
    pub(crate) partial: bool,
    pub(crate) stored: bool,
    pub(crate) status: Option<StatusCode>,
}

impl Answer {
    pub(crate) fn new(response: Response<Body>, outcome: Outcome) -> Self {
        Self {
            response,
            outcome,
            key: None,
            site: None,
        }
    }

    /// Adds `Cache-Status` of the cache `weir-<pop>`.
    pub(crate) fn noted(mut self, pop: &str, note: Note) -> Self {
        let field = cache_status(pop, self.outcome, note);
        if let Ok(field) = HeaderValue::try_from(field) {
            self.response.headers_mut().append(CACHE_STATUS, field);
        }
        self
    }

    /// Adds `Proxy-Status` of the proxy `weir-<pop>` (RFC 9209 §2.1): what went wrong behind
    /// it, by the type that §2.3 gives it.
    pub(crate) fn blamed(mut self, pop: &str, error: &FetchError) -> Self {
        let field = format!("\"weir-{pop}\"; error={}", error.proxy_error());
        if let Ok(field) = HeaderValue::try_from(field) {
            self.response.headers_mut().append(PROXY_STATUS, field);
        }
        self
    }
}

fn cache_status(pop: &str, outcome: Outcome, note: Note) -> String {
    let mut text = String::with_capacity(CACHE_STATUS_LEN);
    for part in ["\"weir-", pop, "\""] {
        text.push_str(part);
    }
    match outcome {
        Outcome::Hit => text.push_str("; hit"),
        Outcome::Stale => text.push_str("; hit; detail=stale"),
        Outcome::Negative => text.push_str("; hit; detail=negative"),
        Outcome::Bypass => text.push_str("; fwd=bypass"),
        Outcome::Miss | Outcome::Collapsed | Outcome::Revalidated if note.was_stale => {
            text.push_str("; fwd=stale");
        }
        Outcome::Miss | Outcome::Collapsed if note.partial => text.push_str("; fwd=partial"),
        Outcome::Miss | Outcome::Collapsed | Outcome::Revalidated => text.push_str("; fwd=miss"),
        Outcome::Refused | Outcome::Local | Outcome::Error | Outcome::Overloaded => {
            text.push_str("; detail=");
            text.push_str(outcome.as_str());
        }
    }
    if let Some(status) = note.status {
        text.push_str("; fwd-status=");
        text.push_str(status.as_str());
    }
    if let Some(ttl_secs) = note.ttl_secs {
        let _ = write!(text, "; ttl={ttl_secs}");
    }
    for (is, word) in [(note.stored, "; stored"), (note.collapsed, "; collapsed")] {
        if is {
            text.push_str(word);
        }
    }
    text
}

/// Answers from an object.
pub(crate) fn object(asked: &Asked<'_>, object: &Object, now: Instant) -> Response<Body> {
    let len = object.len();
    let (mut response, send) = shape(asked, &object.head, Some(len), now);
    let age = HeaderValue::from(object.head.freshness.age(now).as_secs());
    response.headers_mut().entry(AGE).or_insert(age);
    match send {
        Send::Nothing => {}
        Send::Part(part) => *response.body_mut() = Body::of(&object.body, &part),
        Send::All => *response.body_mut() = Body::of(&object.body, &(0..len)),
    }
    response
}

/// Answers with what a fill brings.
pub(crate) fn stream(
    asked: &Asked<'_>,
    head: &Head,
    reader: Reader,
    now: Instant,
) -> Response<Body> {
    let (mut response, send) = shape(asked, head, head.length, now);
    let age_secs = head.freshness.age(now).as_secs();
    if age_secs > 0 {
        response.headers_mut().entry(AGE).or_insert(age_secs.into());
    }
    match send {
        Send::Nothing => {}
        Send::Part(part) => *response.body_mut() = Body::fill(reader, Some(&part), None),
        Send::All => *response.body_mut() = Body::fill(reader, None, head.length),
    }
    response
}

/// The answer from an object whose blocks are stored, yet without its body, and which
/// bytes that is; none if there is none.
pub(crate) fn blocks(asked: &Asked<'_>, head: &Head, now: Instant) -> (Response<Body>, Range<u64>) {
    let (mut response, send) = shape(asked, head, head.length, now);
    let age_secs = head.freshness.age(now).as_secs();
    response.headers_mut().entry(AGE).or_insert(age_secs.into());
    let part = match send {
        Send::Nothing => 0..0,
        Send::Part(part) => part,
        Send::All => 0..head.length.unwrap_or(0),
    };
    (response, part)
}

enum Send {
    Nothing,
    Part(Range<u64>),
    All,
}

/// Status and fields, and what of the body goes with them.
fn shape(asked: &Asked<'_>, head: &Head, len: Option<u64>, now: Instant) -> (Response<Body>, Send) {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = head.status;
    let headers = response.headers_mut();
    headers.clone_from(&head.headers);
    if let Viewer::Keyed { left_secs } = asked.viewer {
        make_private(headers, head, left_secs, now);
    }
    if head.status == StatusCode::OK && conditional::is_known(asked.headers, &head.headers) {
        headers.remove(CONTENT_LENGTH);
        headers.remove(CONTENT_TYPE);
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return (response, Send::Nothing);
    }
    if asked.head_only {
        return (response, Send::Nothing);
    }
    match (part(asked, head, len), len) {
        (Wanted::Part(part), Some(len)) => {
            let field = format!("bytes {}-{}/{len}", part.start, part.end - 1);
            put_part(
                &mut response,
                StatusCode::PARTIAL_CONTENT,
                &field,
                part.end - part.start,
            );
            (response, Send::Part(part))
        }
        (Wanted::Unsatisfiable, Some(len)) => {
            let status = StatusCode::RANGE_NOT_SATISFIABLE;
            response.headers_mut().remove(CONTENT_TYPE);
            put_part(&mut response, status, &format!("bytes */{len}"), 0);
            (response, Send::Nothing)
        }
        _ => (response, Send::All),
    }
}

fn part(asked: &Asked<'_>, head: &Head, len: Option<u64>) -> Wanted {
    match (asked.headers.get(RANGE), len) {
        (Some(field), Some(len))
            if head.status == StatusCode::OK
                && conditional::range_applies(asked.headers, &head.headers) =>
        {
            wanted(field, len)
        }
        _ => Wanted::Whole,
    }
}

fn put_part(response: &mut Response<Body>, status: StatusCode, range: &str, len: u64) {
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, len.into());
    if let Ok(field) = HeaderValue::from_str(range) {
        headers.insert(CONTENT_RANGE, field);
    }
}

/// For the holder of a key alone, and no longer than the key: no browser and no foreign
/// cache may outlive it.
///
/// A client takes `Age` off `max-age`. Where the key is what limits it, the two are
/// counted from now on; else a segment stored for long would never be fresh to it.
fn make_private(headers: &mut HeaderMap, head: &Head, left_secs: u64, now: Instant) {
    for name in [CDN_CACHE_CONTROL, SURROGATE_KEY, EXPIRES] {
        headers.remove(name);
    }
    if head.no_store {
        headers.insert(CACHE_CONTROL, NO_STORE);
        return;
    }
    let lifetime_secs = head.freshness.lifetime.as_secs();
    let mut max_age_secs = lifetime_secs;
    if lifetime_secs > left_secs {
        max_age_secs = head.freshness.left(now).as_secs().min(left_secs);
        headers.insert(AGE, HeaderValue::from(0));
        headers.remove(DATE);
    }
    let control = format!("private, max-age={max_age_secs}");
    if let Ok(field) = HeaderValue::try_from(control) {
        headers.insert(CACHE_CONTROL, field);
    }
}

/// An error of our own.
pub(crate) fn problem(status: StatusCode, kind: &str, detail: String) -> Response<Body> {
    let problem = Problem::new(status.as_u16(), kind, detail);
    let mut response = Response::new(Body::from(problem.to_json()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let json = HeaderValue::from_static(Problem::CONTENT_TYPE);
    headers.insert(CONTENT_TYPE, json);
    headers.insert(CACHE_CONTROL, NO_STORE);
    cors::allow(headers);
    response
}

/// Says so to who may not read.
pub(crate) fn refusal(refusal: Refusal) -> Answer {
    use wire::kind::{KEY_EXPIRED, KEY_INVALID, KEY_MISSING, KEY_REVOKED, KEY_SCOPE};
    let (status, kind, detail) = match refusal {
        Refusal::NotReady => return unready(),
        Refusal::Missing => (
            401,
            KEY_MISSING,
            "this needs a key: /k/<key>/v/…".to_owned(),
        ),
        Refusal::Invalid(error) => (401, KEY_INVALID, error.to_string()),
        Refusal::Expired => (
            401,
            KEY_EXPIRED,
            "the key has expired; get a new one".to_owned(),
        ),
        Refusal::Revoked => (
            401,
            KEY_REVOKED,
            "the key was revoked; get a new one".to_owned(),
        ),
        Refusal::Scope => (403, KEY_SCOPE, "the key does not open this path".to_owned()),
    };
    let status = StatusCode::from_u16(status).expect("both are statuses");
    let mut response = problem(status, kind, detail);
    if status == StatusCode::UNAUTHORIZED {
        // RFC 9110 §15.5.2 wants it; no browser asks its user for a Bearer token.
        let bearer = HeaderValue::from_static("Bearer");
        response.headers_mut().insert(WWW_AUTHENTICATE, bearer);
    }
    Answer::new(response, Outcome::Refused)
}

/// No key can be judged yet.
pub(crate) fn unready() -> Answer {
    let kind = wire::kind::ORIGIN_UNREACHABLE;
    let detail = "the origin's public keys have not been fetched yet".to_owned();
    let response = problem(StatusCode::SERVICE_UNAVAILABLE, kind, detail);
    Answer::new(retry_soon(response), Outcome::Error)
}

/// Says why there is nothing from the origin.
pub(crate) fn fetch_failed(error: &FetchError) -> Answer {
    use wire::kind::{ORIGIN_UNREACHABLE, OVERLOADED};
    let (status, kind, outcome) = match error {
        FetchError::Unreachable(_)
        | FetchError::Cut
        | FetchError::Changed
        | FetchError::BadAnswer(_)
        | FetchError::BadCoding(_)
        | FetchError::HeadTooLong
        | FetchError::JoinRefused => (StatusCode::BAD_GATEWAY, ORIGIN_UNREACHABLE, Outcome::Error),
        FetchError::Silent(_) | FetchError::Stalled(_) => (
            StatusCode::GATEWAY_TIMEOUT,
            ORIGIN_UNREACHABLE,
            Outcome::Error,
        ),
        FetchError::RequestCut => (
            StatusCode::BAD_REQUEST,
            wire::kind::BAD_REQUEST,
            Outcome::Refused,
        ),
        FetchError::RequestTooSlow => (
            StatusCode::REQUEST_TIMEOUT,
            wire::kind::BAD_REQUEST,
            Outcome::Refused,
        ),
        FetchError::RequestTooLong => (
            StatusCode::PAYLOAD_TOO_LARGE,
            wire::kind::TOO_LARGE,
            Outcome::Refused,
        ),
        FetchError::Overloaded | FetchError::TooSlow | FetchError::Stopped => (
            StatusCode::SERVICE_UNAVAILABLE,
            OVERLOADED,
            Outcome::Overloaded,
        ),
    };
    // What lies behind the edge is not for clients.
    let detail = match error {
        FetchError::Unreachable(_) => "the origin can't be reached".to_owned(),
        FetchError::BadAnswer(_) => "the origin's answer can't be used".to_owned(),
        other => other.to_string(),
    };
    Answer::new(retry_soon(problem(status, kind, detail)), outcome)
}

fn retry_soon(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}
