//! `Cache-Status` (RFC 9211) and `Proxy-Status` (RFC 9209).

use std::fmt::Write;

use http::{HeaderName, HeaderValue, StatusCode};

use super::Answer;
use crate::{outcome::Outcome, upstream::FetchError};

const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");
const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
/// Room for what it mostly says, bytes.
const CACHE_STATUS_LEN: usize = 64;

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
