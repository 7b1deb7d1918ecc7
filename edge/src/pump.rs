//! Runs one fetch: from the origin into a fill, and from there into the store.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, Method, Response, StatusCode,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
};
use http_body::Body as _;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout};
use tracing::{Instrument, debug, debug_span, warn};

use crate::{
    blocks::{self, Found, Part, Spread},
    config::Profile,
    fill::{Arrival, Fill},
    fills::{FillKey, Portion},
    freshness::{Received, Share},
    head::{Access, Head, Object, Taking},
    held::Held,
    invalidate,
    node::Node,
    path::CacheKey,
    site::Site,
    upstream::{self, Credential, FetchError, Question, Slot, Upload},
};

/// Stored bodies are in pieces of this length, bytes. Chosen: copying one does not hold
/// up other tasks, and a hit needs few.
const PIECE_LEN: usize = 1 << 20;
/// What a piece costs in memory beside its bytes, estimated.
const PIECE_OVERHEAD: u64 = 64;
/// Slowest pace at which a client's body may go up, bytes a second. Chosen: a bad mobile
/// line's.
const UPLOAD_RATE_MIN: u64 = 16 << 10;

/// What to fetch.
pub(crate) struct Order {
    pub(crate) site: Arc<Site>,
    /// Who asks for the same may wait for this fetch.
    pub(crate) key: FillKey,
    /// What it is stored under; names what is asked for.
    pub(crate) place: CacheKey,
    pub(crate) method: Method,
    /// As the client wrote it, with port; of methods that may change something.
    pub(crate) host: Option<Box<str>>,
    /// Under `/v/`: the asset.
    pub(crate) asset: Option<Box<str>>,
    /// What goes up of the client's fields.
    pub(crate) fields: HeaderMap,
    /// The client's credential is among them.
    pub(crate) authorized: bool,
    /// What is stored and not fresh; to HEAD, whatever is stored.
    pub(crate) stale: Option<Arc<Object>>,
    /// What of it to ask for first, where it may be had in blocks.
    pub(crate) part: Option<Part>,
    /// For one request only: not shared while it runs.
    pub(crate) apart: bool,
    /// What the client sends.
    pub(crate) upload: Option<Upload>,
}

impl Order {
    /// A GET of `key`, in nobody's name but ours.
    pub(crate) fn new(site: Arc<Site>, key: FillKey) -> Self {
        Self {
            site,
            place: key.cache.clone(),
            key,
            method: Method::GET,
            host: None,
            asset: None,
            fields: HeaderMap::new(),
            authorized: false,
            stale: None,
            part: None,
            apart: false,
            upload: None,
        }
    }

    /// How an answer to it is taken over.
    pub(crate) fn taking<'a>(
        &'a self,
        node: &'a Node,
        status: StatusCode,
        received: Received,
    ) -> Taking<'a> {
        let path = self.place.path();
        Taking {
            received,
            terms: self.site.terms(path, status, self.authorized),
            via: &node.names.via,
            our_cors: self.site.has_our_cors(),
            sent: &self.fields,
        }
    }

    /// Nothing that was fetched without a key is kept where holders of keys would find
    /// it, unless all may read it.
    pub(crate) fn may_store(&self, head: &Head) -> bool {
        self.asset.is_none()
            || self.key.credential == Credential::Edge
            || head.access == Access::Public
    }

    fn is_read(&self) -> bool {
        self.method == Method::GET
    }
}

/// Begins a fetch, which goes on without whoever began it.
pub(crate) fn start(node: &Arc<Node>, fill: Arc<Fill>, mut order: Order) {
    // A purge may have come since it was looked up: no 304 brings its bytes back.
    let place = &order.place;
    order.stale = order.stale.filter(|stale| node.store.may_use(place, stale));
    let span = debug_span!("fetch", cache_key = order.place.as_str());
    // Made here, so that a task that never runs ends its fill as well.
    let pump = Pump {
        node: node.clone(),
        fill,
        order,
    };
    node.spawn(pump.run().instrument(span));
}

struct Pump {
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

