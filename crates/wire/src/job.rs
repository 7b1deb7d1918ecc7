//! Jobs: what a worker asks of the origin, and what it answers.
//!
//! ```text
//! POST /api/jobs/lease                          LeaseRequest → Lease | 204   join token
//! POST /api/jobs/<job>/heartbeat                Heartbeat → HeartbeatAck     lease key, and all below
//! GET  /api/jobs/<job>/source                   the uploaded file, by range
//! PUT  /api/jobs/<job>/plan                     Plan → 204
//! PUT  /api/jobs/<job>/tracks/<track>/init      init segment → 204
//! PUT  /api/jobs/<job>/tracks/<track>/segments/<n>?start=S&duration=D        → 204
//! POST /api/jobs/<job>/complete                 Completion → 204
//! POST /api/jobs/<job>/fail                     Failure → 204
//! ```
//! A PUT that repeats what is stored is 204 and changes nothing; a PUT of other bytes
//! over a stored init is 409 `init-mismatch`. Whoever lost the lease gets 409
//! `lease-lost` to all of them and stops.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{AssetId, JobId, TrackId, VersionId};

/// Asks for work. The origin holds the request up to `wait_secs`, then answers 204.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LeaseRequest {
    /// Name of the worker, for people: host name and process id.
    pub worker: String,
    /// Longest wait in seconds; the origin caps it at 60.
    pub wait_secs: u32,
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
    /// The plan of an earlier attempt, which this one keeps: segments already stored
    /// are published and never change.
    pub plan: Option<Plan>,
    /// What earlier attempts stored, per track of the plan.
    pub stored: Vec<StoredTrack>,
}

/// How to package a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PackageSettings {
    /// Length of a segment, seconds, 2 to 10.
    pub segment_secs: f64,
    /// Heights of the renditions wanted, pixels, highest first.
    pub ladder: Vec<u32>,
}

impl Default for PackageSettings {
    fn default() -> Self {
        Self {
            segment_secs: 4.0,
            ladder: vec![1080, 720, 480, 360],
        }
    }
}

/// The first `segments` segments of a track are stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredTrack {
    /// The track.
    pub track: TrackId,
    /// The init segment is stored.
    pub init: bool,
    /// How many segments, without a hole, from number 0.
    pub segments: u32,
}

/// What a version will hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Duration of the longest track, as the source declares it.
    pub duration_secs: f64,
    /// All tracks, video from the highest rendition down, then audio.
    pub tracks: Vec<PlannedTrack>,
}

/// One track of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedTrack {
    /// Its name in URLs.
    pub track: TrackId,
    /// Ceiling of the encoder's rate over any second, bits per second.
    pub bitrate_max: u64,
    /// Video or audio.
    pub kind: PlannedKind,
}

/// What a planned track carries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum PlannedKind {
    /// H.264.
    Video {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
        /// Frames per second, as a fraction.
        frame_rate: (u32, u32),
    },
    /// AAC.
    Audio {
        /// Channels.
        channels: u32,
        /// Samples per second.
        sample_rate: u32,
        /// BCP 47 language (RFC 5646), where the source says it.
        language: Option<String>,
    },
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
