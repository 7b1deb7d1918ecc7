//! Doors for fuzzers (`edge/fuzz`): each takes any bytes and checks what must always hold.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use tokio::time::Instant;

use crate::{
    conditional,
    config::{Profile, SiteConfig},
    forward::Passed,
    freshness::{Received, State, Terms, date, judge},
    head::{Head, Taking},
    path::{Kind, Query, Reading, Target},
    range::{Wanted, begin, exact, wanted},
    vary::Vary,
};

/// `Range`: a part lies inside the body.
pub fn range(data: &[u8]) {
    let Some((len, field)) = data.split_first_chunk::<8>() else {
        return;
    };
    let len = u64::from_le_bytes(*len);
    if let Ok(field) = HeaderValue::from_bytes(field)
        && let Wanted::Part(part) = wanted(&field, len)
    {
        assert!(part.start < part.end && part.end <= len);
        // What does not depend on the length is the same at every length.
        if let Some(exact) = exact(&field) {
            assert_eq!(part, exact.start..exact.end.min(len));
            assert_eq!(begin(&field), Some(part.start));
        }
    }
}

/// `Cache-Control` and all else that says how long an answer lives: what forbids storing
/// always does.
pub fn cache_control(data: &[u8]) {
    let headers = fields(data);
    let received = Received {
        at: Instant::now(),
        wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000),
        delay: Duration::ZERO,
    };
    let terms = Terms {
        heuristic_percent: 10,
        date_is_age: true,
        ..Terms::default()
    };
    let verdict = judge(StatusCode::OK, &headers, received, terms);
    if headers.contains_key("set-cookie") {
        assert!(!verdict.store);
    }
    if verdict.store {
        let later = received.at + verdict.freshness.lifetime;
        assert!(verdict.freshness.state(later) != State::Fresh);
    }
}

/// Paths and queries: a key is its own key, and nothing climbs.
pub fn target(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (path, query) = match text.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (text, None),
    };
    for kind in [Kind::Plain, Kind::Weir] {
        let reading = Reading {
            kind,
            host: "",
            query: &Query::Keep,
        };
        let Ok(target) = Target::parse(path, query, reading) else {
            continue;
        };
        let path = target.key.path();
        assert!(path.starts_with('/'));
        assert!(!path.split('/').any(|segment| segment == ".."));
        let again = Target::parse(path, None, reading).expect("a canonical path is a path");
        assert_eq!(again.key.path(), path);
    }
}

/// Fields of requests and answers, as they pass through.
pub fn header(data: &[u8]) {
    let headers = fields(data);
    let site = SiteConfig {
        profile: Profile::Passthrough,
        ..SiteConfig::default()
    };
    let passed = Passed::new(&site, Kind::Plain).expect("the profile names no field");
    let sent = passed.of(&headers);
    assert!(!sent.contains_key("connection") && !sent.contains_key("host"));
    if let Some(vary) = Vary::of(&headers, &sent) {
        assert!(vary.matches(&sent));
    }
    let mut response = Response::new(());
    *response.headers_mut() = headers.clone();
    let (parts, ()) = response.into_parts();
    let taking = Taking {
        received: Received {
            at: Instant::now(),
            wall: SystemTime::UNIX_EPOCH,
            delay: Duration::ZERO,
        },
        terms: Terms::default(),
        via: &HeaderValue::from_static("1.1 fuzz"),
        our_cors: true,
        sent: &sent,
    };
    let head = Head::new(&parts, None, &taking);
    let _ = conditional::is_known(&headers, &head.headers);
    let _ = conditional::range_applies(&headers, &head.headers);
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = date::parse(text, SystemTime::UNIX_EPOCH);
    }
}

/// Lines of `name: value`.
fn fields(data: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}
