//! A row of `uploads`.

use base64::{Engine, prelude::BASE64_STANDARD};
use wire::{AssetId, Priority, TrackLabel, UploadId, VersionId};

use super::{OriginError, from_json, id, unsigned};

/// A row of `uploads`.
#[derive(Debug, Clone)]
pub(crate) struct UploadRow {
    pub(crate) id: UploadId,
    pub(crate) title: String,
    pub(crate) metadata: String,
    pub(crate) length: Length,
    /// Safe on disk.
    pub(crate) received_bytes: u64,
    pub(crate) asset: Option<AssetId>,
    pub(crate) expires_at_ms: i64,
    /// It is sound for an asset.
    pub(crate) adds: Option<Adds>,
    /// What it became.
    pub(crate) version: Option<VersionId>,
    pub(crate) concat: Option<Concat>,
    /// It goes to the bucket, not to the origin.
    pub(crate) parts: Option<Parts>,
}

/// How an upload goes to the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parts {
    /// What the bucket's server calls the upload.
    pub(crate) upload: String,
    /// Length of each part but the last.
    pub(crate) part_bytes: u64,
}

/// Bytes that an upload will have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    Known(u64),
    /// Its sender does not know yet.
    Deferred {
        /// The most that it may become.
        max_bytes: u64,
    },
}

/// What an upload is to others: tus 1.0, Concatenation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Concat {
    /// It becomes nothing by itself.
    Part,
    /// Uploads in order, which it is made of.
    Whole(Vec<UploadId>),
}

/// Sound for an asset that is there.
#[derive(Debug, Clone)]
pub(crate) struct Adds {
    pub(crate) asset: AssetId,
    pub(crate) label: TrackLabel,
}

pub(super) const COLUMNS: &str = "SELECT id, title, metadata, length, deferred, received, asset, \
     expires_at, adds_to, addition, version, concat, parts, part_len FROM uploads";

pub(super) type Columns = (
    String,
    String,
    String,
    i64,
    i64,
    i64,
    Option<String>,
    i64,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    i64,
);

impl Length {
    pub(crate) fn known(self) -> Option<u64> {
        match self {
            Self::Known(length_bytes) => Some(length_bytes),
            Self::Deferred { .. } => None,
        }
    }

    /// Bytes that may come, at most.
    pub(crate) fn max_bytes(self) -> u64 {
        match self {
            Self::Known(max_bytes) | Self::Deferred { max_bytes } => max_bytes,
        }
    }
}

impl Concat {
    /// As the catalogue has it: `partial`, or `final;` and ids between spaces.
    pub(super) fn to_text(&self) -> String {
        match self {
            Self::Part => "partial".to_owned(),
            Self::Whole(parts) => {
                let parts: Vec<&str> = parts.iter().map(UploadId::as_str).collect();
                format!("final;{}", parts.join(" "))
            }
        }
    }

    fn from_text(text: &str) -> Result<Self, OriginError> {
        match text.strip_prefix("final;") {
            Some(parts) => Ok(Self::Whole(
                parts.split(' ').map(id).collect::<Result<_, _>>()?,
            )),
            None => Ok(Self::Part),
        }
    }
}

impl UploadRow {
    pub(super) fn from_columns(columns: Columns) -> Result<Self, OriginError> {
        let (upload, title, metadata, length, deferred, received, asset, ..) = &columns;
        let (.., expires_at_ms, to, label, version, concat, parts, part_len) = &columns;
        let adds = to.as_ref().zip(label.as_ref()).map(|(asset, label)| {
            let label = from_json(label, "addition")?;
            let asset = id(asset)?;
            Ok::<_, OriginError>(Adds { asset, label })
        });
        let length = unsigned(*length)?;
        Ok(Self {
            id: id(upload)?,
            title: title.clone(),
            metadata: metadata.clone(),
            length: match deferred {
                0 => Length::Known(length),
                _ => Length::Deferred { max_bytes: length },
            },
            received_bytes: unsigned(*received)?,
            asset: asset.as_deref().map(id).transpose()?,
            expires_at_ms: *expires_at_ms,
            adds: adds.transpose()?,
            version: version.as_deref().map(id).transpose()?,
            concat: concat.as_deref().map(Concat::from_text).transpose()?,
            parts: match parts {
                Some(upload) => Some(Parts {
                    upload: upload.clone(),
                    part_bytes: unsigned(*part_len)?,
                }),
                None => None,
            },
        })
    }

    /// Name of the blob that the upload grows into.
    pub(crate) fn blob(&self) -> store::BlobKey {
        source_blob(&self.id)
    }

    /// What `Upload-Metadata` says of how soon it is to be made: a pair `priority`.
    ///
    /// # Errors
    /// It is no priority.
    pub(crate) fn priority(&self) -> Result<Priority, OriginError> {
        let mut pairs = self.metadata.split(',').filter_map(|pair| {
            let (name, value) = pair.trim().split_once(' ')?;
            (name == "priority").then_some(value.trim())
        });
        let Some(value) = pairs.next() else {
            return Ok(Priority::Normal);
        };
        let bytes = BASE64_STANDARD.decode(value).unwrap_or_default();
        let named = String::from_utf8_lossy(&bytes).parse();
        named.map_err(|error| OriginError::BadRequest(format!("priority {error}")))
    }

    /// Every byte is there.
    pub(crate) fn is_whole(&self) -> bool {
        self.length == Length::Known(self.received_bytes)
    }
}

/// Name of an upload's blob; later the source of its asset.
fn source_blob(upload: &UploadId) -> store::BlobKey {
    format!("sources/{upload}")
        .parse()
        .expect("an id is a good part of a key")
}
