//! What is stored, as an operator reads it.

use http::HeaderMap;
use tokio::time::Instant;
use wire::StoredObject;

use crate::{
    freshness::{Freshness, State},
    head::{Access, Content, Head, Object},
    node::Node,
    path::{CacheKey, Kind},
    purge::{CACHE_TAG, SURROGATE_KEY},
};

/// A whole answer.
pub(super) fn whole(object: &Object, kind: Kind) -> StoredObject {
    let tier = match object.body {
        Content::Ram(_) => "ram",
        Content::Disk(_) => "disk",
    };
    StoredObject {
        tier: tier.to_owned(),
        len: object.len(),
        ..of(&object.head, kind)
    }
}

/// One of which there are parts; and its head.
pub(super) fn in_blocks(
    node: &Node,
    key: &CacheKey,
    kind: Kind,
) -> Option<(StoredObject, Freshness)> {
    let spread = node.blocks.get(key)?;
    let head = spread.head();
    let told = StoredObject {
        tier: "ram".to_owned(),
        len: head.length.unwrap_or_default(),
        blocks: Some(spread.told(&node.store)),
        ..of(&head, kind)
    };
    Some((told, head.freshness.clone()))
}

fn of(head: &Head, kind: Kind) -> StoredObject {
    let now = Instant::now();
    let freshness = &head.freshness;
    let state = match freshness.state(now) {
        State::Fresh => "fresh",
        State::WhileRevalidate => "stale-while-revalidate",
        State::Stale => "stale",
    };
    let access = match head.access {
        Access::Public => "public",
        Access::Keyed => "keyed",
    };
    StoredObject {
        status: head.status.as_u16(),
        state: state.to_owned(),
        age_secs: freshness.age(now).as_secs(),
        lifetime_secs: freshness.lifetime.as_secs(),
        ttl_secs: freshness.ttl_secs(now),
        access: (kind == Kind::Weir).then(|| access.to_owned()),
        position: head.position.to_string(),
        tags: tags(&head.headers),
        ..StoredObject::default()
    }
}

fn tags(headers: &HeaderMap) -> Option<String> {
    let fields = [SURROGATE_KEY, CACHE_TAG];
    let fields = fields.iter().flat_map(|name| headers.get_all(name));
    let tags: Vec<_> = fields.filter_map(|field| field.to_str().ok()).collect();
    (!tags.is_empty()).then(|| tags.join(", "))
}
