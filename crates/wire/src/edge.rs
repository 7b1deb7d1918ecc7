//! What an edge's admin listener takes and tells.

use serde::{Deserialize, Serialize};

/// `POST /purge`: what an edge is to forget. At least one of the lists has something.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PurgeRequest {
    /// Addresses, whole or from their path on; all variants and blocks of each.
    pub urls: Vec<String>,
    /// The same, for all that begins so.
    pub prefixes: Vec<String>,
    /// Names in `Surrogate-Key` or `Cache-Tag`, as they stand there.
    pub tags: Vec<String>,
    /// Counts as stale from now on, and is asked about anew; else it is gone.
    pub soft: bool,
}

/// Its answer: the purge holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purged {
    /// `<epoch>.<offset>`: what was asked for before it and matches is dead.
    pub position: String,
    /// Answers in memory that it took.
    pub in_memory: u64,
    /// Answers on disk, of whatever kind: which of them it took is found when they are read.
    pub on_disk: u64,
}

/// `GET /explain?url=…`: what an edge would do with a request, and why. A field that is not
/// known, or does not apply, is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Explanation {
    /// Path and query, a key in it redacted.
    pub url: String,
    /// How such a request would end, or did: a name as in `Cache-Status` and metrics.
    pub outcome: String,
    /// Why it is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Name of the edge's location.
    pub pop: String,
    /// What it is stored under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// `weir`, or `plain`, with its host where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// The site's rules for the path, in order, with what each says; of two that say the same
    /// thing the first counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Where it is asked for, and which of these is kept out for its failures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    /// A fetch of it runs that such a request would join.
    pub fetching: bool,
    /// Its last answer could not be shared: each request has a fetch of its own.
    pub alone: bool,
    /// What is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored: Option<StoredObject>,
    /// The newest purge, `<epoch>.<offset>`.
    pub position: String,
}

/// An answer in an edge's store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoredObject {
    /// `ram` or `disk`.
    pub tier: String,
    /// HTTP status code.
    pub status: u16,
    /// Length of the body, bytes.
    pub len: u64,
    /// Where not all of it is stored, but parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocks: Option<StoredBlocks>,
    /// `fresh`, `stale-while-revalidate` or `stale`.
    pub state: String,
    /// Seconds since it left its origin.
    pub age_secs: u64,
    /// For how many it is fresh in all.
    pub lifetime_secs: u64,
    /// And for how many yet; below zero once it is stale.
    pub ttl_secs: i64,
    /// `public`, or `keyed`, where that means something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access: Option<String>,
    /// The purges in force when it was asked for, `<epoch>.<offset>`.
    pub position: String,
    /// By what it can be purged: its `Surrogate-Key` and `Cache-Tag`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<String>,
}

/// The stored parts of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoredBlocks {
    /// How many are in memory.
    pub held: u64,
    /// Of so many.
    pub count: u64,
    /// Length of each but the last, bytes.
    pub len: u64,
}
