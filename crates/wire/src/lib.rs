//! What the roles say to each other over HTTP: names, jobs, problems, keys.
//!
//! Types only. Who sends what, and where, is on each type; a field added later has
//! a default, so that an older role and a newer one can talk.

mod analysis;
mod asset;
mod audit;
mod codec;
mod details;
mod edge;
mod errand;
mod header;
mod id;
mod job;
mod job_status;
mod key;
mod page;
mod plan;
mod priority;
mod problem;
mod protection;
mod rate;
mod settings;
mod task;
mod warm;
mod web_url;
mod webhook;

pub use analysis::{Analysis, ChosenRate, Rate};
pub use asset::{
    Addition, AssetProgress, AssetState, AssetStatus, MintedKey, SagaEntry, SagaState, SagaStep,
    TextAdded, TracksRemoved, UploadStatus,
};
pub use audit::{AuditEntry, AuditPage};
pub use codec::{Codec, UnknownCodec, VideoRange};
pub use details::{Access, AssetDetails};
pub use edge::{Explanation, PurgeRequest, Purged, StoredBlocks, StoredObject};
pub use errand::{
    Errand, ErrandDone, ErrandFailure, ErrandKind, ErrandNews, ErrandRequest, ErrandState,
    ErrandWork, FetchRequest, FetchSource, FetchStatus, FetchedSoFar,
};
pub use header::{WEIR_ACCESS, access};
pub use id::{AssetId, InvalidId, JobId, TrackId, UploadId, VersionId, WebhookId};
pub use job::{
    AddedSound, Completion, Failure, Heartbeat, HeartbeatAck, Lease, LeaseRequest, Progress, Stage,
    StoredTrack,
};
pub use job_status::{JobPage, JobState, JobStatus};
pub use key::{
    KeyBulletin, MintRequest, Opens, RevokeRequest, RevokedBefore, Revokes, RotateRequest,
    SigningKeyState, SigningKeyStatus,
};
pub use page::{AssetPage, AssetTrack, AssetTracks};
pub use plan::{Plan, PlannedKind, PlannedTrack, TrackLabel};
pub use priority::{Priority, UnknownPriority};
pub use problem::{Problem, kind};
pub use protection::{ClearKey, ClearKeys, ContentKey, ContentKeys, Encryption, KeyRequest};
pub use rate::{Pass, PassCost, RateControl, UnknownRateControl};
pub use settings::{Lead, PackageSettings};
pub use task::{Task, TaskKind};
pub use warm::{EDGE_NAME_LEN_MAX, WarmList};
pub use web_url::{InvalidUrl, WebHost, WebUrl};
pub use webhook::{Delivery, Event, EventData, EventKind, NewWebhook, Webhook, WebhookRequest};
