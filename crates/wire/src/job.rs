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
    Analysis, AssetId, ContentKeys, JobId, PackageSettings, Pass, Plan, Task, TaskKind, TrackId,
    TrackLabel, VersionId,
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
