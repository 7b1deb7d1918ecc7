//! Versions that take the place of sealed ones, and point at the same blobs.
//!
//! A sealed version never changes. What is added to it makes another, in one transaction:
//! all rows are copied, new ones join them, and players find it at their next load. The
//! one before stays for the grace, for players that hold its addresses, and is then
//! forgotten; what blobs the two shared stay while a row names them.

use media::vtt::Grid;
use sqlx::SqliteConnection;
use wire::{
    AssetId, AssetState, PlannedKind, PlannedTrack, SagaState, SagaStep, TrackId, VersionId,
};

use super::{
    Catalogue, OriginError, Tx, from_json, garbage::forget_version, id, plans, publishing, saga,
    signed, to_json, unsigned,
};
use crate::clock::now_ms;

/// Tables that hold a version's rows, by their column `version`.
const COPIED: [&str; 3] = ["tracks", "segments", "files"];

/// Versions forgotten in one transaction. Chosen: others wait for it.
const RETIRED_MAX: i64 = 4;

/// Where a sealed version is cut, by its first track to see, else to hear.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cut {
    /// Segments' times, milliseconds.
    pub(crate) grid: Grid,
    track: String,
}

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
    /// Where the asset's newest version is cut.
    ///
    /// # Errors
    /// There is none, or it is not sealed.
    pub(crate) async fn cut(&self, asset: &AssetId) -> Result<Cut, OriginError> {
        let mut tx = self.db.read.begin().await?;
        let base = Base::of(&mut tx, asset).await?;
        cut(&mut tx, &base.version).await
    }

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
        base.retire(&mut tx, self.garbage_due_ms()).await?;
        tx.commit().await?;
        self.changed.notify_waiters();
        Ok(planned.track)
    }

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

    /// Forgets versions that others took the place of, once their time is over. Returns
    /// how many.
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

/// The version whose place another takes.
struct Base {
    version: String,
    created_at: i64,
    warnings: Vec<String>,
}

impl Base {
    /// The newest version of an asset, which must be sealed.
    async fn of(tx: &mut SqliteConnection, asset: &AssetId) -> Result<Self, OriginError> {
        let row: Option<(String, String, i64, String)> = sqlx::query_as(
            "SELECT id, state, created_at, warnings FROM versions WHERE asset = $1 \
             ORDER BY created_at DESC LIMIT 1",
        )
        .bind(asset.as_str())
        .fetch_optional(tx)
        .await?;
        let (version, state, created_at, warnings) =
            row.ok_or_else(|| OriginError::NotFound(format!("no asset {asset}")))?;
        if state == AssetState::Failed.as_str() {
            return Err(conflict(
                "the asset has failed: nothing can be added".into(),
            ));
        }
        if state != AssetState::Ready.as_str() {
            return Err(OriginError::NotSealed(format!(
                "the asset is {state}: tracks can be added once it is ready"
            )));
        }
        Ok(Self {
            version,
            created_at,
            warnings: from_json(&warnings, "warnings")?,
        })
    }

    /// Everything but the jobs, which are done, and the steps, which are its own.
    async fn copy(
        &self,
        tx: &mut Tx,
        version: &str,
        warnings: &[String],
    ) -> Result<(), OriginError> {
        let warnings = self.warnings.iter().chain(warnings).cloned();
        let own = ["id", "created_at", "warnings", "retire_at"];
        let columns = columns(tx, "versions", &own).await?;
        let sql = format!(
            "INSERT INTO versions (id, created_at, warnings, {columns}) \
             SELECT $2, $3, $4, {columns} FROM versions WHERE id = $1"
        );
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(&self.version)
            .bind(version)
            // The newest is the one shown, whatever the clock does.
            .bind(now_ms().max(self.created_at + 1))
            .bind(to_json(&plans::distinct(warnings)))
            .execute(&mut **tx)
            .await?;
        for table in COPIED {
            let columns = columns_of(tx, table).await?;
            let sql = format!(
                "INSERT INTO {table} (version, {columns}) \
                 SELECT $2, {columns} FROM {table} WHERE version = $1"
            );
            sqlx::query(sqlx::AssertSqlSafe(sql))
                .bind(&self.version)
                .bind(version)
                .execute(&mut **tx)
                .await?;
        }
        // It may be megabytes: it goes with the one that stays.
        sqlx::query("UPDATE plans SET version = $2 WHERE version = $1")
            .bind(&self.version)
            .bind(version)
            .execute(&mut **tx)
            .await?;
        Ok(())
    }

    async fn retire(&self, tx: &mut Tx, at_ms: i64) -> Result<(), OriginError> {
        sqlx::query("UPDATE versions SET retire_at = $2 WHERE id = $1")
            .bind(&self.version)
            .bind(at_ms)
            .execute(&mut **tx)
            .await?;
        Ok(())
    }
}

async fn columns_of(tx: &mut Tx, table: &str) -> Result<String, OriginError> {
    columns(tx, table, &["version"]).await
}

