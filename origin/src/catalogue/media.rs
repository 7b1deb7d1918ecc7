//! Tracks and segments, as delivery and the manifest writers read them.

use media::{FrameRate, Presentation, Segment, Track, TrackKind};
use wire::{
    AssetId, AssetState, PackageSettings, Plan, PlannedKind, PlannedTrack, StoredTrack, TrackId,
    VersionId,
};

use super::{Catalogue, OriginError, blob_key, from_json, id, unsigned};

/// A stored blob that delivery sends.
#[derive(Debug)]
pub(crate) struct StoredBlob {
    pub(crate) key: store::BlobKey,
    pub(crate) len_bytes: u64,
    /// It carries pictures.
    pub(crate) is_video: bool,
}

impl Catalogue {
    /// What earlier attempts stored.
    pub(crate) async fn stored_tracks(
        &self,
        version: &VersionId,
    ) -> Result<Vec<StoredTrack>, OriginError> {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT track, (SELECT count(*) FROM segments s \
                 WHERE s.version = t.version AND s.track = t.track) \
             FROM tracks t WHERE version = $1 ORDER BY position",
        )
        .bind(version.as_str())
        .fetch_all(&self.db.read)
        .await?;
        rows.into_iter()
            .map(|(track, segments)| {
                let segments = u32::try_from(segments)
                    .map_err(|_| OriginError::Damaged("segment count".into()))?;
                Ok(StoredTrack {
                    track: id(&track)?,
                    init: true,
                    segments,
                })
            })
            .collect()
    }

    /// The segment's blob, if the asset has it.
    pub(crate) async fn segment(
        &self,
        asset: &AssetId,
        version: &VersionId,
        track: &TrackId,
        number: u32,
    ) -> Result<Option<StoredBlob>, OriginError> {
        let row: Option<(String, i64, String)> = sqlx::query_as(
            "SELECT s.blob, s.len, t.codec FROM segments s \
             JOIN versions v ON v.id = s.version \
             JOIN tracks t ON t.version = s.version AND t.track = s.track \
             WHERE s.version = $1 AND s.track = $2 AND s.number = $3 AND v.asset = $4",
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
        let row: Option<(String, i64, String)> = sqlx::query_as(
            "SELECT t.init_blob, t.init_len, t.codec FROM tracks t \
             JOIN versions v ON v.id = t.version \
             WHERE t.version = $1 AND t.track = $2 AND v.asset = $3",
        )
        .bind(version.as_str())
        .bind(track.as_str())
        .bind(asset.as_str())
        .fetch_optional(&self.db.read)
        .await?;
        row.map(stored_blob).transpose()
    }

    /// A version as the manifest writers want it, from one snapshot of the catalogue.
    pub(crate) async fn presentation(
        &self,
        version: &VersionId,
    ) -> Result<Presentation, OriginError> {
        let mut tx = self.db.read.begin().await?;
        let (state, plan, settings): (String, Option<String>, String) =
            sqlx::query_as("SELECT state, plan, settings FROM versions WHERE id = $1")
                .bind(version.as_str())
                .fetch_one(&mut *tx)
                .await?;
        let tracks: Vec<(String, String, i64)> = sqlx::query_as(
            "SELECT track, codec, timescale FROM tracks WHERE version = $1 ORDER BY position",
        )
        .bind(version.as_str())
        .fetch_all(&mut *tx)
        .await?;
        let segments: Vec<(String, i64, i64, i64)> = sqlx::query_as(
            "SELECT track, start, duration, len FROM segments WHERE version = $1 \
             ORDER BY track, number",
        )
        .bind(version.as_str())
        .fetch_all(&mut *tx)
        .await?;
        let settings: PackageSettings = from_json(&settings, "settings")?;
        let plan: Option<Plan> = plan
            .as_deref()
            .map(|plan| from_json(plan, "plan"))
            .transpose()?;
        let planned = plan.map(|plan| plan.tracks).unwrap_or_default();
        let tracks = tracks
            .into_iter()
            .map(|row| track(row, &planned, &segments))
            .collect::<Result<_, _>>()?;
        Ok(Presentation {
            tracks,
            sealed: state == AssetState::Ready.as_str(),
            segment_secs: settings.segment_secs,
        })
    }
}

fn track(
    (name, codec, timescale): (String, String, i64),
    planned: &[PlannedTrack],
    segments: &[(String, i64, i64, i64)],
) -> Result<Track, OriginError> {
    let plan = planned
        .iter()
        .find(|planned| planned.track.as_str() == name)
        .ok_or_else(|| OriginError::Damaged(format!("track {name} is not in the plan")))?;
    let segments = segments
        .iter()
        .filter(|(track, ..)| *track == name)
        .map(|(_, start, duration, len)| {
            Ok(Segment {
                start: unsigned(*start)?,
                duration: unsigned(*duration)?,
                len_bytes: unsigned(*len)?,
            })
        })
        .collect::<Result<_, OriginError>>()?;
    Ok(Track {
        kind: kind(&plan.kind),
        codec,
        timescale: u32::try_from(timescale)
            .map_err(|_| OriginError::Damaged("timescale".into()))?,
        bitrate_max: plan.bitrate_max,
        segments,
        name,
    })
}

fn kind(planned: &PlannedKind) -> TrackKind {
    match planned.clone() {
        PlannedKind::Video {
            width,
            height,
            frame_rate: (num, den),
        } => TrackKind::Video {
            width,
            height,
            frame_rate: FrameRate { num, den },
        },
        PlannedKind::Audio {
            channels,
            sample_rate,
            language,
        } => TrackKind::Audio {
            channels,
            sample_rate,
            language,
        },
    }
}

fn stored_blob((blob, len, codec): (String, i64, String)) -> Result<StoredBlob, OriginError> {
    Ok(StoredBlob {
        key: blob_key(&blob)?,
        len_bytes: unsigned(len)?,
        is_video: !codec.starts_with("mp4a"),
    })
}
