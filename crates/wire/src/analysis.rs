//! Per-title encoding: what samples of a source say about the rates that it needs.

use serde::{Deserialize, Serialize};

use crate::TrackId;

/// What was measured of a source, and chosen by it. Part of a version's plan, so that all
/// spans are encoded alike, and of its status, for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    /// What quality is measured by, of luma, encoded pictures to scaled ones, mean of all:
    /// `ssim` (0 to 1), `xpsnr` (decibels) or `vmaf` (0 to 100).
    pub metric: String,
    /// The quality that was aimed at.
    pub target: f64,
    /// How many samples were taken.
    pub samples: u32,
    /// How long they are together, seconds.
    pub sampled_secs: f64,
    /// The renditions, as in the plan. One that was encoded ahead is not among them.
    pub renditions: Vec<ChosenRate>,
}

/// What was chosen for a rendition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChosenRate {
    /// The rendition.
    pub track: TrackId,
    /// What is taken.
    pub chosen: Rate,
    /// What would be without an analysis.
    pub fixed: Rate,
    /// What the chosen rate saves of the fixed one's bits, per cent.
    pub saving_percent: f64,
}

/// A rate factor, and what comes of it in the samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// Constant rate factor.
    pub crf: f64,
    /// By the analysis' metric: measured where it was encoded with this factor, else
    /// between two that were.
    pub quality: f64,
    /// Bits per second.
    pub bitrate: u64,
}
