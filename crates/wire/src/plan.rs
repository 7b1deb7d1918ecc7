//! What is made of a source.

use serde::{Deserialize, Serialize};

use crate::{Analysis, Task, TrackId, VideoRange};

/// What a version will hold. Of a plan that is stored, only the analysis comes later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Duration of the longest track, as the source declares it.
    pub duration_secs: f64,
    /// All tracks: video from the highest rendition down, then audio, then text; of
    /// each the default first.
    pub tracks: Vec<PlannedTrack>,
    /// The work, the most urgent first.
    pub tasks: Vec<Task>,
    /// What the tasks' worker must be able to run; see [`LeaseRequest::toolchain`].
    pub toolchain: String,
    /// What a viewer or an uploader should know already, such as why the source's own
    /// streams are not published.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// What workers need besides: theirs alone, the origin keeps it unread.
    pub recipe: serde_json::Value,
    /// The rates that were chosen by what the source is. `None` until that is done, and
    /// where it is not: then all renditions have the recipe's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysis: Option<Analysis>,
}

/// One track of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedTrack {
    /// Its name in URLs.
    pub track: TrackId,
    /// Ceiling of the rate over any second, bits per second; 0 for text.
    pub bitrate_max: u64,
    /// Video, audio or text.
    pub kind: PlannedKind,
}

/// What a planned track carries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum PlannedKind {
    /// Pictures.
    Video {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
        /// Frames per second, as a fraction.
        frame_rate: (u32, u32),
        /// How its values become light.
        #[serde(default, skip_serializing_if = "VideoRange::is_sdr")]
        range: VideoRange,
    },
    /// Sound.
    Audio {
        /// Channels.
        channels: u32,
        /// Samples per second.
        sample_rate: u32,
        /// What people call it.
        #[serde(flatten)]
        label: TrackLabel,
    },
    /// Subtitles or captions, as WebVTT. Its times are in milliseconds; it has no init
    /// segment.
    Text {
        /// What people call it.
        #[serde(flatten)]
        label: TrackLabel,
        /// Only what must be read to follow, such as a foreign sign.
        forced: bool,
    },
}

/// How a viewer tells a track from others of its kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackLabel {
    /// BCP 47 language (RFC 5646), where the source says it.
    pub language: Option<String>,
    /// The source's own title of it.
    #[serde(default)]
    pub name: Option<String>,
    /// The source would play it first.
    #[serde(default)]
    pub default: bool,
    /// Whom it is for, as HLS' CHARACTERISTICS: `public.accessibility.describes-video`,
    /// `public.accessibility.transcribes-spoken-dialog`, ...
    #[serde(default)]
    pub characteristics: Vec<String>,
}
