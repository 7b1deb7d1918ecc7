//! Which parts of a source are encoded to see what rates it needs.

use serde::{Deserialize, Serialize};

use crate::plan::grid::{self, Grid, Span};

/// Length of a sample, seconds. Chosen: several times what x264 looks ahead, 10 pictures
/// with `veryfast`.
const SAMPLE_SECS: f64 = 2.0;
/// One sample for each so much of a source, seconds, and most samples. Chosen: with two
/// encodes of each, a seventh (film) to a half (slides) of what encoding a source of a minute
/// costs, and less from two minutes on.
const EVERY_SECS: f64 = 15.0;
const SAMPLES_MAX: f64 = 8.0;

/// A part of the source, in the units of the plan's grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// Its first picture.
    pub(crate) start: u64,
    /// Where its last picture ends.
    pub(crate) end: u64,
    /// Where decoding starts, as of [`Span::seek_secs`].
    pub(crate) seek_secs: Option<f64>,
}

impl Sample {
    /// The sample as the only segment of a grid, and that as the only span.
    pub(crate) fn alone(&self, grid: &Grid) -> (Grid, Span) {
        let alone = Grid {
            rate: grid.rate,
            starts: vec![self.start],
            end: self.end,
        };
        let span = Span {
            first: 0,
            end: 1,
            seek_secs: self.seek_secs,
        };
        (alone, span)
    }
}

/// Samples in the middle of equal parts of the source, each from a keyframe where one is
/// near: so little is decoded in vain. `keys` as of [`grid::spans`].
pub(super) fn samples(grid: &Grid, keys: &[(i64, f64)]) -> Vec<Sample> {
    let per_sec = f64::from(grid.rate.0) / f64::from(grid.rate.1);
    let all = grid.end as f64;
    let count = (all / per_sec / EVERY_SECS).floor().clamp(1.0, SAMPLES_MAX);
    let len = (SAMPLE_SECS * per_sec).round().clamp(1.0, all.max(1.0));
    let part = all / count;
    let sample = |n: u32| {
        let wanted = part * (f64::from(n) + 0.5) - len / 2.0;
        let wanted = wanted.clamp(0.0, all - len);
        let near = |key: &f64| (key - wanted).abs() <= part / 4.0 && *key <= all - len;
        let start = nearest(keys, near, wanted).round() as u64;
        Sample {
            start,
            end: (start + len as u64).min(grid.end),
            seek_secs: grid::seek(start, keys).map(|key| key.1),
        }
    };
    (0..count as u32).map(sample).collect()
}

/// Of the keyframes that are near enough, the nearest to a time; without one the time itself.
fn nearest(keys: &[(i64, f64)], near: impl Fn(&f64) -> bool, wanted: f64) -> f64 {
    let keys = keys.iter().map(|key| key.0 as f64).filter(near);
    keys.min_by(|a, b| (a - wanted).abs().total_cmp(&(b - wanted).abs()))
        .unwrap_or(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::cuts::Cuts;

    fn of(secs: u64, keys_apart: usize) -> Vec<Sample> {
        let frames = secs * 25;
        let keys = (0..frames as i64).step_by(keys_apart);
        let keys: Vec<_> = keys.map(|n| (n, n as f64 / 25.0)).collect();
        samples(&Grid::constant(Cuts::new(4.0), (25, 1), frames), &keys)
    }

    #[test]
    fn samples_are_spread_over_the_source_and_start_at_keyframes() {
        let samples = of(60, 60);
        let starts: Vec<u64> = samples.iter().map(|s| s.start).collect();
        assert_eq!(starts, [180, 540, 900, 1260]);
        assert!(samples.iter().all(|s| s.end - s.start == 50));
        assert_eq!(samples[0].seek_secs, Some(4.8));
    }

    #[test]
    fn more_than_eight_are_never_taken_and_of_the_shortest_all() {
        assert_eq!(of(7200, 60).len(), 8);
        let short = of(1, 60);
        assert_eq!((short.len(), short[0].start, short[0].end), (1, 0, 25));
    }

    #[test]
    fn without_keyframes_nearby_a_sample_starts_where_it_should() {
        let samples = of(30, 9999);
        let starts: Vec<u64> = samples.iter().map(|s| s.start).collect();
        assert_eq!(starts, [163, 538]);
        assert!(samples.iter().all(|s| s.seek_secs.is_none()));
    }
}
