//! Versions that take the place of sealed ones, and point at the same blobs.
//!
//! A sealed version never changes. What is added to it makes another, in one transaction:
//! all rows are copied, new ones join them, and players find it at their next load. The
//! one before stays for the grace, for players that hold its addresses, and is then
//! forgotten; what blobs the two shared stay while a row names them. Text is added at once,
//! [`sound`] when workers have encoded it.

mod base;
mod cut;
mod removal;
pub(super) mod sound;
mod text;

use sqlx::AnyConnection;
use wire::{AssetId, AssetState, PlannedKind, PlannedTrack, TrackLabel, VersionId};

use self::base::Base;
use super::{
    Catalogue, OriginError, Tx, from_json, garbage::forget_version, plans, publishing, saga,
    to_json,
};
use crate::clock::now_ms;

pub(crate) use text::{NewText, TextSegment};

/// Versions forgotten in one transaction. Chosen: others wait for it.
const RETIRED_MAX: i64 = 4;

impl Catalogue {
    /// The asset has this version, and it is sealed.
    pub(crate) async fn is_sealed(
        &self,
        asset: &AssetId,
        version: &VersionId,
    ) -> Result<bool, OriginError> {
        let row: Option<(i64,)> =
            sqlx::query_as("SELECT 1 FROM versions WHERE id = $1 AND asset = $2 AND state = $3")
                .bind(version.as_str())
                .bind(asset.as_str())
                .bind(AssetState::Ready.as_str())
                .fetch_optional(&self.db.read)
                .await?;
        Ok(row.is_some())
    }

    /// Forgets versions that others took the place of, and additions that failed, once
    /// their time is over. Returns how many.
    pub(crate) async fn forget_retired(&self) -> Result<usize, OriginError> {
        let mut tx = self.db.begin().await?;
        let retired: Vec<(String,)> = sqlx::query_as(
            "SELECT id FROM versions WHERE retire_at <= $1 ORDER BY retire_at LIMIT $2",
        )
        .bind(now_ms())
        .bind(RETIRED_MAX)
        .fetch_all(&mut *tx)
        .await?;
        for (version,) in &retired {
            saga::undo(&mut tx, version, self.garbage_due_ms()).await?;
            forget_version(&mut tx, version).await?;
        }
        tx.commit().await?;
        Ok(retired.len())
    }
}

/// The tracks of a version that are not given up, in order.
async fn tracks(tx: &mut AnyConnection, version: &str) -> Result<Vec<PlannedTrack>, OriginError> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "SELECT planned FROM tracks WHERE version = $1 AND dropped = 0 ORDER BY position",
    )
    .bind(version)
    .fetch_all(tx)
    .await?;
    let planned = rows.iter().map(|(row,)| from_json(row, "planned track"));
    planned.collect()
}

/// A version of these tracks has none like it, and room for `more` of them and their files.
async fn must_fit(
    tx: &mut AnyConnection,
    version: &str,
    tracks: &[PlannedTrack],
    (kind, more): (&PlannedKind, usize),
) -> Result<(), OriginError> {
    if let Some(like) = tracks.iter().find(|track| is_like(&track.kind, kind)) {
        let what = match kind {
            PlannedKind::Text { .. } => "text",
            _ => "sound",
        };
        return Err(conflict(format!(
            "{} is {what} of this language and name: give another name",
            like.track
        )));
    }
    let (files,): (i64,) = sqlx::query_as("SELECT count(*) FROM files WHERE version = $1")
        .bind(version)
        .fetch_one(tx)
        .await?;
    if tracks.len() + more > plans::TRACKS_MAX || files >= publishing::FILES_MAX {
        return Err(conflict(format!(
            "a version has {} tracks and {} files at most",
            plans::TRACKS_MAX,
            publishing::FILES_MAX
        )));
    }
    Ok(())
}

/// Viewers could not tell them apart.
fn is_like(one: &PlannedKind, other: &PlannedKind) -> bool {
    let same = |a: &TrackLabel, b: &TrackLabel| {
        (&a.language, &a.name, &a.characteristics) == (&b.language, &b.name, &b.characteristics)
    };
    match (one, other) {
        (
            PlannedKind::Text { label, forced },
            PlannedKind::Text {
                label: other,
                forced: other_forced,
            },
        ) => same(label, other) && forced == other_forced,
        (PlannedKind::Audio { label, .. }, PlannedKind::Audio { label: other, .. }) => {
            same(label, other)
        }
        _ => false,
    }
}

/// No track of this kind is the default one, of those before a position.
async fn none_is_default(
    tx: &mut Tx,
    version: &str,
    kind: &str,
    before: i64,
) -> Result<(), OriginError> {
    let tracks: Vec<(String, String)> = sqlx::query_as(
        "SELECT track, planned FROM tracks \
         WHERE version = $1 AND json_extract(planned, '$.kind.kind') = $2 AND position < $3",
    )
    .bind(version)
    .bind(kind)
    .bind(before)
    .fetch_all(&mut **tx)
    .await?;
    for (track, planned) in tracks {
        let mut planned: PlannedTrack = from_json(&planned, "planned track")?;
        if let PlannedKind::Audio { label, .. } | PlannedKind::Text { label, .. } =
            &mut planned.kind
        {
            label.default = false;
        }
        sqlx::query("UPDATE tracks SET planned = $3 WHERE version = $1 AND track = $2")
            .bind(version)
            .bind(track)
            .bind(to_json(&planned))
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

/// The position behind all tracks.
async fn next_position(tx: &mut Tx, version: &str) -> Result<i64, OriginError> {
    let sql = "SELECT coalesce(max(position), -1) + 1 FROM tracks WHERE version = $1";
    let (next,): (i64,) = sqlx::query_as(sql)
        .bind(version)
        .fetch_one(&mut **tx)
        .await?;
    Ok(next)
}

fn conflict(detail: String) -> OriginError {
    OriginError::Upload {
        status: http::StatusCode::CONFLICT,
        detail,
    }
}
