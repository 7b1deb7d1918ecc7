//! What a change of an object, made through this edge, makes of what is stored of it
//! (RFC 9111 §4.4).

use http::{
    HeaderName, Method, StatusCode, Uri,
    header::{CONTENT_LOCATION, LOCATION},
    response::Parts,
};

use crate::{
    node::Node,
    path::{CacheKey, Target},
    pump::Order,
};

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

fn drop_stored(node: &Node, place: &CacheKey) {
    // In this order: what a fetch stores after it was spoilt, it takes back.
    node.fills.spoil(place);
    node.store.remove(place);
    node.blocks.forget(place, &node.store);
}

/// The object that a field names, relative to the one that was changed.
fn named(order: &Order, answer: &Parts, name: &HeaderName) -> Option<CacheKey> {
    let text = answer.headers.get(name)?.to_str().ok()?;
    let whole = if text.contains("://") {
        let uri: Uri = text.parse().ok()?;
        let own = order.host.as_deref()?;
        let authority = uri.authority()?.as_str();
        if !own.eq_ignore_ascii_case(authority) {
            return None;
        }
        uri.path_and_query()?.as_str().to_owned()
    } else if text.starts_with('/') {
        text.to_owned()
    } else {
        let base = order.place.path();
        format!("{}{text}", &base[..=base.rfind('/')?])
    };
    let whole = whole.split('#').next().unwrap_or_default();
    let (path, query) = match whole.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (whole, None),
    };
    let target = Target::parse(path, query, order.site.reading(path)).ok()?;
    Some(target.key)
}
