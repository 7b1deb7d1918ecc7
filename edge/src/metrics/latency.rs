use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use metrics::{Counter, Gauge, SharedString, counter, gauge};

/// Upper ends of buckets, microseconds; above the last is one more. Chosen: a hit takes tens
/// of microseconds, a fetch at most `first_byte_timeout` and a body.
const ENDS: [u64; 20] = [
    10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000,
    500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 30_000_000,
];
const BUCKETS: usize = ENDS.len() + 1;

/// How long things took, as a Prometheus histogram.
///
/// A recorder keeps each sample until it is asked or swept: at a hundred thousand hits a
/// second that is memory, and a pause. Here a sample is two additions; what they come to is
/// told now and then.
pub(crate) struct Latency {
    counts: [AtomicU64; BUCKETS],
    sum_micros: AtomicU64,
    buckets: [Counter; BUCKETS],
    count: Counter,
    sum: Gauge,
}

impl Latency {
    /// Told as `<name>_bucket`, `_count` and `_sum`, the last in seconds.
    pub(super) fn new(name: &str, labels: &[(&'static str, String); 2]) -> Self {
        let name = |end: &str| SharedString::from(format!("{name}_{end}"));
        let bucket = |n: usize| {
            let end = ENDS.get(n).map_or("+Inf".to_owned(), |end| seconds(*end));
            let [role, pop] = labels.clone();
            counter!(name("bucket"), &[role, pop, ("le", end)])
        };
        Self {
            counts: std::array::from_fn(|_| AtomicU64::new(0)),
            sum_micros: AtomicU64::new(0),
            buckets: std::array::from_fn(bucket),
            count: counter!(name("count"), labels),
            sum: gauge!(name("sum"), labels),
        }
    }

    pub(crate) fn record(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = ENDS.partition_point(|end| *end < micros);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// Tells what came so far.
    #[allow(clippy::cast_precision_loss, reason = "a gauge is a float")]
    pub(super) fn tell(&self) {
        let mut below = 0;
        for (count, bucket) in self.counts.iter().zip(&self.buckets) {
            below += count.load(Ordering::Relaxed);
            bucket.absolute(below);
        }
        self.count.absolute(below);
        let sum = self.sum_micros.load(Ordering::Relaxed);
        self.sum.set(sum as f64 / 1e6);
    }
}

/// Microseconds as Prometheus writes seconds.
#[allow(clippy::cast_precision_loss, reason = "all here are small")]
fn seconds(micros: u64) -> String {
    (micros as f64 / 1e6).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(latency: &Latency) -> Vec<u64> {
        let counts = latency.counts.iter();
        counts.map(|count| count.load(Ordering::Relaxed)).collect()
    }

    #[test]
    fn a_sample_is_in_the_first_bucket_that_ends_no_lower() {
        let latency = Latency::new("x", &[("role", String::new()), ("pop", String::new())]);
        for (micros, bucket) in [
            (0, 0),
            (10, 0),
            (11, 1),
            (1_000_000, 15),
            (30_000_000, 19),
            (30_000_001, 20),
        ] {
            let before = counts(&latency)[bucket];
            latency.record(Duration::from_micros(micros));
            assert_eq!(counts(&latency)[bucket], before + 1, "{micros}");
        }
        latency.record(Duration::MAX);
        assert_eq!(counts(&latency).iter().sum::<u64>(), 7);
    }

    #[test]
    fn ends_are_told_in_seconds() {
        let told = [10, 2_500, 1_000_000, 30_000_000].map(seconds);
        assert_eq!(told, ["0.00001", "0.0025", "1", "30"]);
    }
}
