//! The workflow that makes a version, as it was recorded, and its way back.
//!
//! upload → plan → encode → publish → warm. A step's entry is written in the transaction that
//! makes it true, so a crash leaves the version between two steps, and what runs next
//! goes on from there. [`undo`] is the way back: rows at once, in one transaction; bytes
//! when those who may still read them are done.

use sqlx::AnyConnection;
use wire::{AssetState, EventKind, SagaEntry, SagaState, SagaStep, VersionId};

use super::{OriginError, Tx, content_keys, errands::outbox, from_json, to_json};
use crate::clock::now_ms;

type Columns = (String, String, i64, Option<String>);

/// All entries of a version, in order.
pub(super) async fn entries(
    tx: &mut AnyConnection,
    version: &VersionId,
) -> Result<Vec<SagaEntry>, OriginError> {
    let rows: Vec<Columns> = sqlx::query_as(
        "SELECT step, state, at, detail FROM saga WHERE version = $1 ORDER BY number",
    )
    .bind(version.as_str())
    .fetch_all(tx)
    .await?;
    rows.into_iter().map(entry).collect()
}

fn entry((step, state, at_ms, detail): Columns) -> Result<SagaEntry, OriginError> {
    Ok(SagaEntry {
        step: from_json(&format!("\"{step}\""), "saga step")?,
        state: from_json(&format!("\"{state}\""), "saga state")?,
        at_ms,
        detail,
    })
}

/// Writes an entry.
pub(super) async fn record(
    tx: &mut Tx,
    version: &str,
    step: SagaStep,
    state: SagaState,
    detail: Option<&str>,
) -> Result<(), OriginError> {
    sqlx::query(
        "INSERT INTO saga (version, number, step, state, at, detail) \
         SELECT $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5 FROM saga WHERE version = $1",
    )
    .bind(version)
    .bind(word(&step))
    .bind(word(&state))
    .bind(now_ms())
    .bind(detail)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn word(value: &impl serde::Serialize) -> String {
    to_json(value).trim_matches('"').to_owned()
}

/// The version failed: says so, ends its jobs, and undoes every step, the last first. Its
/// row stays, so that the uploader can read why.
pub(super) async fn fail(
    tx: &mut Tx,
    version: &str,
    reason: &str,
    garbage_due_ms: i64,
) -> Result<(), OriginError> {
    sqlx::query("UPDATE versions SET state = $2, failure = $3 WHERE id = $1")
        .bind(version)
        .bind(AssetState::Failed.as_str())
        .bind(reason)
        .execute(&mut **tx)
        .await?;
    let running: Option<(String,)> = sqlx::query_as(
        "SELECT step FROM saga WHERE version = $1 AND state = 'started' \
         ORDER BY number DESC LIMIT 1",
    )
    .bind(version)
    .fetch_optional(&mut **tx)
    .await?;
    let running = running.map(|(step,)| from_json(&format!("\"{step}\""), "saga step"));
    let running = running.transpose()?.unwrap_or(SagaStep::Plan);
    record(tx, version, running, SagaState::Failed, Some(reason)).await?;
    // What could not be added to an asset is told for the grace; its version goes then.
    sqlx::query("UPDATE versions SET retire_at = $2 WHERE id = $1 AND addition IS NOT NULL")
        .bind(version)
        .bind(garbage_due_ms)
        .execute(&mut **tx)
        .await?;
    outbox::of_version(tx, EventKind::Failed, version, Some(reason)).await?;
    undo(tx, version, garbage_due_ms).await
}

/// Undoes what the steps of a version made, the last first: jobs, rows, source. Blobs
/// become garbage, deleted once due.
pub(super) async fn undo(
    tx: &mut Tx,
    version: &str,
    garbage_due_ms: i64,
) -> Result<(), OriginError> {
    sqlx::query(
        "UPDATE jobs SET state = 'cancelled', progress = NULL \
         WHERE version = $1 AND state IN ('queued', 'leased')",
    )
    .bind(version)
    .execute(&mut **tx)
    .await?;
    sqlx::query("DELETE FROM warming WHERE version = $1")
        .bind(version)
        .execute(&mut **tx)
        .await?;
    let media = undo_media(tx, version, garbage_due_ms).await?;
    content_keys::forget(tx, version).await?;
    let undone = SagaState::Undone;
    record(tx, version, SagaStep::Encode, undone, Some(&media)).await?;
    sqlx::query("DELETE FROM plans WHERE version = $1")
        .bind(version)
        .execute(&mut **tx)
        .await?;
    record(tx, version, SagaStep::Plan, undone, None).await?;
    discard_source(tx, version, garbage_due_ms).await?;
    record(tx, version, SagaStep::Upload, undone, None).await
}

/// A version's source becomes garbage, unless another names it.
pub(super) async fn discard_source(
    tx: &mut Tx,
    version: &str,
    garbage_due_ms: i64,
) -> Result<(), OriginError> {
    sqlx::query(
        "INSERT INTO garbage (blob, due_at) \
         SELECT source, $2 FROM versions WHERE id = $1 AND source <> '' \
         ON CONFLICT (blob) DO UPDATE SET due_at = excluded.due_at \
             WHERE garbage.due_at < excluded.due_at",
    )
    .bind(version)
    .bind(garbage_due_ms)
    .execute(&mut **tx)
    .await?;
    // What it was is kept: until its bytes go, a failed version can be tried again.
    sqlx::query(
        "UPDATE versions SET source_was = source, source = '' WHERE id = $1 AND source <> ''",
    )
    .bind(version)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Takes away all tracks, segments and files; says how many there were.
async fn undo_media(
    tx: &mut Tx,
    version: &str,
    garbage_due_ms: i64,
) -> Result<String, OriginError> {
    let segments = discard(tx, version, &Rows::all("segments", "blob"), garbage_due_ms).await?;
    let files = discard(tx, version, &Rows::all("files", "blob"), garbage_due_ms).await?;
    discard(tx, version, &Rows::all("passes", "blob"), garbage_due_ms).await?;
    let tracks = discard(
        tx,
        version,
        &Rows::all("tracks", "init_blob"),
        garbage_due_ms,
    )
    .await?;
    Ok(format!(
        "{tracks} tracks, {segments} segments, {files} files"
    ))
}

/// Rows that name blobs.
pub(super) struct Rows<'a> {
    table: &'static str,
    blob: &'static str,
    /// Only those with this value in this column.
    only: (&'static str, &'a str),
}

impl Rows<'_> {
    /// All of a version.
    pub(super) fn all(table: &'static str, blob: &'static str) -> Self {
        // Two empty texts are equal in every row.
        Self {
            table,
            blob,
            only: ("''", ""),
        }
    }
}

