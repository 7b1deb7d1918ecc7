//! How long an answer may be used, and by whom (RFC 9111, RFC 5861, RFC 9213).

pub(crate) mod date;
mod detour;
mod directives;
mod judge;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::purge::Position;

pub(crate) use detour::Detour;
pub(crate) use directives::{CDN_CACHE_CONTROL, split_unquoted};
pub(crate) use judge::{Terms, Verdict, blames_request, date_of, judge};

/// When an answer came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Received {
    pub(crate) at: Instant,
    pub(crate) wall: SystemTime,
    /// From asking to the head of the answer.
    pub(crate) delay: Duration,
    /// The purges in force when it was asked for.
    pub(crate) position: Position,
}

/// Who, beside the request it was fetched for, may have an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    /// All, also those who come while it runs.
    Open,
    /// Those who waited when its head came. It is fresh for no later request.
    Waiting,
    /// Nobody.
    Nobody,
}

/// How old an answer is, and may become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Freshness {
    received: Instant,
    age_then: Duration,
    pub(crate) lifetime: Duration,
    while_revalidate: Duration,
    if_error: Duration,
    /// Never to be used stale, whatever happens.
    strict: bool,
}

/// Whether an object can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Fresh,
    /// Stale, and to be used while it is asked for anew.
    WhileRevalidate,
    Stale,
}

/// The same apart from any clock, to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) age: Duration,
    pub(crate) lifetime: Duration,
    pub(crate) while_revalidate: Duration,
    pub(crate) if_error: Duration,
    pub(crate) strict: bool,
}

impl Freshness {
    /// What it is at `now`.
    pub(crate) fn facts(&self, now: Instant) -> Facts {
        Facts {
            age: self.age(now),
            lifetime: self.lifetime,
            while_revalidate: self.while_revalidate,
            if_error: self.if_error,
            strict: self.strict,
        }
    }

    /// Of what has these facts at `now`.
    pub(crate) fn of(facts: Facts, now: Instant) -> Self {
        Self {
            received: now,
            age_then: facts.age,
            lifetime: facts.lifetime,
            while_revalidate: facts.while_revalidate,
            if_error: facts.if_error,
            strict: facts.strict,
        }
    }

    pub(crate) fn age(&self, now: Instant) -> Duration {
        self.age_then + now.saturating_duration_since(self.received)
    }

    /// What is left of its freshness; zero if it is stale.
    pub(crate) fn left(&self, now: Instant) -> Duration {
        self.lifetime.saturating_sub(self.age(now))
    }

    /// Whole seconds of freshness left, below zero once it is stale (RFC 9211 §2.5).
    pub(crate) fn ttl_secs(&self, now: Instant) -> i64 {
        self.lifetime.as_secs() as i64 - self.age(now).as_secs() as i64
    }

    pub(crate) fn state(&self, now: Instant) -> State {
        if self.age(now) < self.lifetime {
            State::Fresh
        } else if self.within(self.while_revalidate, now) {
            State::WhileRevalidate
        } else {
            State::Stale
        }
    }

    /// The answer allows its use instead of an error (RFC 5861 §4).
    pub(crate) fn serves_on_error(&self, now: Instant) -> bool {
        self.within(self.if_error, now)
    }

    /// The answer does not forbid its use while its source can't be reached
    /// (RFC 9111 §4.2.4), and it is not longer than `most` past its freshness.
    pub(crate) fn serves_disconnected(&self, now: Instant, most: Duration) -> bool {
        self.within(most, now)
    }

    fn within(&self, grace: Duration, now: Instant) -> bool {
        !self.strict && self.age(now) < self.lifetime + grace
    }
}