    async fn fetch(&self, asked: Instant, upload: Option<Upload>) -> Result<(), FetchError> {
        let origin = &self.order.site.origin;
        let slot = origin.slot(&self.order.place).await?;
        let mut part = self.order.part.as_ref().map(|part| part.range.clone());
        let mut upload = upload;
        // At most for a block, the first block and the whole.
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
                Some(upload) => origin.send(&question, upload, self.upload_wait()).await?,
            };
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
                self.renew(stale.refreshed(response.headers(), received));
                Ok(())
            }
            _ if status == StatusCode::NOT_MODIFIED && self.order.is_read() => {
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
        let object = if object.head.store && self.fill.may_store() {
            self.store(object)
        } else {
            Arc::new(object)
        };
        self.fill.arrive(Arrival::Object(object));
    }

    /// With the time for the body.
    fn upload_wait(&self) -> Duration {
        let config = &self.node.config;
        let pace = Duration::from_secs(config.request_max.as_u64() / UPLOAD_RATE_MIN);
        config.first_byte_timeout + pace
    }

    /// The origin has something else now that can't be stored in its place.
    fn forget_stale(&self) {
        if let Some(stale) = &self.order.stale {
            self.node.store.remove_variant(&self.order.place, stale);
        }
    }

    async fn stream(
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
        if !head.store && self.order.is_read() && !head.status.is_server_error() {
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

    /// Who asks later must not wait for an answer that is not for them; nor may they have
    /// parts of another version.
    fn remember(&self, head: &Head) {
        let Order { key, site, .. } = &self.order;
        if self.order.authorized || !self.order.is_read() || head.status.is_server_error() {
            return;
        }
        let alone =
            head.share == Share::Nobody || (!head.store && site.profile == Profile::Passthrough);
        match (alone, self.order.apart) {
            (true, false) => self.node.unshared.set(key),
            (false, true) => self.node.unshared.clear(key),
            _ => {}
        }
        self.node
            .blocks
            .compare(&self.order.place, head, &self.node.store);
    }

    fn fits(&self, len: u64, portion: &mut Portion) -> bool {
        len <= self.node.config.object_max.as_u64() && portion.grow_to(len)
    }

    async fn copy(
        &self,
        head: &Head,
        mut body: upstream::Body,
        mut portion: Portion,
    ) -> Result<(), FetchError> {
        let idle = self.node.config.body_idle_timeout;
        let mut keeping = head.store || head.share != Share::Nobody;
        let (mut len, mut overhead) = (0, 0);
        let mut last = Bytes::new();
        while self.fill.room().await {
            let Some(piece) = next_piece(&mut body, idle).await? else {
                return self.end(head, last, keeping).await;
            };
            len += piece.len() as u64;
            overhead += PIECE_OVERHEAD;
            let fits = len <= self.node.config.object_max.as_u64();
            if keeping && !(fits && portion.grow_to(len + overhead)) {
                keeping = false;
                self.node.fills.close(&self.order.key, &self.fill);
                self.fill.pass();
            }
            // The last piece is given out when the object is stored, so that whoever has
            // read it all finds it there.
            if Some(len) == head.length {
                last = piece;
                return self.end(head, last, keeping).await;
            }
            self.fill.push(piece);
            self.gauge();
        }
        Err(FetchError::Stopped)
    }

    async fn end(&self, head: &Head, last: Bytes, keeping: bool) -> Result<(), FetchError> {
        if !(keeping && head.store && self.fill.may_store()) {
            self.fill.push(last);
            return Ok(());
        }
        let mut pieces = self.fill.pieces();
        pieces.push(last);
        let body = joined(&pieces, self.node.store.held()).await;
        drop(pieces);
        self.store(Object::new(head, body.clone()));
        self.fill.replace(&body);
        Ok(())
    }

    fn store(&self, object: Object) -> Arc<Object> {
        if !self.node.is_storing() {
            return Arc::new(object);
        }
        let object = self.node.store.insert(self.order.place.clone(), object);
        // It was invalidated meanwhile: who did so may not have seen it.
        if !self.fill.may_store() {
            self.node.store.remove(&self.order.place);
        }
        object
    }

    fn gauge(&self) {
        let stored = self.node.store.weight();
        self.node.metrics.ram(stored, self.node.fill_ram.used());
        self.node.store.gauge();
    }
}

/// What a HEAD's answer says of the body that it does not have.
fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The next piece of a body; `None` at its end.
pub(crate) async fn next_piece(
    body: &mut upstream::Body,
    idle: Duration,
) -> Result<Option<Bytes>, FetchError> {
    loop {
        let Ok(frame) = timeout(idle, body.frame()).await else {
            return Err(body.stalled(idle));
        };
        match frame {
            None => return Ok(None),
            Some(Err(error)) => return Err(error),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(piece) if !piece.is_empty() => return Ok(Some(piece)),
                // Trailers are not passed on (RFC 9110 §6.5.1 allows it).
                _ => {}
            },
        }
    }
}

/// The same bytes in few pieces, each in memory of just its length: pieces from the
/// network may hold on to far larger buffers.
pub(crate) async fn joined(pieces: &[Bytes], held: &Held) -> Arc<[Bytes]> {
    let mut left: usize = pieces.iter().map(Bytes::len).sum();
    let mut whole = Vec::with_capacity(left.div_ceil(PIECE_LEN));
    let mut block = BytesMut::with_capacity(left.min(PIECE_LEN));
    for piece in pieces {
        let mut rest = &piece[..];
        while !rest.is_empty() {
            let room = PIECE_LEN.min(left) - block.len();
            let (now, later) = rest.split_at(rest.len().min(room));
            block.extend_from_slice(now);
            rest = later;
            if block.len() == PIECE_LEN.min(left) {
                left -= block.len();
                whole.push(held.hold(block));
                block = BytesMut::with_capacity(left.min(PIECE_LEN));
                tokio::task::yield_now().await;
            }
        }
    }
    whole.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn joining_changes_no_byte(lens in prop::collection::vec(0..PIECE_LEN * 2, 0..4)) {
            let pieces: Vec<_> = lens.iter().zip(1_u8..).map(|(len, n)| Bytes::from(vec![n; *len])).collect();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let whole = runtime.block_on(joined(&pieces, &Held::default()));
            prop_assert!(whole.iter().all(|piece| piece.len() <= PIECE_LEN));
            prop_assert_eq!(whole.concat(), pieces.concat());
        }
    }
}
