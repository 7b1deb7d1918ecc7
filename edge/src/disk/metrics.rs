use metrics::{Counter, Gauge, Unit, counter, describe_counter, describe_gauge, gauge};

/// Handles of all that is counted of a disk.
pub(crate) struct Metrics {
    pub(crate) hits: Counter,
    pub(crate) writes: Counter,
    pub(crate) written: Counter,
    pub(crate) evictions: Counter,
    /// Files that were not what was written.
    pub(crate) damaged: Counter,
    /// Reads, and writes, that failed.
    pub(crate) read_faults: Counter,
    pub(crate) write_faults: Counter,
    /// Look-ups that were not waited for any longer.
    pub(crate) slow: Counter,
    /// Look-ups that were not begun, as too many waited.
    pub(crate) busy: Counter,
    /// Writes that were not begun, as too much waited.
    pub(crate) dropped: Counter,
    pub(crate) reads_up: Gauge,
    pub(crate) writes_up: Gauge,
    bytes: Gauge,
    objects: Gauge,
}

impl Metrics {
    pub(crate) fn new(pop: &str) -> Self {
        describe();
        let labels = [("role", "edge".to_owned()), ("pop", pop.to_owned())];
        let fault = |kind: &str| {
            let [role, pop] = labels.clone();
            let kind = ("kind", kind.to_owned());
            counter!("weir_edge_disk_faults_total", &[role, pop, kind])
        };
        let up = |what: &str| {
            let [role, pop] = labels.clone();
            let up = gauge!("weir_edge_disk_up", &[role, pop, ("for", what.to_owned())]);
            up.set(1.0);
            up
        };
        Self {
            hits: counter!("weir_edge_disk_hits_total", &labels),
            writes: counter!("weir_edge_disk_writes_total", &labels),
            written: counter!("weir_edge_disk_written_bytes_total", &labels),
            evictions: counter!("weir_edge_disk_evictions_total", &labels),
            damaged: fault("damaged"),
            read_faults: fault("read"),
            write_faults: fault("write"),
            slow: fault("slow"),
            busy: fault("busy"),
            dropped: fault("dropped"),
            reads_up: up("reads"),
            writes_up: up("writes"),
            bytes: gauge!("weir_edge_disk_bytes", &labels),
            objects: gauge!("weir_edge_disk_objects", &labels),
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "a gauge is a float")]
    pub(crate) fn size(&self, bytes: u64, objects: usize) {
        self.bytes.set(bytes as f64);
        self.objects.set(objects as f64);
    }
}

fn describe() {
    describe_counter!("weir_edge_disk_hits_total", "Objects found on disk");
    describe_counter!("weir_edge_disk_writes_total", "Objects written to disk");
    describe_counter!(
        "weir_edge_disk_written_bytes_total",
        Unit::Bytes,
        "Bytes written to disk, headers included"
    );
    describe_counter!(
        "weir_edge_disk_evictions_total",
        "Objects deleted from disk to make room"
    );
    describe_counter!(
        "weir_edge_disk_faults_total",
        "What the disk could not do: files that were not what was written (damaged), failed \
         reads and writes, look-ups given up (slow) or not begun (busy), writes not begun \
         (dropped)"
    );
    describe_gauge!(
        "weir_edge_disk_up",
        "0 while the disk is left alone after faults, for reads or for writes"
    );
    describe_gauge!(
        "weir_edge_disk_bytes",
        Unit::Bytes,
        "Disk of stored objects, in whole blocks"
    );
    describe_gauge!("weir_edge_disk_objects", "Objects on disk");
}
