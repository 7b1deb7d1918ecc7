//! What a connection is doing: counted where it happens, looked at where it is driven.

use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed},
};

use futures_util::task::AtomicWaker;
use tokio::time::Instant;

/// Counters of one connection. None of them orders anything else, and all are written by
/// tasks of this one connection: an addition costs what it costs without sharing.
#[derive(Default)]
pub(crate) struct Pulse {
    /// Bytes read, and written, so far.
    read: AtomicU64,
    written: AtomicU64,
    /// The last write, or flush, waits for the client, which has acknowledged so much.
    blocked: AtomicBool,
    taken: AtomicU64,
    /// Requests so far; those that run; what was read when the last one began or ended.
    requests: AtomicU64,
    running: AtomicU32,
    read_before: AtomicU64,
    /// HTTP/2: answers whose next bytes wait for a window of the client, by number, and
    /// until when each may; streams ended by the client before their end.
    owed: AtomicU32,
    owing: Mutex<Vec<(u64, Instant)>>,
    resets: AtomicU64,
    order: AtomicU8,
    pub(super) waker: AtomicWaker,
}

/// What the edge wants of a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Order {
    #[default]
    GoOn,
    /// End after the next answer; another process serves who comes anew.
    Linger,
    /// End after what runs.
    Drain,
    /// End.
    Cut,
}

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// A request's first byte.
    Idle,
    /// The rest of a request's header.
    Header,
    /// An answer's next bytes.
    Running,
    /// That the client takes bytes; of HTTP/2, that it opens a window.
    Blocked,
    Starved,
}

impl Pulse {
    pub(crate) fn read(&self, len: usize) {
        self.read.fetch_add(len as u64, Relaxed);
    }

    pub(crate) fn wrote(&self, len: usize) {
        self.written.fetch_add(len as u64, Relaxed);
        self.blocked.store(false, Relaxed);
    }

    pub(crate) fn flushed(&self) {
        self.blocked.store(false, Relaxed);
    }

    /// A write waits, with so many bytes in the kernel.
    pub(crate) fn waits(&self, queued: u64) {
        let taken = self.written().saturating_sub(queued);
        self.taken.store(taken, Relaxed);
        self.blocked.store(true, Relaxed);
    }

    /// A request begins; its number, from 1.
    pub(crate) fn begin(&self) -> u64 {
        self.running.fetch_add(1, Relaxed);
        self.read_before.store(self.read.load(Relaxed), Relaxed);
        self.requests.fetch_add(1, Relaxed) + 1
    }

    /// A request is over; `whole` if its answer is.
    pub(crate) fn end(&self, whole: bool) {
        self.running.fetch_sub(1, Relaxed);
        // Its body is no part of the next one's header.
        self.read_before.store(self.read.load(Relaxed), Relaxed);
        if !whole {
            self.resets.fetch_add(1, Relaxed);
        }
    }

    /// An answer's piece now waits for the client's window, until then at most.
    pub(crate) fn owes(&self, number: u64, until: Instant) {
        let mut owing = self.owing();
        match owing.iter_mut().find(|(other, _)| *other == number) {
            Some((_, old)) => *old = until,
            None => owing.push((number, until)),
        }
        self.owed.store(owing.len() as u32, Relaxed);
    }

    /// It does not wait any more.
    pub(crate) fn paid(&self, number: u64) {
        let mut owing = self.owing();
        owing.retain(|(other, _)| *other != number);
        self.owed.store(owing.len() as u32, Relaxed);
    }

    /// Until when the client must have taken a piece of an answer.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.owing().iter().map(|(_, until)| *until).min()
    }

    fn owing(&self) -> MutexGuard<'_, Vec<(u64, Instant)>> {
        self.owing.lock().expect("no holder panics")
    }

    pub(crate) fn written(&self) -> u64 {
        self.written.load(Relaxed)
    }

    /// More was read than so many bytes for each request, one for each eight of answers, which
    /// is far above what their windows take, and `spare` besides.
    pub(crate) fn is_flooded(&self, each: u64, spare: u64) -> bool {
        let requests = self.requests.load(Relaxed).saturating_mul(each);
        let allowed = requests.saturating_add(self.written() / 8 + spare);
        self.read.load(Relaxed) > allowed
    }

    /// Changes as an answer goes on, and not for a ping now and then (17 bytes each).
    pub(crate) fn moved(&self) -> u64 {
        self.written() >> 12
    }

    pub(crate) fn resets(&self) -> u64 {
        self.resets.load(Relaxed)
    }

    /// What it waits for, and a number that changes when it has got some of it.
    pub(crate) fn phase(&self) -> (Phase, u64) {
        if self.blocked.load(Relaxed) {
            return (Phase::Blocked, self.taken.load(Relaxed));
        }
        if self.owed.load(Relaxed) > 0 {
            return (Phase::Starved, self.moved());
        }
        let requests = self.requests.load(Relaxed);
        if self.running.load(Relaxed) > 0 {
            return (Phase::Running, requests);
        }
        let came = self.read.load(Relaxed) > self.read_before.load(Relaxed);
        (if came { Phase::Header } else { Phase::Idle }, requests)
    }

    /// Drives the connection once more, if it is answering.
    pub(crate) fn look(&self) {
        if self.running.load(Relaxed) > 0 {
            self.waker.wake();
        }
    }

    pub(crate) fn give(&self, order: Order) {
        self.order.fetch_max(order as u8, Relaxed);
        self.waker.wake();
    }

    pub(crate) fn order(&self) -> Order {
        match self.order.load(Relaxed) {
            0 => Order::GoOn,
            1 => Order::Linger,
            2 => Order::Drain,
            _ => Order::Cut,
        }
    }
}
