//! An answer that is new: whose it may be, and whether it is kept.

use std::sync::Arc;

use http::{
    HeaderMap, Method, Response, StatusCode,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
};
use http_body::Body as _;

use super::{Order, Pump};
use crate::{
    config::Profile,
    fill::Arrival,
    fills::Portion,
    freshness::{Received, Share, blames_request},
    head::Head,
    invalidate,
    node::Node,
    upstream::{self, FetchError, Slot},
};

impl Pump {
    pub(super) async fn stream(
        &self,
        response: Response<upstream::Body>,
        received: Received,
        slot: Slot<'_>,
    ) -> Result<(), FetchError> {
        let (parts, body) = response.into_parts();
        // Events go on for minutes, mostly in silence: who waits for them, and that may be
        // as many as there are connections, must not keep others from their segments.
        let slot = Some(slot).filter(|_| !upstream::are_events(&parts.headers));
        let length = if self.order.method == Method::HEAD {
            content_length(&parts.headers)
        } else {
            body.size_hint().exact()
        };
        // Such a body ends with its connection: a cut one looks whole.
        let endless = length.is_none() && !parts.headers.contains_key(TRANSFER_ENCODING);
        let mut portion = self.node.fill_ram.portion();
        let taking = self.order.taking(&self.node, parts.status, received);
        let mut head = Head::new(&parts, length, &taking);
        self.remember(&head);
        if !self.order.is_read() {
            self.note_side_effects(&parts, &head, received);
            head.store &= invalidate::is_new_state(&self.order, &parts);
            head.share = Share::Nobody;
        }
        if self.order.apart {
            head.share = Share::Nobody;
        }
        if !self.fits(length.unwrap_or(0), &mut portion) {
            (head.store, head.share) = (false, Share::Nobody);
        }
        if endless || !self.order.may_store(&head) {
            head.store = false;
        }
        if !head.store && head.share != Share::Nobody {
            // What may carry one client's cookie is for that client.
            head.share = match self.order.site.profile {
                Profile::Cache => Share::Waiting,
                Profile::Passthrough => Share::Nobody,
            };
        }
        if !head.store && self.order.is_read() && self.tells_of_object(&head) {
            self.forget_stale();
        }
        if head.share != Share::Open {
            self.node.fills.close(&self.order.key, &self.fill);
        }
        if !self.order.is_read() || (!head.store && self.order.stale.is_some()) {
            // What this answer made untrue: no crash after it brings that back.
            self.node.store.settled().await;
        }
        let head = Arc::new(head);
        self.fill.arrive(Arrival::Head(head.clone()));
        let done = self.copy(&head, body, portion).await;
        drop(slot);
        done
    }

    /// What an answer to another method than GET says of stored answers.
    fn note_side_effects(&self, parts: &http::response::Parts, head: &Head, received: Received) {
        let Order { place, stale, .. } = &self.order;
        if self.order.method != Method::HEAD {
            return invalidate::by_answer(&self.node, &self.order, parts);
        }
        let Some(stored) = stale else { return };
        let same = head.status == StatusCode::OK && stored.head.is_described_by(head);
        let news = same.then(|| stored.refreshed(&parts.headers, received));
        if let Some(news) = news.filter(|news| news.head.store) {
            self.store(news);
        } else if head.status == StatusCode::OK || head.status == StatusCode::GONE {
            self.node.store.remove_variant(place, stored);
        }
    }

    /// Whether an answer says something of the object to all who may have it: an error of the
    /// origin's does not, nor one by which it finds fault with this request, or its credential.
    fn tells_of_object(&self, head: &Head) -> bool {
        let is_fault = head.status.is_server_error() || blames_request(head.status);
        !is_fault && !self.order.authorized
    }

    /// Who asks later must not wait for an answer that is not for them; nor may they have
    /// parts of another version.
    fn remember(&self, head: &Head) {
        let Order { key, site, .. } = &self.order;
        if !self.order.is_read() || !self.tells_of_object(head) {
            return;
        }
        let alone =
            head.share == Share::Nobody || (!head.store && site.profile == Profile::Passthrough);
        match (alone, self.order.apart) {
            (true, false) => self.node.unshared.set(key),
            (false, true) => self.node.unshared.clear(key),
            _ => {}
        }
        // What who has no key gets says nothing of what others do.
        if self.order.may_store(head) {
            let Node { blocks, store, .. } = &*self.node;
            blocks.compare(&self.order.place, head, store);
        }
    }

    fn fits(&self, len: u64, portion: &mut Portion) -> bool {
        len <= self.node.config.object_max.as_u64() && portion.grow_to(len)
    }
}

/// What a HEAD's answer says of the body that it does not have.
fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
