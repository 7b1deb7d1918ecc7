//! Errors of our own (RFC 9457).

use http::{
    HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use wire::Problem;

use super::{Answer, NO_STORE};
use crate::{access::Refusal, body::Body, cors, outcome::Outcome, upstream::FetchError};

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
        FetchError::Overloaded
        | FetchError::TooSlow
        | FetchError::Stopped
        | FetchError::Revoked => (
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
