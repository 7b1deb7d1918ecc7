//! What the redirects say that led to an answer. It is kept under what was asked for first, so
//! what they forbid is forbidden for it, and it is fresh for no longer than they are.

use std::time::{Duration, SystemTime};

use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{SET_COOKIE, VARY},
};

use super::{
    Freshness,
    judge::{explicit, seconds},
};
use crate::vary;

/// See the module.
#[derive(Debug, Clone, Default)]
pub(crate) struct Detour {
    /// The answer may be stored for nobody.
    pub(crate) forbids: bool,
    /// The least that is stated.
    lifetime: Option<Duration>,
    varies: Vec<HeaderValue>,
}

impl Detour {
    /// The one that an answer came by.
    pub(crate) fn of(extensions: &http::Extensions) -> Option<&Self> {
        extensions.get()
    }

    /// Takes in one more redirect.
    pub(crate) fn add(&mut self, headers: &HeaderMap, now: SystemTime) {
        let (said, explicit) = explicit(headers, now);
        self.forbids |= said.no_store
            || said.private
            || headers.contains_key(SET_COOKIE)
            || vary::is_untold(headers);
        let stated = said.no_cache.then_some(0).or(explicit).map(seconds);
        let both = self.lifetime.into_iter().chain(stated);
        self.lifetime = both.min();
        self.varies.extend(headers.get_all(VARY).iter().cloned());
    }

    /// Tells those who judge the answer at its end.
    pub(crate) fn mark<B>(self, answer: &mut Response<B>) {
        if answer.status() != StatusCode::NOT_MODIFIED {
            for field in &self.varies {
                answer.headers_mut().append(VARY, field.clone());
            }
        }
        answer.extensions_mut().insert(self);
    }

    /// An answer by it is no longer fresh than the redirects are.
    pub(crate) fn shorten(&self, freshness: &mut Freshness) {
        let least = self.lifetime.unwrap_or(freshness.lifetime);
        freshness.lifetime = freshness.lifetime.min(least);
    }
}
