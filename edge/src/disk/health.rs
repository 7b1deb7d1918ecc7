//! Whether it is worth while to ask a disk.

use std::{sync::Mutex, time::Duration};

use tokio::time::Instant;

/// Faults, one after another, after which a disk is left alone for a while. Chosen: one
/// bad sector is not a bad disk.
const FAULTS_MAX: u32 = 3;
/// The first pause, and the longest: each is twice the one before.
const PAUSE_MIN: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// Faults in a row, and how long nothing is asked for after them.
#[derive(Debug, Default)]
pub(crate) struct Health(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    faults: u32,
    until: Option<Instant>,
}

/// What a fault, or its end, changes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing that is new.
    None,
    /// To be said once.
    Down,
    Up,
}

impl Health {
    /// Whether the disk is to be asked. After a pause it is asked as if nothing had
    /// happened; one more fault begins the next.
    pub(crate) fn is_up(&self, now: Instant) -> bool {
        self.lock().until.is_none_or(|until| now >= until)
    }

    /// Notes a fault that by itself may be chance.
    pub(crate) fn fault(&self, now: Instant) -> Change {
        let mut state = self.lock();
        state.faults = state.faults.saturating_add(1);
        if state.faults < FAULTS_MAX {
            return Change::None;
        }
        state.pause(now)
    }

    /// Notes a fault that the next try will find as well.
    pub(crate) fn fail(&self, now: Instant) -> Change {
        let mut state = self.lock();
        state.faults = state.faults.saturating_add(1).max(FAULTS_MAX);
        state.pause(now)
    }

    pub(crate) fn succeed(&self) -> Change {
        let mut state = self.lock();
        let was_down = state.until.is_some();
        *state = State::default();
        if was_down { Change::Up } else { Change::None }
    }

    /// What is left of the pause; zero if there is none.
    pub(crate) fn pause_left(&self, now: Instant) -> Duration {
        let until = self.lock().until;
        until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().expect("no holder panics")
    }
}

impl State {
    fn pause(&mut self, now: Instant) -> Change {
        let first = self.until.is_none();
        let doublings = (self.faults - FAULTS_MAX).min(16);
        self.until = Some(now + (PAUSE_MIN * (1 << doublings)).min(PAUSE_MAX));
        if first { Change::Down } else { Change::None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_are_said_once() {
        let (health, mut now) = (Health::default(), Instant::now());
        assert_eq!(health.fault(now), Change::None);
        assert_eq!(health.fault(now), Change::None);
        assert!(health.is_up(now));
        assert_eq!(health.fault(now), Change::Down);
        for pause in [1, 2, 4, 8] {
            assert!(!health.is_up(now + PAUSE_MIN * pause - Duration::from_millis(1)));
            now += PAUSE_MIN * pause;
            assert!(health.is_up(now));
            assert_eq!(health.fault(now), Change::None);
        }
        for _ in 0..99 {
            health.fault(now);
        }
        assert_eq!(health.pause_left(now), PAUSE_MAX);
        assert_eq!(health.succeed(), Change::Up);
        assert_eq!(health.succeed(), Change::None);
        assert!(health.is_up(now));
    }
}
