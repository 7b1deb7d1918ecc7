//! A token bucket in one word: the generic cell rate algorithm (ITU-T I.371).

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// How fast tokens come, and how many may lie there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    /// Time of one token, nanoseconds; 0 where nothing is limited.
    each: u64,
    burst: u64,
}

impl Rate {
    /// So many a second, for so many seconds at once; 0 is no limit.
    pub(crate) fn new(per_sec: u32, burst_secs: u32) -> Self {
        Self {
            each: 1_000_000_000_u64.checked_div(per_sec.into()).unwrap_or(0),
            burst: u64::from(burst_secs) * 1_000_000_000,
        }
    }

    pub(crate) fn is_off(self) -> bool {
        self.each == 0
    }
}

/// When the bucket will be full again, nanoseconds since its owner's epoch.
#[derive(Default)]
pub(crate) struct Bucket(AtomicU64);

impl Bucket {
    /// Takes a token if there is one.
    pub(crate) fn take(&self, rate: Rate, now: Duration) -> bool {
        let now = nanos(now);
        let taken = |full_at: u64| {
            let next = full_at.max(now) + rate.each;
            (next <= now + rate.burst).then_some(next)
        };
        rate.is_off() || self.0.fetch_update(Relaxed, Relaxed, taken).is_ok()
    }

    /// Whether it is not full.
    pub(crate) fn owes(&self, now: Duration) -> bool {
        self.0.load(Relaxed) > nanos(now)
    }
}

/// 584 years of them fit.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_span_gives_more_than_its_burst_and_its_rate(
            steps in prop::collection::vec((0..3_000_u64, 0..20_usize), 1..50),
            per_sec in 1..50_u32,
        ) {
            let (bucket, rate) = (Bucket::default(), Rate::new(per_sec, 4));
            let (mut now, mut taken) = (Duration::ZERO, 0_u64);
            for (pause_ms, wanted) in steps {
                now += Duration::from_millis(pause_ms);
                taken += (0..wanted).filter(|_| bucket.take(rate, now)).count() as u64;
                // A token's time is cut to whole nanoseconds: hence the one more.
                let most = f64::from(per_sec) * (now.as_secs_f64() + 4.0);
                prop_assert!(taken as f64 <= most + 1.0);
            }
        }

        #[test]
        fn who_keeps_to_the_rate_is_never_refused(per_sec in 1..1000_u32, count in 1..200_u32) {
            let (bucket, rate) = (Bucket::default(), Rate::new(per_sec, 1));
            for n in 0..count {
                let now = Duration::from_nanos(u64::from(n) * rate.each);
                prop_assert!(bucket.take(rate, now));
            }
        }
    }
}
