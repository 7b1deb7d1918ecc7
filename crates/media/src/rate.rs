//! Bit rates, as RFC 8216 means them.

use crate::{Presentation, Segment, Shown, Track};

impl Presentation {
    /// What a player must reckon with for a track, bits per second: its measured peak;
    /// while the version grows, at least what the plan allows. At least 1.
    #[must_use]
    pub fn peak_bandwidth(&self, track: &Track) -> u64 {
        let whole = Shown {
            track,
            first: 0,
            segments: &track.segments,
        };
        whole.bandwidth(self.target_secs(), self.sealed)
    }
}

impl Track {
    /// The peak segment bit rate (RFC 8216 §4.3.4.2): the highest of any run of segments
    /// that lasts 0.5 to 1.5 target durations, so that a short last segment is judged
    /// with its neighbour. Bits per second, rounded up; at least the average; 0 without
    /// segments.
    #[must_use]
    pub fn peak_bitrate(&self, target_secs: u64) -> u64 {
        peak(&self.segments, self.timescale, target_secs)
    }
}

impl Shown<'_> {
    /// [`Presentation::peak_bandwidth`] of what is shown.
    pub(crate) fn bandwidth(&self, target_secs: u64, sealed: bool) -> u64 {
        let planned = if sealed { 1 } else { self.track.bitrate_max };
        let measured = peak(self.segments, self.track.timescale, target_secs);
        measured.max(planned).max(1)
    }

    /// All bits over all time: bits per second, rounded up; 0 without segments.
    pub(crate) fn average_bitrate(&self) -> u64 {
        average(self.segments, self.track.timescale)
    }

    /// The peak of its first pictures alone, each over the whole of its segment: what an
    /// I-frame playlist costs (RFC 8216 §4.3.4.3).
    pub(crate) fn iframe_peak_bitrate(&self, target_secs: u64) -> u64 {
        let pictures = self.segments.iter().map(|s| Segment {
            len_bytes: s.iframe_len_bytes,
            ..*s
        });
        let pictures: Vec<Segment> = pictures.collect();
        peak(&pictures, self.track.timescale, target_secs)
    }
}

fn peak(segments: &[Segment], timescale: u32, target_secs: u64) -> u64 {
    let target = u128::from(target_secs) * u128::from(timescale.max(1));
    let runs =
        (0..segments.len()).filter_map(|from| peak_from(&segments[from..], timescale, target));
    runs.max().unwrap_or(0).max(average(segments, timescale))
}

/// The highest rate of the runs that start with the first segment.
fn peak_from(segments: &[Segment], timescale: u32, target: u128) -> Option<u64> {
    let mut run = (0, 0);
    let runs = segments.iter().map(|s| {
        run = (
            run.0 + u128::from(s.duration),
            run.1 + u128::from(s.len_bytes),
        );
        run
    });
    runs.take_while(|(duration, _)| 2 * duration <= 3 * target)
        .filter(|(duration, _)| 2 * duration >= target)
        .map(|run| rate(run, timescale))
        .max()
}

fn average(segments: &[Segment], timescale: u32) -> u64 {
    let total = segments.iter().fold((0, 0), |(duration, len_bytes), s| {
        (
            duration + u128::from(s.duration),
            len_bytes + u128::from(s.len_bytes),
        )
    });
    rate(total, timescale)
}

fn rate((duration, len_bytes): (u128, u128), timescale: u32) -> u64 {
    let bits = len_bytes * 8 * u128::from(timescale.max(1));
    u64::try_from(bits.div_ceil(duration.max(1))).unwrap_or(u64::MAX)
}
