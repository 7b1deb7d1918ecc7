//! Two passes: what the first one found of a span, and what the second one gets.
//!
//! Each span has a first pass of its own, as the second one has: x264 numbers its pictures
//! from 0 in both, and looks ahead to the same last one. The first is at a constant rate
//! factor, so that what spans cost is counted in one currency; [`allot`] pays in it.

mod allot;
mod log;

use wire::{Plan, PlannedKind, PlannedTrack, TaskKind, TrackId};

pub(crate) use allot::{Allotment, Part, allot};
pub(crate) use log::{Log, PREFIX, pieces, tree_fits};

/// A rung's ceiling is this much above its target, as 3 / 2.
const CEILING: (u64, u64) = (3, 2);
/// Targets are whole kb/s: ffmpeg's libx264 takes no finer ones.
const STEP: u64 = 1000;

/// The average bit rate of a rendition under this ceiling, bit/s: two thirds, rounded up.
pub(crate) fn target(bitrate_max: u64) -> u64 {
    (bitrate_max * CEILING.1).div_ceil(CEILING.0 * STEP) * STEP
}

/// The tracks that are encoded behind the first pass of a span.
pub(crate) fn tracks(plan: &Plan, span: u32) -> Vec<&PlannedTrack> {
    let behind = |id: &TrackId| plan.tracks.iter().find(|track| track.track == *id);
    let mut rest = plan.tasks.iter();
    let rest = rest.find(|task| task.kind == TaskKind::Rest && task.span == span);
    rest.into_iter()
        .flat_map(|task| task.tracks.iter().filter_map(behind))
        .collect()
}

/// Pixels of a picture; 0 of what is none.
pub(crate) fn pixels(track: &PlannedTrack) -> f64 {
    match track.kind {
        PlannedKind::Video { width, height, .. } => f64::from(width) * f64::from(height),
        PlannedKind::Audio { .. } | PlannedKind::Text { .. } => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ceiling_is_at_most_half_above_its_target() {
        for ceiling in [6_000_000, 3_270_000, 1_160_000, 150_000] {
            let target = target(ceiling);
            assert!(target * 3 >= ceiling * 2 && target * 3 < ceiling * 2 + 3 * STEP);
            assert_eq!(target % STEP, 0);
        }
    }
}
