//! Audio tracks that may be copied: AAC-LC that every player decodes.

use media::bmff::mp4::{EntryKind, Movie, Placed, Track};
use wire::{PlannedKind, PlannedTrack, TrackLabel};

use super::CopyTrack;

/// Samples in one frame (ISO/IEC 14496-3 §4.5.1.1).
const FRAME: u64 = 1024;
/// Sample rates that every player takes.
const RATES: [u32; 2] = [44_100, 48_000];
/// Coarsest clock, per second: A/V offset is to be at most a millisecond.
const TIMESCALE_MIN: u64 = 1000;
/// Latest start after the first picture, seconds. Chosen: players skip such a hole;
/// what starts later is encoded, with silence before it.
const LATE_SECS: f64 = 0.5;
/// Where files were joined, a frame's time is not its length: one in so many may be so,
/// and one more, which is the last. Chosen.
const ODD_PART: u32 = 100;
const ODD_MIN: u32 = 1;
/// Ceiling of its rate, bit/s: two channels at 48 kHz of 6,144 bits a frame, the most
/// that AAC-LC has (ISO/IEC 14496-3 §4.5.3.2), are 576,000.
const RATE_MAX: f64 = 600_000.0;

/// Where a track stands among the others.
pub(super) struct Place {
    /// Its media time at the common zero.
    pub(super) zero: i64,
    /// From 1, among copied audio tracks.
    pub(super) number: usize,
    pub(super) file_len: u64,
    /// When the video ends, seconds.
    pub(super) ends: f64,
    /// The video ends before its time: nothing behind it is published.
    pub(super) cut_short: bool,
}

/// What is copied of an audio track, or why it cannot be.
pub(super) fn read(movie: &Movie, track: &Track, place: &Place) -> Result<CopyTrack, String> {
    let (channels, sample_rate) = aac(track)?;
    let (first, end, rate) = samples(movie, track, place, sample_rate)?;
    let label = TrackLabel {
        language: track.language.clone(),
        name: track.name.clone(),
        default: place.number == 1,
        characteristics: Vec::new(),
    };
    let name = format!("a{}", place.number);
    Ok(CopyTrack {
        source: track.id,
        audio_index: None,
        planned: PlannedTrack {
            track: name.parse().expect("a letter and a number are an id"),
            bitrate_max: rate,
            kind: PlannedKind::Audio {
                channels,
                sample_rate,
                label,
            },
        },
        zero: place.zero,
        samples: (first, end),
    })
}

fn aac(track: &Track) -> Result<(u32, u32), String> {
    let [entry] = &track.entries[..] else {
        return Err("it changes its description midway".to_owned());
    };
    let EntryKind::Mp4a {
        codec,
        channels,
        sample_rate,
        ..
    } = &entry.kind
    else {
        return Err(format!("its codec is {}", entry.codec));
    };
    if codec != "mp4a.40.2" {
        return Err(format!("its codec is {codec}"));
    }
    if !(1..=2).contains(channels) {
        return Err(format!("it has {channels} channels"));
    }
    if !RATES.contains(sample_rate) {
        return Err(format!("its sample rate is {sample_rate} Hz"));
    }
    Ok((*channels, *sample_rate))
}

/// The first sample of which some is heard, the one behind the last, and the highest
/// rate of a second.
fn samples(
    movie: &Movie,
    track: &Track,
    place: &Place,
    sample_rate: u32,
) -> Result<(u32, u32, u64), String> {
    let simple = track.edits.simple();
    let (_, edit) = simple.ok_or("its edit list does more than delay and trim")?;
    let scale = u64::from(track.timescale);
    let frame = FRAME * scale / u64::from(sample_rate);
    if scale < TIMESCALE_MIN {
        return Err("its clock is too coarse".to_owned());
    }
    let mut until = i64::MAX;
    if edit.duration > 0 {
        let ticks = u128::from(edit.duration) * u128::from(scale) / u128::from(movie.timescale);
        until = edit
            .media_time
            .unwrap_or(0)
            .saturating_add(i64::try_from(ticks).unwrap_or(i64::MAX))
            .saturating_add(1);
    }
    if place.cut_short {
        until = until.min(
            place
                .zero
                .saturating_add((place.ends * scale as f64) as i64),
        );
    }
    // Before the edit starts nothing is heard, even where the picture starts earlier.
    let from = edit.media_time.unwrap_or(0).max(place.zero);
    let heard = |sample: &Placed| {
        let start = sample.decode_time as i64;
        start + frame as i64 > from && start < until && sample.end() <= place.file_len
    };
    let mut rate = Rate::default();
    let mut odd = 0;
    let mut kept: Option<(u32, u32)> = None;
    let mut samples = track.table.iter().skip_while(|s| !heard(s)).peekable();
    while let Some(sample) = samples.next().filter(heard) {
        let (first, _) = kept.unwrap_or((sample.number, 0));
        kept = Some((first, sample.number + 1));
        if kept == Some((sample.number, sample.number + 1)) {
            check_start(&sample, place.zero, scale)?;
        }
        let off = u64::from(sample.duration).abs_diff(frame);
        if off > frame && samples.peek().is_some_and(heard) {
            return Err("its frames have holes between them".to_owned());
        }
        odd += u32::from(off > 1);
        if sample.presentation_time != sample.decode_time as i64 {
            return Err("its frames are out of order".to_owned());
        }
        rate.add(&sample, scale);
    }
    let (first, end) = kept.ok_or("nothing of it is heard")?;
    if odd > ODD_MIN + (end - first) / ODD_PART {
        return Err("its frames are not of 1,024 samples".to_owned());
    }
    let peak = rate.peak(scale);
    if peak > RATE_MAX {
        return Err(format!("its rate goes up to {:.0} kb/s", peak / 1e3));
    }
    Ok((first, end, peak.ceil() as u64))
}

fn check_start(sample: &Placed, zero: i64, scale: u64) -> Result<(), String> {
    let late = (sample.decode_time as i64 - zero) as f64 / scale as f64;
    if late > LATE_SECS {
        return Err(format!("it starts {late:.1} s after the picture"));
    }
    Ok(())
}

/// Rate over each second, one behind the other.
#[derive(Default)]
struct Rate {
    peak: f64,
    bytes: u64,
    ticks: u64,
}

impl Rate {
    fn add(&mut self, sample: &Placed, scale: u64) {
        self.bytes += u64::from(sample.size);
        self.ticks += u64::from(sample.duration);
        if self.ticks >= scale {
            self.peak = self.peak(scale);
            (self.bytes, self.ticks) = (0, 0);
        }
    }

    /// Bit/s; what is left is less than a second.
    fn peak(&self, scale: u64) -> f64 {
        let secs = self.ticks.max(scale) as f64 / scale as f64;
        self.peak.max(self.bytes as f64 * 8.0 / secs)
    }
}
