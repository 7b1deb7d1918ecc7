//! Where segments start, and which of them are encoded together.

use wire::PackageSettings;

use crate::{
    copy::CopyPlan,
    plan::{
        cuts::Cuts,
        grid::{self, Grid, Span},
        samples::{self, Sample},
        timescale,
    },
    probe::{
        timeline::{Timeline, average},
        timing::Timing,
    },
};

/// What of a source's pictures is known before any is encoded.
pub(super) struct Layout {
    /// The segments of all renditions.
    pub(super) grid: Grid,
    /// What is encoded together.
    pub(super) spans: Vec<Span>,
    /// What is encoded to choose rates, where that is wanted.
    pub(super) samples: Vec<Sample>,
    /// Where decoding of each segment alone starts, seconds of the file's own time.
    pub(super) seeks: Vec<Option<f64>>,
    /// When pictures are shown, with the average that is published.
    pub(super) timing: Timing,
}

/// Where streams are copied, renditions are cut where they are, and end with them.
pub(super) fn lay_out(
    timing: Timing,
    line: &Timeline,
    copy: Option<&CopyPlan>,
    settings: &PackageSettings,
) -> Layout {
    let (rate, times, mut end) = pictures(timing, line);
    if let Some(copy) = copy.filter(|_| timing.varies()) {
        // How long the last picture stays: ffmpeg and the copy may read that differently.
        let copied = copy.duration_secs() * f64::from(rate.0) / f64::from(rate.1);
        end = (copied.round() as u64).max(times.last().map_or(0, |last| last + 1));
    }
    let cuts = Cuts::new(settings.segment_secs);
    let grid = match copy {
        Some(copy) => {
            let cuts_us: Vec<u64> = copy.starts_in(1_000_000);
            Grid::at(&cuts_us, rate, &times, end)
        }
        None if timing.varies() => Grid::variable(cuts, rate, &times, end),
        None => Grid::constant(cuts, rate, end),
    };
    let key = |key: &i64| (line.units(*key, grid.rate), line.secs(*key));
    let keys: Vec<(i64, f64)> = line.keys.iter().map(key).collect();
    let spans = grid::spans(&grid, &keys);
    let samples = match settings.per_title {
        true => samples::samples(&grid, &keys),
        false => Vec::new(),
    };
    let seeks = grid::seeks(&grid, &keys);
    let timing = timing.averaging(average(times.len(), grid.start_secs(grid.len())));
    Layout {
        grid,
        spans,
        samples,
        seeks,
        timing,
    }
}

/// When pictures are published: units per second, each picture's, and the end of the last.
fn pictures(timing: Timing, line: &Timeline) -> ((u32, u32), Vec<u64>, u64) {
    let last = line.pictures.last().copied().unwrap_or(line.zero_ticks);
    match timing {
        Timing::Constant { rate } => {
            let frames = line.units(last, rate).max(0) as u64 + 1;
            (rate, (0..frames).collect(), frames)
        }
        Timing::Variable { average } => {
            let rate = (timescale::VARIABLE, 1);
            let time = |ticks: &i64| line.units(*ticks, rate).max(0) as u64;
            let mut times: Vec<u64> = line.pictures.iter().map(time).collect();
            times.dedup();
            // Where the file does not say how long the last one stays: as others do.
            let stay = u64::from(timescale::VARIABLE) * u64::from(average.1) / u64::from(average.0);
            let end = match line.end_ticks > last {
                true => time(&line.end_ticks),
                false => time(&last) + stay,
            };
            (rate, times, end.max(time(&last) + 1))
        }
    }
}
