//! Jobs: what a worker asks of the origin, and what it answers.
//!
//! ```text
//! POST /api/jobs/lease                          LeaseRequest → Lease | 204   join token
//! POST /api/jobs/<job>/heartbeat                Heartbeat → HeartbeatAck     lease key, and all below
//! GET  /api/jobs/<job>/source                   the uploaded file, by range
//! PUT  /api/jobs/<job>/keys                     ContentKeys → 204
//! PUT  /api/jobs/<job>/plan                     Plan → 204
//! PUT  /api/jobs/<job>/tracks/<track>/init      init segment → 204
//! PUT  /api/jobs/<job>/tracks/<track>/segments/<n>?start=S&duration=D[&iframe=L] → 204
//! PUT  /api/jobs/<job>/passes/<track>?…         PassCost, log of a first pass → 204
//! GET  /api/jobs/<job>/passes/<track>           the log of the job's span, by range
//! PUT  /api/jobs/<job>/files/<name>             poster.jpg, storyboard.vtt, … → 204
//! POST /api/jobs/<job>/complete                 Completion → 204
//! POST /api/jobs/<job>/fail                     Failure → 204
//! ```
//! A version starts with one task, [`TaskKind::Plan`]; completing it creates the tasks
//! that the plan names, each a job of its own, lent in the plan's order. The version is
//! whole when all of them are done. Segments of a track may come in any order, from
//! several jobs at once; players are shown those without a hole from number 0.
//!
//! A PUT that repeats what is stored is 204 and changes nothing; a PUT of other bytes
//! over a stored init is 409 `init-mismatch`. Whoever lost the lease gets 409
//! `lease-lost` to all of them and stops.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    Analysis, AssetId, Codec, ContentKeys, Encryption, JobId, Pass, RateControl, TrackId,
    VersionId, VideoRange,
};

/// Asks for work. The origin holds the request up to `wait_secs`, then answers 204.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LeaseRequest {
    /// Name of the worker, for people: host name and process id.
    pub worker: String,
    /// Longest wait in seconds; the origin caps it at 60.
    pub wait_secs: u32,
    /// Kinds of task that it takes; all, where empty.
    #[serde(default)]
    pub kinds: Vec<TaskKind>,
    /// Names the programs that its output depends on. It is lent only tasks of plans
    /// that were made with the same, so that all spans of a track fit together.
    #[serde(default)]
    pub toolchain: String,
}

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

/// A job, lent to one worker until `lease_secs` after its last heartbeat.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Lease {
    /// The job.
    pub job: JobId,
    /// Which try this is, from 1; also the fencing token inside `key`.
    pub attempt: u32,
    /// How many tries the job gets in all.
    pub attempts_max: u32,
    /// The lease ends this long after the last heartbeat, in seconds.
    pub lease_secs: u32,
    /// Bearer key that opens this job, for this attempt, and nothing else.
    pub key: String,
    /// The asset to package.
    pub asset: AssetId,
    /// The version to fill.
    pub version: VersionId,
    /// Length of the source, bytes.
    pub source_len_bytes: u64,
    /// How to package it.
    pub settings: PackageSettings,
    /// The work.
    pub task: Task,
    /// The version's plan; `None` for the task that makes it.
    pub plan: Option<Plan>,
    /// What earlier attempts at this task stored, per track of the task.
    pub stored: Vec<StoredTrack>,
    /// For a task behind a first pass: what that found of its tracks, in all spans.
    #[serde(default)]
    pub passes: Vec<Pass>,
    /// What the version's tracks are encrypted with, once it is known; nothing else says
    /// it to a worker, and none keeps it.
    #[serde(default)]
    pub content_keys: Option<ContentKeys>,
    /// The source is sound for a version that is sealed; `None`: it is to be packaged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addition: Option<AddedSound>,
}

/// Sound that is added to a version that is sealed: its plan has audio alone, cut where that
/// version is, and as long. Times count from the first picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddedSound {
    /// What people call it, whatever the source says.
    pub label: TrackLabel,
    /// When the version's segments start, microseconds from its zero.
    pub starts_us: Vec<u64>,
    /// When the last of them ends.
    pub end_us: u64,
    /// When its sound is to end: later, where the version's own does.
    pub until_us: u64,
}

