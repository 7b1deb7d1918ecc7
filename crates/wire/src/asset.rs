//! What uploaders and operators ask of the origin.

use serde::{Deserialize, Serialize};

use crate::{AssetId, Progress, UploadId, VersionId};

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
    /// Its newest version.
    pub version: VersionId,
    /// How far that version is.
    pub state: AssetState,
    /// The job's own account, while there is one.
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
}

/// `GET /api/uploads/<upload>` as JSON, for whoever knows the upload's id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UploadStatus {
    /// The upload.
    pub upload: UploadId,
    /// Bytes safe on disk.
    pub offset_bytes: u64,
    /// Bytes in all.
    pub length_bytes: u64,
    /// The asset, once the upload is whole.
    pub asset: Option<AssetStatus>,
    /// A key that plays the asset, once there is one.
    pub key: Option<MintedKey>,
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
