//! The tasks that a plan is made of.

use serde::{Deserialize, Serialize};

use crate::TrackId;

/// What kind of work a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskKind {
    /// Look at the source, and plan what the version will hold.
    Plan,
    /// Publish the source's own streams as they are.
    Copy,
    /// Encode the lowest rendition of a span, ahead of the others.
    Lead,
    /// Encode samples of the source, to choose the rates of the renditions that are not
    /// ahead. None of these is lent before it has ended; see [`Analysis`].
    Analysis,
    /// Look at how many bits a span's pictures need, in all renditions that `rest`
    /// encodes of it; `rest` is lent once that is known of all spans.
    #[serde(rename = "first-pass")]
    FirstPass,
    /// Encode all other renditions of a span.
    Rest,
    /// Encode a span in HEVC, all of its renditions.
    Hevc,
    /// Encode a span in AV1, all of its renditions.
    Av1,
    /// Encode one audio track.
    Audio,
    /// Make one text track from subtitles.
    Text,
    /// Make the poster, the storyboard and the chapters.
    Images,
}

impl TaskKind {
    /// All kinds, in the order in which they are most urgent.
    pub const ALL: [Self; 11] = [
        Self::Plan,
        Self::Copy,
        Self::Audio,
        Self::Lead,
        Self::Analysis,
        Self::Text,
        Self::FirstPass,
        Self::Rest,
        Self::Images,
        Self::Hevc,
        Self::Av1,
    ];

    /// The kind as in JSON and in the catalogue.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Copy => "copy",
            Self::Lead => "lead",
            Self::Analysis => "analysis",
            Self::FirstPass => "first-pass",
            Self::Rest => "rest",
            Self::Hevc => "hevc",
            Self::Av1 => "av1",
            Self::Audio => "audio",
            Self::Text => "text",
            Self::Images => "images",
        }
    }
}

/// A piece of work, lent as one job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// What kind of work.
    pub kind: TaskKind,
    /// Which span of the source, where the kind has spans; else 0.
    pub span: u32,
    /// The tracks that it writes, in the plan's order.
    pub tracks: Vec<TrackId>,
    /// It writes the segments from the first number up to, not including, the second, of
    /// each track. `None`: all.
    pub segments: Option<(u32, u32)>,
    /// If it fails for good, the version is published without its tracks, with a
    /// warning.
    pub optional: bool,
}

impl Task {
    /// The task that every version starts with.
    #[must_use]
    pub fn plan() -> Self {
        Self {
            kind: TaskKind::Plan,
            span: 0,
            tracks: Vec::new(),
            segments: None,
            optional: false,
        }
    }
}
