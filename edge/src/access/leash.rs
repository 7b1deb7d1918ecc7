//! What was let in by a key, and ends with it.

use std::{ops::Range, sync::Arc};

use keys::Verified;

use crate::path::{CacheKey, Target, Zone};

/// By which key a transfer was opened. It shares what the request has already.
pub(crate) struct Leash {
    pub(super) key: Arc<Verified>,
    place: CacheKey,
    asset: Range<usize>,
    /// How much news the gate had had when it was last judged.
    pub(super) news: u64,
}

impl Leash {
    pub(super) fn new(key: Arc<Verified>, target: &Target, news: u64) -> Option<Self> {
        let Zone::Media { asset, .. } = &target.zone else {
            return None;
        };
        Some(Self {
            key,
            place: target.key.clone(),
            asset: asset.clone(),
            news,
        })
    }

    pub(super) fn asset(&self) -> &str {
        &self.place.as_str()[self.asset.clone()]
    }
}
