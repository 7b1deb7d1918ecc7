//! Objects of which parts are stored: fixed, aligned blocks, fetched when a range asks
//! for them.
//!
//! The first answer with a part (`first`) makes a [`Spread`]: head, strong tag and length
//! of one version. Its other blocks are fetched (`fetch`) only if the origin still has
//! that version. Stored blocks, and those that are on their way, make an answer
//! ([`Walk`]). Whatever shows another version ends the spread and all answers from it:
//! two versions are never in one body. With a disk, a version is written down there (`record`)
//! beside its blocks. The modules stand in that order.

mod content_range;
mod record;
mod spread;

mod fetch;
mod first;

mod exchange;
mod look;
#[cfg(test)]
mod tests;
mod walk;

use std::{
    ops::Range,
    sync::{Arc, Mutex, MutexGuard},
};

use http::StatusCode;
use moka::sync::Cache;

use crate::{fills::FillKey, head::Head, marks::Marks, path::CacheKey, store::Store};

pub(crate) use first::{Found, Part, judge};
pub(crate) use spread::Spread;
pub(crate) use walk::Walk;

/// Most blocks of one object; a longer one is taken whole. Chosen: 64 GiB in blocks of
/// 1 MiB, and 8 KiB to say which are stored.
const COUNT_MAX: u64 = 1 << 16;
/// The share of the memory for stored answers that spreads may take, without their blocks.
const INDEX_SHARE: u64 = 64;

/// Blocks that are dropped by whoever ends a version, while others may wait; another thread
/// drops the rest. Chosen: far below a millisecond.
const DROPPED_AT_ONCE: usize = 256;

/// The spreads of an edge.
pub(crate) struct Blocks {
    /// Length of a block, bytes; 0: there are none.
    len: u64,
    spreads: Cache<CacheKey, Arc<Spread>>,
    /// Held while what is known of an object changes, here and on disk.
    changing: Mutex<()>,
    /// What can't be had in blocks.
    whole: Marks,
    /// What can be had in parts that can't be kept.
    alone: Marks,
}

impl Blocks {
    /// Blocks of `len` bytes, 0 for none. `ram_bytes` is for stored answers, these included.
    pub(crate) fn new(len: u64, ram_bytes: u64) -> Self {
        let weigh = |key: &CacheKey, spread: &Arc<Spread>| {
            let weight = spread.weight() + key.as_str().len() as u64;
            u32::try_from(weight).unwrap_or(u32::MAX)
        };
        let spreads = Cache::builder().weigher(weigh);
        Self {
            len,
            spreads: spreads
                .max_capacity(Self::index_bytes(len, ram_bytes))
                .build(),
            changing: Mutex::new(()),
            whole: Marks::new(),
            alone: Marks::new(),
        }
    }

    /// What spreads take of the memory for stored answers, bytes.
    pub(crate) fn index_bytes(len: u64, ram_bytes: u64) -> u64 {
        if len == 0 { 0 } else { ram_bytes / INDEX_SHARE }
    }

    /// Whether blocks of an object may be fetched.
    fn may(&self, key: &FillKey) -> bool {
        self.len > 0 && !self.whole.holds(key)
    }

    /// The version of which blocks may be stored.
    pub(crate) fn get(&self, key: &CacheKey) -> Option<Arc<Spread>> {
        if self.len == 0 {
            return None;
        }
        self.spreads.get(key).filter(|spread| !spread.is_dead())
    }

    /// The block that holds this byte, of an object of unknown length.
    fn around(&self, at: u64) -> Range<u64> {
        let number = Some(at / self.len).filter(|number| *number < COUNT_MAX);
        let start = number.unwrap_or(0) * self.len;
        start..start + self.len
    }

    /// Takes in what an answer says of an object. If it is the version that is known, that
    /// one stays; if not, the known one ends. `None` if it is another variant: blocks of one
    /// are kept.
    fn meet(&self, spread: Spread, store: &Store) -> Option<Arc<Spread>> {
        let _changing = self.changing();
        if let Some(known) = self.get(&spread.key) {
            if known.is_same(&spread) {
                known.freshen(spread.head(), store);
                return Some(known);
            }
            if known.varies_from(&spread.head()) {
                return None;
            }
            self.drop_version(&known, store);
        }
        // Of another version, where one is written down that was not recalled.
        Self::erase(&spread.key, store);
        let spread = Arc::new(spread);
        self.insert(spread.clone());
        Some(spread)
    }

    fn insert(&self, spread: Arc<Spread>) {
        self.spreads.insert(spread.key.clone(), spread);
        self.spreads.run_pending_tasks();
    }

    /// Ends a version: its blocks are dropped, and answers that need more of it are cut.
    fn end(&self, spread: &Spread, store: &Store) {
        let _changing = self.changing();
        self.drop_version(spread, store);
    }

    fn drop_version(&self, spread: &Spread, store: &Store) {
        spread.kill();
        let known = self.spreads.get(&spread.key);
        if known.is_none_or(|known| std::ptr::eq(&*known, spread)) {
            self.spreads.invalidate(&spread.key);
            Self::erase(&spread.key, store);
        }
        let mut blocks = spread.block_keys();
        let first = blocks.by_ref().take(DROPPED_AT_ONCE);
        first.for_each(|block| store.remove(&block));
        if let Some(next) = blocks.next() {
            store.remove_aside(std::iter::once(next).chain(blocks));
        }
    }

    /// Drops all that is known of an object.
    pub(crate) fn forget(&self, key: &CacheKey, store: &Store) {
        let _changing = self.changing();
        match self.get(key) {
            Some(spread) => self.drop_version(&spread, store),
            None => Self::erase(key, store),
        }
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().expect("no holder panics")
    }

    /// A whole answer has come: what it contradicts ends.
    pub(crate) fn compare(&self, key: &CacheKey, head: &Head, store: &Store) {
        // A part says nothing of the whole that its own head does not.
        let is_part = [
            StatusCode::PARTIAL_CONTENT,
            StatusCode::RANGE_NOT_SATISFIABLE,
        ];
        if head.status.is_server_error() || is_part.contains(&head.status) {
            return;
        }
        let Some(spread) = self.get(key) else {
            // Whoever may have parts has looked for them before this was fetched.
            return Self::erase(key, store);
        };
        if !spread.varies_from(head) && !spread.describes(head) {
            self.end(&spread, store);
        }
    }
}
