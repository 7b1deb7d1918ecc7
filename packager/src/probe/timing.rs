//! Whether pictures come at a constant rate.

use serde::{Deserialize, Serialize};

use crate::{plan::timescale, probe::report::Stream};

/// Highest frame rate that is published; a faster source is halved until below it.
const FRAME_RATE_MAX: f64 = 120.0;

/// When pictures are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Timing {
    /// Every 1/rate seconds.
    Constant {
        /// Frames per second, as a fraction.
        rate: (u32, u32),
    },
    /// At any time.
    Variable {
        /// Frames per second on average, as a fraction.
        average: (u32, u32),
    },
}

impl Timing {
    /// Pictures come at any time.
    pub(crate) fn varies(&self) -> bool {
        matches!(self, Self::Variable { .. })
    }

    /// The same with this average, measured, where frames come at any time. One far from
    /// what was known is measured over a jump of the clock, and not taken.
    pub(crate) fn averaging(self, average: (u32, u32)) -> Self {
        let value = |(num, den): (u32, u32)| f64::from(num) / f64::from(den);
        let near = (0.2..5.0).contains(&(value(average) / value(self.rate())));
        match self {
            Self::Variable { .. } if near => Self::Variable { average },
            known => known,
        }
    }

    /// A fraction of a second, of which the time of each picture is a multiple.
    pub(crate) fn tick(&self) -> (u32, u32) {
        match *self {
            Self::Constant { rate: (num, den) } => (den, num),
            Self::Variable { .. } => (1, timescale::VARIABLE),
        }
    }

    /// How long a picture stays, seconds, on average.
    pub(crate) fn frame_secs(&self) -> f64 {
        let (num, den) = self.rate();
        f64::from(den) / f64::from(num)
    }

    /// Frames per second, on average if they vary.
    pub(crate) fn rate(&self) -> (u32, u32) {
        match *self {
            Self::Constant { rate } => rate,
            Self::Variable { average } => average,
        }
    }
}

/// Constant where the rate that fits all frames is the average.
pub(crate) fn timing(stream: &Stream) -> Timing {
    const FALLBACK: (u32, u32) = (30, 1);
    let value = |(num, den): (u32, u32)| f64::from(num) / f64::from(den);
    let sane = |rate: &(u32, u32)| (1.0..=1000.0).contains(&value(*rate));
    let average = stream.avg_frame_rate().filter(|rate| value(*rate) <= 480.0);
    let base = stream.r_frame_rate().filter(sane);
    match (base, average) {
        (Some(rate), Some(average)) if (value(rate) / value(average) - 1.0).abs() < 0.002 => {
            Timing::Constant { rate: halved(rate) }
        }
        (_, Some(average)) => Timing::Variable { average },
        (Some(rate), None) => Timing::Variable {
            average: halved(rate),
        },
        (None, None) => Timing::Variable { average: FALLBACK },
    }
}

fn halved((num, mut den): (u32, u32)) -> (u32, u32) {
    while f64::from(num) / f64::from(den) > FRAME_RATE_MAX {
        den *= 2;
    }
    (num, den)
}

/// No two times are nearer or further apart than a frame, give or take half of one.
pub(crate) fn steady(times: &[f64], rate: Option<(u32, u32)>) -> bool {
    let Some((num, den)) = rate else { return false };
    let frame = f64::from(den) / f64::from(num);
    times
        .windows(2)
        .all(|pair| (0.5..1.5).contains(&((pair[1] - pair[0]) / frame)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timing_is_constant_only_where_the_rates_agree() {
        let of = |base: &str, average: &str| {
            let json = format!(r#"{{"r_frame_rate":"{base}","avg_frame_rate":"{average}"}}"#);
            timing(&serde_json::from_str(&json).unwrap())
        };
        assert_eq!(
            of("30000/1001", "30000/1001"),
            Timing::Constant {
                rate: (30_000, 1001)
            }
        );
        assert_eq!(of("60/1", "1000/1"), Timing::Variable { average: (60, 1) });
        assert_eq!(of("240/1", "240/1"), Timing::Constant { rate: (240, 2) });
        assert_eq!(of("30/1", "25/1"), Timing::Variable { average: (25, 1) });
        assert_eq!(of("57600/1", "29/4"), Timing::Variable { average: (29, 4) });
        assert_eq!(of("0/0", "0/0"), Timing::Variable { average: (30, 1) });
    }

    #[test]
    fn a_claimed_rate_is_believed_only_if_the_times_keep_it() {
        let rate = Some((30, 1));
        assert!(steady(&[0.0, 0.033, 0.067, 0.1], rate));
        assert!(!steady(&[0.0, 0.033, 0.1], rate));
        assert!(!steady(&[0.0, 0.01, 0.033], rate));
    }
}
