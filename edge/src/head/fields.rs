//! Which fields of an origin's answer clients get, and what they say.

use std::time::SystemTime;

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        ACCEPT_RANGES, AGE, CONNECTION, CONTENT_LENGTH, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION,
        TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
    },
};

use super::Access;

/// Fields for one connection only (RFC 9110 §7.6.1), and such as advertise another host.
const HOP: [HeaderName; 11] = [
    CONNECTION,
    HeaderName::from_static("proxy-authentication-info"),
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("alt-svc"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// What an answer says of who may read it.
pub(super) fn access(headers: &HeaderMap) -> Option<Access> {
    let field = headers.get(wire::WEIR_ACCESS)?;
    if field == wire::access::PUBLIC {
        Some(Access::Public)
    } else {
        Some(Access::Keyed)
    }
}

/// The fields of the origin's that clients get: not those of one connection, not those
/// that we write ourselves, not Weir's own.
pub(super) fn passed_on(headers: &HeaderMap) -> HeaderMap {
    let named = named_by_connection(headers);
    let ours = |name: &HeaderName| {
        let text = name.as_str();
        HOP.contains(name)
            || [AGE, CONTENT_LENGTH, ACCEPT_RANGES].contains(name)
            || text.starts_with("weir-")
            || named.iter().any(|other| other.eq_ignore_ascii_case(text))
    };
    let kept = headers.iter().filter(|(name, _)| !ours(name));
    kept.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

pub(crate) fn named_by_connection(headers: &HeaderMap) -> Vec<&str> {
    let fields = headers.get_all(CONNECTION).iter();
    let texts = fields.filter_map(|field| field.to_str().ok());
    texts
        .flat_map(|text| text.split(',').map(str::trim))
        .collect()
}

pub(super) fn is_weak(tag: &HeaderValue) -> bool {
    tag.as_bytes().starts_with(b"W/")
}

pub(super) fn with_age(headers: &HeaderMap, news: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    if let Some(age) = news.get(AGE) {
        headers.insert(AGE, age.clone());
    }
    headers
}

pub(crate) fn http_date(at: SystemTime) -> HeaderValue {
    HeaderValue::from_str(&httpdate::fmt_http_date(at)).expect("a date is ASCII")
}
