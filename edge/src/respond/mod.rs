//! What clients get: heads, parts, problems, and the `Cache-Status` of each.

mod note;
mod problem;
mod shape;

use http::{HeaderMap, HeaderValue, Response};

pub(crate) use self::{
    note::Note,
    problem::{fetch_failed, problem, refusal, unready},
    shape::{blocks, object, stream},
};
use crate::{access::Viewer, body::Body, outcome::Outcome, path::CacheKey};

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
}

impl Answer {
    pub(crate) fn new(response: Response<Body>, outcome: Outcome) -> Self {
        Self {
            response,
            outcome,
            key: None,
        }
    }
}
