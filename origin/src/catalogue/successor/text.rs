//! Text that is added: its blobs are stored, and one transaction names them.

use wire::{AssetId, PlannedKind, PlannedTrack, SagaState, SagaStep, TrackId, VersionId};

use super::{
    Base, Catalogue, OriginError, Tx,
    cut::{Cut, cut},
    must_fit, next_position, none_is_default, tracks,
};
use crate::{
    catalogue::{Topic, id, saga, signed, to_json},
    clock::now_ms,
};

/// A text track, its blobs stored.
#[derive(Debug)]
pub(crate) struct NewText {
    /// The version that it makes.
    pub(crate) version: VersionId,
    /// What it is; always text.
    pub(crate) kind: PlannedKind,
    /// One for each segment of the cut.
    pub(crate) segments: Vec<TextSegment>,
    /// All of it.
    pub(crate) whole: (store::BlobKey, u64),
    /// What viewers should know.
    pub(crate) warnings: Vec<String>,
}

/// One stored segment of text.
#[derive(Debug)]
pub(crate) struct TextSegment {
    pub(crate) start_ms: u64,
    pub(crate) duration_ms: u64,
    pub(crate) blob: store::BlobKey,
    pub(crate) len_bytes: u64,
}

impl Catalogue {
    /// Makes a version of the newest one and the text, and shows it from now on.
    ///
    /// # Errors
    /// The newest version is not sealed, or no more cut so; it has such text already, or
    /// no room for more tracks.
    pub(crate) async fn add_text(
        &self,
        asset: &AssetId,
        cut_by: &Cut,
        text: &NewText,
    ) -> Result<TrackId, OriginError> {
        let mut tx = self.db.begin().await?;
        let base = Base::of(&mut tx, asset).await?;
        if cut(&mut tx, &base.version).await? != *cut_by {
            let detail = "another version was published meanwhile: ask again";
            return Err(OriginError::NotSealed(detail.into()));
        }
        let planned = plan(&mut tx, &base.version, &text.kind).await?;
        let version = text.version.as_str();
        base.copy(&mut tx, version, &text.warnings).await?;
        insert(&mut tx, text, &planned).await?;
        let from = format!("{} added to {}", planned.track, base.version);
        let done = SagaState::Done;
        saga::record(&mut tx, version, SagaStep::Upload, done, Some(&from)).await?;
        saga::record(&mut tx, version, SagaStep::Publish, done, None).await?;
        self.warm(&mut tx, version).await?;
        base.retire(&mut tx, self.garbage_due_ms()).await?;
        tx.commit().await?;
        self.news.tell(Topic::Published);
        self.news.tell(Topic::Changed);
        Ok(planned.track)
    }
}

/// What the track is called and where it stands; that there is room, and none like it.
async fn plan(tx: &mut Tx, version: &str, kind: &PlannedKind) -> Result<PlannedTrack, OriginError> {
    let tracks = tracks(tx, version).await?;
    must_fit(tx, version, &tracks, (kind, 1)).await?;
    let mut names = (1..).map(|n| format!("t{n}"));
    let free = names.find(|name| tracks.iter().all(|t| t.track.as_str() != name));
    Ok(PlannedTrack {
        track: id(&free.expect("numbers do not run out"))?,
        bitrate_max: 0,
        kind: kind.clone(),
    })
}

/// The rows of the text.
async fn insert(tx: &mut Tx, text: &NewText, planned: &PlannedTrack) -> Result<(), OriginError> {
    let (version, track) = (text.version.as_str(), planned.track.as_str());
    let position = next_position(tx, version).await?;
    if let PlannedKind::Text { label, .. } = &planned.kind
        && label.default
    {
        // Only one is shown without being asked for.
        none_is_default(tx, version, "text", position).await?;
    }
    let lasts_ms: u64 = text.segments.iter().map(|s| s.duration_ms).sum();
    let end_ms = text
        .segments
        .last()
        .map_or(0, |s| s.start_ms + s.duration_ms);
    // A track that was given up keeps its name and its row.
    sqlx::query("DELETE FROM tracks WHERE version = $1 AND track = $2 AND dropped <> 0")
        .bind(version)
        .bind(track)
        .execute(&mut **tx)
        .await?;
    sqlx::query(
        "INSERT INTO tracks (version, track, position, made_by, planned, tasks_left, dropped, \
         codec, timescale, stored, stored_time, contiguous, contiguous_end, first_at) \
         VALUES ($1, $2, $3, 0, $4, 0, 0, 'wvtt', 1000, $5, $6, $5, $7, $8)",
    )
    .bind(version)
    .bind(track)
    .bind(position)
    .bind(to_json(planned))
    .bind(signed(text.segments.len() as u64)?)
    .bind(signed(lasts_ms)?)
    .bind(signed(end_ms)?)
    .bind(now_ms())
    .execute(&mut **tx)
    .await?;
    for (number, segment) in (0_i64..).zip(&text.segments) {
        sqlx::query(
            "INSERT INTO segments (version, track, number, start, duration, len, blob) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(version)
        .bind(track)
        .bind(number)
        .bind(signed(segment.start_ms)?)
        .bind(signed(segment.duration_ms)?)
        .bind(signed(segment.len_bytes)?)
        .bind(segment.blob.as_str())
        .execute(&mut **tx)
        .await?;
    }
    let (blob, len_bytes) = &text.whole;
    sqlx::query("INSERT INTO files (version, name, len, blob) VALUES ($1, $2, $3, $4)")
        .bind(version)
        .bind(format!("{track}.vtt"))
        .bind(signed(*len_bytes)?)
        .bind(blob.as_str())
        .execute(&mut **tx)
        .await?;
    Ok(())
}
