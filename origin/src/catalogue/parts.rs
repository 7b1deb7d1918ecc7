//! Whether an asset has a part.

use wire::{AssetId, TrackId, VersionId};

use super::{Catalogue, OriginError};

impl Catalogue {
    pub(crate) async fn has_version(
        &self,
        asset: &AssetId,
        version: &VersionId,
    ) -> Result<bool, OriginError> {
        let row: Option<(i64,)> =
            sqlx::query_as("SELECT 1 FROM versions WHERE id = $1 AND asset = $2")
                .bind(version.as_str())
                .bind(asset.as_str())
                .fetch_optional(&self.db.read)
                .await?;
        Ok(row.is_some())
    }

    /// Of this version; of any where none is named.
    pub(crate) async fn has_track(
        &self,
        asset: &AssetId,
        version: Option<&VersionId>,
        track: &TrackId,
    ) -> Result<bool, OriginError> {
        let row: Option<(i64,)> = sqlx::query_as(
            "SELECT 1 FROM tracks t JOIN versions v ON v.id = t.version \
             WHERE v.asset = $1 AND t.track = $2 AND ($3 = '' OR v.id = $3) LIMIT 1",
        )
        .bind(asset.as_str())
        .bind(track.as_str())
        .bind(version.map_or("", VersionId::as_str))
        .fetch_optional(&self.db.read)
        .await?;
        Ok(row.is_some())
    }
}
