//! Answers of the edge's own.

use http::{
    HeaderValue, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE},
};

use crate::{
    body::Body,
    cors,
    node::Node,
    outcome::Outcome,
    path::Refused,
    respond::{self, Answer},
};

pub(super) fn target_refused(refused: Refused) -> Answer {
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
pub(super) fn looped() -> Answer {
    let detail = "this request has passed this edge before".to_owned();
    let response = respond::problem(StatusCode::LOOP_DETECTED, wire::kind::BAD_REQUEST, detail);
    Answer::new(response, Outcome::Refused)
}

pub(super) fn not_cached() -> Answer {
    let detail = "only-if-cached, and nothing fresh is stored".to_owned();
    let status = StatusCode::GATEWAY_TIMEOUT;
    let response = respond::problem(status, wire::kind::NOT_FOUND, detail);
    Answer::new(response, Outcome::Refused)
}

pub(super) fn no_such_site() -> Answer {
    let detail = "no site of this edge has this host".to_owned();
    let status = StatusCode::MISDIRECTED_REQUEST;
    let response = respond::problem(status, wire::kind::NOT_FOUND, detail);
    Answer::new(response, Outcome::Refused)
}

pub(super) fn preflight() -> Answer {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    cors::allow(response.headers_mut());
    cors::preflight(response.headers_mut());
    response.headers_mut().insert(ALLOW, cors::METHODS);
    Answer::new(response, Outcome::Local)
}

/// What is asked of this edge itself (RFC 9110 §9.3.7).
pub(super) fn options() -> Answer {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(ALLOW, cors::METHODS);
    Answer::new(response, Outcome::Local)
}

pub(super) fn healthy() -> Answer {
    let mut response = Response::new(Body::from(b"ok\n".to_vec()));
    let headers = response.headers_mut();
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(CONTENT_TYPE, text);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    cors::allow(headers);
    Answer::new(response, Outcome::Local)
}

/// Ready once keys can be judged, where there are keys to judge.
pub(super) fn readiness(node: &Node) -> Answer {
    match &node.gate {
        Some(gate) if gate.revision().is_none() => Answer {
            outcome: Outcome::Local,
            ..respond::unready()
        },
        _ => healthy(),
    }
}

pub(super) fn method_refused() -> Answer {
    let detail = "an edge answers GET, HEAD and OPTIONS; the rest is at the origin".to_owned();
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let mut response = respond::problem(status, wire::kind::BAD_REQUEST, detail);
    response.headers_mut().insert(ALLOW, cors::METHODS);
    Answer::new(response, Outcome::Refused)
}
