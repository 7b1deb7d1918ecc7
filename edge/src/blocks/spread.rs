use std::{
    ops::Range,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::time::Instant;
use wire::StoredBlocks;

use super::content_range::{is_plain, strong_tag};
use crate::{
    freshness::{Freshness, Received},
    head::{Head, Object},
    path::CacheKey,
    store::Store,
};

/// Most blocks that are looked for before an answer begins. Chosen: as many as a video's
/// buffer is long.
const LOOKED_FOR_MAX: u64 = 64;

/// One version of an object, and which of its blocks were stored.
pub(crate) struct Spread {
    /// The object's.
    pub(super) key: CacheKey,
    /// Strong: it stands for these very bytes.
    pub(super) tag: HeaderValue,
    /// Of the whole, bytes.
    pub(super) total: u64,
    /// Length of each block but the last, bytes.
    pub(super) block: u64,
    /// The origin has another version.
    dead: AtomicBool,
    /// It is on disk, as far as is known.
    written_down: AtomicBool,
    /// Found on disk, where blocks of it may be that nobody has noted.
    recalled: bool,
    state: Mutex<State>,
}

struct State {
    /// As of the whole. Its freshness is the least of what the stored blocks came with.
    head: Arc<Head>,
    /// A bit for each block. The store may have dropped one since.
    held: Box<[u64]>,
}

impl Spread {
    /// What a whole answer's head says. `None` if blocks of it could not be told apart from
    /// another version's, or would be too many.
    pub(super) fn new(key: &CacheKey, head: Arc<Head>, block: u64) -> Option<Self> {
        let total = head.length.filter(|total| *total > block)?;
        let count = total.div_ceil(block);
        let is_plain = head.status == StatusCode::OK && is_plain(&head.headers);
        if count > super::COUNT_MAX || !is_plain {
            return None;
        }
        let words = vec![0; count.div_ceil(64) as usize];
        Some(Self {
            key: key.clone(),
            tag: strong_tag(&head.headers)?.clone(),
            total,
            block,
            dead: AtomicBool::new(false),
            written_down: AtomicBool::new(false),
            recalled: false,
            state: Mutex::new(State {
                head,
                held: words.into(),
            }),
        })
    }

    /// The same of what is written down on disk: any block may be there.
    pub(super) fn recalled(key: &CacheKey, head: Arc<Head>, block: u64) -> Option<Self> {
        let mut spread = Self::new(key, head, block)?;
        (spread.recalled, spread.written_down) = (true, AtomicBool::new(true));
        let count = spread.total.div_ceil(block);
        let state = spread.state.get_mut().expect("nobody else has it");
        for number in 0..count {
            state.hold(number);
        }
        Some(spread)
    }

    pub(super) fn is_written_down(&self) -> bool {
        self.written_down.load(Ordering::Relaxed)
    }

    pub(super) fn set_written_down(&self, is: bool) {
        self.written_down.store(is, Ordering::Relaxed);
    }

    /// What the store finds a block under: a version's own, so that no other version's
    /// answer can be made of it. After a restart it is found again by the same name.
    pub(super) fn block_key(&self, number: u64) -> CacheKey {
        block_key(&self.key, &self.tag, (self.block, self.total), number)
    }

    /// The same of all that were stored.
    pub(super) fn block_keys(&self) -> impl Iterator<Item = CacheKey> + Send + use<> {
        let (key, tag, lens) = (self.key.clone(), self.tag.clone(), (self.block, self.total));
        self.held()
            .map(move |number| block_key(&key, &tag, lens, number))
    }

    /// The block that a byte is in.
    pub(super) fn number(&self, at: u64) -> u64 {
        at / self.block
    }

    /// Where a block is in the whole, bytes.
    pub(super) fn range(&self, number: u64) -> Range<u64> {
        let start = number * self.block;
        start..(start + self.block).min(self.total)
    }

    pub(crate) fn head(&self) -> Arc<Head> {
        self.state().head.clone()
    }

    /// Whether it is for requests with these fields; `sent` gives those that go up.
    pub(super) fn matches(&self, sent: impl FnOnce() -> HeaderMap) -> bool {
        let head = self.head();
        head.vary.as_ref().is_none_or(|vary| vary.matches(&sent()))
    }

    /// Whether this head is of an answer to other requests.
    pub(super) fn varies_from(&self, other: &Head) -> bool {
        match (&self.head().vary, &other.vary) {
            (Some(own), Some(other)) => !own.is_same_variant(other),
            _ => false,
        }
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        (&self.tag, self.total) == (&other.tag, other.total)
    }

    /// Whether this head, of a whole answer, is of this version.
    pub(super) fn describes(&self, head: &Head) -> bool {
        let tag = strong_tag(&head.headers);
        let same_len = head.length.is_none_or(|len| len == self.total);
        head.status == StatusCode::OK && tag == Some(&self.tag) && same_len
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Acquire)
    }

    pub(super) fn kill(&self) {
        self.dead.store(true, Ordering::Release);
    }

    /// Stores a block that came with this freshness: the version is as fresh as the least
    /// fresh of its blocks.
    pub(super) fn keep(&self, number: u64, block: Object, store: &Store) {
        let (key, freshness) = (self.block_key(number), block.head.freshness.clone());
        store.insert(key.clone(), block);
        let is_sooner = {
            let mut state = self.state();
            state.hold(number);
            let is_sooner = is_sooner(&freshness, &state.head.freshness);
            if is_sooner {
                state.head = Arc::new(state.head.with_freshness(freshness));
            }
            is_sooner
        };
        // Where the disk has room, what leaves memory goes there, asked for or not.
        if store.has_room_on_disk() {
            self.write_down_once(store);
        }
        if is_sooner && self.is_written_down() {
            self.write_down(store);
        }
        // The version may have ended meanwhile; who ended it did not see this block.
        if self.is_dead() {
            store.remove(&key);
        }
    }

    /// The origin said by another answer that it has this version still.
    pub(super) fn freshen(&self, head: Arc<Head>, store: &Store) {
        self.state().head = head;
        if self.is_written_down() {
            self.write_down(store);
        }
    }

    /// It is not to be used unasked any more, since then.
    pub(super) fn stale_since(&self, then: Instant) {
        let mut state = self.state();
        let lifetime = state.head.freshness.age(then);
        if lifetime < state.head.freshness.lifetime {
            let mut freshness = state.head.freshness.clone();
            freshness.lifetime = lifetime;
            state.head = Arc::new(state.head.with_freshness(freshness));
        }
    }

    /// The head after a 304; `None` if that speaks of another version, or forbids to keep
    /// this one.
    pub(super) fn renewed(&self, news: &HeaderMap, received: Received) -> Option<Head> {
        let head = self.head().refreshed(news, received);
        (head.store && self.describes(&head)).then_some(head)
    }

    /// Whether every byte of this part is stored now. Of a part of more blocks than can be
    /// looked for, that is not said.
    pub(super) fn is_stored(&self, part: &Range<u64>, store: &Store) -> bool {
        let mut numbers = self.number(part.start)..=self.number(part.end.saturating_sub(1));
        let few = numbers.end() - numbers.start() < LOOKED_FOR_MAX;
        few && numbers.all(|number| store.holds(&self.block_key(number)))
    }

    /// Whether every byte of this part was stored. Of what was found on disk that is looked up,
    /// for the first blocks.
    pub(super) fn holds(&self, part: &Range<u64>, store: &Store) -> bool {
        let mut numbers = self.number(part.start)..=self.number(part.end.saturating_sub(1));
        if self.recalled {
            let mut first = numbers.take(LOOKED_FOR_MAX as usize);
            return first.all(|number| store.holds(&self.block_key(number)));
        }
        let state = self.state();
        numbers.all(|number| state.holds(number))
    }

    /// The numbers of the blocks that were stored.
    pub(super) fn held(&self) -> impl Iterator<Item = u64> + Send + use<> {
        let held = self.state().held.clone();
        let bits = held.len() as u64 * 64;
        (0..bits).filter(move |number| held[*number as usize / 64] >> (number % 64) & 1 == 1)
    }

    /// Which of its blocks are stored now, as far as is known without reading them.
    pub(crate) fn told(&self, store: &Store) -> StoredBlocks {
        let is_held = |number: &u64| store.knows(&self.block_key(*number));
        StoredBlocks {
            held: self.held().filter(is_held).count() as u64,
            count: self.total.div_ceil(self.block),
            len: self.block,
        }
    }

    /// What it takes in memory without its blocks, bytes.
    pub(super) fn weight(&self) -> u64 {
        let state = self.state();
        state.head.weight() as u64 + (state.held.len() * 8 + self.tag.len()) as u64
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }
}

fn block_key(key: &CacheKey, tag: &HeaderValue, lens: (u64, u64), number: u64) -> CacheKey {
    let (block, total) = lens;
    let tag = tag.to_str().expect("a strong tag is ASCII");
    key.part(&format!("{number}/{block}/{total}/{tag}"))
}

impl State {
    fn hold(&mut self, number: u64) {
        self.held[number as usize / 64] |= 1 << (number % 64);
    }

    fn holds(&self, number: u64) -> bool {
        let word = self.held.get(number as usize / 64);
        word.is_some_and(|word| word >> (number % 64) & 1 == 1)
    }
}

fn is_sooner(one: &Freshness, other: &Freshness) -> bool {
    let now = Instant::now();
    one.ttl_secs(now) < other.ttl_secs(now)
}
