use std::time::Duration;

use tokio::time::Instant;

use crate::Config;

/// How long answers are counted for the share that failed. Chosen.
const WINDOW: Duration = Duration::from_secs(10);
/// So many of them at least. Chosen: fewer say nothing of a share.
const SAMPLES_MIN: u32 = 20;
/// Checks in a row that must fail. Chosen: one may be lost.
const CHECKS_FAILED: u32 = 2;

/// When an origin is kept out, and for how long.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    failures: u32,
    ratio: f64,
    time: Duration,
    time_max: Duration,
}

impl Rules {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            failures: config.eject_failures,
            ratio: config.eject_ratio,
            time: config.eject_time,
            time_max: config.eject_time_max,
        }
    }
}

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No connection could be made. Once is enough: nobody need find out again.
    Connection,
    /// No answer came, none that makes sense, or not all of it.
    Answer,
    /// The answer says that it can't answer now: 502, 503, 504.
    Status,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    In,
    /// Kept out until then; after that the next request finds out.
    Out {
        until: Instant,
    },
    /// One request finds out; all others still go elsewhere.
    Trial,
    /// Kept out until a check succeeds.
    Down,
}

/// What is known of one origin: a circuit breaker, whose half-open state lets one request
/// through. Pure: time and chance are arguments.
#[derive(Debug)]
pub(crate) struct Health {
    state: State,
    in_row: u32,
    /// Times it was kept out without having been well for long in between.
    ejections: u32,
    /// Why it was kept out the last time.
    cause: Failure,
    well_since: Instant,
    window: Window,
    checks_failed: u32,
}

/// What a failure is judged by besides itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Circumstances {
    /// No other origin is in. The last one is kept out only where no connection can be
    /// made, and never for long: a stranger who finds a path that is slow or fails must
    /// not close the site.
    pub(crate) alone: bool,
    /// 0 to 1.
    pub(crate) chance: f64,
    pub(crate) now: Instant,
}

impl Health {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            state: State::In,
            in_row: 0,
            ejections: 0,
            cause: Failure::Answer,
            well_since: now,
            window: Window::new(now),
            checks_failed: 0,
        }
    }

    pub(crate) fn is_in(&self) -> bool {
        self.state == State::In
    }

    /// Kept out by checks alone.
    pub(crate) fn is_down(&self) -> bool {
        self.state == State::Down
    }

    /// Whether a request may go there.
    pub(crate) fn takes(&self, now: Instant) -> bool {
        match self.state {
            State::In => true,
            State::Out { until } => now >= until,
            State::Trial | State::Down => false,
        }
    }

    /// Sends a request there, which [`Self::takes`] allowed: whether it is the one that
    /// finds out.
    pub(crate) fn send(&mut self) -> bool {
        let is_trial = matches!(self.state, State::Out { .. });
        if is_trial {
            self.state = State::Trial;
        }
        is_trial
    }

    /// A request got its answer's head. While it is kept out, only the trial's word counts.
    pub(crate) fn succeeded(&mut self, trial: bool, now: Instant) {
        self.window.add(false, now);
        self.in_row = 0;
        if trial && self.state == State::Trial {
            self.let_in(now);
        }
    }

    /// A connection came about, which is all that one lacked that had none: nobody waits
    /// for what the trial is answered.
    pub(crate) fn connected(&mut self, now: Instant) {
        if self.state == State::Trial && self.cause == Failure::Connection {
            self.let_in(now);
        }
    }

    /// A request failed: whether it is kept out from now on.
    pub(crate) fn failed(
        &mut self,
        failure: Failure,
        trial: bool,
        rules: &Rules,
        at: Circumstances,
    ) -> bool {
        let trial = trial && self.state == State::Trial;
        if at.alone && failure != Failure::Connection {
            if trial {
                self.let_in(at.now);
            }
            return false;
        }
        self.window.add(true, at.now);
        self.in_row = self.in_row.saturating_add(1);
        let enough = failure == Failure::Connection
            || self.in_row >= rules.failures
            || self.window.is_bad(rules.ratio);
        let out = trial || (self.state == State::In && enough);
        if out {
            self.cause = failure;
            self.eject(rules, at);
        }
        out
    }

    /// The trial ended without a word: the next request is one.
    pub(crate) fn gave_up(&mut self, now: Instant) {
        if self.state == State::Trial {
            self.state = State::Out { until: now };
        }
    }

    /// A check, or a question that is asked whatever the state, ended well.
    pub(crate) fn recovered(&mut self, now: Instant) {
        self.checks_failed = 0;
        if self.state != State::In {
            self.let_in(now);
        }
    }

    /// A check failed.
    pub(crate) fn check_failed(&mut self) {
        self.checks_failed = self.checks_failed.saturating_add(1);
        if self.checks_failed >= CHECKS_FAILED {
            self.state = State::Down;
        }
    }

    fn let_in(&mut self, now: Instant) {
        self.state = State::In;
        self.in_row = 0;
        self.well_since = now;
        self.window = Window::new(now);
    }

    fn eject(&mut self, rules: &Rules, at: Circumstances) {
        let well = at.now.saturating_duration_since(self.well_since);
        if self.state == State::In && well >= rules.time_max {
            self.ejections = 0;
        }
        let grown = rules.time.saturating_mul(1 << self.ejections.min(16));
        let longest = if at.alone { rules.time } else { grown };
        // Between half and all of it: edges that saw it fail together come back apart.
        let time = longest.min(rules.time_max).mul_f64((1.0 + at.chance) / 2.0);
        self.ejections = self.ejections.saturating_add(1);
        self.state = State::Out {
            until: at.now + time,
        };
    }
}

/// How many of the latest requests failed.
#[derive(Debug)]
struct Window {
    began: Instant,
    asked: u32,
    failed: u32,
}

impl Window {
    fn new(now: Instant) -> Self {
        Self {
            began: now,
            asked: 0,
            failed: 0,
        }
    }

    fn add(&mut self, failed: bool, now: Instant) {
        if now.saturating_duration_since(self.began) >= WINDOW {
            *self = Self::new(now);
        }
        self.asked = self.asked.saturating_add(1);
        self.failed = self.failed.saturating_add(u32::from(failed));
    }

    fn is_bad(&self, ratio: f64) -> bool {
        self.asked >= SAMPLES_MIN && f64::from(self.failed) >= ratio * f64::from(self.asked)
    }
}

#[cfg(test)]
mod tests;
