//! Tracks that are taken away: a version of the newest one without them.

use wire::{AssetId, PlannedKind, PlannedTrack, SagaState, SagaStep, TrackId, VersionId};

use super::{Base, Catalogue, OriginError, conflict, is_like, tracks};
use crate::{
    catalogue::{Topic, id, saga},
    random,
};

impl Catalogue {
    /// Makes a version of the newest one without this track, and without what viewers
    /// cannot tell from it: other forms of the same sound. Gives the version, and what is
    /// gone.
    ///
    /// # Errors
    /// The newest version is not sealed, has no such track, or only this one; or the track
    /// is video.
    pub(crate) async fn remove_track(
        &self,
        asset: &AssetId,
        track: &TrackId,
    ) -> Result<(VersionId, Vec<TrackId>), OriginError> {
        let mut tx = self.db.begin().await?;
        let base = Base::of(&mut tx, asset).await?;
        let all = tracks(&mut tx, &base.version).await?;
        let named = all.iter().find(|planned| planned.track == *track);
        let named =
            named.ok_or_else(|| OriginError::NotFound(format!("{asset} has no track {track}")))?;
        let goes = |other: &PlannedTrack| is_like(&other.kind, &named.kind);
        if matches!(named.kind, PlannedKind::Video { .. }) {
            let detail = format!("{track} is video: only sound and text can be taken away");
            return Err(conflict(detail));
        }
        let is_media = |other: &PlannedTrack| !matches!(other.kind, PlannedKind::Text { .. });
        if !all.iter().any(|other| !goes(other) && is_media(other)) {
            let detail = format!("without {track} there would be nothing to see or hear");
            return Err(conflict(detail));
        }
        let gone: Vec<TrackId> = all
            .iter()
            .filter(|t| goes(t))
            .map(|t| t.track.clone())
            .collect();
        let version: VersionId = id(&random::id())?;
        base.copy(&mut tx, version.as_str(), &[]).await?;
        for track in &gone {
            for (table, column, name) in [
                ("segments", "track", track.to_string()),
                ("tracks", "track", track.to_string()),
                ("files", "name", format!("{track}.vtt")),
            ] {
                // The version before names the same blobs: they are garbage when it goes.
                let sql = format!("DELETE FROM {table} WHERE version = $1 AND {column} = $2");
                sqlx::query(sqlx::AssertSqlSafe(sql))
                    .bind(version.as_str())
                    .bind(name)
                    .execute(&mut *tx)
                    .await?;
            }
        }
        let names: Vec<&str> = gone.iter().map(TrackId::as_str).collect();
        let what = format!("{} taken from {}", names.join(", "), base.version);
        let done = SagaState::Done;
        saga::record(
            &mut tx,
            version.as_str(),
            SagaStep::Upload,
            done,
            Some(&what),
        )
        .await?;
        saga::record(&mut tx, version.as_str(), SagaStep::Publish, done, None).await?;
        self.warm(&mut tx, version.as_str()).await?;
        base.retire(&mut tx, self.garbage_due_ms()).await?;
        tx.commit().await?;
        self.news.tell(Topic::Published);
        self.news.tell(Topic::Changed);
        Ok((version, gone))
    }
}
