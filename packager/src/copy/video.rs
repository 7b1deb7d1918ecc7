//! The video track that may be copied: what it must be, and when its pictures are shown.

use media::bmff::mp4::{EntryKind, Movie, Nals, Sps, Track};
use wire::{PlannedKind, PlannedTrack};

use super::frames::{Frame, check_times, closed, cut_short, span, trim};

/// Most pictures. Chosen: 18 hours at 30 frames/s.
const FRAMES_MAX: u32 = 2_000_000;
/// H.264 profiles that every player decodes: constrained Baseline, Main, High.
const BASELINE: u8 = 66;
const MAIN: u8 = 77;
const HIGH: u8 = 100;
/// Highest level, times ten: 4K at 30 frames/s. Chosen: what phones' decoders take.
const LEVEL_MAX: u8 = 51;
/// Highest rate over any segment, bit/s. Chosen: what players keep up with on 4K, and
/// over three times the dearest rung of the ladder.
const RATE_MAX: f64 = 20_000_000.0;
/// Shortest time over which a rate is measured, seconds.
const RATE_OVER_SECS: f64 = 1.0;
/// Two places where a segment may start are no nearer than this, seconds. Chosen.
const APART_SECS: f64 = 0.25;
/// Times of other tracks beyond this are refused, so that they can be added without a care.
const TIME_MAX: i64 = 1 << 60;
/// Most that shapes of the picture may differ by and still be the same.
const SHAPE_TOLERANCE: f64 = 0.01;

/// The video track, as it would be copied.
pub(super) struct Video<'a> {
    pub(super) track: &'a Track,
    pub(super) nals: Nals,
    size: (u32, u32),
    /// Those that are copied, in decode order.
    pub(super) frames: Vec<Frame>,
    /// Numbers of their samples.
    pub(super) samples: (u32, u32),
    /// Media time of the first shown picture.
    pub(super) zero: i64,
    end: i64,
    pub(super) warnings: Vec<String>,
}

/// The video track of a movie, or why it cannot be copied.
pub(super) fn read(movie: &Movie, file_len: u64) -> Result<Video<'_>, String> {
    let track = track(movie)?;
    let (nals, sps) = h264(track)?;
    check_picture(track, &sps)?;
    let (_, edit) = track
        .edits
        .simple()
        .ok_or("its edit list does more than delay and trim")?;
    if track.table.len() > FRAMES_MAX {
        return Err("it has too many pictures".to_owned());
    }
    let mut frames: Vec<Frame> = track.table.iter().map(Frame::from).collect();
    let first = trim(&mut frames, &edit, movie, track)?;
    let zero = frames.first().ok_or("it shows no picture")?.time;
    let whole_secs = span(&frames, zero, track.timescale);
    let warnings = cut_short(&mut frames, file_len, whole_secs, track.timescale)?;
    let end = check_times(&frames)?;
    let samples = (first, first + frames.len() as u32);
    Ok(Video {
        track,
        nals,
        size: sps.size,
        frames,
        samples,
        zero,
        end,
        warnings,
    })
}

fn track(movie: &Movie) -> Result<&Track, String> {
    if movie.fragmented {
        return Err("it is already fragmented".to_owned());
    }
    let videos = || movie.tracks.iter().filter(|track| track.is_video());
    // A cover is a track of one JPEG, after all else.
    let track = videos().find(|track| track.enabled).or(videos().next());
    let track = track.ok_or("it has no video")?;
    match &track.entries[..] {
        [_] => Ok(track),
        _ => Err("its video changes its description midway".to_owned()),
    }
}

/// The parameter sets of an H.264 track that every player decodes.
fn h264(track: &Track) -> Result<(Nals, Sps), String> {
    let entry = &track.entries[0];
    let config = match &entry.kind {
        EntryKind::Avc { config, .. } => config,
        EntryKind::Hevc { .. } => {
            return Err("HEVC is not copied: many browsers cannot play it".to_owned());
        }
        _ => return Err(format!("its video codec is {}", entry.codec)),
    };
    let nals = Nals::avc(config).map_err(|e| e.to_string())?;
    let mut sets = nals.sets().iter().filter(|set| {
        let kind = set.first().map(|first| first & 0x1f);
        kind == Some(7)
    });
    let (Some(set), None) = (sets.next(), sets.next()) else {
        return Err("it has not exactly one sequence parameter set".to_owned());
    };
    let sps = Sps::read(set).map_err(|e| e.to_string())?;
    Ok((nals, sps))
}

fn check_picture(track: &Track, sps: &Sps) -> Result<(), String> {
    let constrained = sps.constraints & 0x40 != 0;
    let decodable = match sps.profile {
        BASELINE => constrained,
        MAIN | HIGH => true,
        _ => false,
    };
    if !decodable {
        return Err(format!(
            "H.264 profile {} is not for every player",
            sps.profile
        ));
    }
    if sps.level > LEVEL_MAX {
        let (level, tenth) = (sps.level / 10, sps.level % 10);
        return Err(format!("H.264 level {level}.{tenth} is above 5.1"));
    }
    if !sps.plain_colour {
        return Err("its colours are not 4:2:0 of 8 bits".to_owned());
    }
    if !sps.progressive {
        return Err("it is interlaced".to_owned());
    }
    if !track.is_upright() {
        return Err("it is turned or mirrored".to_owned());
    }
    check_shape(track, sps)
}

