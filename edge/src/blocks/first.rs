//! The first answer with a part of an object: what it comes to.

use std::{ops::Range, sync::Arc};

use http::{
    Response, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_RANGE},
};
use http_body::Body as _;

use super::{
    Spread, content_range,
    fetch::{Asker, Block, Came, Place},
};
use crate::{fill::Reader, freshness::Received, head::Head, node::Node, pump::Order, upstream};

/// Which part of an object to ask for before anything else is known of it.
pub(crate) struct Part {
    pub(crate) range: Range<u64>,
    /// A version that is stored and not fresh: asked about in the same request, as a
    /// condition is judged before a range (RFC 9110 §13.2.2).
    pub(crate) known: Option<Arc<Spread>>,
    /// It is what a client asked for, and goes to that client alone.
    pub(crate) exact: bool,
}

/// What an answer to such a question is.
#[allow(
    clippy::large_enum_variant,
    reason = "taken apart where it is made, once a fetch"
)]
pub(crate) enum Found {
    /// As if the whole had been asked for.
    Whole(Response<upstream::Body>),
    /// Parts of it can't be kept, nor the whole.
    Alone,
    /// To be asked again: for this part, or for the whole.
    Again(Option<Range<u64>>),
    /// Still the version that is stored.
    Renewed(Arc<Spread>),
    /// A version, and its first block.
    Begun(Arc<Spread>, Box<First>),
}

/// A block that is on its way before anyone knows its version.
pub(crate) struct First {
    came: Came,
    /// None if another fetch brings it, or it is stored.
    block: Option<(Block, Reader)>,
}

impl First {
    /// Takes in the block.
    pub(crate) async fn take(self) {
        if let Some((block, opener)) = self.block {
            block.fill(opener, self.came).await;
        }
    }
}

/// Judges the answer to a question for `asked`, which was a part or the whole.
pub(crate) fn judge(
    node: &Arc<Node>,
    order: &Order,
    asked: Option<&Range<u64>>,
    response: Response<upstream::Body>,
    received: Received,
) -> Found {
    let (Some(asked), Some(part)) = (asked, &order.part) else {
        return Found::Whole(response);
    };
    if part.exact {
        return exact(asked, response);
    }
    match response.status() {
        StatusCode::NOT_MODIFIED => match &part.known {
            Some(known) => renew(node, known, &response, received),
            None => Found::Whole(response),
        },
        // Its length is not known yet: any part's answer tells it.
        StatusCode::RANGE_NOT_SATISFIABLE if asked.start > 0 => {
            Found::Again(Some(node.blocks.around(0)))
        }
        StatusCode::RANGE_NOT_SATISFIABLE => Found::Again(None),
        StatusCode::PARTIAL_CONTENT => {
            let begun = begin(node, order, asked, response, received);
            match begun {
                Found::Again(_) => node.blocks.whole.set(&order.key),
                Found::Alone => node.blocks.alone.set(&order.key),
                _ => {}
            }
            begun
        }
        StatusCode::OK => {
            node.blocks.whole.set(&order.key);
            Found::Whole(response)
        }
        _ => Found::Whole(response),
    }
}

/// What goes on to a client as it came.
fn exact(asked: &Range<u64>, response: Response<upstream::Body>) -> Found {
    if response.status() != StatusCode::PARTIAL_CONTENT {
        return Found::Whole(response);
    }
    let body_len = response.body().size_hint().exact();
    match content_range::part(response.headers(), body_len, asked) {
        Some(_) => Found::Whole(response),
        None => Found::Again(None),
    }
}

fn renew(
    node: &Node,
    known: &Arc<Spread>,
    response: &Response<upstream::Body>,
    received: Received,
) -> Found {
    match known.renewed(response.headers(), received) {
        Some(head) if !known.is_dead() => {
            known.freshen(Arc::new(head), &node.store);
            Found::Renewed(known.clone())
        }
        _ => {
            node.blocks.end(known, &node.store);
            Found::Again(None)
        }
    }
}

fn begin(
    node: &Arc<Node>,
    order: &Order,
    asked: &Range<u64>,
    response: Response<upstream::Body>,
    received: Received,
) -> Found {
    let body_len = response.body().size_hint().exact();
    let span = content_range::span(response.headers());
    if span.is_some_and(|span| span.part == (0..span.total) && body_len == Some(span.total)) {
        return Found::Whole(as_whole(response));
    }
    let Some(span) = content_range::part(response.headers(), body_len, asked) else {
        return Found::Again(None);
    };
    let (parts, body) = response.into_parts();
    // As the head of the whole (RFC 9111 §3.4).
    let mut whole = parts.clone();
    whole.status = StatusCode::OK;
    whole.headers.remove(CONTENT_RANGE);
    let taking = order.taking(node, whole.status, received);
    let head = Arc::new(Head::new(&whole, Some(span.total), &taking));
    let keeps = head.store && order.may_store(&head);
    if !keeps {
        return Found::Alone;
    }
    let spread = Spread::new(&order.place, head, node.blocks.len);
    let Some(spread) = spread.and_then(|spread| node.blocks.meet(spread, &node.store)) else {
        // A long one can't be stored whole either.
        return match span.total > node.config.object_max.as_u64() {
            true => Found::Alone,
            false => Found::Again(None),
        };
    };
    let came = Came {
        parts,
        body,
        received,
    };
    let asker = Asker {
        site: order.site.clone(),
        credential: order.key.credential,
        fields: order.fields.clone(),
        is_media: order.asset.is_some(),
    };
    let number = spread.number(span.part.start);
    let block = match Block::find(node, &asker, &spread, number, false) {
        Ok(Place::Led(block, reader)) => Some((block, reader)),
        _ => None,
    };
    Found::Begun(spread, Box::new(First { came, block }))
}

/// An object that is no longer than a block came whole (§3.3).
fn as_whole(response: Response<upstream::Body>) -> Response<upstream::Body> {
    let (mut parts, body) = response.into_parts();
    parts.status = StatusCode::OK;
    parts.headers.remove(CONTENT_RANGE);
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, body)
}
