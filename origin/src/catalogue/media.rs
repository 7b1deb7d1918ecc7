//! Tracks and segments, as delivery and the manifest writers read them.

use media::{FrameRate, Label, Presentation, Segment, Track, TrackKind, VideoRange};
use sqlx::AnyConnection;
use wire::{
    AssetId, AssetState, PackageSettings, PlannedKind, PlannedTrack, TrackId, TrackLabel, VersionId,
};

use super::{Catalogue, OriginError, blob_key, content_keys, from_json, unsigned};

/// A stored blob that delivery sends.
#[derive(Debug)]
pub(crate) struct StoredBlob {
    pub(crate) key: store::BlobKey,
    pub(crate) len_bytes: u64,
    pub(crate) kind: BlobKind,
}

impl From<StoredBlob> for (store::BlobKey, u64) {
    fn from(blob: StoredBlob) -> Self {
        (blob.key, blob.len_bytes)
    }
}

/// What a track's blobs carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BlobKind {
    Video,
    Audio,
    Text,
}

/// Blob, length, and the kind of its track.
type BlobColumns = (String, i64, String);

/// Track, its planned self, group, codec, timescale.
type TrackColumns = (String, String, i64, Option<String>, Option<i64>);

/// Track, start, duration, length, length of the first picture.
type SegmentColumns = (String, i64, i64, i64, i64);

impl Catalogue {
    /// The segment's blob, if the asset has it: of what is still being added it has nothing,
    /// as names become others then.
    pub(crate) async fn segment(
        &self,
        asset: &AssetId,
        version: &VersionId,
        track: &TrackId,
        number: u32,
    ) -> Result<Option<StoredBlob>, OriginError> {
        let row: Option<BlobColumns> = sqlx::query_as(
            "SELECT s.blob, s.len, json_extract(t.planned, '$.kind.kind') FROM segments s \
             JOIN versions v ON v.id = s.version \
             JOIN tracks t ON t.version = s.version AND t.track = s.track \
             WHERE s.version = $1 AND s.track = $2 AND s.number = $3 AND v.asset = $4 \
             AND v.addition IS NULL",
        )
        .bind(version.as_str())
        .bind(track.as_str())
        .bind(i64::from(number))
        .bind(asset.as_str())
        .fetch_optional(&self.db.read)
        .await?;
        row.map(stored_blob).transpose()
    }

    /// The init segment's blob, if the asset has it.
    pub(crate) async fn init(
        &self,
        asset: &AssetId,
        version: &VersionId,
        track: &TrackId,
    ) -> Result<Option<StoredBlob>, OriginError> {
        let row: Option<BlobColumns> = sqlx::query_as(
            "SELECT t.init_blob, t.init_len, json_extract(t.planned, '$.kind.kind') \
             FROM tracks t JOIN versions v ON v.id = t.version \
             WHERE t.version = $1 AND t.track = $2 AND v.asset = $3 \
             AND t.init_blob IS NOT NULL AND v.addition IS NULL",
        )
        .bind(version.as_str())
        .bind(track.as_str())
        .bind(asset.as_str())
        .fetch_optional(&self.db.read)
        .await?;
        row.map(stored_blob).transpose()
    }

    /// A file's blob and its length, if the asset has it.
    pub(crate) async fn file(
        &self,
        asset: &AssetId,
        version: &VersionId,
        name: &str,
    ) -> Result<Option<(store::BlobKey, u64)>, OriginError> {
        let row: Option<(String, i64)> = sqlx::query_as(
            "SELECT f.blob, f.len FROM files f JOIN versions v ON v.id = f.version \
             WHERE f.version = $1 AND f.name = $2 AND v.asset = $3 \
             AND v.addition IS NULL",
        )
        .bind(version.as_str())
        .bind(name)
        .bind(asset.as_str())
        .fetch_optional(&self.db.read)
        .await?;
        row.map(|(blob, len)| Ok((blob_key(&blob)?, unsigned(len)?)))
            .transpose()
    }

    /// Length of the longest file `storyboard-<n>.jpg`, bytes.
    pub(crate) async fn sheet_len_bytes(&self, version: &VersionId) -> Result<u64, OriginError> {
        let (len,): (i64,) = sqlx::query_as(
            "SELECT coalesce(max(len), 0) FROM files \
             WHERE version = $1 AND name LIKE 'storyboard-%.jpg'",
        )
        .bind(version.as_str())
        .fetch_one(&self.db.read)
        .await?;
        unsigned(len)
    }