impl<'a> Rows<'a> {
    /// Those of a version with this value in this column.
    pub(super) fn only(table: &'static str, column: &'static str, value: &'a str) -> Self {
        Self {
            table,
            blob: "blob",
            only: (column, value),
        }
    }
}

/// Deletes rows of a version, and makes garbage of their blobs; says how many.
pub(super) async fn discard(
    tx: &mut Tx,
    version: &str,
    rows: &Rows<'_>,
    garbage_due_ms: i64,
) -> Result<u64, OriginError> {
    let Rows {
        table,
        blob,
        only: (column, value),
    } = rows;
    let garbage = format!(
        "INSERT INTO garbage (blob, due_at) SELECT DISTINCT {blob}, $3 FROM {table} \
         WHERE version = $1 AND {column} = $2 AND {blob} IS NOT NULL \
         ON CONFLICT (blob) DO UPDATE SET due_at = excluded.due_at \
             WHERE garbage.due_at < excluded.due_at"
    );
    sqlx::query(sqlx::AssertSqlSafe(garbage))
        .bind(version)
        .bind(value)
        .bind(garbage_due_ms)
        .execute(&mut **tx)
        .await?;
    let delete = format!("DELETE FROM {table} WHERE version = $1 AND {column} = $2");
    let deleted = sqlx::query(sqlx::AssertSqlSafe(delete))
        .bind(version)
        .bind(value)
        .execute(&mut **tx)
        .await?;
    Ok(deleted.rows_affected())
}
