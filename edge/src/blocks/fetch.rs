//! Fetches one block: from the origin into a fill, and from there into the store.

use std::{sync::Arc, time::SystemTime};

use http::{HeaderMap, HeaderName, Method, StatusCode, response::Parts};
use http_body::Body as _;
use tokio::{
    sync::oneshot,
    time::{Duration, Instant, timeout},
};
use tracing::{Instrument, debug, debug_span};

use super::{Spread, content_range};
use crate::{
    fill::{Arrival, Fill, Reader},
    fills::{FillKey, Joined, Portion},
    freshness::{Received, blames_request},
    head::{Head, Object, Taking},
    memory::Intake,
    node::Node,
    path::CacheKey,
    pump::next_piece,
    purge::{CACHE_TAG, SURROGATE_KEY, Tags},
    site::Site,
    upstream::{self, Credential, FetchError, Question},
};

/// What keeping a block costs beside its bytes, as a share of them: its pieces, as they
/// come from the network. Estimated: 64 bytes for each 4 KiB.
const OVERHEAD_SHARE: u64 = 64;
/// Without memory to keep a block, how long its bytes wait for a reader. Chosen: they who
/// asked come at once.
const READER_WAIT: Duration = Duration::from_secs(1);

/// In whose name blocks are fetched.
#[derive(Clone)]
pub(super) struct Asker {
    pub(super) site: Arc<Site>,
    pub(super) credential: Credential,
    /// What goes up of the client's fields.
    pub(super) fields: HeaderMap,
    /// Access classes apply.
    pub(super) is_media: bool,
}

/// One block on its way. Dropping it ends its fill.
pub(super) struct Block {
    node: Arc<Node>,
    asker: Asker,
    spread: Arc<Spread>,
    number: u64,
    key: FillKey,
    fill: Arc<Fill>,
    /// Keeps the fill from ending for want of readers before the first has come.
    opener: Option<Reader>,
}

/// What a look-up on disk comes to. It goes on by itself: who waits for the same does not depend
/// on this reader's pace.
pub(super) type Sought = oneshot::Receiver<Option<Arc<Object>>>;

/// Where a block can be read.
pub(super) enum Place {
    Stored(Arc<Object>),
    /// On disk, as far as is known.
    Sought(Sought),
    /// Nobody fetches it yet.
    Led(Block, Reader),
    Joined(Reader),
}

impl Block {
    /// Finds a block in the store, also `on_disk`, or among the running fetches; else it is to
    /// be fetched.
    pub(super) fn find(
        node: &Arc<Node>,
        asker: &Asker,
        spread: &Arc<Spread>,
        number: u64,
        on_disk: bool,
    ) -> Result<Place, FetchError> {
        if spread.is_dead() {
            return Err(FetchError::Changed);
        }
        let key = FillKey {
            cache: spread.block_key(number),
            credential: asker.credential,
        };
        let stored = || node.store.get(&key.cache, HeaderMap::new);
        if let Some(block) = stored() {
            spread.write_down_once(&node.store);
            return Ok(Place::Stored(block));
        }
        if on_disk && node.store.is_on_disk(&key.cache) != Some(false) {
            return Ok(Place::Sought(seek(node, spread, key.cache)));
        }
        match node.fills.join(&key, stored) {
            Joined::Done(block) => Ok(Place::Stored(block)),
            Joined::Follower(reader) => Ok(Place::Joined(reader)),
            Joined::Full => Err(FetchError::Overloaded),
            Joined::Leader(fill, reader) => {
                let block = Self {
                    node: node.clone(),
                    asker: asker.clone(),
                    spread: spread.clone(),
                    number,
                    key,
                    fill,
                    opener: None,
                };
                Ok(Place::Led(block, reader))
            }
        }
    }

    /// Begins the fetch, which goes on without whoever began it, to the block's end.
    pub(super) fn start(self) {
        let key = self.spread.key.as_str();
        let span = debug_span!("fetch", cache_key = key, block = self.number);
        let node = self.node.clone();
        node.spawn(self.run().instrument(span));
    }

    async fn run(mut self) {
        let asked = Instant::now();
        let end = self.ask(asked).await;
        if let Err(FetchError::Changed) = end {
            self.node.store.settled().await;
        }
        self.finish(asked, end);
    }

    /// Takes this block's bytes from an answer that was found to have them.
    pub(super) async fn fill(mut self, opener: Reader, came: Came) {
        self.opener = Some(opener);
        let Came {
            parts,
            body,
            received,
        } = came;
        let asked = received.at;
        let end = match self.head(parts, &body, received) {
            Some(head) => self.copy(head, body).await,
            None => Err(FetchError::Changed),
        };
        self.finish(asked, end);
    }

    fn finish(&self, asked: Instant, end: Result<(), FetchError>) {
        if let Err(error) = &end {
            debug!(%error, "fetch of a block failed");
        }
        self.node.metrics.filled(asked.elapsed());
        let stored = self.node.store.weight();
        self.node.metrics.ram(stored, self.node.fill_ram.used());
        // Closed before its end is seen: who asks again then begins anew.
        self.node.fills.close(&self.key, &self.fill);
        self.fill.finish(end);
    }

    async fn ask(&mut self, asked: Instant) -> Result<(), FetchError> {
        let (site, node) = (self.asker.site.clone(), self.node.clone());
        let origin = &site.origin;
        let _slot = origin.slot(&self.spread.key).await?;
        node.metrics.fetches.increment(1);
        let part = self.spread.range(self.number);
        let question = Question {
            key: &self.spread.key,
            method: &Method::GET,
            credential: self.key.credential,
            fields: &self.asker.fields,
            known: None,
            part: Some(&part),
            same: Some(&self.spread.tag),
        };
        let response = origin.get(&question).await?;
        let at = Instant::now();
        let received = Received {
            at,
            wall: SystemTime::now(),
            delay: at.saturating_duration_since(asked),
            position: self.fill.position(),
        };
        self.check(response.status())?;
        let (parts, body) = response.into_parts();
        match self.head(parts, &body, received) {
            Some(head) => self.copy(head, body).await,
            None => Err(self.changed()),
        }
    }

