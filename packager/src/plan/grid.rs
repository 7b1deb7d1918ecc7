//! Where segments start, where that is known before anything is encoded; and how a
//! source is split into spans.

use serde::{Deserialize, Serialize};

use crate::plan::cuts::Cuts;

/// Shortest and longest span, microseconds. A span costs a start of ffmpeg, its
/// encoders' end, and pictures decoded before it: of 4 s it costs 10 to 15 % more CPU,
/// of 10 to 20 s 1 to 4 % (measured with x264 veryfast).
const SPAN_MIN_US: u64 = 10_000_000;
const SPAN_MAX_US: u64 = 20_000_000;

/// The segments of all video tracks, in units of the pictures' time line from zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grid {
    /// Units per second, as a fraction: the frame rate where that is constant.
    pub(crate) rate: (u32, u32),
    /// The first picture of each segment, in units; the first is 0.
    pub(crate) starts: Vec<u64>,
    /// Where the last picture ends, in units.
    pub(crate) end: u64,
}

impl Grid {
    /// Cuts `frames` of a constant `rate` by cells.
    pub(crate) fn constant(cuts: Cuts, rate: (u32, u32), frames: u64) -> Self {
        let starts = (0..)
            .map(|n| cuts.first_frame(n, rate))
            .take_while(|start| *start < frames);
        let mut starts: Vec<u64> = starts.collect();
        // A cell shorter than a frame may have none.
        starts.dedup();
        Self {
            rate,
            starts,
            end: frames,
        }
    }

    /// Cuts pictures at `times` (units of `rate`, sorted, the first 0) by cells.
    pub(crate) fn variable(cuts: Cuts, rate: (u32, u32), times: &[u64], end: u64) -> Self {
        let mut starts = Vec::new();
        let mut cell = None;
        for time in times {
            let now = cuts.cell(us(*time, rate));
            if cell.is_none_or(|cell| now > cell) {
                starts.push(*time);
                cell = Some(now);
            }
        }
        Self { rate, starts, end }
    }

    /// Cuts pictures at `times` (as in [`Self::variable`]) where a copied track is cut.
    pub(crate) fn at(cuts_us: &[u64], rate: (u32, u32), times: &[u64], end: u64) -> Self {
        let half = us(1, rate) / 2 + 1;
        let mut starts: Vec<u64> = cuts_us
            .iter()
            .filter_map(|cut| {
                let at = times.partition_point(|time| us(*time, rate) + half < *cut);
                times.get(at).copied()
            })
            .collect();
        starts.dedup();
        Self { rate, starts, end }
    }

    /// How many segments.
    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.starts.len()).unwrap_or(u32::MAX)
    }

    /// Where segment `n` starts, or the last one ends, in units.
    pub(crate) fn start(&self, n: u32) -> u64 {
        self.starts.get(n as usize).copied().unwrap_or(self.end)
    }

    /// The same in microseconds.
    pub(crate) fn start_us(&self, n: u32) -> u64 {
        us(self.start(n), self.rate)
    }

    /// The same in seconds.
    pub(crate) fn start_secs(&self, n: u32) -> f64 {
        self.start(n) as f64 * f64::from(self.rate.1) / f64::from(self.rate.0)
    }

    /// Units as ticks of a track's timescale, rounded to nearest.
    pub(crate) fn ticks(&self, units: u64, timescale: u32) -> u64 {
        let (num, den) = (u128::from(self.rate.0), u128::from(self.rate.1));
        ((u128::from(units) * u128::from(timescale) * den + num / 2) / num) as u64
    }
}

/// A run of segments that is encoded as one job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Span {
    /// Number of the first segment.
    pub(crate) first: u32,
    /// Number of the one after the last.
    pub(crate) end: u32,
    /// Where decoding starts, seconds of the file's own time: a keyframe before the one
    /// that is needed, so that pictures which refer to it are whole. `None`: at the
    /// beginning.
    pub(crate) seek_secs: Option<f64>,
}

/// Splits a grid into spans. `keys` are the source's keyframes: when they are shown, in
/// units from zero (the first may be before it) and in seconds of the file's own time.
pub(crate) fn spans(grid: &Grid, keys: &[(i64, f64)]) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut first = 0;
    while first < grid.len() {
        let end = span_end(grid, keys, first);
        spans.push(Span {
            first,
            end,
            seek_secs: seek(grid.start(first), keys).map(|key| key.1),
        });
        first = end;
    }
    spans
}

/// Where decoding of each segment starts, as [`Span::seek_secs`].
pub(crate) fn seeks(grid: &Grid, keys: &[(i64, f64)]) -> Vec<Option<f64>> {
    let starts = grid.starts.iter();
    starts
        .map(|start| seek(*start, keys).map(|key| key.1))
        .collect()
}

