//! `GET /explain`, and the same for a request that shows the token in `Weir-Debug`.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, request::Parts};
use http_body_util::Full;
use wire::{Explanation, kind};

use super::{json, parts_of, problem};
use crate::{explain::explain, node::Node, outcome::Outcome};

/// Who shows the token in it gets [`EXPLAIN`].
const DEBUG: HeaderName = HeaderName::from_static("weir-debug");
/// An [`Explanation`] in JSON.
const EXPLAIN: HeaderName = HeaderName::from_static("weir-explain");

pub(super) async fn answer(node: &Arc<Node>, query: Option<&str>) -> Response<Full<Bytes>> {
    let bad = |why: &str| problem(400, kind::BAD_REQUEST, why);
    let pairs = query.unwrap_or_default().split('&');
    let url = pairs.filter_map(|pair| pair.strip_prefix("url=")).next();
    let Some(url) = url.and_then(unescape) else {
        return bad("say which: /explain?url=<address>, percent-encoded");
    };
    match parts_of(&url) {
        Ok(parts) => json(&explain(node, &parts).await),
        Err(why) => bad(why),
    }
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => crate::path::unescape(&mut bytes).ok()?,
            _ => byte,
        });
    }
    String::from_utf8(out).ok()
}

/// What was found of a request before it was answered.
pub(crate) struct Debugging(Explanation);

impl Debugging {
    /// Looks, if the request shows the token.
    pub(crate) async fn of(node: &Arc<Node>, request: &Parts) -> Option<Self> {
        let shown = request.headers.get(DEBUG)?;
        let token = node.admin.as_ref()?;
        if token.is(shown.as_bytes()) {
            Some(Self(explain(node, request).await))
        } else {
            None
        }
    }

    /// Says so in the answer.
    pub(crate) fn tell(mut self, outcome: Outcome, headers: &mut HeaderMap) {
        outcome.as_str().clone_into(&mut self.0.outcome);
        let text = serde_json::to_string(&self.0).unwrap_or_default();
        if let Ok(field) = HeaderValue::try_from(text) {
            headers.insert(EXPLAIN, field);
        }
    }
}
