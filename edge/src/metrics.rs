mod latency;

use std::time::Duration;

use metrics::{Counter, Gauge, Unit, counter, describe_counter, describe_gauge, gauge};
use tokio::time::interval;

use self::latency::Latency;
use crate::outcome::Outcome;

/// How often is told what is gathered here. Chosen: Prometheus asks each 15 s or so.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Requests of one site, by how they ended.
pub(crate) struct Requests([Counter; Outcome::ALL.len()]);

impl Requests {
    /// Of the site of this host; without one, of none or of all.
    pub(crate) fn new(pop: &str, site: &str) -> Self {
        Self(Outcome::ALL.map(|outcome| {
            let labels = [
                ("role", "edge".to_owned()),
                ("pop", pop.to_owned()),
                ("site", site.to_owned()),
                ("outcome", outcome.as_str().to_owned()),
            ];
            counter!("weir_edge_requests_total", &labels)
        }))
    }

    pub(crate) fn add(&self, outcome: Outcome) {
        self.0[outcome as usize].increment(1);
    }
}

/// Handles of all that is counted, so that a hit pays for an addition only.
pub(crate) struct Metrics {
    labels: [(&'static str, String); 2],
    /// Those that are for no site.
    pub(crate) requests: Requests,
    pub(crate) sent: Counter,
    pub(crate) fetches: Counter,
    pub(crate) warmed: Counter,
    pub(crate) cut: Counter,
    pub(crate) limited: Counter,
    #[cfg(feature = "tls")]
    pub(crate) handshakes_failed: Counter,
    pub(crate) purges: Counter,
    pub(crate) log_dropped: Counter,
    pub(crate) refusals_unlogged: Counter,
    /// From a request to its answer's head, where that was in store.
    pub(crate) hit: Latency,
    fill: Latency,
    ram: Gauge,
    fill_ram: Gauge,
    pub(crate) connections: Gauge,
}

impl Metrics {
    pub(crate) fn new(pop: &str) -> Self {
        describe();
        let labels = [("role", "edge".to_owned()), ("pop", pop.to_owned())];
        Self {
            requests: Requests::new(pop, ""),
            sent: counter!("weir_edge_sent_bytes_total", &labels),
            fetches: counter!("weir_edge_origin_fetches_total", &labels),
            warmed: counter!("weir_edge_warmed_total", &labels),
            cut: counter!("weir_edge_connections_cut_total", &labels),
            limited: counter!("weir_edge_clients_limited_total", &labels),
            #[cfg(feature = "tls")]
            handshakes_failed: counter!("weir_edge_tls_handshakes_failed_total", &labels),
            purges: counter!("weir_edge_purges_total", &labels),
            log_dropped: counter!("weir_edge_log_dropped_total", &labels),
            refusals_unlogged: counter!("weir_edge_refusals_unlogged_total", &labels),
            hit: Latency::new("weir_edge_hit_seconds", &labels),
            fill: Latency::new("weir_edge_fill_seconds", &labels),
            ram: gauge!("weir_edge_ram_bytes", &labels),
            fill_ram: gauge!("weir_edge_fill_ram_bytes", &labels),
            connections: gauge!("weir_edge_connections", &labels),
            labels,
        }
    }

    pub(crate) fn filled(&self, took: Duration) {
        self.fill.record(took);
    }

    /// A fetch that failed, by its error type in RFC 9209 §2.3. So rare that it is looked up.
    pub(crate) fn failed(&self, kind: &'static str) {
        let [role, pop] = self.labels.clone();
        let kind = ("type", kind.to_owned());
        counter!("weir_edge_origin_errors_total", &[role, pop, kind]).increment(1);
    }

    /// Tells what is gathered here, until dropped.
    pub(crate) async fn tell(&self) {
        let mut ticks = interval(TELL_EVERY);
        loop {
            ticks.tick().await;
            self.hit.tell();
            self.fill.tell();
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "a gauge is a float")]
    pub(crate) fn ram(&self, stored_bytes: u64, fill_bytes: u64) {
        self.ram.set(stored_bytes as f64);
        self.fill_ram.set(fill_bytes as f64);
    }
}

fn describe() {
    describe_counter!("weir_edge_requests_total", "Requests, by how they ended");
    describe_counter!(
        "weir_edge_sent_bytes_total",
        Unit::Bytes,
        "Bytes written to clients, headers included"
    );
    describe_counter!(
        "weir_edge_origin_fetches_total",
        "Requests sent to the origin"
    );
    describe_counter!(
        "weir_edge_warmed_total",
        "Objects fetched before a viewer asked"
    );
    describe_counter!(
        "weir_edge_connections_cut_total",
        "Connections of clients cut: too many, too slow, or open when the drain was over"
    );
    describe_counter!(
        "weir_edge_clients_limited_total",
        "Connections and requests refused because of their address"
    );
    #[cfg(feature = "tls")]
    describe_counter!(
        "weir_edge_tls_handshakes_failed_total",
        "Connections on which TLS did not come about"
    );
    describe_counter!("weir_edge_purges_total", "Purges put in force");
    describe_counter!(
        "weir_edge_log_dropped_total",
        "Requests that the access log has no line of: it could not keep up, or be written"
    );
    describe_counter!(
        "weir_edge_refusals_unlogged_total",
        "Requests refused unread that the access log has no line of: there were too many"
    );
    describe_counter!(
        "weir_edge_origin_errors_total",
        "Fetches that failed, by their error type in RFC 9209"
    );
    describe_counter!(
        "weir_edge_hit_seconds_bucket",
        "Time from a request to the head of its answer, where that was in store"
    );
    describe_counter!(
        "weir_edge_fill_seconds_bucket",
        "Time from asking the origin to its answer's end"
    );
    describe_gauge!(
        "weir_edge_ram_bytes",
        Unit::Bytes,
        "Memory of stored objects"
    );
    describe_gauge!(
        "weir_edge_fill_ram_bytes",
        Unit::Bytes,
        "Memory of objects that are being fetched"
    );
    describe_gauge!("weir_edge_connections", "Connections of clients");
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    };

    use metrics::{Histogram, Key, KeyName, Metadata, Recorder, SharedString, with_local_recorder};

    use super::*;

    /// Remembers counters by name and labels.
    #[derive(Default)]
    struct Ledger(Mutex<Vec<(String, Arc<AtomicU64>)>>);

    impl Recorder for Ledger {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            let count = Arc::new(AtomicU64::new(0));
            self.0
                .lock()
                .unwrap()
                .push((key.to_string(), count.clone()));
            Counter::from_arc(count)
        }
        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }
        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    #[test]
    fn each_outcome_is_counted_under_its_own_name_with_pop_and_site() {
        let ledger = Ledger::default();
        let requests = with_local_recorder(&ledger, || Requests::new("fra", "a.test"));
        for (n, outcome) in Outcome::ALL.into_iter().enumerate() {
            (0..=n).for_each(|_| requests.add(outcome));
        }
        let counters = ledger.0.lock().unwrap();
        for (n, outcome) in Outcome::ALL.into_iter().enumerate() {
            let name = format!("outcome = {}", outcome.as_str());
            let labels = ["role = edge", "pop = fra", "site = a.test", &name];
            let counted = counters
                .iter()
                .find(|(key, _)| labels.iter().all(|l| key.contains(l)));
            assert_eq!(counted.unwrap().1.load(Ordering::Relaxed), n as u64 + 1);
        }
    }

    #[test]
    fn latencies_are_told_as_a_histogram_that_only_grows() {
        let ledger = Ledger::default();
        with_local_recorder(&ledger, || {
            let metrics = Metrics::new("fra");
            for micros in [5, 60, 60, 40_000_000] {
                metrics.hit.record(Duration::from_micros(micros));
            }
            metrics.hit.tell();
        });
        let counters = ledger.0.lock().unwrap();
        let told = |end: &str| {
            let is = |key: &str| {
                key.contains("weir_edge_hit_seconds_bucket") && key.contains(&format!("le = {end}"))
            };
            let found = counters.iter().find(|(key, _)| is(key));
            found.unwrap().1.load(Ordering::Relaxed)
        };
        let ends = ["0.00001", "0.00005", "0.0001", "30", "+Inf"];
        assert_eq!(ends.map(told), [1, 1, 3, 3, 4]);
    }
}
