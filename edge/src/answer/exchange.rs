//! A request that passed the gate, and what is stored for it.

use std::sync::Arc;

use http::{
    HeaderMap, HeaderValue, Method,
    header::{AUTHORIZATION, CACHE_CONTROL},
};
use tokio::time::Instant;

use super::local;
use crate::{
    access::{Refusal, Viewer},
    fills::Joined,
    freshness::{State, split_unquoted},
    head::Object,
    node::Node,
    outcome::Outcome,
    path::{Kind, Target},
    pump::{self, Order},
    respond::{self, Answer, Asked, Note},
    site::Site,
    upstream::CDN_LOOP,
};

/// One request that passed the gate.
pub(crate) struct Exchange<'a> {
    pub(crate) node: &'a Arc<Node>,
    pub(crate) site: &'a Arc<Site>,
    pub(crate) target: Target,
    pub(crate) asked: Asked<'a>,
    /// The client's credential for the origin.
    pub(crate) own: Option<&'a HeaderValue>,
}

impl Exchange<'_> {
    pub(super) async fn run(&self) -> Answer {
        let stored = self.find().await;
        let now = Instant::now();
        if let Some(object) = &stored {
            match object.head.freshness.state(now) {
                State::Fresh => return self.serve(object, Outcome::Hit, now),
                State::WhileRevalidate => {
                    self.refresh(object);
                    return self.serve(object, Outcome::Stale, now);
                }
                State::Stale => {}
            }
        }
        if self.was_refused(now) {
            let negative = Answer {
                outcome: Outcome::Negative,
                ..respond::refusal(Refusal::Missing)
            };
            return self.noted(negative, Note::default());
        }
        let only_stored = self.site.kind == Kind::Plain && only_if_cached(self.asked.headers);
        if only_stored && !self.is_in_blocks(now).await {
            return self.noted(local::not_cached(), Note::default());
        }
        if stored.is_none()
            && self.own.is_none()
            && let Some(answer) = self.by_blocks(None).await
        {
            return answer;
        }
        if self.asked.head_only && self.site.passed.is_all() {
            let order = Order {
                method: Method::HEAD,
                ..self.order(stored.clone(), true)
            };
            return self.fetch_by(order, Outcome::Miss, stored).await;
        }
        if self.own.is_some() {
            let order = self.order(stored.clone(), true);
            return self.fetch_by(order, Outcome::Bypass, stored).await;
        }
        self.fetch(stored).await
    }

    /// What is stored, in memory or on disk, if this viewer may read it.
    pub(crate) async fn find(&self) -> Option<Arc<Object>> {
        let store = &self.node.store;
        self.readable(store.find(&self.target.key, || self.fields()).await?)
    }

    /// What is in memory, if this viewer may read it.
    pub(crate) fn stored(&self) -> Option<Arc<Object>> {
        let store = &self.node.store;
        self.readable(store.get(&self.target.key, || self.fields())?)
    }

    fn readable(&self, object: Arc<Object>) -> Option<Arc<Object>> {
        let head = &object.head;
        // RFC 9111 §3.5: to whom has a credential, an answer of no one's in particular may be
        // another than theirs.
        let may_share = self.own.is_none() || head.says_shared;
        let may_read = may_share && self.asked.viewer.may_read(head.access);
        may_read.then_some(object)
    }

    /// What goes up of the client's fields.
    pub(crate) fn fields(&self) -> HeaderMap {
        let mut fields = self.site.passed.of(self.asked.headers);
        // Also where they don't pass, or `Connection` names them (RFC 8586 §2).
        fields.remove(CDN_LOOP);
        for hops in self.asked.headers.get_all(CDN_LOOP) {
            fields.append(CDN_LOOP, hops.clone());
        }
        if let Some(own) = self.own {
            fields.insert(AUTHORIZATION, own.clone());
        }
        fields
    }

    pub(crate) fn serve(&self, object: &Object, outcome: Outcome, now: Instant) -> Answer {
        let note = Note {
            ttl_secs: Some(object.head.freshness.ttl_secs(now)),
            ..Note::default()
        };
        let response = respond::object(&self.asked, object, now);
        self.noted(Answer::new(response, outcome), note)
    }

    fn was_refused(&self, now: Instant) -> bool {
        let asset = self.target.asset();
        self.asked.viewer == Viewer::Keyless
            && asset.is_some_and(|asset| self.node.refusals.holds(asset, now))
    }

    /// Asks for an object anew, in the background, unless that is being done.
    fn refresh(&self, stale: &Arc<Object>) {
        let key = self.fill_key(Some(stale));
        if let Joined::Leader(fill, _) = self.join(&key) {
            let mut order = self.order(Some(stale.clone()), false);
            order.key = key;
            pump::start(self.node, fill, order);
        }
    }
}

/// The client wants what is stored, and nothing fetched (RFC 9111 §5.2.1.7).
fn only_if_cached(request: &HeaderMap) -> bool {
    let fields = request.get_all(CACHE_CONTROL).iter();
    let mut texts = fields.filter_map(|field| field.to_str().ok());
    texts.any(|text| {
        split_unquoted(text).any(|directive| directive.eq_ignore_ascii_case("only-if-cached"))
    })
}
