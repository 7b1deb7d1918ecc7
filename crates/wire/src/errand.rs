//! Errands: what a worker does outside of the fleet, at addresses that somebody named.
//!
//! ```text
//! POST   /api/errands/lease                ErrandRequest → Errand | 204      join token
//! POST   /api/errands/<errand>/heartbeat   ErrandNews → HeartbeatAck         lease key, and all below
//! POST   /api/errands/<errand>/complete    ErrandDone → 204
//! POST   /api/errands/<errand>/fail        ErrandFailure → 204
//! GET    /api/errands/<errand>/upload      → FetchedSoFar
//! PATCH  /api/errands/<errand>/upload      bytes that follow, by tus 1.0 → 204
//! DELETE /api/errands/<errand>/upload      what came is of another file: it starts again → 204
//! ```
//! Whoever lost the lease gets 409 `lease-lost` to all of them and stops.

use serde::{Deserialize, Serialize};

use crate::{AssetId, JobId, WebUrl};

/// What kind of errand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ErrandKind {
    /// Read what a URL names, and upload it.
    Fetch,
    /// Call a webhook.
    Deliver,
}

impl ErrandKind {
    /// The kind as in JSON and in the catalogue.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Deliver => "deliver",
        }
    }
}

/// Asks for an errand. The origin holds the request up to `wait_secs`, then answers 204.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ErrandRequest {
    /// Name of the worker, for people.
    pub worker: String,
    /// Longest wait in seconds; the origin caps it at 60.
    pub wait_secs: u32,
    /// Kinds that it takes.
    pub kinds: Vec<ErrandKind>,
}

/// An errand, lent to one worker until `lease_secs` after its last heartbeat.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Errand {
    /// Its name.
    pub errand: JobId,
    /// Which try this is, from 1; also the fencing token inside `key`.
    pub attempt: u32,
    /// The lease ends this long after the last heartbeat, in seconds.
    pub lease_secs: u32,
    /// Bearer key that opens this errand, for this attempt, and nothing else.
    pub key: String,
    /// What to do.
    pub work: ErrandWork,
}

/// What to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum ErrandWork {
    /// Read what a URL names, and upload it.
    Fetch {
        /// The URL.
        url: WebUrl,
        /// Longest file, bytes.
        len_bytes_max: u64,
        /// What earlier attempts read there.
        source: Option<FetchSource>,
    },
    /// Call a webhook, as Standard Webhooks has it, signed as of now.
    Deliver {
        /// Whom to call.
        url: WebUrl,
        /// `webhook-id`.
        message: String,
        /// `webhook-timestamp`: Unix time, seconds.
        timestamp: u64,
        /// `webhook-signature`.
        signature: String,
        /// What is sent: JSON.
        body: String,
    },
}

impl ErrandWork {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> ErrandKind {
        match self {
            Self::Fetch { .. } => ErrandKind::Fetch,
            Self::Deliver { .. } => ErrandKind::Deliver,
        }
    }
}

/// What is read at a URL: bytes of two with the same validator follow each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchSource {
    /// Its strong `ETag`, or its `Last-Modified`; without one, nothing follows (RFC 9110
    /// §13.1.5).
    pub validator: Option<String>,
    /// Its length, bytes, where it was told.
    pub len_bytes: Option<u64>,
}

/// Sent every third of a lease, and when something is known.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ErrandNews {
    /// What a fetch reads, before any of its bytes are sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<FetchSource>,
}

/// The errand is done.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ErrandDone {
    /// What whoever was called answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

/// The attempt ends without a result.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ErrandFailure {
    /// Why, in words for who asked for it.
    pub reason: String,
    /// Another attempt would end the same way.
    pub permanent: bool,
    /// The worker stops in good health: the attempt does not count.
    #[serde(default)]
    pub given_back: bool,
    /// When whoever was called wants to be called again, seconds from now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_secs: Option<u64>,
    /// What whoever was called answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

/// What of a fetch is at the origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchedSoFar {
    /// Bytes safe on disk.
    pub offset_bytes: u64,
    /// Bytes in all, once they are known.
    pub length_bytes: Option<u64>,
}

/// `POST /api/assets`, with the admin token: makes an asset of what a URL names.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FetchRequest {
    /// Where the file is.
    pub url: WebUrl,
    /// What people call the asset; the file's name where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// How far an errand is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ErrandState {
    /// Waiting for a worker, or for the next attempt.
    Queued,
    /// A worker does it.
    #[serde(rename = "running", alias = "leased")]
    Leased,
    /// It ended well.
    Done,
    /// It was given up.
    Failed,
    /// It was not wanted any more.
    Cancelled,
}

/// `GET /api/fetches/<fetch>`, with the admin token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FetchStatus {
    /// Its name.
    pub fetch: JobId,
    /// Where the file is, without the query, which may be secret.
    pub url: String,
    /// What the asset is called.
    pub title: String,
    /// How far it is.
    pub state: ErrandState,
    /// Bytes at the origin; of a fetch that ended, none.
    pub received_bytes: u64,
    /// Bytes in all, once they are known.
    pub length_bytes: Option<u64>,
    /// How often it was tried.
    pub attempts: u32,
    /// Unix time of the next attempt, milliseconds, while it waits.
    pub next_attempt_at_ms: Option<i64>,
    /// Why the last attempt failed, in words.
    pub reason: Option<String>,
    /// The asset, once all of it came.
    pub asset: Option<AssetId>,
    /// Unix time of the request, milliseconds.
    pub created_at_ms: i64,
}