/// Pixels are square, by all that is said of them.
fn check_shape(track: &Track, sps: &Sps) -> Result<(), String> {
    let container = match &track.entries[0].kind {
        EntryKind::Avc { pixel, .. } => *pixel,
        _ => None,
    };
    let ratio = |(wide, high): (u32, u32)| f64::from(wide) / f64::from(high);
    let coded = ratio(sps.size);
    let shown = (track.shown.0 > 0 && track.shown.1 > 0).then(|| ratio(track.shown) / coded);
    let shapes = [container.map(ratio), sps.pixel.map(ratio), shown];
    // Its shown size is rounded to pixels: one of them may be much of a small picture.
    let grace = SHAPE_TOLERANCE + 1.0 / f64::from(sps.size.0.min(sps.size.1));
    if shapes
        .into_iter()
        .flatten()
        .all(|s| (s - 1.0).abs() <= grace)
    {
        return Ok(());
    }
    Err("its pixels are not square".to_owned())
}

impl Video<'_> {
    /// Frames at which segments may start, far enough apart; `may` says which of them
    /// are not known to be no IDR picture.
    pub(super) fn candidates(&self, may: impl Fn(usize) -> bool) -> Vec<usize> {
        let closed = closed(&self.frames);
        let mut last = f64::MIN;
        let apart = |n: &usize| {
            let fits = self.frames[*n].sync && closed[*n] && may(*n);
            let fits = fits && self.secs_of(*n) - last >= APART_SECS;
            if fits {
                last = self.secs_of(*n);
            }
            fits
        };
        (0..self.frames.len()).filter(apart).collect()
    }

    /// When a frame is shown, from zero, in the track's timescale.
    pub(super) fn time_of(&self, frame: usize) -> u64 {
        (self.frames[frame].time - self.zero) as u64
    }

    pub(super) fn secs_of(&self, frame: usize) -> f64 {
        self.time_of(frame) as f64 / f64::from(self.track.timescale)
    }

    /// When the last frame's time ends.
    pub(super) fn end(&self) -> u64 {
        (self.end - self.zero) as u64
    }

    pub(super) fn end_secs(&self) -> f64 {
        self.end() as f64 / f64::from(self.track.timescale)
    }

    /// What it becomes when cut at these frames; why not, where its rate is too high.
    pub(super) fn planned(&self, cuts: &[usize]) -> Result<PlannedTrack, String> {
        let mut peak = 0.0_f64;
        let ends = cuts.iter().skip(1).copied().chain([self.frames.len()]);
        for (from, until) in cuts.iter().copied().zip(ends) {
            let bytes: u64 = self.frames[from..until]
                .iter()
                .map(|f| u64::from(f.size))
                .sum();
            let end = self.frames.get(until).map_or(self.end, |frame| frame.time);
            let ticks = (end - self.frames[from].time) as f64;
            let secs = (ticks / f64::from(self.track.timescale)).max(RATE_OVER_SECS);
            peak = peak.max(bytes as f64 * 8.0 / secs);
        }
        if peak > RATE_MAX {
            return Err(format!(
                "its rate goes up to {:.1} Mb/s; {} Mb/s is the most",
                peak / 1e6,
                RATE_MAX / 1e6
            ));
        }
        let (width, height) = self.size;
        let name = format!("v{}-source", width.min(height));
        Ok(PlannedTrack {
            track: name.parse().expect("letters, digits and a dash are an id"),
            bitrate_max: peak.ceil() as u64,
            kind: PlannedKind::Video {
                width,
                height,
                frame_rate: self.frame_rate(),
                range: wire::VideoRange::Sdr,
            },
        })
    }

    /// Frames per second: exact where all last the same, else on average to a thousandth.
    fn frame_rate(&self) -> (u32, u32) {
        let duration = self.frames[0].duration;
        let rest = &self.frames[..self.frames.len() - 1];
        if duration > 0 && rest.iter().all(|frame| frame.duration == duration) {
            return reduced(self.track.timescale, duration);
        }
        let average = self.frames.len() as f64 / self.end_secs();
        reduced((average * 1000.0).round().clamp(1.0, 1e6) as u32, 1000)
    }

    /// The common zero in the file's presentation time, as a fraction of seconds.
    fn zero_at(&self, movie: &Movie) -> (i128, i128) {
        let (movie_scale, scale) = (
            i128::from(movie.timescale),
            i128::from(self.track.timescale),
        );
        let (delay, start) = edit(self.track);
        let ticks = i128::from(self.zero) - start;
        (delay * scale + ticks * movie_scale, movie_scale * scale)
    }

    pub(super) fn zero_secs(&self, movie: &Movie) -> f64 {
        let (num, den) = self.zero_at(movie);
        num as f64 / den as f64
    }

    /// The media time of another track that is presented at the common zero; `None` where
    /// it is out of reach.
    pub(super) fn zero_of(&self, movie: &Movie, track: &Track) -> Option<i64> {
        let (num, den) = self.zero_at(movie);
        let (delay, start) = edit(track);
        let (movie_scale, scale) = (i128::from(movie.timescale), i128::from(track.timescale));
        // (zero − delay) in the track's timescale, to the nearest tick.
        let num = num.checked_mul(movie_scale)?;
        let num = num
            .checked_sub(delay.checked_mul(den)?)?
            .checked_mul(scale)?;
        let den = den * movie_scale;
        let ticks = start + num.checked_add(den / 2)?.div_euclid(den);
        i64::try_from(ticks)
            .ok()
            .filter(|ticks| ticks.abs() < TIME_MAX)
    }
}

/// Delay in the movie's timescale, and the media time that is presented then.
fn edit(track: &Track) -> (i128, i128) {
    let start = track.edits.simple();
    let start = start.map(|(delay, edit)| (delay, edit.media_time.unwrap_or(0)));
    let (delay, time) = start.unwrap_or((0, 0));
    (delay.into(), time.into())
}

fn reduced(num: u32, den: u32) -> (u32, u32) {
    let (mut a, mut b) = (num, den);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    (num / a.max(1), den / a.max(1))
}
