//! How far into a source a task reads: which of its bytes ffmpeg must find there, so that
//! the task's command writes what it would write of all of it.
//!
//! ffmpeg opens a file, reads the first packets of all streams to know what they are, and
//! only then seeks. Streams that no output uses are passed over unread.

use std::ops::Range;

use media::bmff::mp4::{Movie, Placed, Track};

use crate::{
    plan::{
        grid::{Grid, Span},
        recipe::{Picture, Sound},
    },
    worker::{layout::Layout, ranges::Ranges},
};

/// Most ranges that are worth it: then the whole file is read. Chosen.
pub(crate) const RANGES_MAX: usize = 4096;
/// Ranges nearer than this are read as one. Chosen: a request costs about as much.
const GAP_MAX: u64 = 256 << 10;

/// ffmpeg looks at the first 5,000,000 bytes of packets at most (`probesize`), of all
/// streams together,
const PROBE_LEN: u64 = 5_000_000;
/// and at 5 s (`analyzeduration`), with no stream a second ahead of another; with room.
const PROBE_SECS: u64 = 8;
/// Samples that ffmpeg may read behind the last it needs. A decoder holds up to 16
/// pictures for their order and as many for its threads, the queues of ffmpeg 7 between
/// demuxer, decoder and filters 8 each. Measured with ffmpeg 5.1: 4 samples with one
/// thread, 19 with 16.
const AHEAD: usize = 64;
/// How far a keyframe may be from the time that the plan has of it, ticks.
const KEY_TOLERANCE: f64 = 2.0;
/// Finer ticks than this, a second, are not told apart by a time in microseconds.
const TIMESCALE_MAX: u32 = 500_000;

/// What a task needs of its source.
pub(crate) enum Need<'a> {
    /// The pictures of a span.
    Pictures {
        picture: &'a Picture,
        grid: &'a Grid,
        span: &'a Span,
        /// It ends where the source does: no later picture is one too many.
        to_end: bool,
    },
    /// All of a sound.
    Sound(&'a Sound),
}

impl<'a> Need<'a> {
    /// The pictures of a span of a whole source.
    pub(crate) fn span(picture: &'a Picture, grid: &'a Grid, span: &'a Span) -> Self {
        Self::Pictures {
            picture,
            grid,
            span,
            to_end: span.end >= grid.len(),
        }
    }

    /// The bytes of it besides the index. `None` where that cannot be told.
    pub(crate) fn of(&self, layout: &Layout) -> Option<Ranges> {
        let movie = &layout.movie;
        let mut ranges: Ranges = match self {
            Self::Pictures {
                picture,
                grid,
                span,
                to_end,
            } => {
                let track = movie.tracks.get(picture.index)?;
                let times = Times::of(movie, track, picture)?;
                times.span(grid, span, *to_end)?.collect()
            }
            Self::Sound(sound) => {
                let track = movie.tracks.get(sound.index)?;
                let samples = track.is_audio().then(|| track.table.iter())?;
                samples.map(|sample| bytes(&sample)).collect()
            }
        };
        for track in &movie.tracks {
            first(track).for_each(|range| ranges.insert(range));
        }
        // A file that was cut short has less than its index says.
        ranges.remove(&(layout.len_bytes..u64::MAX));
        ranges.join(GAP_MAX);
        Some(ranges)
    }
}

/// What ffmpeg may look at of a track before it seeks.
fn first(track: &Track) -> impl Iterator<Item = Range<u64>> {
    let end = PROBE_SECS * u64::from(track.timescale);
    let mut len = 0;
    let looked_at = move |sample: &Placed| {
        let goes_on = len < PROBE_LEN && sample.decode_time <= end;
        len += u64::from(sample.size);
        goes_on
    };
    let samples = track.table.iter().take_while(looked_at);
    samples.map(|sample| bytes(&sample))
}

fn bytes(sample: &Placed) -> Range<u64> {
    sample.offset..sample.end()
}

/// The samples of pictures, with the times that ffmpeg reads of them.
struct Times<'a> {
    track: &'a Track,
    picture: &'a Picture,
    /// From a sample's time to that of the file, ticks.
    shift: f64,
}

impl<'a> Times<'a> {
    /// `None` where the track's times cannot be the plan's.
    fn of(movie: &Movie, track: &'a Track, picture: &'a Picture) -> Option<Self> {
        if !track.is_video() || track.timescale > TIMESCALE_MAX {
            return None;
        }
        let (delay, edit) = track.edits.simple()?;
        let delay = delay as f64 * f64::from(track.timescale) / f64::from(movie.timescale);
        let times = Self {
            track,
            picture,
            shift: delay - edit.media_time.unwrap_or(0) as f64,
        };
        // The plan has measured when the first picture is shown.
        let zero = picture.zero_ticks as f64;
        let mut samples = track.table.iter();
        samples
            .any(|sample| (times.shown(&sample) - zero).abs() <= KEY_TOLERANCE)
            .then_some(times)
    }

    /// When a sample is shown, ticks of the file's time.
    fn shown(&self, sample: &Placed) -> f64 {
        sample.presentation_time as f64 + self.shift
    }

    /// From the keyframe that decoding starts at to what is read behind the last picture.
    fn span(
        &self,
        grid: &Grid,
        span: &Span,
        to_end: bool,
    ) -> Option<impl Iterator<Item = Range<u64>> + use<'a>> {
        let scale = f64::from(self.track.timescale);
        let samples = || self.track.table.iter();
        let from = match span.seek_secs {
            None => 0,
            Some(secs) => samples().position(|sample| {
                let away = (self.shown(&sample) - secs * scale).abs();
                sample.sync && away <= KEY_TOLERANCE
            })?,
        };
        let end = self.picture.zero_ticks as f64 + grid.start_secs(span.end) * scale;
        let needed = |sample: &Placed| to_end || self.shown(sample) <= end + KEY_TOLERANCE;
        // In decode order, pictures shown before may come behind those shown after.
        let last = samples().filter(needed).last()?.number as usize;
        let count = (last + 1 + AHEAD).checked_sub(from)?;
        Some(samples().skip(from).take(count).map(|s| bytes(&s)))
    }
}
