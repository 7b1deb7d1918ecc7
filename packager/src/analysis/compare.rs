//! How near encoded pictures are to what was encoded.

use std::{ffi::OsString, path::Path};

use wire::PlannedTrack;

use super::Metric;
use crate::{
    encode::command::{Args, FIRST_PIPE, filters},
    plan::{
        grid::{Grid, Span},
        recipe::Picture,
    },
};

/// Longest answer of one comparison, bytes: of 240 pictures, VMAF's has 50 KB.
pub(super) const ANSWER_LEN_MAX: usize = 1 << 20;

/// Compares encodes of a part of the source with it: `factors` of each rendition, in its
/// order. Comparison `k` is told at descriptor [`FIRST_PIPE`] + k, and reads its encode from
/// as many descriptors behind.
pub(super) fn command(
    (file, part): (&Path, &(Grid, Span)),
    picture: &Picture,
    tracks: &[&PlannedTrack],
    (factors, metric): (usize, Metric),
) -> Vec<OsString> {
    let (grid, span) = part;
    let all = tracks.len() * factors;
    let mut args = Args::start();
    args.seek(span.seek_secs);
    args.input(file);
    for pipe in (FIRST_PIPE..).skip(all).take(all) {
        // Else each takes as many threads as there are processors, and memory for them.
        args.all("-threads 1 -f mov -i").one(format!("pipe:{pipe}"));
    }
    let mut graph = filters(picture, Some((grid, span)), tracks);
    // Pictures are paired by their number.
    let count = "settb=1/1000,setpts=N";
    for n in 0..tracks.len() {
        let copies: String = (0..factors).map(|f| format!("[r{n}_{f}]")).collect();
        graph.push_str(&format!(";[v{n}]{count},split={factors}{copies}"));
    }
    for (k, pipe) in (0..all).zip(FIRST_PIPE..) {
        let (encode, n, f) = (k + 1, k / factors, k % factors);
        graph.push_str(&format!(
            ";[{encode}:v]{count}[e{k}];[e{k}][r{n}_{f}]{}[o{k}]",
            metric.filter(pipe)
        ));
    }
    args.one("-filter_complex").one(graph);
    for k in 0..all {
        args.one("-map").one(format!("[o{k}]"));
        args.all("-fps_mode passthrough -f null -");
    }
    args.0
}
