//! How many bits pictures get, and what a first pass found of them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::TrackId;

/// What decides how many bits pictures get.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RateControl {
    /// A constant quality under a ceiling: what is easy needs less than the ceiling.
    #[default]
    Crf,
    /// An average of the whole, which a first pass over all of it allots to its spans,
    /// under the same ceiling.
    TwoPass,
}

impl RateControl {
    pub(crate) fn is_crf(&self) -> bool {
        *self == Self::Crf
    }
}

impl fmt::Display for RateControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Crf => "crf",
            Self::TwoPass => "two-pass",
        })
    }
}

impl FromStr for RateControl {
    type Err = UnknownRateControl;

    fn from_str(text: &str) -> Result<Self, UnknownRateControl> {
        match text {
            "crf" => Ok(Self::Crf),
            "two-pass" => Ok(Self::TwoPass),
            _ => Err(UnknownRateControl(text.to_owned())),
        }
    }
}

/// A name that is no [`RateControl`]'s.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is none of crf, two-pass")]
pub struct UnknownRateControl(String);

/// What a first pass stored of one span of one track.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pass {
    /// Number of the span.
    pub span: u32,
    /// The track.
    pub track: TrackId,
    /// Length of its log, bytes.
    pub len_bytes: u64,
    /// What it needs.
    pub cost: PassCost,
}

/// What the pictures of a span needed at a first pass.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PassCost {
    /// Bits of coefficients: they fall a little faster than the quantizer's scale grows.
    pub texture_bits: u64,
    /// Bits of motion vectors: they fall with its square root.
    pub motion_bits: u64,
    /// All other bits, which any quantizer needs.
    pub other_bits: u64,
    /// Mean scale of the quantizer that it was encoded with.
    pub scale: f64,
    /// How many pictures there are.
    pub pictures: u32,
    /// How long the encoder takes them to last: of the last one it may not know.
    pub secs: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_control_is_written_as_it_is_read() {
        for control in [RateControl::Crf, RateControl::TwoPass] {
            let text = control.to_string();
            assert_eq!(text.parse(), Ok(control));
            let json = serde_json::to_string(&control).unwrap();
            assert_eq!(json, format!("\"{text}\""));
        }
        assert!("abr".parse::<RateControl>().is_err());
    }
}
