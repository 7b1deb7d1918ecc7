//! Lines that wait to be written, those of each thread apart.

use std::{
    mem,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    time::SystemTime,
};

use metrics::Counter;
use tokio::time::Instant;

use super::{Format, entry::Entry, format::Scribe};

/// Threads whose lines are apart; beyond that two share. Chosen.
const SHARES: usize = 16;
/// Bytes that may wait in each. Chosen: mostly more than 10,000 lines, where 10 ms have some
/// hundred.
const LEN_MAX: usize = 4 << 20;
/// Bytes that are kept for the next lines.
const SPARE_LEN_MAX: usize = 512 << 10;

/// Of all threads.
pub(super) struct Lines(Box<[Arc<Share>]>);

/// Of one thread: who pushes finds the lock free, but for the moment in which the writer
/// takes what there is.
#[repr(align(128))]
pub(super) struct Share {
    waiting: Mutex<Waiting>,
    dropped: Counter,
}

struct Waiting {
    scribe: Scribe,
    batch: Batch,
    /// Nobody will write any more.
    closed: bool,
}

/// Whole lines.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) text: Vec<u8>,
    pub(super) count: u64,
}

impl Lines {
    pub(super) fn new(format: Format, dropped: &Counter) -> Self {
        let share = || Share {
            waiting: Mutex::new(Waiting {
                scribe: Scribe::new(format),
                batch: Batch::default(),
                closed: false,
            }),
            dropped: dropped.clone(),
        };
        Self((0..SHARES).map(|_| Arc::new(share())).collect())
    }

    /// This thread's.
    pub(super) fn here(&self) -> &Arc<Share> {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static THREAD: usize = THREADS.fetch_add(1, Ordering::Relaxed);
        }
        &self.0[THREAD.with(|number| *number) % SHARES]
    }

    pub(super) fn shares(&self) -> impl Iterator<Item = &Share> {
        self.0.iter().map(|share| &**share)
    }
}

impl Share {
    /// Adds the line of what ends now. Where too many wait it is dropped, and counted.
    pub(super) fn push(&self, entry: &Entry, began: Instant) {
        let total = began.elapsed();
        let now = SystemTime::now();
        let at = now.checked_sub(total).unwrap_or(now);
        let mut waiting = self.waiting();
        let Waiting {
            scribe,
            batch,
            closed,
        } = &mut *waiting;
        if *closed || batch.text.len() >= LEN_MAX {
            drop(waiting);
            return self.dropped.increment(1);
        }
        scribe.write(entry, (at, total), &mut batch.text);
        batch.count += 1;
    }

    /// Takes all that wait, and leaves an empty batch instead.
    pub(super) fn take(&self, spare: &mut Batch) {
        mem::swap(&mut self.waiting().batch, spare);
    }

    /// Whatever comes from now on is dropped.
    pub(super) fn close(&self) {
        self.waiting().closed = true;
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("no holder panics")
    }
}

impl Batch {
    pub(super) fn clear(&mut self) {
        self.count = 0;
        self.text.clear();
        self.text.shrink_to(SPARE_LEN_MAX);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::{super::entry::tests::entry, *};

    fn counted() -> (Lines, Arc<AtomicU64>) {
        let dropped = Arc::new(AtomicU64::new(0));
        let lines = Lines::new(Format::Json, &Counter::from_arc(dropped.clone()));
        (lines, dropped)
    }

    #[test]
    fn what_waits_is_bounded_and_each_line_is_there_or_counted() {
        let (lines, dropped) = counted();
        let long = entry(&format!("/{}", "x".repeat(4000)));
        let pushed = 2 * LEN_MAX / 4000;
        for _ in 0..pushed {
            lines.here().push(&long, Instant::now());
        }
        let mut batch = Batch::default();
        lines.here().take(&mut batch);
        let there = batch.text.iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(there as u64, batch.count);
        assert_eq!(
            there as u64 + dropped.load(Ordering::Relaxed),
            pushed as u64
        );
        assert!((LEN_MAX..LEN_MAX + 8192).contains(&batch.text.len()));
        batch.clear();
        lines.here().take(&mut batch);
        assert_eq!((batch.count, batch.text.capacity()), (0, 0));
    }

    #[test]
    fn what_comes_after_the_end_is_counted() {
        let (lines, dropped) = counted();
        lines.shares().for_each(Share::close);
        lines.here().push(&entry("/x"), Instant::now());
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
    }
}
