//! Heads and parts of what is stored or comes from the origin.

use std::ops::Range;

use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{
        AGE, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, DATE, EXPIRES, RANGE,
    },
};
use tokio::time::Instant;

use super::{Asked, NO_STORE};
use crate::{
    access::Viewer,
    body::Body,
    conditional,
    fill::Reader,
    freshness::CDN_CACHE_CONTROL,
    head::{Head, Object},
    purge::SURROGATE_KEY,
    range::{Wanted, wanted},
};

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
