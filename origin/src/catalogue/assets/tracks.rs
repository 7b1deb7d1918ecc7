//! The tracks of an asset's newest version.

use wire::{AssetId, AssetState, AssetTrack, AssetTracks, PlannedKind, PlannedTrack};

use super::{
    super::{from_json, unsigned},
    Catalogue, OriginError, status_of,
};

impl Catalogue {
    /// The tracks of the asset's newest version, but those that were given up.
    pub(crate) async fn tracks(&self, asset: &AssetId) -> Result<AssetTracks, OriginError> {
        let mut tx = self.db.snapshot().await?;
        let status = status_of(&mut tx, asset).await?;
        let rows: Vec<(String, Option<String>, i64)> = sqlx::query_as(
            "SELECT planned, codec, stored FROM tracks \
             WHERE version = $1 AND dropped = 0 ORDER BY position",
        )
        .bind(status.version.as_str())
        .fetch_all(&mut *tx)
        .await?;
        let mut tracks = Vec::with_capacity(rows.len());
        for (planned, codec, stored) in rows {
            let planned: PlannedTrack = from_json(&planned, "planned track")?;
            let is_video = matches!(planned.kind, PlannedKind::Video { .. });
            tracks.push(AssetTrack {
                track: planned.track,
                bitrate_max: planned.bitrate_max,
                carries: planned.kind,
                codec,
                segments: unsigned(stored)?,
                removable: status.state == AssetState::Ready && !is_video,
            });
        }
        Ok(AssetTracks {
            version: status.version,
            state: status.state,
            tracks,
            additions: status.additions,
        })
    }
}
