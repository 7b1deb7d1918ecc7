//! Jobs as operators see them.

use serde::{Deserialize, Serialize};

use crate::{AssetId, JobId, Progress, TaskKind, TrackId, VersionId};

/// What a job is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// It waits for a worker, a time, or other jobs.
    Queued,
    /// A worker has it.
    Leased,
    /// It ended well.
    Done,
    /// It gave up.
    Failed,
    /// It was cancelled, or its version failed for another's sake.
    Cancelled,
}

impl JobState {
    /// The state as in JSON and in the catalogue.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Leased => "leased",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// `GET /api/jobs`, with the admin token. Those that wait are in the order in which they are
/// lent; those that gave up, the newest version first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobPage {
    /// Some of them.
    pub jobs: Vec<JobStatus>,
    /// `cursor` of the next page; `None`: this is the last one.
    pub next: Option<String>,
}

/// A job, and what became of it. Answer to `POST /api/jobs/<job>/retry` and `…/cancel`, too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobStatus {
    /// The job.
    pub job: JobId,
    /// The asset that it helps to make.
    pub asset: AssetId,
    /// The version of it.
    pub version: VersionId,
    /// What it does.
    pub kind: TaskKind,
    /// The tracks that it writes.
    pub tracks: Vec<TrackId>,
    /// What it is at.
    pub state: JobState,
    /// How often it was tried.
    pub attempt: u32,
    /// How often it is tried at most.
    pub attempts_max: u32,
    /// If it fails, its version goes on without its tracks.
    pub optional: bool,
    /// The worker that had it last.
    pub worker: Option<String>,
    /// Why its last attempt failed, or why it ended, in words.
    pub reason: Option<String>,
    /// Unix time in milliseconds from which on it is lent; `None` while it waits for other
    /// jobs, and once it has ended.
    pub run_at_ms: Option<i64>,
    /// Unix time in milliseconds at which its worker is given up, unless it is heard of.
    pub lease_until_ms: Option<i64>,
    /// How far it is.
    pub progress: Option<Progress>,
    /// Unix time in milliseconds until which it can be tried again: its version failed, and
    /// its source is still there.
    pub retry_until_ms: Option<i64>,
}
