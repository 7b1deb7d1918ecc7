//! What is not stored: fetched, or had of a fetch that another request began.

use std::sync::Arc;

use tokio::time::Instant;

use super::Exchange;
use crate::{
    access::Viewer,
    fill::Arrival,
    fills::{FillKey, Joined},
    freshness::{Share, State},
    head::{Head, Object},
    outcome::Outcome,
    pump::{self, Order},
    respond::Answer,
    upstream::{Credential, FetchError},
};

/// Fetches of other variants that a request waits for, before it makes its own. Chosen.
const VARIANTS_TRIED: usize = 3;

impl Exchange<'_> {
    pub(super) async fn fetch(&self, mut stale: Option<Arc<Object>>) -> Answer {
        let mut key = self.fill_key(stale.as_ref());
        let tries = match self.node.unshared.holds(&key) {
            true => 0,
            false => VARIANTS_TRIED,
        };
        // A running fetch may turn out to be of another variant than this request's.
        for _ in 0..tries {
            let (reader, outcome) = match self.join(&key) {
                Joined::Leader(fill, reader) => {
                    let mut order = self.order(stale.clone(), false);
                    order.key = key.clone();
                    pump::start(self.node, fill, order);
                    (reader, Outcome::Miss)
                }
                Joined::Follower(reader) => (reader, Outcome::Collapsed),
                Joined::Done(object) => {
                    return self.serve(&object, Outcome::Hit, Instant::now());
                }
                Joined::Full => return self.failed(&FetchError::Overloaded, stale.as_deref()),
            };
            let arrival = reader.arrival().await;
            // A purge may have come meanwhile.
            stale = stale.filter(|stale| self.node.store.may_use(&key.cache, stale));
            let head = match &arrival {
                Ok(Arrival::Head(head)) if outcome == Outcome::Collapsed => Some(&**head),
                Ok(Arrival::Object(object)) if outcome == Outcome::Collapsed => Some(&object.head),
                _ => None,
            };
            // Seen at its head: this answer is for the request it was fetched for.
            if head.is_some_and(|head| head.share == Share::Nobody) {
                break;
            }
            if matches!(arrival, Ok(Arrival::Alone)) {
                break;
            }
            if let Ok(Arrival::Spread(spread)) = &arrival {
                match self.by_blocks(Some((spread.clone(), outcome))).await {
                    Some(answer) => return answer,
                    None => continue,
                }
            }
            match self.other_variant(head) {
                Some(values) => key.cache = self.target.key.variant(&values),
                None => return self.arrived(arrival, reader, outcome, stale.as_deref()),
            }
        }
        let order = self.order(None, true);
        self.fetch_by(order, Outcome::Miss, stale).await
    }

    /// Names the variant that this request wants, if that is not the one which came.
    pub(crate) fn other_variant(&self, head: Option<&Head>) -> Option<String> {
        let vary = head?.vary.as_ref()?;
        let fields = self.fields();
        (!vary.matches(&fields)).then(|| vary.variant(&fields))
    }

    /// Fetches for this request alone.
    pub(crate) async fn fetch_by(
        &self,
        order: Order,
        outcome: Outcome,
        stale: Option<Arc<Object>>,
    ) -> Answer {
        let (fill, reader) = self.node.fills.apart();
        pump::start(self.node, fill, order);
        let arrival = reader.arrival().await;
        self.arrived(arrival, reader, outcome, stale.as_deref())
    }

    pub(super) fn join(&self, key: &FillKey) -> Joined<Arc<Object>> {
        let fresh = || {
            let now = Instant::now();
            let is_fresh = |object: &Arc<Object>| object.head.freshness.state(now) == State::Fresh;
            self.stored().filter(is_fresh)
        };
        self.node.fills.join(key, fresh)
    }

    /// Of the object, or of the variant of it that is stored and stale.
    pub(crate) fn fill_key(&self, stale: Option<&Arc<Object>>) -> FillKey {
        let vary = stale.and_then(|stale| stale.head.vary.as_ref());
        FillKey {
            cache: match vary {
                Some(vary) => self.target.key.variant(&vary.own_variant()),
                None => self.target.key.clone(),
            },
            credential: match self.asked.viewer {
                Viewer::Keyed { .. } => Credential::Edge,
                Viewer::Keyless | Viewer::Anyone => Credential::Anonymous,
            },
        }
    }

    pub(crate) fn order(&self, stale: Option<Arc<Object>>, apart: bool) -> Order {
        Order {
            place: self.target.key.clone(),
            asset: self.target.asset().map(Into::into),
            fields: self.fields(),
            authorized: self.own.is_some(),
            stale,
            apart,
            ..Order::new(self.site.clone(), self.fill_key(None))
        }
    }
}
