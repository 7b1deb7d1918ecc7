//! What origin, clients, purger and watcher share.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use crate::{
    chance::Chance,
    keyring::Keyring,
    object::{COUNT, Changes, LIVES, Object, changes},
    options::Options,
    tally::Tally,
};

/// How long before a request a fetch may have begun that it joins, and a change have been
/// that its blocks meet.
const FETCH: Duration = Duration::from_secs(20);
const CHANGE: Duration = Duration::from_secs(5);
/// How soon after its start the edge must have heard the keys.
const READY: Duration = Duration::from_secs(3);

pub(crate) struct World {
    pub(crate) began: Instant,
    pub(crate) seed: u64,
    pub(crate) tally: Tally,
    pub(crate) keys: Keyring,
    /// Of each object: how often it was changed.
    changed: Vec<AtomicU64>,
    /// And what no answer to a later request may be older than.
    floors: Vec<AtomicU64>,
    /// When something last happened to each that may end answers early.
    disturbed: Vec<Mutex<Option<Instant>>>,
    /// A state of each that some client got.
    seen: Vec<Mutex<Option<Object>>>,
    /// Even while the edge is up; grows with each kill, and with each start.
    epoch: AtomicU64,
    went: Mutex<Instant>,
    next_turn: Mutex<Instant>,
    turn: Duration,
    reported: Mutex<Instant>,
    chance: Mutex<Chance>,
}

fn zeros() -> Vec<AtomicU64> {
    (0..COUNT).map(|_| AtomicU64::new(0)).collect()
}

impl World {
    pub(crate) fn new(options: &Options) -> Self {
        let now = Instant::now();
        Self {
            began: now,
            seed: options.seed,
            tally: Tally::default(),
            keys: Keyring::new(),
            changed: zeros(),
            floors: zeros(),
            disturbed: (0..COUNT).map(|_| Mutex::default()).collect(),
            seen: (0..COUNT).map(|_| Mutex::default()).collect(),
            epoch: AtomicU64::new(1),
            went: Mutex::new(now),
            next_turn: Mutex::new(now),
            turn: Duration::from_secs_f64(1.0 / options.rate),
            reported: Mutex::new(now),
            chance: Mutex::new(Chance::new(options.seed + 3)),
        }
    }

    /// Of the origin's.
    pub(crate) fn chance(&self) -> Chance {
        self.chance.lock().unwrap().child()
    }

    pub(crate) fn generation(&self, id: u64) -> u64 {
        match changes(id) {
            Changes::InTime => self.generation_at(id, Instant::now()),
            _ => self.changed[id as usize].load(SeqCst),
        }
    }

    /// Of one that changes in time; not all do at once.
    pub(crate) fn generation_at(&self, id: u64, at: Instant) -> u64 {
        let shifted = at.duration_since(self.began) + LIVES.mul_f64(id as f64 / COUNT as f64);
        shifted.as_secs() / LIVES.as_secs()
    }

    /// The new state's number.
    pub(crate) fn change(&self, id: u64) -> u64 {
        self.disturb(id);
        self.changed[id as usize].fetch_add(1, SeqCst) + 1
    }

    /// A fault of the origin's, a change or a purge.
    pub(crate) fn disturb(&self, id: u64) {
        *self.disturbed[id as usize].lock().unwrap() = Some(Instant::now());
    }

    /// Whether that explains that an answer to what was asked then failed.
    pub(crate) fn was_disturbed_since(&self, id: u64, asked: Instant) -> bool {
        let before = |time| {
            asked
                .checked_sub(time)
                .unwrap_or(self.began)
                .max(self.began)
        };
        let changed = match changes(id) {
            Changes::InTime => self.generation_at(id, before(CHANGE)) != self.generation(id),
            _ => false,
        };
        let disturbed = *self.disturbed[id as usize].lock().unwrap();
        let is_new = asked < *self.went.lock().unwrap() + READY;
        changed || is_new || disturbed.is_some_and(|at| at >= before(FETCH))
    }

    /// From now on nothing older may be answered.
    pub(crate) fn raise_floor(&self, id: u64, generation: u64) {
        self.floors[id as usize].fetch_max(generation, SeqCst);
    }

    pub(crate) fn floor(&self, id: u64) -> u64 {
        self.floors[id as usize].load(SeqCst)
    }

    pub(crate) fn saw(&self, object: Object) {
        *self.seen[object.id as usize].lock().unwrap() = Some(object);
    }

    pub(crate) fn seen(&self, id: u64) -> Option<Object> {
        *self.seen[id as usize].lock().unwrap()
    }

    pub(crate) fn edge_goes_down_or_up(&self) {
        *self.went.lock().unwrap() = Instant::now();
        self.epoch.fetch_add(1, SeqCst);
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(SeqCst)
    }

    /// Whether a kill explains what went wrong since then.
    pub(crate) fn was_killed_since(&self, epoch: u64) -> bool {
        epoch % 2 == 1 || self.epoch() != epoch
    }

    /// Waits for the next request's turn: never more a second than was asked for.
    pub(crate) async fn turn(&self) {
        let at = {
            let mut next = self.next_turn.lock().unwrap();
            let at = (*next).max(Instant::now());
            *next = at + self.turn;
            at
        };
        sleep_until(at).await;
    }

    pub(crate) fn is_time_to_report(&self, every: Duration) -> bool {
        let mut reported = self.reported.lock().unwrap();
        let is_time = reported.elapsed() >= every;
        if is_time {
            *reported += every;
        }
        is_time
    }
}