/// Of the ends that make a span of a good length, the one before which the least is
/// decoded in vain; of those the last.
fn span_end(grid: &Grid, keys: &[(i64, f64)], first: u32) -> u32 {
    let from = grid.start_us(first);
    let len = |end: u32| grid.start_us(end) - from;
    if len(grid.len()) <= SPAN_MAX_US {
        return grid.len();
    }
    let fits = |end: &u32| (SPAN_MIN_US..=SPAN_MAX_US).contains(&len(*end));
    let vain = |end: u32| {
        let start = grid.start(end) as i64;
        seek(grid.start(end), keys).map_or(start, |key| start - key.0)
    };
    (first + 1..grid.len())
        .take_while(|end| len(*end) <= SPAN_MAX_US)
        .filter(fits)
        .min_by_key(|end| (vain(*end), std::cmp::Reverse(*end)))
        .unwrap_or_else(|| {
            let over = (first + 1..grid.len()).find(|end| len(*end) >= SPAN_MIN_US);
            over.unwrap_or(grid.len())
        })
}

/// The last but one keyframe at or before `start`.
pub(super) fn seek(start: u64, keys: &[(i64, f64)]) -> Option<(i64, f64)> {
    let start = i64::try_from(start).unwrap_or(i64::MAX);
    let before = keys.partition_point(|key| key.0 <= start);
    // The very first is where decoding starts anyway.
    before
        .checked_sub(2)
        .filter(|at| *at > 0)
        .map(|at| keys[at])
}

/// Units of `rate` as microseconds, rounded to nearest.
fn us(units: u64, rate: (u32, u32)) -> u64 {
    let (num, den) = (u128::from(rate.0), u128::from(rate.1));
    ((u128::from(units) * 1_000_000 * den + num / 2) / num) as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn constant(frames: u64) -> Grid {
        Grid::constant(Cuts::new(4.0), (30, 1), frames)
    }

    /// A keyframe every `every` frames of 30 a second.
    fn keys(every: usize, frames: i64) -> Vec<(i64, f64)> {
        (0..frames)
            .step_by(every)
            .map(|n| (n, n as f64 / 30.0))
            .collect()
    }

    #[test]
    fn a_constant_rate_is_cut_by_cells() {
        let grid = constant(450);
        assert_eq!(grid.starts, [0, 60, 120, 180, 300, 420]);
        assert_eq!((grid.len(), grid.end), (6, 450));
    }

    #[test]
    fn pictures_at_any_time_are_cut_at_the_first_of_each_cell() {
        let times = [0, 90_000, 200_000, 700_000, 900_000];
        let grid = Grid::variable(Cuts::new(4.0), (90_000, 1), &times, 990_000);
        assert_eq!(grid.starts, [0, 200_000, 700_000, 900_000]);
    }

    #[test]
    fn renditions_are_cut_where_the_copy_is() {
        let times: Vec<u64> = (0..300).collect();
        let grid = Grid::at(&[0, 2_466_667, 5_000_000], (30, 1), &times, 300);
        assert_eq!(grid.starts, [0, 74, 150]);
    }

    #[test]
    fn a_short_source_is_one_span() {
        let spans = spans(&constant(600), &keys(60, 600));
        assert_eq!(spans.len(), 1);
        assert_eq!((spans[0].first, spans[0].end), (0, 7));
        assert_eq!(spans[0].seek_secs, None);
    }

    #[test]
    fn a_span_starts_one_keyframe_early() {
        let spans = spans(&constant(1800), &keys(60, 1800));
        let second = &spans[1];
        let start = constant(1800).start_secs(second.first);
        assert_eq!(second.seek_secs, Some(start - 2.0));
    }

    #[test]
    fn spans_end_where_the_source_has_keyframes() {
        // One at 14 s, where a segment starts, and few others.
        let grid = constant(1800);
        let keys = [(0, 0.0), (390, 13.0), (420, 14.0), (1000, 33.3)];
        assert_eq!(grid.start_secs(spans(&grid, &keys)[1].first), 14.0);
    }

    proptest! {
        #[test]
        fn spans_cover_all_segments_once(frames in 1_u64..20_000, every in 1_usize..900) {
            let grid = constant(frames);
            let spans = spans(&grid, &keys(every, frames as i64));
            prop_assert_eq!(spans[0].first, 0);
            prop_assert!(spans.windows(2).all(|pair| pair[0].end == pair[1].first));
            prop_assert_eq!(spans.last().unwrap().end, grid.len());
            for span in &spans {
                prop_assert!(span.first < span.end);
                let us = grid.start_us(span.end) - grid.start_us(span.first);
                prop_assert!(us <= SPAN_MAX_US);
                prop_assert!(span.end == grid.len() || us >= SPAN_MIN_US);
            }
        }
    }
}