    /// A version as the manifest writers want it, from one snapshot of the catalogue;
    /// its storyboard is looked at apart.
    pub(crate) async fn presentation(
        &self,
        version: &VersionId,
    ) -> Result<Presentation, OriginError> {
        let mut tx = self.db.snapshot().await?;
        presentation(&mut tx, version.as_str()).await
    }
}

/// What is stored of a version's tracks, without holes.
pub(super) async fn presentation(
    tx: &mut AnyConnection,
    version: &str,
) -> Result<Presentation, OriginError> {
    let row: Option<(String, String)> =
        sqlx::query_as("SELECT state, settings FROM versions WHERE id = $1")
            .bind(version)
            .fetch_optional(&mut *tx)
            .await?;
    // Deleted between two looks.
    let (state, settings) =
        row.ok_or_else(|| OriginError::NotFound(format!("no version {version}")))?;
    let tracks: Vec<TrackColumns> = sqlx::query_as(
        "SELECT track, planned, made_by, codec, timescale FROM tracks \
         WHERE version = $1 AND dropped = 0 ORDER BY position",
    )
    .bind(version)
    .fetch_all(&mut *tx)
    .await?;
    let segments: Vec<SegmentColumns> = sqlx::query_as(
        "SELECT s.track, s.start, s.duration, s.len, s.iframe \
         FROM tracks t JOIN segments s ON s.version = t.version AND s.track = t.track \
             AND s.number < t.contiguous \
         WHERE t.version = $1 AND t.dropped = 0 ORDER BY t.position, s.number",
    )
    .bind(version)
    .fetch_all(&mut *tx)
    .await?;
    let files: Vec<(String,)> =
        sqlx::query_as("SELECT name FROM files WHERE version = $1 ORDER BY name")
            .bind(version)
            .fetch_all(&mut *tx)
            .await?;
    let settings: PackageSettings = from_json(&settings, "settings")?;
    let encryption = content_keys::encryption(tx, version, settings.encryption).await?;
    let tracks = tracks
        .into_iter()
        .map(|row| track(row, &segments))
        .collect::<Result<_, _>>()?;
    Ok(Presentation {
        tracks,
        sealed: state == AssetState::Ready.as_str(),
        segment_secs: settings.segment_secs,
        files: files.into_iter().map(|(name,)| name).collect(),
        storyboard: None,
        encryption,
    })
}

/// One that has no segment yet counts too: its group is not listed without it.
fn track(
    (name, planned, group, codec, timescale): TrackColumns,
    segments: &[SegmentColumns],
) -> Result<Track, OriginError> {
    let planned: PlannedTrack = from_json(&planned, "planned track")?;
    let segments = segments
        .iter()
        .filter(|(track, ..)| *track == name)
        .map(|(_, start, duration, len, iframe)| {
            Ok(Segment {
                start: unsigned(*start)?,
                duration: unsigned(*duration)?,
                len_bytes: unsigned(*len)?,
                iframe_len_bytes: unsigned(*iframe)?,
            })
        })
        .collect::<Result<_, OriginError>>()?;
    let small = |number: i64| {
        u32::try_from(number).map_err(|_| OriginError::Damaged(format!("{number} in a track")))
    };
    Ok(Track {
        kind: kind(planned.kind),
        group: small(group)?,
        codec: codec.unwrap_or_default(),
        timescale: small(timescale.unwrap_or(1))?,
        bitrate_max: planned.bitrate_max,
        segments,
        name,
    })
}

fn kind(planned: PlannedKind) -> TrackKind {
    match planned {
        PlannedKind::Video {
            width,
            height,
            frame_rate: (num, den),
            range,
        } => TrackKind::Video {
            width,
            height,
            frame_rate: FrameRate { num, den },
            range: match range {
                wire::VideoRange::Sdr => VideoRange::Sdr,
                wire::VideoRange::Pq => VideoRange::Pq,
                wire::VideoRange::Hlg => VideoRange::Hlg,
            },
        },
        PlannedKind::Audio {
            channels,
            sample_rate,
            label: of,
        } => TrackKind::Audio {
            channels,
            sample_rate,
            label: label(of),
        },
        PlannedKind::Text { label: of, forced } => TrackKind::Text {
            label: label(of),
            forced,
        },
    }
}

fn label(of: TrackLabel) -> Label {
    Label {
        language: of.language,
        name: of.name,
        default: of.default,
        characteristics: of.characteristics,
    }
}

fn stored_blob((blob, len, kind): BlobColumns) -> Result<StoredBlob, OriginError> {
    Ok(StoredBlob {
        key: blob_key(&blob)?,
        len_bytes: unsigned(len)?,
        kind: match kind.as_str() {
            "video" => BlobKind::Video,
            "audio" => BlobKind::Audio,
            _ => BlobKind::Text,
        },
    })
}
