use metrics::{Counter, Gauge, Label, Unit, counter, describe_counter, describe_gauge, gauge};

use super::place::Place;

/// What is counted of one origin.
pub(crate) struct Counts {
    pub(crate) requests: Counter,
    pub(crate) failures: Counter,
    pub(crate) received: Counter,
    out: Gauge,
}

impl Counts {
    pub(crate) fn new(pop: &str, place: &Place) -> Self {
        describe();
        let mut labels = labels(pop);
        labels.push(Label::new("origin", place.to_string()));
        Self {
            requests: counter!("weir_edge_origin_requests_total", labels.clone()),
            failures: counter!("weir_edge_origin_failures_total", labels.clone()),
            received: counter!("weir_edge_origin_received_bytes_total", labels.clone()),
            out: gauge!("weir_edge_origin_ejected", labels),
        }
    }

    /// Whether it is kept out.
    pub(crate) fn out(&self, out: bool) {
        self.out.set(f64::from(u8::from(out)));
    }
}

/// Tries after the first, at any origin of a site.
pub(crate) fn retries(pop: &str) -> Counter {
    counter!("weir_edge_origin_retries_total", labels(pop))
}

fn labels(pop: &str) -> Vec<Label> {
    vec![
        Label::new("role", "edge"),
        Label::new("pop", pop.to_owned()),
    ]
}

fn describe() {
    describe_counter!(
        "weir_edge_origin_requests_total",
        "Requests to one origin, retries and checks included"
    );
    describe_counter!(
        "weir_edge_origin_failures_total",
        "Of those: without a connection, a sane and whole answer, or with 502, 503 or 504"
    );
    describe_counter!(
        "weir_edge_origin_received_bytes_total",
        Unit::Bytes,
        "Bytes of bodies that one origin sent"
    );
    describe_gauge!(
        "weir_edge_origin_ejected",
        "1 while an origin is kept out for its failures, else 0"
    );
    describe_counter!(
        "weir_edge_origin_retries_total",
        "Tries after a request's first"
    );
}
