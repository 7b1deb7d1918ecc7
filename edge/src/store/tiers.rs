//! One key, one object: memory over disk.

#[cfg(test)]
mod tests;

use std::sync::{
    Arc, Mutex, MutexGuard,
    atomic::{AtomicBool, Ordering},
};

use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};
use tokio::time::{Duration, Instant};

use crate::{
    Config, EdgeError,
    blocks::Blocks,
    disk::{Disk, Find, Found, OnDisk},
    fills::Budget,
    head::{Content, Object},
    memory::Memory,
    path::CacheKey,
    ram::{Evicted, Ram, Seen},
};

/// What stays for stored objects, however much else is in memory: one part of so many.
const RAM_SHARE_MIN: u64 = 8;
/// What is fresh for less than this is not worth writing while it is in memory. Chosen:
/// a playlist that grows is.
const WRITTEN_LEFT_MIN: Duration = Duration::from_secs(60);
/// Answers from disk after which an object is taken into memory.
const PROMOTING_HITS: u8 = 2;

/// Objects by cache key, in memory up to a number of bytes, and on disk behind that.
///
/// An object goes to disk at its second request, or when memory has no more room for it
/// and it was asked for there, or the disk is not full yet. It comes back at its second
/// answer from there.
pub(super) struct Tiers {
    ram: Ram,
    ram_bytes: u64,
    fills: Arc<Budget>,
    pub(super) memory: Memory,
    pub(super) disk: Option<Arc<Disk>>,
    /// Held while something goes from memory to disk or back, or from both: nothing comes
    /// back that was removed on its way.
    moving: Mutex<()>,
    /// A long body is being read into memory. One at a time.
    promoting: AtomicBool,
    evictions: Counter,
    held_gauge: Gauge,
}

impl Drop for Tiers {
    fn drop(&mut self) {
        if let Some(disk) = &self.disk {
            disk.abandon();
        }
    }
}

impl Tiers {
    pub(super) fn open(config: &Config, fills: Arc<Budget>) -> Result<Self, EdgeError> {
        describe();
        let labels = [("role", "edge".to_owned()), ("pop", config.pop.clone())];
        let ram_bytes = config.ram.as_u64();
        let memory = Memory::new(ram_bytes);
        Ok(Self {
            ram: Ram::new(),
            ram_bytes: ram_bytes - Blocks::index_bytes(config.block.as_u64(), ram_bytes),
            fills,
            disk: Disk::open(config, memory.held())?,
            memory,
            moving: Mutex::new(()),
            promoting: AtomicBool::new(false),
            evictions: counter!("weir_edge_ram_evictions_total", &labels),
            held_gauge: gauge!("weir_edge_held_bytes", &labels),
        })
    }

    pub(super) fn remove(&self, key: &CacheKey) {
        let Some(disk) = &self.disk else {
            return self.ram.remove(key);
        };
        let _moving = self.moving();
        disk.remove(key);
        self.ram.remove(key);
    }

    /// Forgets what is in memory; what is on disk stays.
    pub(super) fn clear(&self) {
        self.ram.shrink(0);
    }

    /// Removes what stands in memory under a key, if it `is` that.
    pub(super) fn remove_if(&self, key: &CacheKey, is: impl FnOnce(&Object) -> bool) {
        let _moving = self.moving();
        if self.ram.remove_if(key, is)
            && let Some(disk) = &self.disk
        {
            disk.remove(key);
        }
    }

