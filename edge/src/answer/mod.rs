//! From a request to its answer.

mod came;
mod exchange;
mod fetch;
mod local;
mod pass;

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use http::{Method, header::AUTHORIZATION, request::Parts};
use hyper::body::Incoming;

use crate::{
    access::{Leash, Refusal, Viewer},
    node::Node,
    path::{Kind, Refused, Target},
    respond::{self, Answer, Asked},
    site::Site,
};

pub(crate) use exchange::Exchange;

/// Answers a request, and says by which key, and which site it is for. `body` is read where it goes up only.
pub(crate) async fn answer<'a>(
    node: &'a Arc<Node>,
    request: &Parts,
    body: Incoming,
) -> (Answer, Option<Leash>, Option<&'a Site>) {
    if let (&Method::GET | &Method::HEAD, path @ ("/healthz" | "/readyz")) =
        (&request.method, request.uri.path())
    {
        let answer = match path {
            "/healthz" => local::healthy(),
            _ => local::readiness(node),
        };
        return (answer, None, None);
    }
    if node.names.loops(&request.headers) {
        return (local::looped(), None, None);
    }
    let Some(site) = node.sites.of(request) else {
        return (local::no_such_site(), None, None);
    };
    let mut leash = None;
    let answer = match request.method {
        Method::GET | Method::HEAD => read(node, site, request, &mut leash).await,
        Method::OPTIONS if site.has_our_cors() => local::preflight(),
        // RFC 9110 §9.3.7: of no object, but of who is asked.
        Method::OPTIONS if request.uri.path() == "*" => local::options(),
        _ if is_licence_request(node, request) => read(node, site, request, &mut leash).await,
        // TRACE would show a page what its browser sends (RFC 9110 §9.3.8).
        Method::CONNECT | Method::TRACE => local::method_refused(),
        _ if site.passed.is_all() => pass::pass(node, site, request, body).await,
        _ => local::method_refused(),
    };
    (answer, leash, Some(site))
}

/// A player's question for the keys of an asset. What it says is of no account: the answer
/// has all keys, so it is asked for as by GET, and no cache may keep it.
pub(crate) fn is_licence_request(node: &Node, request: &Parts) -> bool {
    let path = request.uri.path();
    let is_media = path.starts_with("/v/") || path.starts_with("/k/");
    let is_post = node.gate.is_some() && request.method == Method::POST;
    let is_asked = is_post && is_media && path.ends_with("/license");
    is_asked
        && node
            .sites
            .of(request)
            .is_some_and(|site| site.kind == Kind::Weir)
}

/// Who is let in by a key is put on its leash.
async fn read(
    node: &Arc<Node>,
    site: &Arc<Site>,
    request: &Parts,
    leash: &mut Option<Leash>,
) -> Answer {
    let target = match parse(node, site, request) {
        Ok(target) => target,
        Err(refused) => return local::target_refused(refused),
    };
    let authorization = request.headers.get(AUTHORIZATION);
    let gate = node.gate.as_ref().filter(|_| site.kind == Kind::Weir);
    let viewer = match gate {
        None => Ok((Viewer::Anyone, None)),
        Some(gate) => gate.admit(&target, authorization, unix_now()),
    };
    let viewer = match viewer {
        Ok((viewer, held)) => {
            *leash = held;
            viewer
        }
        Err(refusal) => return respond::refusal(refusal),
    };
    let exchange = Exchange {
        node,
        site,
        passes: false,
        own: authorization.filter(|_| site.kind == Kind::Plain),
        target,
        asked: Asked {
            headers: &request.headers,
            head_only: request.method == Method::HEAD,
            viewer,
        },
    };
    let answer = exchange.run().await;
    // It may have waited: what was let in may have been taken back meanwhile.
    let revoked = gate.zip(leash.as_mut());
    if revoked.is_some_and(|(gate, leash)| gate.has_revoked(leash)) {
        return respond::refusal(Refusal::Revoked);
    }
    answer
}

pub(crate) fn parse(node: &Node, site: &Site, request: &Parts) -> Result<Target, Refused> {
    let (path, query) = (request.uri.path(), request.uri.query());
    let len_max = node.config.target_len_max;
    if path.len() + query.map_or(0, str::len) > len_max {
        return Err(Refused::TooLong(len_max));
    }
    site.target(path, query)
}

pub(crate) fn unix_now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}