    /// What says nothing of the object leaves its version as it is.
    fn check(&self, status: StatusCode) -> Result<(), FetchError> {
        let refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status);
        let is_of_version = status == StatusCode::PRECONDITION_FAILED
            || status == StatusCode::RANGE_NOT_SATISFIABLE;
        if status.is_server_error() || (blames_request(status) && !is_of_version) {
            return Err(FetchError::BadAnswer(format!("status {status}")));
        }
        if refused && self.asker.is_media && self.key.credential == Credential::Edge {
            return Err(FetchError::JoinRefused);
        }
        if status == StatusCode::OK {
            // Ranges are not to be had any more.
            self.node.blocks.whole.set(&FillKey {
                cache: self.spread.key.clone(),
                credential: self.key.credential,
            });
        }
        Ok(())
    }

    /// The head of this very block, of this very version, if the answer is that, and may be
    /// kept for the same readers.
    fn head(&self, mut parts: Parts, body: &upstream::Body, received: Received) -> Option<Head> {
        let part = self.spread.range(self.number);
        let body_len = body.size_hint().exact();
        let block = content_range::block(parts.status, &parts.headers, body_len, &part);
        let (tag, span) = block?;
        if *tag != self.spread.tag || span.total != self.spread.total {
            return None;
        }
        parts.status = StatusCode::OK;
        let len = Some(part.end - part.start);
        let site = &self.asker.site;
        let taking = Taking {
            received,
            terms: site.terms(self.spread.key.path(), parts.status, false),
            via: &self.node.names.via,
            our_cors: false,
            sent: &self.asker.fields,
        };
        let mut head = Head::new(&parts, len, &taking);
        let same_readers = head.access == self.spread.head().access;
        // What clients get comes from the version's own head.
        head.headers = tags_of(&head.headers, &self.spread.head().headers);
        head.tags = Tags::read(&head.headers);
        head.vary = None;
        head.status = StatusCode::PARTIAL_CONTENT;
        (head.store && same_readers).then_some(head)
    }

    fn changed(&self) -> FetchError {
        self.node.blocks.end(&self.spread, &self.node.store);
        FetchError::Changed
    }

    async fn copy(&mut self, mut head: Head, mut body: upstream::Body) -> Result<(), FetchError> {
        let part = self.spread.range(self.number);
        let len = part.end - part.start;
        let mut portion = self.node.fill_ram.portion();
        head.store = portion.grow_to(len + len / OVERHEAD_SHARE);
        let head = Arc::new(head);
        self.fill.arrive(Arrival::Head(head.clone()));
        if !head.store {
            self.pass().await;
        }
        let mut intake = self.node.store.memory().intake(head.store.then_some(len));
        let mut came = 0;
        while self.fill.room().await {
            let piece = next_piece(&mut body, self.node.config.body_idle_timeout).await?;
            let piece = piece.ok_or(FetchError::Cut)?;
            came += piece.len() as u64;
            if came > len {
                return Err(self.changed());
            }
            let grown = intake.take(piece);
            // As of a whole body: who has read it all finds it stored.
            if came == len {
                self.fill.keep_back(grown);
                self.end(&head, intake, portion).await;
                return Ok(());
            }
            self.fill.grow(grown);
        }
        Err(FetchError::Stopped)
    }

    /// There is no memory to keep it: it goes to those who wait for it now.
    async fn pass(&mut self) {
        if self.opener.is_some() {
            let _ = timeout(READER_WAIT, self.fill.audience(2)).await;
        }
        self.node.fills.close(&self.key, &self.fill);
        self.opener = None;
        self.fill.pass();
    }

    async fn end(&self, head: &Head, intake: Intake, portion: Portion) {
        if head.store {
            let body = intake.whole(|| self.fill.pieces()).await;
            // Counted with the stored ones from now on.
            drop(portion);
            // Not if it was invalidated meanwhile.
            if self.fill.may_store() && self.node.is_storing() {
                let block = Object::new(head, body.clone());
                self.spread.keep(self.number, block, &self.node.store);
            }
            self.fill.replace(&body);
        }
        self.fill.give_out();
    }
}

/// What a purge finds a block by: its own tags, or its version's.
fn tags_of(block: &HeaderMap, version: &HeaderMap) -> HeaderMap {
    let fields = |of: &HeaderMap| -> HeaderMap {
        let is_tag = |name: &HeaderName| *name == SURROGATE_KEY || *name == CACHE_TAG;
        let fields = of.iter().filter(|(name, _)| is_tag(name));
        fields
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    };
    let own = fields(block);
    if own.is_empty() { fields(version) } else { own }
}

fn seek(node: &Arc<Node>, spread: &Arc<Spread>, block: CacheKey) -> Sought {
    let (done, sought) = oneshot::channel();
    let (within, spread) = (node.clone(), spread.clone());
    node.spawn(async move {
        let found = within.store.find_just(&block).await;
        if found.is_some() {
            spread.needed_on_disk(&within.store);
        }
        // Whoever asked may have left.
        let _ = done.send(found);
    });
    sought
}

/// An answer that has come.
pub(super) struct Came {
    pub(super) parts: Parts,
    pub(super) body: upstream::Body,
    pub(super) received: Received,
}

impl Drop for Block {
    fn drop(&mut self) {
        self.node.fills.close(&self.key, &self.fill);
        self.fill.finish(Err(FetchError::Stopped));
    }
}
