//! What callers of the store know of its disk.

use std::sync::Arc;

use http::HeaderMap;
use tracing::warn;

use super::Store;
use crate::{head::Object, path::CacheKey};

impl Store {
    /// Whether there is one.
    pub(crate) fn has_disk(&self) -> bool {
        self.0.disk.is_some()
    }

    /// Whether something stands under just this key, in memory or on disk.
    pub(crate) fn holds(&self, key: &CacheKey) -> bool {
        self.get(key, HeaderMap::new).is_some() || self.is_on_disk(key) == Some(true)
    }

    /// The same, only to tell of it: it does not count as asked for.
    pub(crate) fn knows(&self, key: &CacheKey) -> bool {
        let alive = |object| self.admitted(key, object).is_some();
        self.0.peek_ram(key).is_some_and(alive) || self.is_on_disk(key) == Some(true)
    }

    /// Whether something is on disk under just this key, or on its way there; `None` while that
    /// is being found out.
    pub(crate) fn is_on_disk(&self, key: &CacheKey) -> Option<bool> {
        self.0
            .disk
            .as_ref()
            .map_or(Some(false), |disk| disk.holds(key))
    }

    /// Whether the disk has room for what nobody asked for twice.
    pub(crate) fn has_room_on_disk(&self) -> bool {
        self.0.disk.as_ref().is_some_and(|disk| disk.has_room())
    }

    /// What stands under just this key, in memory or on disk, whoever it is for.
    pub(crate) async fn find_just(&self, key: &CacheKey) -> Option<Arc<Object>> {
        self.admitted(key, self.0.find(key).await?)
    }

    /// Notes that what is on disk under this key is needed; whether it is there.
    pub(crate) fn touch_on_disk(&self, key: &CacheKey) -> bool {
        self.0.disk.as_ref().is_some_and(|disk| disk.touch(key))
    }

    /// Stores on disk alone what is looked up there; what had its key is gone.
    pub(crate) fn insert_on_disk(&self, key: CacheKey, object: Object) {
        self.0.insert_on_disk(key, Arc::new(object));
    }

    /// Waits until what was removed so far can't come back after a crash.
    pub(crate) async fn settled(&self) {
        if let Some(disk) = &self.0.disk {
            disk.settled().await;
        }
    }

    /// Writes what waits to be, and lets another process have the folder.
    pub(crate) async fn close(&self) {
        if let Some(disk) = &self.0.disk {
            disk.close().await;
        }
    }

    /// Takes the folder again after [`Self::close`].
    pub(crate) async fn reopen(&self) {
        let Some(disk) = &self.0.disk else { return };
        disk.reopen().await;
        if let Err(error) = self.1.rewrite() {
            warn!(%error, "the purges can't be written down any more: a restart would forget them");
        }
    }
}
