//! A version of added sound takes the place of the asset's newest.

use wire::{AddedSound, PlannedKind, PlannedTrack, SagaState, SagaStep};

use super::{
    Base, OriginError, Tx, conflict, cut, kind, must_fit, next_position, none_is_default, number,
    tracks,
};
use crate::catalogue::{
    ending, id,
    saga::{self, Rows},
    to_json,
};

/// All jobs of the version are done: it takes the place of the newest one (true), or fails.
pub(in crate::catalogue) async fn publish(
    tx: &mut Tx,
    version: &str,
    added: &AddedSound,
    due_ms: i64,
) -> Result<bool, OriginError> {
    match ready(tx, version, added).await {
        Ok(merger) => merger.run(tx, version, due_ms).await.map(|()| true),
        // The asset is another than it was when the sound came.
        Err(OriginError::Upload { detail, .. } | OriginError::NotSealed(detail)) => {
            saga::fail(tx, version, &detail, due_ms).await?;
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// A version that can take the place of another.
struct Merger {
    base: Base,
    /// Its tracks, in order.
    tracks: Vec<PlannedTrack>,
    warnings: Vec<String>,
}

/// Changes nothing.
async fn ready(tx: &mut Tx, version: &str, added: &AddedSound) -> Result<Merger, OriginError> {
    let (asset,): (String,) = sqlx::query_as("SELECT asset FROM versions WHERE id = $1")
        .bind(version)
        .fetch_one(&mut **tx)
        .await?;
    let base = Base::of(tx, &id(&asset)?).await?;
    let cut = cut(tx, &base.version).await?;
    if (&cut.starts_us, cut.end_us) != (&added.starts_us, added.end_us) {
        return Err(conflict("the asset is cut otherwise by now".into()));
    }
    let (before, tracks) = (tracks(tx, &base.version).await?, tracks(tx, version).await?);
    let kind = kind(&added.label);
    must_fit(tx, &base.version, &before, (&kind, tracks.len())).await?;
    let warnings = ending::warnings(tx, version).await?;
    let warnings = warnings.iter().map(|what| format!("added sound: {what}"));
    Ok(Merger {
        base,
        tracks,
        warnings: warnings.collect(),
    })
}

impl Merger {
    async fn run(mut self, tx: &mut Tx, version: &str, due_ms: i64) -> Result<(), OriginError> {
        saga::discard(tx, version, &Rows::all("files", "blob"), due_ms).await?;
        saga::discard_source(tx, version, due_ms).await?;
        sqlx::query("DELETE FROM plans WHERE version = $1")
            .bind(version)
            .execute(&mut **tx)
            .await?;
        // They come with the base's rows: the same ones.
        sqlx::query("DELETE FROM content_keys WHERE version = $1")
            .bind(version)
            .execute(&mut **tx)
            .await?;
        let position = next_position(tx, &self.base.version).await?;
        self.rename(tx, version, position).await?;
        self.base.copy_into(tx, version, &self.warnings).await?;
        if self.tracks.iter().any(is_default) {
            none_is_default(tx, version, "audio", position).await?;
        }
        self.base.retire(tx, due_ms).await?;
        let names: Vec<&str> = self.tracks.iter().map(|t| t.track.as_str()).collect();
        let what = format!("{} added to {}", names.join(", "), self.base.version);
        let done = SagaState::Done;
        saga::record(tx, version, SagaStep::Publish, done, Some(&what)).await
    }

    /// Names behind those of the version before, and a place behind its tracks. No blob is
    /// named so.
    async fn rename(&mut self, tx: &mut Tx, version: &str, from: i64) -> Result<(), OriginError> {
        let names: Vec<(String,)> = sqlx::query_as("SELECT track FROM tracks WHERE version = $1")
            .bind(&self.base.version)
            .fetch_all(&mut **tx)
            .await?;
        let numbers = names.iter().filter_map(|(name,)| Some(number(name)?.0));
        let taken = numbers.max().unwrap_or(0);
        let number_of = |track: &PlannedTrack| number(track.track.as_str()).map_or(0, |n| n.0);
        let mut order: Vec<usize> = (0..self.tracks.len()).collect();
        // The highest first: so none gets a name that another still has.
        order.sort_by_key(|n| std::cmp::Reverse(number_of(&self.tracks[*n])));
        for n in order {
            let track = &mut self.tracks[n];
            let old = track.track.clone();
            let (own, suffix) = number(old.as_str()).unwrap_or((1, ""));
            track.track = id(&format!("a{}{suffix}", taken.saturating_add(own)))?;
            sqlx::query(
                "UPDATE tracks SET track = $3, planned = $4, position = position + $5 \
                 WHERE version = $1 AND track = $2",
            )
            .bind(version)
            .bind(old.as_str())
            .bind(track.track.as_str())
            .bind(to_json(track))
            .bind(from)
            .execute(&mut **tx)
            .await?;
            sqlx::query("UPDATE segments SET track = $3 WHERE version = $1 AND track = $2")
                .bind(version)
                .bind(old.as_str())
                .bind(track.track.as_str())
                .execute(&mut **tx)
                .await?;
        }
        Ok(())
    }
}

fn is_default(track: &PlannedTrack) -> bool {
    matches!(&track.kind, PlannedKind::Audio { label, .. } if label.default)
}
