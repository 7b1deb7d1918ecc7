//! CORS, answered and said here, for every answer alike: nothing read here depends on
//! who asks, and no cookie is looked at, so any page may read it.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    },
};

/// Methods that an edge answers.
pub(crate) const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

const TIMING_ALLOW_ORIGIN: HeaderName = HeaderName::from_static("timing-allow-origin");
const ANY: HeaderValue = HeaderValue::from_static("*");
/// What players read.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Content-Length, Content-Range, Date, Age, ETag, Retry-After, Cache-Status, \
     CMSD-Static, CMSD-Dynamic",
);
/// What players send.
const ACCEPTED: HeaderValue = HeaderValue::from_static(
    "Authorization, Range, Content-Type, CMCD-Object, CMCD-Request, CMCD-Session, CMCD-Status",
);
/// A day, in seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("86400");

/// Whether a field, in lower case, is written here and by nobody else.
fn is_ours(name: &str) -> bool {
    name.starts_with("access-control-") || name == TIMING_ALLOW_ORIGIN.as_str()
}

/// Removes such fields.
pub(crate) fn forget(headers: &mut HeaderMap) {
    let names: Vec<_> = headers.keys().cloned().collect();
    for name in names.iter().filter(|name| is_ours(name.as_str())) {
        headers.remove(name);
    }
}

/// Lets any page read an answer.
pub(crate) fn allow(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    headers.insert(TIMING_ALLOW_ORIGIN, ANY);
}

/// What a preflight asks for.
pub(crate) fn preflight(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, ACCEPTED);
    headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
}
