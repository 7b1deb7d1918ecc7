//! How long a connection may take for what it is doing.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

use super::{
    http2::RECEIVE_WINDOW,
    pulse::{Phase, Pulse},
};
use crate::{Config, request};

/// In which resets of streams are counted.
const RESETS_WINDOW: Duration = Duration::from_secs(10);

/// Bytes that a client of HTTP/2 may send besides its requests: settings, pings, priorities,
/// frames that nobody knows. Chosen: as nginx.
const SPARE: u64 = 1 << 20;

/// After how long a client that is behind is looked at, to see what it has taken meanwhile:
/// the kernel wakes us only when a good part of its buffer is free. Chosen: it costs 2 µs.
const LOOK_AFTER: Duration = Duration::from_secs(5);

/// What becomes of a connection that has waited long enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It has been without a request for so long.
    Idle,
    /// Its client is in the wrong; how.
    Cut(&'static str),
    /// Its client may be: the connection is to be polled once more, so that what the
    /// kernel has sent meanwhile is seen.
    Look,
}

/// How long each thing may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) idle: Duration,
    header: Duration,
    stall: Duration,
    /// Bytes that a client must take within the time beside it, once it is behind.
    slow: Option<(u64, Duration)>,
    resets_max: u64,
    /// Longest request, bytes, as far as it is read.
    request: u64,
    /// Without requests, HTTP/2 reads frames of other kinds: it is idle all the same.
    http2: bool,
}

impl Patience {
    pub(crate) fn http1(config: &Config, idle: Duration) -> Self {
        Self {
            http2: false,
            ..Self::http2(config, idle)
        }
    }

    pub(crate) fn http2(config: &Config, idle: Duration) -> Self {
        let window = config.client_rate_window;
        let rate = config.client_rate_min.as_u64();
        let quota = rate.saturating_mul(window.as_secs());
        Self {
            idle,
            header: config.header_read_timeout,
            stall: config.client_stall_timeout,
            slow: (quota > 0).then_some((quota, window)),
            resets_max: config.h2_resets_max.into(),
            request: config
                .header_len_max
                .as_u64()
                .saturating_add(body_max(config)),
            http2: true,
        }
    }
}

/// Longest body that is read of a request; where none goes up, what a client may send before
/// it is told so.
fn body_max(config: &Config) -> u64 {
    if request::bodies_go_up(config) {
        config.request_max.as_u64()
    } else {
        RECEIVE_WINDOW.into()
    }
}

/// Looks at a [`Pulse`] each time its connection waits. The clock is read when the phase
/// has changed, and the timer is moved only forwards and when it fires: a request costs
/// no timer.
pub(crate) struct Watch {
    patience: Patience,
    phase: Phase,
    marker: u64,
    since: Instant,
    /// Since when the client is behind, and what it had taken by then.
    behind: Option<(Instant, u64)>,
    resets: (Instant, u64),
    /// When a client that is behind is looked at again.
    look_at: Instant,
    alarm: Pin<Box<Sleep>>,
}

impl Watch {
    pub(crate) fn new(patience: Patience, pulse: &Pulse) -> Self {
        let now = Instant::now();
        let (phase, marker) = pulse.phase();
        Self {
            patience,
            phase,
            marker,
            since: now,
            behind: None,
            look_at: now,
            resets: (now, pulse.resets()),
            alarm: Box::pin(sleep_until(now + patience.idle)),
        }
    }

    /// From now on an idle connection may stay so for so long.
    pub(crate) fn idle_from_now(&mut self, patience: Duration) {
        self.patience.idle = patience;
        self.since = Instant::now();
    }

    /// Ready when the connection has waited long enough for what it waits for.
    pub(crate) fn poll(&mut self, pulse: &Pulse, cx: &mut Context<'_>) -> Poll<Verdict> {
        self.note(pulse);
        let resets_max = self.resets.1 + self.patience.resets_max;
        if self.patience.http2 && resets_max < pulse.resets() {
            return Poll::Ready(Verdict::Cut("the client resets too many streams"));
        }
        if self.patience.http2 && pulse.is_flooded(self.patience.request, SPARE) {
            return Poll::Ready(Verdict::Cut(
                "the client sends too much besides its requests",
            ));
        }
        while let Some((deadline, verdict)) = self.deadline(pulse) {
            if deadline < self.alarm.deadline() {
                self.alarm.as_mut().reset(deadline);
            }
            ready!(self.alarm.as_mut().poll(cx));
            let now = Instant::now();
            if now >= deadline {
                self.look_at = now + self.look_after();
                return Poll::Ready(verdict);
            }
            // It was set for something that is over.
            self.alarm.as_mut().reset(deadline);
        }
        Poll::Pending
    }

    fn note(&mut self, pulse: &Pulse) {
        if pulse.resets() > self.resets.1 && self.resets.0.elapsed() > RESETS_WINDOW {
            self.resets = (Instant::now(), pulse.resets());
        }
        let (mut phase, mut marker) = pulse.phase();
        if self.patience.http2 && matches!(phase, Phase::Header | Phase::Idle) {
            // The end of an answer may still wait in h2, for the client's window.
            (phase, marker) = (Phase::Idle, marker.wrapping_add(pulse.moved()));
        }
        if (phase, marker) == (self.phase, self.marker) {
            return;
        }
        (self.phase, self.marker, self.since) = (phase, marker, Instant::now());
        self.look_at = self.since + self.look_after();
        let taken = marker;
        self.behind = match (phase, self.behind, self.patience.slow) {
            (Phase::Blocked, Some((_, then)), Some((quota, _))) if taken < then + quota => {
                self.behind
            }
            (Phase::Blocked, _, Some(_)) => Some((self.since, taken)),
            _ => None,
        };
    }

    fn look_after(&self) -> Duration {
        LOOK_AFTER.min(self.patience.stall / 4)
    }

    fn deadline(&self, pulse: &Pulse) -> Option<(Instant, Verdict)> {
        let Patience {
            idle,
            header,
            stall,
            slow,
            ..
        } = self.patience;
        let cut = |at: Instant, why| Some((at, Verdict::Cut(why)));
        match self.phase {
            Phase::Running => None,
            Phase::Idle => Some((self.since + idle, Verdict::Idle)),
            Phase::Header => cut(self.since + header, "a request's header does not come"),
            Phase::Starved => {
                let stalled = cut(self.since + stall, "the client takes nothing");
                let due = pulse.due();
                let slow = due.and_then(|at| cut(at, "the client reads a stream too slowly"));
                let all = [stalled, slow].into_iter().flatten();
                all.min_by_key(|(at, _)| *at)
            }
            Phase::Blocked => {
                let stalled = cut(self.since + stall, "the client takes nothing");
                let behind = slow.zip(self.behind);
                let slow = behind.and_then(|((_, window), (since, _))| {
                    cut(since + window, "the client reads too slowly")
                });
                let look = Some((self.look_at, Verdict::Look));
                let all = [look, stalled, slow].into_iter().flatten();
                all.min_by_key(|(at, _)| *at)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytesize::ByteSize;

    use super::*;
    use crate::Profile;

    #[test]
    fn requests_of_any_length_may_be_allowed() {
        let config = Config {
            request_max: ByteSize(u64::MAX),
            profile: Profile::Passthrough,
            ..Config::default()
        };
        let patience = Patience::http2(&config, Duration::ZERO);
        assert_eq!(patience.request, u64::MAX);
    }
}