/// How to package a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PackageSettings {
    /// Length of a segment, seconds, 2 to 10.
    pub segment_secs: f64,
    /// Heights of the renditions wanted, pixels, highest first.
    pub ladder: Vec<u32>,
    /// Publish the source's own streams as they are, where players can play them.
    #[serde(default = "yes")]
    pub copy: bool,
    /// Whether the lowest rendition is encoded by itself, ahead of the others.
    #[serde(default)]
    pub lead: Lead,
    /// Make a poster and a storyboard, for which pictures are decoded.
    #[serde(default = "yes")]
    pub images: bool,
    /// What it is encoded in: H.264 always, with AAC; see [`Codec::fault`].
    #[serde(default = "h264")]
    pub codecs: Vec<Codec>,
    /// Choose the rates of the renditions by what the source is: see [`Analysis`].
    #[serde(default, skip_serializing_if = "is_false")]
    pub per_title: bool,
    /// How its audio and video are encrypted.
    #[serde(default)]
    pub encryption: Encryption,
    /// Whom the worker that plans asks for the keys, by [`KeyRequest`](crate::KeyRequest);
    /// without it, the origin has made them.
    #[serde(default)]
    pub key_server: Option<String>,
    /// What decides how many bits H.264 pictures get.
    #[serde(default, skip_serializing_if = "RateControl::is_crf")]
    pub rate_control: RateControl,
}

/// Whether the lowest rendition is encoded by itself, ahead of the others: viewers can
/// start sooner, and all costs one more decode.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lead {
    /// Where the plan finds that it is worth it.
    #[default]
    Auto,
    /// Wherever there is more than one rendition.
    On,
    /// Never.
    Off,
}

fn yes() -> bool {
    true
}

fn is_false(value: &bool) -> bool {
    !value
}

fn h264() -> Vec<Codec> {
    vec![Codec::H264]
}

impl Default for PackageSettings {
    fn default() -> Self {
        Self {
            segment_secs: 4.0,
            ladder: vec![1080, 720, 480, 360],
            copy: true,
            lead: Lead::Auto,
            images: true,
            codecs: h264(),
            per_title: false,
            encryption: Encryption::None,
            key_server: None,
            rate_control: RateControl::Crf,
        }
    }
}

/// How much of a track is stored, of the segments that a task writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredTrack {
    /// The track.
    pub track: TrackId,
    /// The init segment is stored.
    pub init: bool,
    /// How many segments, without a hole, from the first of the task's.
    pub segments: u32,
}

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

/// Sent every third of a lease.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Heartbeat {
    /// How far the work is.
    pub progress: Progress,
}

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// Of this stage, 0 to 100.
    pub percent: f32,
    /// Seconds of media per second of work, once known.
    pub speed: Option<f64>,
}

/// What a job is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Waiting for a worker.
    Queued,
    /// Reading the source.
    Download,
    /// Looking at the source.
    Probe,
    /// Encoding and storing segments.
    Encode,
    /// Sealing the version.
    Publish,
}

/// Answer to a heartbeat.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HeartbeatAck {
    /// Stop: the asset was deleted.
    pub cancel: bool,
}

/// All segments are stored; the origin checks, and seals the version.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Completion {
    /// What a viewer should know about the source, such as "damaged after 12 s".
    pub warnings: Vec<String>,
    /// What [`TaskKind::Analysis`] found, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysis: Option<Analysis>,
}

/// The attempt ends without a result.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Failure {
    /// Why, in words for the uploader.
    pub reason: String,
    /// Another attempt would end the same way.
    pub permanent: bool,
    /// The worker stops in good health: the attempt does not count.
    #[serde(default)]
    pub given_back: bool,
}

impl Lease {
    /// How often to send a heartbeat.
    #[must_use]
    pub fn heartbeat_every(&self) -> Duration {
        Duration::from_secs(u64::from(self.lease_secs)) / 3
    }
}