    /// Looks at all that is in memory.
    pub(super) fn for_each(&self, look: impl FnMut(Seen<'_>)) {
        self.ram.for_each(look);
    }

    pub(super) fn weight(&self) -> u64 {
        self.ram.weight()
    }

    #[allow(clippy::cast_precision_loss, reason = "a gauge is a float")]
    pub(super) fn gauge(&self) {
        self.held_gauge.set(self.held_apart() as f64);
        if let Some(disk) = &self.disk {
            disk.gauge();
        }
    }

    /// What stands under just this key, in memory.
    pub(super) fn get(&self, key: &CacheKey) -> Option<Arc<Object>> {
        let Some(found) = self.ram.get(key) else {
            return self.disk.as_ref()?.waiting(key);
        };
        if found.first
            && let Some(disk) = &self.disk
            && is_worth_writing(&found.object)
        {
            let _moving = self.moving();
            if self.ram.holds(key, &found.object) {
                disk.write(key.clone(), found.object.clone(), 0);
            }
        }
        Some(found.object)
    }

    pub(super) async fn find(self: &Arc<Self>, key: &CacheKey) -> Option<Arc<Object>> {
        let found = self.get(key);
        match &self.disk {
            Some(disk) if found.is_none() => self.find_on(disk, key).await,
            _ => found,
        }
    }

    pub(super) fn peek_ram(&self, key: &CacheKey) -> Option<Arc<Object>> {
        self.ram.peek(key)
    }

    /// What an operator wants to know of: nothing moves for it between the tiers.
    pub(super) async fn peek(&self, key: &CacheKey) -> Option<Arc<Object>> {
        if let Some(object) = self.ram.peek(key) {
            return Some(object);
        }
        match self.disk.as_ref()?.find(key).await {
            Find::Nothing => None,
            Find::Waiting(object) => Some(object),
            Find::Found(found, _) => Some(found.object),
        }
    }

    /// Answers on disk, as far as they are known by now.
    pub(super) fn on_disk(&self) -> u64 {
        self.disk.as_ref().map_or(0, |disk| disk.objects() as u64)
    }

    pub(super) fn insert(&self, key: CacheKey, object: Arc<Object>) {
        let Some(disk) = &self.disk else {
            let limit = self.limit_with(&object);
            let evicted = self.ram.insert(key, object, limit);
            return self.evictions.increment(evicted.len() as u64);
        };
        let moving = self.moving();
        let again = disk.renew(&key);
        if let Content::Disk(_) = object.body {
            // Its body stays where it is, under another head.
            self.ram.remove(&key);
            return disk.write(key, object, PROMOTING_HITS - 1);
        }
        let limit = self.limit_with(&object);
        let evicted = self.ram.insert(key.clone(), object.clone(), limit);
        self.evicted(&evicted);
        if again && is_worth_writing(&object) {
            disk.write(key, object, 0);
        }
        // Bodies are freed by whoever lets go last: not while others wait.
        drop(moving);
    }

    /// Stores an object on disk alone.
    pub(super) fn insert_on_disk(&self, key: CacheKey, object: Arc<Object>) {
        let Some(disk) = &self.disk else { return };
        let _moving = self.moving();
        disk.remove(&key);
        self.ram.remove(&key);
        disk.write(key, object, 0);
    }

    async fn find_on(self: &Arc<Self>, disk: &Arc<Disk>, key: &CacheKey) -> Option<Arc<Object>> {
        match disk.find(key).await {
            Find::Nothing => None,
            Find::Waiting(object) => Some(object),
            Find::Found(found, hits) => {
                // Variants are told apart by the one that is in memory.
                if hits >= PROMOTING_HITS || found.object.head.vary.is_some() {
                    self.promote(disk, key, &found);
                } else {
                    let moving = self.moving();
                    let evicted = self.ram.shrink(self.limit());
                    self.evicted(&evicted);
                    drop(moving);
                }
                Some(found.object)
            }
        }
    }

    /// Takes an object from disk into memory, at once or soon.
    fn promote(self: &Arc<Self>, disk: &Arc<Disk>, key: &CacheKey, found: &Found) {
        match &found.object.body {
            Content::Ram(_) => self.take_found(disk, key.clone(), found),
            Content::Disk(body) => self.promote_long(disk, key, found, body),
        }
    }

    fn promote_long(
        self: &Arc<Self>,
        disk: &Arc<Disk>,
        key: &CacheKey,
        found: &Found,
        body: &Arc<OnDisk>,
    ) {
        let mut portion = self.fills.portion();
        let fits = found.object.weight() + found.object.len() <= self.limit();
        if !fits || !portion.grow_to(found.object.len()) {
            return;
        }
        if self.promoting.swap(true, Ordering::Relaxed) {
            return;
        }
        let (store, disk, key) = (self.clone(), disk.clone(), key.clone());
        let (mut found, body) = (found.clone(), body.clone());
        let begun = disk.clone().run_if_idle(move || {
            if let Ok(pieces) = body.whole() {
                found.object = Arc::new(found.object.in_ram(pieces));
                drop(portion);
                store.take_found(&disk, key, &found);
            }
            store.promoting.store(false, Ordering::Relaxed);
        });
        if !begun {
            self.promoting.store(false, Ordering::Relaxed);
        }
    }

    /// Unless something newer took its place since.
    fn take_found(&self, disk: &Disk, key: CacheKey, found: &Found) {
        let moving = self.moving();
        // Many who waited for one read come here at once.
        if self.ram.has(&key) {
            return;
        }
        let object = found.object.clone();
        let (mut evicted, limit) = (Vec::new(), self.limit_with(&object));
        disk.if_still(found.name, found.turn, || {
            evicted = self.ram.insert(key, object, limit);
        });
        self.evicted(&evicted);
        drop(moving);
    }

    /// What left memory goes to disk, if it was asked for or there is room.
    fn evicted(&self, evicted: &[Evicted]) {
        self.evictions.increment(evicted.len() as u64);
        let Some(disk) = &self.disk else { return };
        for Evicted { key, object, hit } in evicted {
            if *hit || disk.has_room() {
                disk.write(key.clone(), object.clone(), 0);
            }
        }
    }

    fn moving(&self) -> MutexGuard<'_, ()> {
        self.moving.lock().expect("no holder panics")
    }

    /// Memory for stored objects now, bytes.
    fn limit(&self) -> u64 {
        self.limit_beside(self.held_apart())
    }

    /// The same once this object is one of them: its body is in memory already.
    fn limit_with(&self, object: &Object) -> u64 {
        self.limit_beside(self.held_apart().saturating_sub(object.len()))
    }

    fn limit_beside(&self, apart: u64) -> u64 {
        let index = self.disk.as_ref().map_or(0, |disk| disk.weight());
        let else_taken = self.fills.used() + apart + index + self.memory.rounding();
        let least = self.ram_bytes / RAM_SHARE_MIN;
        self.ram_bytes.saturating_sub(else_taken).max(least)
    }

    /// Bodies in memory that are not stored there: evicted or replaced while they are
    /// sent, on their way to or from disk.
    fn held_apart(&self) -> u64 {
        self.memory.held().bytes().saturating_sub(self.ram.bodies())
    }
}

/// Whether an object that is in memory as well is worth its writing.
fn is_worth_writing(object: &Object) -> bool {
    object.head.freshness.left(Instant::now()) >= WRITTEN_LEFT_MIN
}

fn describe() {
    describe_counter!(
        "weir_edge_ram_evictions_total",
        "Objects that left memory to make room"
    );
    describe_gauge!(
        "weir_edge_held_bytes",
        metrics::Unit::Bytes,
        "Memory of bodies that are not stored in it: still being sent, or on their way to \
         or from disk"
    );
}
