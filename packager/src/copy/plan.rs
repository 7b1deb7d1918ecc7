//! What is copied, and where it is cut.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use wire::{PlannedTrack, TrackId};

use crate::probe::timeline::Timeline;

/// What came of looking at a source.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    /// Its streams can be published as they are.
    Copy(Box<Copyable>),
    /// It is mp4, but they cannot: why, in words for the uploader.
    Refused(String),
    /// It is not mp4, or nothing of its kind.
    NotMp4,
}

/// A source that can be copied, and what is known of it without reading it all.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Copyable {
    pub(crate) plan: CopyPlan,
    /// When its pictures are shown.
    pub(crate) line: Timeline,
    /// Where in the file is what says what it is: its index, and the first samples of
    /// each track.
    pub(crate) outline: Vec<Range<u64>>,
}

impl Copyable {
    /// The index of the file tells of more than is there.
    pub(crate) fn is_torn(&self) -> bool {
        !self.plan.warnings.is_empty()
    }
}

/// A copy, decided: part of the version's recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CopyPlan {
    /// Of `starts` and `end`: that of the video track.
    pub(crate) timescale: u32,
    /// In which pictures are published: a multiple of `timescale`.
    pub(crate) published: u32,
    /// When each segment starts, from the common zero: the first shown picture.
    pub(crate) starts: Vec<u64>,
    /// When the last one ends.
    pub(crate) end: u64,
    /// The common zero in the file's own presentation time, seconds.
    pub(crate) zero_secs: f64,
    /// Length of a segment that was asked for, seconds: audio that is longer than video is
    /// cut so behind its end.
    pub(crate) segment_secs: f64,
    /// What is copied: video first.
    pub(crate) tracks: Vec<CopyTrack>,
    /// Audio tracks that are not copied.
    pub(crate) left: Vec<LeftAudio>,
    /// What a viewer should know.
    pub(crate) warnings: Vec<String>,
}

/// One track that is copied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CopyTrack {
    /// Its number in the file.
    pub(crate) source: u32,
    /// For audio, its place among the file's audio tracks, from 0.
    pub(crate) audio_index: Option<u32>,
    /// What it becomes.
    pub(crate) planned: PlannedTrack,
    /// The media time, in its timescale and before edits, that is the common zero.
    pub(crate) zero: i64,
    /// Samples from the first number up to, not including, the second are copied.
    pub(crate) samples: (u32, u32),
}

/// An audio track that must be encoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LeftAudio {
    /// Its number in the file.
    pub(crate) source: u32,
    /// Its place among the file's audio tracks, from 0.
    pub(crate) audio_index: u32,
    /// Why.
    pub(crate) reason: String,
}

impl CopyPlan {
    /// The tracks it fills.
    pub(crate) fn track_ids(&self) -> Vec<TrackId> {
        let ids = self.tracks.iter().map(|track| &track.planned.track);
        ids.cloned().collect()
    }

    /// When segments start, in `timescale`: rounded up, so that what starts then or later
    /// belongs to the segment.
    pub(crate) fn starts_in(&self, timescale: u32) -> Vec<u64> {
        let scaled = |ticks: &u64| scale_up(*ticks, self.timescale, timescale);
        self.starts.iter().map(scaled).collect()
    }

    /// All that is copied lasts so long, seconds.
    pub(crate) fn duration_secs(&self) -> f64 {
        self.end as f64 / f64::from(self.timescale)
    }
}

/// Ticks of one timescale in another, rounded up.
pub(super) fn scale_up(ticks: u64, from: u32, to: u32) -> u64 {
    let scaled = (u128::from(ticks) * u128::from(to)).div_ceil(u128::from(from.max(1)));
    u64::try_from(scaled).unwrap_or(u64::MAX)
}
