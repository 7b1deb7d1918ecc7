//! Bit rates, as RFC 8216 means them.

use crate::{Presentation, Segment, Track};

impl Presentation {
    /// What a player must reckon with for a track, bits per second: its measured peak;
    /// while the version grows, at least what the plan allows. At least 1.
    #[must_use]
    pub fn peak_bandwidth(&self, track: &Track) -> u64 {
        let planned = if self.sealed {
            1
        } else {
            track.bitrate_max.max(1)
        };
        track.peak_bitrate(self.target_secs()).max(planned)
    }

    /// [`Self::peak_bandwidth`] of the dearest audio track; 0 without one.
    #[must_use]
    pub fn audio_peak_bandwidth(&self) -> u64 {
        self.audio()
            .map(|t| self.peak_bandwidth(t))
            .max()
            .unwrap_or(0)
    }
}

impl Track {
    /// The peak segment bit rate (RFC 8216 §4.3.4.2): the highest of any run of segments
    /// that lasts 0.5 to 1.5 target durations, so that a short last segment is judged
    /// with its neighbour. Bits per second, rounded up; at least the average; 0 without
    /// segments.
    #[must_use]
    pub fn peak_bitrate(&self, target_secs: u64) -> u64 {
        let target = u128::from(target_secs) * u128::from(self.timescale.max(1));
        let runs = (0..self.segments.len()).filter_map(|from| self.peak_from(from, target));
        runs.max().unwrap_or(0).max(self.average_bitrate())
    }

    /// All bits over all time: bits per second, rounded up; 0 without segments.
    #[must_use]
    pub fn average_bitrate(&self) -> u64 {
        self.rate(total(&self.segments))
    }

    /// The highest rate of the runs that start at one segment.
    fn peak_from(&self, from: usize, target: u128) -> Option<u64> {
        let mut run = (0, 0);
        let runs = self.segments[from..].iter().map(|s| {
            run = (
                run.0 + u128::from(s.duration),
                run.1 + u128::from(s.len_bytes),
            );
            run
        });
        runs.take_while(|(duration, _)| 2 * duration <= 3 * target)
            .filter(|(duration, _)| 2 * duration >= target)
            .map(|run| self.rate(run))
            .max()
    }

    fn rate(&self, (duration, len_bytes): (u128, u128)) -> u64 {
        let bits = len_bytes * 8 * u128::from(self.timescale.max(1));
        u64::try_from(bits.div_ceil(duration.max(1))).unwrap_or(u64::MAX)
    }
}

fn total(segments: &[Segment]) -> (u128, u128) {
    segments.iter().fold((0, 0), |(duration, len_bytes), s| {
        (
            duration + u128::from(s.duration),
            len_bytes + u128::from(s.len_bytes),
        )
    })
}