/// Names of a table's columns but some, as SQL lists them: whatever a later schema adds is
/// copied too.
async fn columns(tx: &mut Tx, table: &str, but: &[&str]) -> Result<String, OriginError> {
    let names: Vec<(String,)> =
        sqlx::query_as("SELECT name FROM pragma_table_info($1) ORDER BY cid")
            .bind(table)
            .fetch_all(&mut **tx)
            .await?;
    let names = names.into_iter().map(|(name,)| name);
    let kept: Vec<String> = names.filter(|name| !but.contains(&name.as_str())).collect();
    Ok(kept.join(", "))
}

async fn cut(tx: &mut SqliteConnection, version: &str) -> Result<Cut, OriginError> {
    let first: Option<(String, i64)> = sqlx::query_as(
        "SELECT track, timescale FROM tracks WHERE version = $1 AND dropped = 0 \
         AND json_extract(planned, '$.kind.kind') <> 'text' AND timescale > 0 \
         ORDER BY json_extract(planned, '$.kind.kind') = 'video' DESC, position LIMIT 1",
    )
    .bind(version)
    .fetch_optional(&mut *tx)
    .await?;
    let (track, timescale) =
        first.ok_or_else(|| OriginError::Damaged(format!("{version} has no track")))?;
    let times: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT start, start + duration FROM segments WHERE version = $1 AND track = $2 \
         ORDER BY number",
    )
    .bind(version)
    .bind(&track)
    .fetch_all(tx)
    .await?;
    let ms = |time: i64| -> Result<u64, OriginError> {
        let (time, scale) = (unsigned(time)?, unsigned(timescale)?);
        let ms = (u128::from(time) * 1000 + u128::from(scale) / 2) / u128::from(scale);
        u64::try_from(ms).map_err(|_| OriginError::Damaged(format!("{time} in a track")))
    };
    let starts: Result<Vec<u64>, _> = times.iter().map(|(start, _)| ms(*start)).collect();
    let end = times.last().map_or(Ok(0), |(_, end)| ms(*end))?;
    Ok(Cut {
        grid: Grid::of_ms(starts?, end),
        track,
    })
}

/// What the track is called and where it stands; that there is room, and none like it.
async fn plan(tx: &mut Tx, version: &str, kind: &PlannedKind) -> Result<PlannedTrack, OriginError> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT track, planned FROM tracks WHERE version = $1 AND dropped = 0")
            .bind(version)
            .fetch_all(&mut **tx)
            .await?;
    for (track, planned) in &rows {
        let planned: PlannedTrack = from_json(planned, "planned track")?;
        if is_like(&planned.kind, kind) {
            return Err(conflict(format!(
                "{track} is text of this language and name: give another name"
            )));
        }
    }
    let (files,): (i64,) = sqlx::query_as("SELECT count(*) FROM files WHERE version = $1")
        .bind(version)
        .fetch_one(&mut **tx)
        .await?;
    if rows.len() >= plans::TRACKS_MAX || files >= publishing::FILES_MAX {
        return Err(conflict(format!(
            "a version has {} tracks and {} files at most",
            plans::TRACKS_MAX,
            publishing::FILES_MAX
        )));
    }
    let mut names = (1..).map(|n| format!("t{n}"));
    let free = names.find(|name| rows.iter().all(|(track, _)| track != name));
    Ok(PlannedTrack {
        track: id(&free.expect("numbers do not run out"))?,
        bitrate_max: 0,
        kind: kind.clone(),
    })
}

fn is_like(one: &PlannedKind, other: &PlannedKind) -> bool {
    match (one, other) {
        (
            PlannedKind::Text { label, forced },
            PlannedKind::Text {
                label: other,
                forced: other_forced,
            },
        ) => (&label.language, &label.name, forced) == (&other.language, &other.name, other_forced),
        _ => false,
    }
}

fn conflict(detail: String) -> OriginError {
    OriginError::Upload {
        status: http::StatusCode::CONFLICT,
        detail,
    }
}

/// The rows of the text.
async fn insert(tx: &mut Tx, text: &NewText, planned: &PlannedTrack) -> Result<(), OriginError> {
    let (version, track) = (text.version.as_str(), planned.track.as_str());
    if let PlannedKind::Text { label, .. } = &planned.kind
        && label.default
    {
        // Only one is shown without being asked for.
        sqlx::query(
            "UPDATE tracks SET planned = json_set(planned, '$.kind.default', json('false')) \
             WHERE version = $1 AND json_extract(planned, '$.kind.kind') = 'text'",
        )
        .bind(version)
        .execute(&mut **tx)
        .await?;
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
         SELECT $1, $2, coalesce(max(position), -1) + 1, 0, $3, 0, 0, 'wvtt', 1000, \
         $4, $5, $4, $6, $7 FROM tracks WHERE version = $1",
    )
    .bind(version)
    .bind(track)
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
