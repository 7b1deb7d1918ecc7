//! Whether segments say the same about time as their playlist and their neighbours.

use crate::{
    boxes::{BoxError, FourCc, Init, InitTrack, Run},
    error::Fault,
    rendition::Placed,
};

/// How far two neighbours may be apart, seconds. Chosen: no frame is so short, and it is
/// more than timescales that differ can disagree by.
const GAP_MAX: f64 = 0.002;
/// What a playlist may be off beyond one sample, seconds. Chosen: `EXTINF` has decimals.
const EXTINF_SLACK: f64 = 0.001;
/// What rounding each `EXTINF` may add up to, seconds a segment. Chosen: six decimals.
const EXTINF_DRIFT: f64 = 0.000_01;

/// One lane's time, through all its switches.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    /// Decode time at second 0 of the playlist, seconds.
    zero: Option<f64>,
    /// Decode time after the last segment, by position of the track, seconds.
    ends: Vec<f64>,
    /// The longest sample of the leading track so far, seconds. The very last one of a
    /// stream is often cut shorter than its playlist says.
    sample_max: f64,
}

impl Timeline {
    /// Decode time at second 0 of the playlist, once known.
    pub(crate) fn zero(&self) -> Option<f64> {
        self.zero
    }

    /// Checks the next segment of the lane.
    pub(crate) fn check(
        &mut self,
        placed: &Placed,
        init: &Init,
        runs: &[Run],
    ) -> Result<(), Fault> {
        let missing = |kind: FourCc| Fault::Boxes {
            url: placed.listed.url.clone(),
            source: BoxError::Missing(kind),
        };
        if placed.listed.discontinuity {
            *self = Self::default();
        }
        let mut ends = Vec::with_capacity(init.tracks.len());
        for (at, track) in init.tracks.iter().enumerate() {
            let run = runs.iter().find(|run| run.track == track.id);
            let span = run.map(|run| Span::new(run, track));
            if let (Some(span), Some(&due)) = (&span, self.ends.get(at)) {
                apart(placed, span.start, due, GAP_MAX)?;
            }
            ends.push(
                span.map(|span| span.end)
                    .or(self.ends.get(at).copied())
                    .unwrap_or_default(),
            );
        }
        let track = leading(init).ok_or_else(|| missing(FourCc(*b"trak")))?;
        let run = runs.iter().find(|run| run.track == track.id);
        self.check_against_list(
            placed,
            &Span::new(run.ok_or_else(|| missing(track.handler))?, track),
        )?;
        self.ends = ends;
        Ok(())
    }

    fn check_against_list(&mut self, placed: &Placed, span: &Span) -> Result<(), Fault> {
        let zero = *self.zero.get_or_insert(span.start - placed.start);
        self.sample_max = self.sample_max.max(span.sample_max);
        let tolerance = self.sample_max + EXTINF_SLACK;
        let drift = placed.index as f64 * EXTINF_DRIFT;
        apart(placed, span.start - zero, placed.start, tolerance + drift)?;
        let (found, expected) = (span.end - span.start, placed.listed.duration);
        if (found - expected).abs() > tolerance {
            let url = placed.listed.url.clone();
            return Err(Fault::Duration {
                url,
                found,
                expected,
            });
        }
        Ok(())
    }
}

/// The track that a playlist's times are those of: the picture, if there is one.
pub(crate) fn leading(init: &Init) -> Option<&InitTrack> {
    init.tracks
        .iter()
        .find(|track| track.is_video())
        .or(init.tracks.first())
}

/// A run in seconds.
struct Span {
    start: f64,
    end: f64,
    sample_max: f64,
}

impl Span {
    fn new(run: &Run, track: &InitTrack) -> Self {
        let seconds = |units: u64| units as f64 / f64::from(track.timescale);
        Self {
            start: seconds(run.start),
            end: seconds(run.end),
            sample_max: seconds(u64::from(run.sample_max)),
        }
    }
}

fn apart(placed: &Placed, found: f64, expected: f64, tolerance: f64) -> Result<(), Fault> {
    if (found - expected).abs() <= tolerance {
        return Ok(());
    }
    Err(Fault::Discontinuous {
        url: placed.listed.url.clone(),
        found,
        expected,
    })
}
