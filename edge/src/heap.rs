//! Memory that the allocator keeps though nobody uses it.
//!
//! A connection that waits has given up its buffers, but between them lies what it still
//! needs. glibc gives back to the kernel only what is free at the heap's end, so after
//! 8,000 such connections it kept 12 KB of each; asked to look for free pages, 2 KB.
#![allow(unsafe_code, reason = "a call to the C library's allocator")]

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use tokio::{task::spawn_blocking, time::sleep};

/// How often it is looked whether that is worth it.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// So many more connections wait than since it was last done. Chosen: some 10 MB, for about
/// 1 ms of one thread, in which others may wait for the allocator.
const MORE_MIN: usize = 1000;
/// And such a part of them.
const MORE_SHARE: usize = 8;

/// Connections that wait without buffers.
#[derive(Default)]
pub(crate) struct Parked(AtomicUsize);

/// Counts one until it is dropped.
pub(crate) struct Stay<'a>(&'a Parked);

impl Parked {
    pub(crate) fn add(&self) -> Stay<'_> {
        self.0.fetch_add(1, Relaxed);
        Stay(self)
    }

    /// Gives memory back to the kernel whenever many more wait than before; never ends.
    pub(crate) async fn follow(&self) {
        let mut since = Since::default();
        loop {
            sleep(LOOK_EVERY).await;
            if since.is_worth_it(self.0.load(Relaxed)) {
                // It ends badly only with the process.
                let _ = spawn_blocking(give_back).await;
            }
        }
    }
}

impl Drop for Stay<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Relaxed);
    }
}

/// The fewest that waited since memory was last given back: what more wait now have left
/// theirs since.
#[derive(Default)]
struct Since {
    fewest: usize,
}

impl Since {
    fn is_worth_it(&mut self, now: usize) -> bool {
        self.fewest = self.fewest.min(now);
        let more = now - self.fewest;
        let is_worth_it = more >= MORE_MIN.max(self.fewest / MORE_SHARE);
        if is_worth_it {
            self.fewest = now;
        }
        is_worth_it
    }
}

/// Looks for whole pages that are free, and gives them back.
fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes the allocator's own locks, and changes nothing that is in use.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_done_when_many_more_wait_than_at_the_fewest() {
        let mut since = Since::default();
        let counts = [
            0, 999, 1000, 1900, 2100, 1500, 2400, 2500, 80_000, 89_000, 90_000,
        ];
        let worth: Vec<_> = counts
            .into_iter()
            .filter(|now| since.is_worth_it(*now))
            .collect();
        assert_eq!(worth, [1000, 2100, 2500, 80_000, 90_000]);
    }

    #[test]
    fn a_connection_counts_as_long_as_it_waits() {
        let parked = Parked::default();
        let (one, other) = (parked.add(), parked.add());
        drop(one);
        assert_eq!(parked.0.load(Relaxed), 1);
        drop(other);
        assert_eq!(parked.0.load(Relaxed), 0);
    }

    #[test]
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    fn what_is_free_between_what_is_not_goes_back_to_the_kernel() {
        fn resident_mib() -> u64 {
            let status = std::fs::read_to_string("/proc/self/status").unwrap();
            let line = status
                .lines()
                .find(|line| line.starts_with("VmRSS:"))
                .unwrap();
            let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
            kib >> 10
        }
        // 256 MiB of buffers, and something small that stays behind each.
        let mut buffers = Vec::new();
        let mut stay = Vec::new();
        for _ in 0..1 << 15 {
            buffers.push(vec![1_u8; 8 << 10]);
            stay.push(Box::new([1_u8; 300]));
        }
        drop(buffers);
        let before = resident_mib();
        give_back();
        let after = resident_mib();
        assert!(after + 64 < before, "{before} MiB, then {after} MiB");
        drop(stay);
    }
}
