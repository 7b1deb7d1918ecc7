//! Where segments start: one pure function of the segment length, the same for the
//! encoder, the audio cutter and a later attempt.

/// How many segments at the start are half as long, so that a player can start soon.
const SHORT_COUNT: u32 = 3;
/// Shortest segment, microseconds: below it the first ones are not halved.
const SHORT_MIN_US: u64 = 2_000_000;
/// A frame this much before a cut still belongs after it, microseconds: containers
/// with millisecond times round a frame down by up to half of one. Chosen.
const TOLERANCE_US: u64 = 500;
/// Sample rate of all audio that is published, Hz.
pub(crate) const AUDIO_RATE: u64 = 48_000;

/// The times at which segments may start. The line is divided into cells; a segment
/// starts with the first frame of each cell that has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cuts {
    short_us: u64,
    full_us: u64,
}

impl Cuts {
    /// Cells of `segment_secs`, the first three half as long unless that is too short.
    pub(crate) fn new(segment_secs: f64) -> Self {
        let full_us = (segment_secs.clamp(1.0, 60.0) * 1e6).round() as u64;
        let half = full_us / 2;
        Self {
            short_us: if half >= SHORT_MIN_US { half } else { full_us },
            full_us,
        }
    }

    /// When cell `n` starts, microseconds.
    pub(crate) fn start_us(&self, n: u32) -> u64 {
        u64::from(n.min(SHORT_COUNT)) * self.short_us
            + u64::from(n.saturating_sub(SHORT_COUNT)) * self.full_us
    }

    /// The cell that a frame at `us` belongs to.
    pub(crate) fn cell(&self, us: u64) -> u32 {
        let us = us + TOLERANCE_US;
        let shorts_us = u64::from(SHORT_COUNT) * self.short_us;
        let cell = match us.checked_sub(shorts_us) {
            None => us / self.short_us,
            Some(rest) => u64::from(SHORT_COUNT) + rest / self.full_us,
        };
        u32::try_from(cell).unwrap_or(u32::MAX)
    }

    /// The first frame of cell `n` in a stream of constant `rate` (frames per second).
    pub(crate) fn first_frame(&self, n: u32, rate: (u32, u32)) -> u64 {
        let us = u128::from(self.start_us(n).saturating_sub(TOLERANCE_US));
        let frames = (us * u128::from(rate.0)).div_ceil(1_000_000 * u128::from(rate.1));
        frames as u64
    }

    /// The first frame, of so many samples, at or after the start of cell `n`.
    pub(crate) fn first_audio_frame(&self, n: u32, samples: u64) -> u64 {
        (self.start_us(n) * AUDIO_RATE).div_ceil(1_000_000 * samples)
    }

    /// The frame at tick `end` of `timescale` lies in a later cell than `start`: what
    /// is between them is a whole segment.
    pub(crate) fn separates(&self, start: u64, end: u64, timescale: u32) -> bool {
        self.cell(to_us(start, timescale)) < self.cell(to_us(end, timescale))
    }

    /// The same as an expression for ffmpeg's `-force_key_frames`: a frame is forced
    /// when its cell is later than that of the frame forced last.
    pub(crate) fn expression(&self) -> String {
        let (short, full) = (self.short_us as f64 / 1e6, self.full_us as f64 / 1e6);
        let shorts = short * f64::from(SHORT_COUNT);
        let ahead = TOLERANCE_US as f64 / 1e6;
        let cell = |t: &str| {
            format!(
                "if(lt({t}+{ahead:.9},{shorts}),floor(({t}+{ahead:.9})/{short}),\
                 {SHORT_COUNT}+floor(({t}+{ahead:.9}-{shorts})/{full}))"
            )
        };
        let (now, before) = (cell("t"), cell("prev_forced_t"));
        format!("expr:gt({now},if(isnan(prev_forced_t),-1,{before}))")
    }
}

/// Ticks as microseconds, rounded to nearest.
pub(crate) fn to_us(ticks: u64, timescale: u32) -> u64 {
    let scale = u128::from(timescale.max(1));
    ((u128::from(ticks) * 1_000_000 + scale / 2) / scale) as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_three_segments_are_half_as_long() {
        let cuts = Cuts::new(4.0);
        let starts: Vec<u64> = (0..6).map(|n| cuts.start_us(n) / 1_000_000).collect();
        assert_eq!(starts, [0, 2, 4, 6, 10, 14]);
    }

    #[test]
    fn segments_are_not_halved_below_two_seconds() {
        let cuts = Cuts::new(3.0);
        let starts: Vec<u64> = (0..4).map(|n| cuts.start_us(n) / 1_000_000).collect();
        assert_eq!(starts, [0, 3, 6, 9]);
    }

    #[test]
    fn a_frame_a_rounding_before_the_cut_starts_the_segment() {
        let cuts = Cuts::new(4.0);
        assert_eq!(cuts.cell(1_999_600), 1);
        assert_eq!(cuts.cell(1_999_000), 0);
        assert_eq!(cuts.first_frame(1, (30, 1)), 60);
        assert_eq!(cuts.first_frame(1, (30_000, 1001)), 60);
        assert_eq!(cuts.first_frame(3, (24_000, 1001)), 144);
    }

    proptest! {
        #[test]
        fn a_cell_starts_where_cells_change(secs in 2.0_f64..10.0, n in 1_u32..2000) {
            let cuts = Cuts::new(secs);
            let start = cuts.start_us(n);
            prop_assert_eq!(cuts.cell(start), n);
            prop_assert_eq!(cuts.cell(start - TOLERANCE_US - 1), n - 1);
        }

        #[test]
        fn the_first_frame_is_the_first_in_its_cell(n in 1_u32..2000, num in 1_u32..120) {
            let cuts = Cuts::new(4.0);
            let rate = (num * 1000, 1001);
            let frame = cuts.first_frame(n, rate);
            // In picoseconds, so that the test does not round.
            let ps = |frame: u64| u128::from(frame) * 1_000_000_000_000 * 1001 / u128::from(num * 1000);
            let edge = u128::from(cuts.start_us(n) - TOLERANCE_US) * 1_000_000;
            prop_assert!(ps(frame) + 1 >= edge);
            prop_assert!(frame == 0 || ps(frame - 1) < edge);
        }
    }
}
