//! `POST /purge`.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use tokio::{
    task::spawn_blocking,
    time::{Instant, timeout},
};
use tracing::{info, warn};
use wire::{PurgeRequest, Purged, kind};

use super::{json, problem, target_of};
use crate::{
    node::Node,
    purge::{Purge, Selector},
};

/// Longest request, bytes, and longest wait for it. Chosen: a thousand long addresses.
const BODY_MAX: usize = 1 << 20;
const BODY_WAIT: Duration = Duration::from_secs(10);
/// Most selectors in one request. Chosen: an eighth of what is remembered.
const SELECTORS_MAX: usize = 1024;
/// Longest tag, bytes: an object has no longer one.
const TAG_LEN_MAX: usize = 1024;

pub(super) async fn answer(node: &Arc<Node>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let bad = |why: String| problem(400, kind::BAD_REQUEST, why);
    let body = Limited::new(request.into_body(), BODY_MAX).collect();
    let Ok(Ok(body)) = timeout(BODY_WAIT, body).await else {
        let why = format!("the body is cut, slow or longer than {BODY_MAX} bytes");
        return problem(413, kind::TOO_LARGE, why);
    };
    let asked = match serde_json::from_slice(&body.to_bytes()) {
        Ok(asked) => asked,
        Err(error) => return bad(format!("the body is no purge: {error}")),
    };
    match purge(node, asked) {
        Ok(purge) => put_in_force(node.clone(), purge).await,
        Err(why) => bad(why),
    }
}

fn purge(node: &Node, asked: PurgeRequest) -> Result<Purge, String> {
    let count = asked.urls.len() + asked.prefixes.len() + asked.tags.len();
    if count == 0 {
        return Err("name something in urls, prefixes or tags; the prefix / is all".to_owned());
    }
    if count > SELECTORS_MAX {
        return Err(format!("{count} at once; {SELECTORS_MAX} is the most"));
    }
    let mut selectors = Vec::with_capacity(count);
    for url in &asked.urls {
        selectors.push(Selector::Url(key(node, url)?));
    }
    for prefix in &asked.prefixes {
        selectors.push(Selector::Prefix(key(node, prefix)?));
    }
    for tag in &asked.tags {
        selectors.push(Selector::Tag(name(tag)?));
    }
    let soft = asked.soft;
    Ok(Purge { selectors, soft })
}

fn key(node: &Node, url: &str) -> Result<Arc<str>, String> {
    let target = target_of(node, url);
    let target = target.map_err(|why| format!("{}: {why}", keys::redact(url)))?;
    Ok(target.key.as_str().into())
}

fn name(tag: &str) -> Result<Arc<str>, String> {
    let tag = tag.trim();
    if tag.is_empty() || tag.len() > TAG_LEN_MAX {
        return Err(format!("a tag has 1 to {TAG_LEN_MAX} bytes"));
    }
    Ok(tag.into())
}

/// Scanning memory and writing to disk are nothing for a thread that serves.
async fn put_in_force(node: Arc<Node>, purge: Purge) -> Response<Full<Bytes>> {
    let Ok(turn) = node.purging.clone().try_read_owned() else {
        let why = "another process is taking over this edge: ask again";
        return problem(503, kind::OVERLOADED, why);
    };
    let (count, soft) = (purge.selectors.len(), purge.soft);
    let began = Instant::now();
    let store = node.clone();
    let done = spawn_blocking(move || {
        let _turn = turn;
        let (position, written) = node.purges.add(&purge);
        node.metrics.purges.increment(1);
        let (matched, gone) = node.store.purge(&purge, position);
        (position.to_string(), matched, gone, written)
    });
    let Ok((position, matched, gone, written)) = done.await else {
        return problem(500, kind::INTERNAL, "the purge failed here");
    };
    // The purge holds already: this frees room, and nobody waits for it.
    spawn_blocking(move || store.store.forget_dead(&gone));
    if let Err(error) = written {
        warn!(%error, position, "a purge holds, and can't be written down");
        let why = format!(
            "purged at {position}, but not written down ({error}): purge again before a restart"
        );
        return problem(507, kind::STORAGE_FULL, why);
    }
    info!(position, matched, soft, count, took = ?began.elapsed(), "purged");
    json(&Purged { position, matched })
}
