//! Runs one fetch: from the origin into a fill, and from there into the store.

mod copy;
mod order;
mod stream;

use std::{sync::Arc, time::SystemTime};

use http::{Response, StatusCode};
use tokio::time::Instant;
use tracing::{Instrument, debug, debug_span, warn};

pub(crate) use copy::next_piece;
pub(crate) use order::Order;

use crate::{
    blocks::{self, Found, Spread},
    fill::{Arrival, Fill},
    freshness::{Detour, Received},
    head::Object,
    node::Node,
    upstream::{self, Credential, FetchError, Question, Slot, Upload},
};

/// Begins a fetch, which goes on without whoever began it.
pub(crate) fn start(node: &Arc<Node>, fill: Arc<Fill>, mut order: Order) {
    // A purge may have come since it was looked up: no 304 brings its bytes back.
    let place = &order.place;
    order.stale = order.stale.filter(|stale| node.store.may_use(place, stale));
    let span = debug_span!("fetch", cache_key = order.place.as_str());
    // Made here, so that a task that never runs ends its fill as well.
    let pump = Pump {
        begun: node.changes.count(),
        node: node.clone(),
        fill,
        order,
    };
    node.spawn(pump.run().instrument(span));
}

struct Pump {
    /// The changes before it.
    begun: u64,
    node: Arc<Node>,
    fill: Arc<Fill>,
    order: Order,
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.node.fills.close(&self.order.key, &self.fill);
        self.fill.finish(Err(FetchError::Stopped));
    }
}

impl Pump {
    async fn run(mut self) {
        let asked = Instant::now();
        let upload = self.order.upload.take();
        let end = self.fetch(asked, upload).await;
        match &end {
            Err(FetchError::JoinRefused) => warn!("the origin refused this edge's join token"),
            Err(error) => {
                debug!(%error, kind = error.proxy_error(), "fetch failed");
            }
            Ok(()) => {}
        }
        if let Err(error) = &end {
            self.node.metrics.failed(error.proxy_error());
        }
        self.node.metrics.filled(asked.elapsed());
        self.gauge();
        // Closed before its end is seen: who asks again then begins anew.
        self.node.fills.close(&self.order.key, &self.fill);
        self.fill.finish(end);
    }

    async fn fetch(&mut self, asked: Instant, upload: Option<Upload>) -> Result<(), FetchError> {
        let site = self.order.site.clone();
        let origin = &site.origin;
        let place = &self.order.place;
        let slot = match &upload {
            None => origin.slot(place).await?,
            Some(upload) => origin.slot_to_send(place, upload).await?,
        };
        let mut part = self.order.part.as_ref().map(|part| part.range.clone());
        let mut upload = upload;
        // At most for a block, the first block and the whole, with a condition and without.
        loop {
            let spread = part.as_ref().and(self.order.part.as_ref());
            let spread = spread
                .and_then(|part| part.known.as_ref())
                .map(|it| it.head());
            let stale = self.order.stale.as_ref();
            let stale = stale.filter(|_| part.is_none() && self.order.is_read());
            let known = spread.as_deref().or(stale.map(|object| &object.head));
            let question = Question {
                key: &self.order.place,
                method: &self.order.method,
                credential: self.order.key.credential,
                fields: &self.order.fields,
                known: known.map(|head| &head.headers),
                part: part.as_ref(),
                same: None,
            };
            self.node.metrics.fetches.increment(1);
            let response = match upload.take() {
                None => origin.get(&question).await?,
                Some(upload) => origin.send(&question, upload).await?,
            };
            if response.status() == StatusCode::NOT_MODIFIED
                && stale.is_some_and(|stale| !stale.head.may_be_renewed(response.headers()))
            {
                self.forget_stale();
                self.order.stale = None;
                upstream::finish_unread(response.into_body()).await;
                continue;
            }
            let at = Instant::now();
            let received = Received {
                at,
                wall: SystemTime::now(),
                delay: at.saturating_duration_since(asked),
                position: self.fill.position(),
            };
            let asked = part.as_ref();
            match blocks::judge(&self.node, &self.order, asked, response, received) {
                Found::Whole(response) => return self.take(response, received, slot).await,
                Found::Again(next) => part = next,
                Found::Alone => {
                    self.node.fills.close(&self.order.key, &self.fill);
                    self.fill.arrive(Arrival::Alone);
                    return Ok(());
                }
                Found::Renewed(spread) => {
                    self.found(spread);
                    return Ok(());
                }
                Found::Begun(spread, first) => {
                    self.found(spread);
                    first.take().await;
                    return Ok(());
                }
            }
        }
    }

    /// Those who wait go on with this version, block by block.
    fn found(&self, spread: Arc<Spread>) {
        if !self.fill.may_store() {
            self.node.blocks.forget(&self.order.place, &self.node.store);
        }
        self.node.fills.close(&self.order.key, &self.fill);
        self.fill.arrive(Arrival::Spread(spread));
        self.fill.finish(Ok(()));
    }

    async fn take(
        &self,
        response: Response<upstream::Body>,
        received: Received,
        slot: Slot<'_>,
    ) -> Result<(), FetchError> {
        let status = response.status();
        let refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status);
        match (
            &self.order.stale,
            &self.order.asset,
            self.order.key.credential,
        ) {
            (Some(stale), _, _) if status == StatusCode::NOT_MODIFIED && self.order.is_read() => {
                let mut renewed = stale.refreshed(response.headers(), received);
                if let Some(detour) = Detour::of(response.extensions()) {
                    renewed.head.come_by(detour);
                }
                self.renew(renewed);
                Ok(())
            }
            _ if status == StatusCode::NOT_MODIFIED && self.order.is_unconditional() => {
                Err(FetchError::BadAnswer("an unasked 304".to_owned()))
            }
            (_, Some(_), Credential::Edge) if refused => Err(FetchError::JoinRefused),
            (_, Some(asset), Credential::Anonymous) if status == StatusCode::UNAUTHORIZED => {
                self.node.refusals.keep(asset, received.at);
                self.forget_stale();
                self.fill.arrive(Arrival::KeyMissing);
                upstream::finish_unread(response.into_body()).await;
                Ok(())
            }
            _ => self.stream(response, received, slot).await,
        }
    }

    fn renew(&self, object: Object) {
        if !object.head.store {
            self.forget_stale();
        }
        let object = if object.head.store && self.fill.may_store() {
            self.store(object)
        } else {
            Arc::new(object)
        };
        self.fill.arrive(Arrival::Object(object));
    }

    /// The origin has something else now that can't be stored in its place.
    fn forget_stale(&self) {
        if let Some(stale) = &self.order.stale {
            self.node.store.remove_variant(&self.order.place, stale);
        }
    }

    fn store(&self, object: Object) -> Arc<Object> {
        if !self.node.is_storing() {
            return Arc::new(object);
        }
        let place = &self.order.place;
        let object = self.node.store.insert(place.clone(), object);
        // Asked after it is stored: a change between the two has removed it itself.
        if self.order.method.is_safe() && self.node.changes.since(self.begun, place) {
            self.node.store.remove(place);
        }
        object
    }

    fn gauge(&self) {
        let stored = self.node.store.weight();
        self.node.metrics.ram(stored, self.node.fill_ram.used());
        self.node.store.gauge();
    }
}
