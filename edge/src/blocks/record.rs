//! What is written down of a version, so that its blocks on disk are found after a restart:
//! head, total length and length of a block. Its blocks are found by name.

use std::sync::Arc;

use bytes::Bytes;
use tracing::debug;

use super::{Blocks, Spread};
use crate::{
    head::{Content, Head, Object},
    path::CacheKey,
    store::Store,
};

/// Its length, bytes: two numbers.
const LEN: usize = 16;

/// Where it stands. No block has this name.
pub(super) fn place(object: &CacheKey) -> CacheKey {
    object.part("version")
}

impl Spread {
    fn record(&self) -> Object {
        let mut body = Vec::with_capacity(LEN);
        body.extend(self.total.to_le_bytes());
        body.extend(self.block.to_le_bytes());
        let body = Content::Ram(Arc::new([Bytes::from(body)]));
        Object::restored(Head::clone(&self.head()), body, LEN as u64)
    }

    /// What was written down; `None` if it is not of blocks of this length.
    fn recorded(key: &CacheKey, record: &Object, block: u64) -> Option<Self> {
        let Content::Ram(body) = &record.body else {
            return None;
        };
        let body = body.concat();
        let (total, blocks_of) = body.split_first_chunk()?;
        if blocks_of != block.to_le_bytes() {
            return None;
        }
        let mut head = record.head.clone();
        head.length = Some(u64::from_le_bytes(*total));
        Self::recalled(key, Arc::new(head), block)
    }

    /// A block was asked for again, or there is room: it may go to disk, and must be found
    /// there.
    pub(super) fn write_down_once(&self, store: &Store) {
        if !self.is_written_down() && store.has_disk() {
            self.write_down(store);
        }
    }

    /// A block was found on disk: as long as it is needed, this is.
    pub(super) fn needed_on_disk(&self, store: &Store) {
        if !store.touch_on_disk(&place(&self.key)) {
            self.write_down(store);
        }
    }

    pub(super) fn write_down(&self, store: &Store) {
        let place = place(&self.key);
        store.insert_on_disk(place.clone(), self.record());
        self.set_written_down(store.is_on_disk(&place) == Some(true));
        // The version may have ended meanwhile; who ended it did not see this.
        if self.is_dead() {
            store.remove(&place);
        }
    }
}

impl Blocks {
    /// Has what is written down of an object not be found any more.
    pub(super) fn erase(key: &CacheKey, store: &Store) {
        if store.has_disk() {
            store.remove(&place(key));
        }
    }

    /// Finds on disk what was known of an object before a restart.
    pub(super) async fn recall(&self, key: &CacheKey, store: &Store) {
        if self.len == 0 || !store.has_disk() || self.get(key).is_some() {
            return;
        }
        let place = place(key);
        if store.is_on_disk(&place) == Some(false) {
            return;
        }
        let Some(record) = store.find_just(&place).await else {
            return;
        };
        let _changing = self.changing();
        // It may have been replaced or removed since.
        if self.get(key).is_some() || store.is_on_disk(&place) == Some(false) {
            return;
        }
        match Spread::recorded(key, &record, self.len) {
            Some(spread) => self.insert(Arc::new(spread)),
            None => {
                debug!(key = key.as_str(), "stored in blocks of another length");
                store.remove(&place);
            }
        }
    }
}
