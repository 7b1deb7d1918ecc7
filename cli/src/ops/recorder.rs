//! What is counted, for Prometheus.
//!
//! The exporter's own histograms keep each sample until they are asked or swept: at a hundred
//! thousand requests a second that is memory, and a pause. Here a sample is two additions.

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

/// Upper ends of buckets, microseconds; above the last is one more. Chosen: a hit at an edge
/// takes tens of microseconds, a fetch as long as a large body.
const ENDS: [u64; 20] = [
    10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000,
    500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 30_000_000,
];
const BUCKETS: usize = ENDS.len() + 1;

/// Counters and gauges as the exporter has them, and histograms of seconds.
pub(super) struct Counting {
    rest: PrometheusRecorder,
    histograms: Histograms,
}

/// What was counted so far.
#[derive(Clone)]
pub(super) struct Counted {
    rest: PrometheusHandle,
    histograms: Histograms,
}

#[derive(Clone, Default)]
struct Histograms(Arc<Mutex<BTreeMap<String, Family>>>);

/// Histograms of one name, by their labels as they are written.
#[derive(Default)]
struct Family {
    help: SharedString,
    series: BTreeMap<String, Arc<Buckets>>,
}

/// How long things took.
#[derive(Default)]
struct Buckets {
    counts: [AtomicU64; BUCKETS],
    sum_micros: AtomicU64,
}

impl Counting {
    pub(super) fn new() -> Self {
        Self {
            rest: PrometheusBuilder::new().build_recorder(),
            histograms: Histograms::default(),
        }
    }

    pub(super) fn counted(&self) -> Counted {
        Counted {
            rest: self.rest.handle(),
            histograms: self.histograms.clone(),
        }
    }
}

impl Counted {
    /// In Prometheus' text format, version 0.0.4.
    pub(super) fn render(&self) -> String {
        let mut text = self.rest.render();
        for (name, family) in &*self.histograms.lock() {
            family.render(name, &mut text);
        }
        text
    }

    pub(super) fn run_upkeep(&self) {
        self.rest.run_upkeep();
    }
}

impl Histograms {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Family>> {
        self.0.lock().expect("no holder panics")
    }
}

impl Recorder for Counting {
    fn describe_counter(&self, name: KeyName, unit: Option<Unit>, help: SharedString) {
        self.rest.describe_counter(name, unit, help);
    }

    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, help: SharedString) {
        self.rest.describe_gauge(name, unit, help);
    }

    fn describe_histogram(&self, name: KeyName, _: Option<Unit>, help: SharedString) {
        let mut families = self.histograms.lock();
        families.entry(name.as_str().to_owned()).or_default().help = help;
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        self.rest.register_counter(key, metadata)
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.rest.register_gauge(key, metadata)
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        let mut families = self.histograms.lock();
        let family = families.entry(key.name().to_owned()).or_default();
        let buckets = family.series.entry(labels(key)).or_default();
        Histogram::from_arc(buckets.clone())
    }
}

impl Family {
    fn render(&self, name: &str, text: &mut String) {
        if self.series.is_empty() {
            return;
        }
        if !self.help.is_empty() {
            let _ = writeln!(text, "# HELP {name} {}", self.help);
        }
        let _ = writeln!(text, "# TYPE {name} histogram");
        for (labels, buckets) in &self.series {
            buckets.render(name, labels, text);
        }
        text.push('\n');
    }
}

impl Buckets {
    fn render(&self, name: &str, labels: &str, text: &mut String) {
        let comma = if labels.is_empty() { "" } else { "," };
        let mut below = 0;
        for (n, count) in self.counts.iter().enumerate() {
            below += count.load(Relaxed);
            let end = ENDS.get(n).map_or("+Inf".to_owned(), |end| seconds(*end));
            let _ = writeln!(text, "{name}_bucket{{{labels}{comma}le=\"{end}\"}} {below}");
        }
        let sum = seconds(self.sum_micros.load(Relaxed));
        for (end, value) in [("sum", sum), ("count", below.to_string())] {
            let _ = match labels {
                "" => writeln!(text, "{name}_{end} {value}"),
                _ => writeln!(text, "{name}_{end}{{{labels}}} {value}"),
            };
        }
    }
}

impl HistogramFn for Buckets {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "what is below zero or no number counts as zero"
    )]
    fn record(&self, seconds: f64) {
        let micros = (seconds * 1e6) as u64;
        let bucket = ENDS.partition_point(|end| *end < micros);
        self.counts[bucket].fetch_add(1, Relaxed);
        self.sum_micros.fetch_add(micros, Relaxed);
    }
}

/// Microseconds as Prometheus writes seconds.
#[allow(clippy::cast_precision_loss, reason = "a sum of centuries is exact")]
fn seconds(micros: u64) -> String {
    (micros as f64 / 1e6).to_string()
}

/// `name="value"`, one behind the other.
fn labels(key: &Key) -> String {
    let pairs = key.labels().map(|label| {
        let value = label.value().replace('\\', "\\\\");
        let value = value.replace('"', "\\\"").replace('\n', "\\n");
        format!("{}=\"{value}\"", label.key())
    });
    pairs.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use metrics::{describe_histogram, histogram, with_local_recorder};

    use super::*;

    #[test]
    fn a_histogram_is_told_as_one_that_only_grows() {
        let counting = Counting::new();
        with_local_recorder(&counting, || {
            describe_histogram!("x_seconds", "How long");
            let took = histogram!("x_seconds", "pop" => "a\"b");
            for micros in [0, 10, 11, 60, 30_000_001] {
                took.record(Duration::from_micros(micros));
            }
        });
        let text = counting.counted().render();
        assert!(text.starts_with("# HELP x_seconds How long\n# TYPE x_seconds histogram\n"));
        for line in [
            r#"x_seconds_bucket{pop="a\"b",le="0.00001"} 2"#,
            r#"x_seconds_bucket{pop="a\"b",le="0.000025"} 3"#,
            r#"x_seconds_bucket{pop="a\"b",le="0.0001"} 4"#,
            r#"x_seconds_bucket{pop="a\"b",le="30"} 4"#,
            r#"x_seconds_bucket{pop="a\"b",le="+Inf"} 5"#,
            r#"x_seconds_sum{pop="a\"b"} 30.000082"#,
            r#"x_seconds_count{pop="a\"b"} 5"#,
        ] {
            assert!(text.lines().any(|told| told == line), "{line}: {text}");
        }
    }

    #[test]
    fn a_time_that_cannot_be_is_the_shortest() {
        let buckets = Buckets::default();
        for seconds in [-1.0, f64::NAN, 0.0] {
            buckets.record(seconds);
        }
        assert_eq!(buckets.counts[0].load(Relaxed), 3);
        buckets.record(f64::INFINITY);
        assert_eq!(buckets.counts[BUCKETS - 1].load(Relaxed), 1);
    }
}
