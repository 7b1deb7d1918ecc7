//! What a change of an object, made through this edge, makes of what is stored of it
//! (RFC 9111 §4.4).

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use http::{
    HeaderName, Method, StatusCode, Uri,
    header::{CONTENT_LOCATION, LOCATION},
    response::Parts,
};

use moka::sync::Cache;

use crate::{node::Node, path::CacheKey, pump::Order};

/// Most changes that are remembered; the least asked for go first. Chosen: about 3 MiB, and
/// far more than change while one answer comes.
const COUNT_MAX: u64 = 16_384;

/// Drops what the answer to `order` made untrue: the object itself, and those that the
/// answer names, if they are of the same site.
pub(crate) fn by_answer(node: &Node, order: &Order, answer: &Parts) {
    let done = answer.status.is_success() || answer.status.is_redirection();
    if order.method.is_safe() || !done {
        return;
    }
    drop_stored(node, &order.place);
    for name in [LOCATION, CONTENT_LOCATION] {
        if let Some(place) = named(order, answer, &name) {
            drop_stored(node, &place);
        }
    }
}

/// Whether the answer to a POST is what a GET would get from now on (RFC 9110 §9.3.3).
pub(crate) fn is_new_state(order: &Order, answer: &Parts) -> bool {
    let is_it = || named(order, answer, &CONTENT_LOCATION).as_ref() == Some(&order.place);
    order.method == Method::POST && answer.status == StatusCode::OK && is_it()
}

/// The objects that were changed, and when: what was asked for before is not stored after.
pub(crate) struct Changes {
    count: AtomicU64,
    /// Which change was its last.
    last: Cache<CacheKey, u64>,
}

impl Changes {
    pub(crate) fn new() -> Self {
        Self {
            count: AtomicU64::new(0),
            last: Cache::new(COUNT_MAX),
        }
    }

    /// So far.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(SeqCst)
    }

    /// Whether this object was changed since there were so many.
    pub(crate) fn since(&self, count: u64, place: &CacheKey) -> bool {
        self.count() != count && self.last.get(place).is_some_and(|last| last > count)
    }

    fn add(&self, place: &CacheKey) {
        let this = self.count.fetch_add(1, SeqCst) + 1;
        let entry = self.last.entry(place.clone());
        entry.and_upsert_with(|had| had.map_or(this, |had| had.into_value().max(this)));
    }
}

/// First what runs, then what is stored: what ends between the two is stored no more.
fn drop_stored(node: &Node, place: &CacheKey) {
    node.changes.add(place);
    node.fills.spoil(place);
    node.blocks.forget(place, &node.store);
    node.store.remove(place);
}

/// The object that a field names, relative to the one that was changed.
fn named(order: &Order, answer: &Parts, name: &HeaderName) -> Option<CacheKey> {
    let text = answer.headers.get(name)?.to_str().ok()?;
    let whole = if text.starts_with('/') {
        text.to_owned()
    } else if text.contains("://") {
        let uri: Uri = text.parse().ok()?;
        let own = order.host.as_deref()?;
        let authority = uri.authority()?.as_str();
        if !own.eq_ignore_ascii_case(authority) {
            return None;
        }
        uri.path_and_query()?.as_str().to_owned()
    } else {
        let base = order.place.path();
        format!("{}{text}", &base[..=base.rfind('/')?])
    };
    let whole = whole.split('#').next().unwrap_or_default();
    let (path, query) = match whole.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (whole, None),
    };
    let target = order.site.target(path, query).ok()?;
    Some(target.key)
}
