//! What uploaders and operators ask of the origin.

use serde::{Deserialize, Serialize};

use crate::{
    Analysis, AssetDetails, AssetId, Progress, Stage, TrackId, TrackLabel, UploadId, VersionId,
};

/// How far an asset's newest version is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AssetState {
    /// Being packaged; a viewer who started now would stall.
    Packaging,
    /// Being packaged, and far enough ahead to be watched.
    Playable,
    /// Whole and sealed.
    Ready,
    /// It could not be packaged.
    Failed,
}

impl AssetState {
    /// The state as in JSON and in the catalogue.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Packaging => "packaging",
            Self::Playable => "playable",
            Self::Ready => "ready",
            Self::Failed => "failed",
        }
    }
}

/// `GET /api/assets/<asset>`, with the admin token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AssetStatus {
    /// The asset.
    pub asset: AssetId,
    /// What people call it: the name of the uploaded file.
    pub title: String,
    /// What else operators say of it.
    #[serde(flatten)]
    pub details: AssetDetails,
    /// Its newest version.
    pub version: VersionId,
    /// How far that version is.
    pub state: AssetState,
    /// What all its jobs do, in one, until it is whole.
    pub progress: Option<Progress>,
    /// Duration in seconds, once known.
    pub duration_secs: Option<f64>,
    /// Why it failed, in words for the uploader.
    pub failure: Option<String>,
    /// What a viewer should know, such as "the file is damaged after 12 s".
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Unix time of the upload, milliseconds.
    pub created_at_ms: i64,
    /// Of all that will be stored, 0 to 100.
    #[serde(default)]
    pub percent: f32,
    /// Seconds of the whole version per second of work, once known.
    #[serde(default)]
    pub speed: Option<f64>,
    /// Seconds until it is whole, as far as can be told.
    #[serde(default)]
    pub eta_secs: Option<f64>,
    /// What was done and undone for the version, in order; in a listing of all assets,
    /// empty.
    #[serde(default)]
    pub steps: Vec<SagaEntry>,
    /// The rates that were chosen by what the source is, where that was asked for and is
    /// done; in a listing of all assets, none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysis: Option<Analysis>,
    /// Sound that is being added, or could not be; in a listing of all assets, none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub additions: Vec<Addition>,
}

/// Sound on its way into a version of its own, which takes the place of the asset's newest
/// when it is done. Meanwhile, and where it fails, that one is served as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Addition {
    /// The version that it makes.
    pub version: VersionId,
    /// What people call it.
    pub label: TrackLabel,
    /// Packaging; ready, once its version is the asset's; or failed.
    pub state: AssetState,
    /// Of all that will be stored, 0 to 100.
    pub percent: f32,
    /// What is being done; `None` once it is ready or failed.
    pub stage: Option<Stage>,
    /// Why it failed, in words for the uploader.
    pub failure: Option<String>,
    /// What a viewer should know, such as "the sound ends 12 s before the video".
    #[serde(default)]
    pub warnings: Vec<String>,
    /// What was done and undone for it, in order.
    #[serde(default)]
    pub steps: Vec<SagaEntry>,
}

/// One event of the workflow that makes a version: each step is started, then done or
/// failed; when one fails, those before it are undone, the last first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SagaEntry {
    /// Which step.
    pub step: SagaStep,
    /// What became of it.
    pub state: SagaState,
    /// Unix time, milliseconds.
    pub at_ms: i64,
    /// In words: why it failed, what was undone.
    pub detail: Option<String>,
}

/// A step of the workflow that makes a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SagaStep {
    /// The source is stored, whole.
    Upload,
    /// The plan is made, and its jobs are queued.
    Plan,
    /// All jobs of the plan.
    Encode,
    /// The version is checked and sealed.
    Publish,
    /// Edges have fetched its beginning, or have had the time to.
    Warm,
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SagaState {
    /// It goes on.
    Started,
    /// It ended well.
    Done,
    /// It ended without a result.
    Failed,
    /// What it did is gone again.
    Undone,
}

/// How far an asset is, as viewers see it: `GET /v/<asset>/info.json` adds the title;
/// `/v/<asset>/events` sends it whenever it changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AssetProgress {
    /// How far the newest version is.
    pub state: AssetState,
    /// Of all that will be stored, 0 to 100.
    pub percent: f32,
    /// What is being done; `None` once it is ready or failed.
    pub stage: Option<Stage>,
    /// Seconds of the whole version per second of work, once known.
    pub speed: Option<f64>,
    /// Seconds until it is whole, as far as can be told.
    pub eta_secs: Option<f64>,
    /// Renditions that the multivariant playlist names, in its order.
    pub renditions: Vec<TrackId>,
    /// Duration in seconds, once known.
    pub duration_secs: Option<f64>,
    /// Sound that is being added, or could not be: told to operators alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub additions: Vec<Addition>,
}

/// `GET /api/uploads/<upload>` as JSON, for whoever knows the upload's id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UploadStatus {
    /// The upload.
    pub upload: UploadId,
    /// Bytes safe on disk.
    pub offset_bytes: u64,
    /// Bytes in all; `None` until its sender knows.
    pub length_bytes: Option<u64>,
    /// The asset, once the upload is whole.
    pub asset: Option<AssetStatus>,
    /// A key that plays the asset, once there is one.
    pub key: Option<MintedKey>,
    /// What came of it, where it is sound for an asset that was there before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addition: Option<Addition>,
}

/// Answer to `POST /api/assets/<asset>/text`, with the admin token and subtitles as the
/// body: WebVTT or SubRip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextAdded {
    /// The version that has them, which players get at their next load.
    pub version: VersionId,
    /// Their name in it.
    pub track: TrackId,
    /// What a viewer should know, such as "3 cues could not be read".
    pub warnings: Vec<String>,
}

/// Answer to `DELETE /api/assets/<asset>/tracks/<track>`, with the admin token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracksRemoved {
    /// The version without them, which players get at their next load.
    pub version: VersionId,
    /// The track, and other forms of the same sound.
    pub tracks: Vec<TrackId>,
}

/// `POST /api/keys`, with the admin token.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "opens", rename_all = "lowercase")]
pub enum MintRequest {
    /// A key that plays one asset.
    Play {
        /// The asset.
        asset: AssetId,
        /// How long it opens it, seconds; the origin's default where absent.
        ttl_secs: Option<u64>,
    },
    /// A key that uploads.
    Upload {
        /// How long it may start uploads, seconds; the origin's default where absent.
        ttl_secs: Option<u64>,
    },
}

/// A key, fresh.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MintedKey {
    /// The token.
    pub token: String,
    /// Its id, to revoke it by.
    pub jti: String,
    /// Unix time of its end, seconds.
    pub expires_at: u64,
}
