//! What first passes found, for those who encode by it.
//!
//! Tasks that encode by a first pass wait, queued for no time at all, until it is done
//! for all spans: what each span gets depends on all others.

use sqlx::AnyConnection;
use wire::{JobId, Pass, PassCost, Plan, Task, TaskKind, TrackId};

use super::{
    Catalogue, OriginError, Tx, blob_key, fence, from_json, id, signed, to_json, unsigned,
};
use crate::clock::now_ms;

/// When a job may run that waits for others: they say so by [`free`].
pub(super) const NEVER_MS: i64 = i64::MAX;

/// The log of a span of a track, to be recorded.
#[derive(Debug)]
pub(crate) struct PassRow {
    pub(crate) cost: PassCost,
    pub(crate) blob: store::BlobKey,
    pub(crate) len_bytes: u64,
}

impl Catalogue {
    /// Records what a first pass found of the job's span. False: it was there already.
    pub(crate) async fn add_pass(
        &self,
        job: &JobId,
        attempt: u32,
        track: &TrackId,
        row: &PassRow,
    ) -> Result<bool, OriginError> {
        let mut tx = self.db.begin().await?;
        let fenced = fence(&mut tx, job.as_str(), attempt).await?;
        if fenced.task.kind != TaskKind::FirstPass {
            let detail = "only a first pass stores its log";
            return Err(OriginError::BadRequest(detail.into()));
        }
        let known: Option<(i64,)> =
            sqlx::query_as("SELECT 1 FROM tracks WHERE version = $1 AND track = $2")
                .bind(&fenced.version)
                .bind(track.as_str())
                .fetch_optional(&mut *tx)
                .await?;
        if known.is_none() {
            return Err(OriginError::BadRequest(format!("{track} is not planned")));
        }
        let added = sqlx::query(
            "INSERT INTO passes (version, track, span, cost, len, blob) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        )
        .bind(&fenced.version)
        .bind(track.as_str())
        .bind(i64::from(fenced.task.span))
        .bind(to_json(&row.cost))
        .bind(signed(row.len_bytes)?)
        .bind(row.blob.as_str())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(added.rows_affected() > 0)
    }

    /// The log of the job's span of a track, for the attempt that holds the job.
    pub(crate) async fn pass_of(
        &self,
        job: &JobId,
        attempt: u32,
        track: &TrackId,
    ) -> Result<(store::BlobKey, u64), OriginError> {
        let mut connection = self.db.read.acquire().await?;
        let fenced = fence(&mut connection, job.as_str(), attempt).await?;
        let row: Option<(String, i64)> = sqlx::query_as(
            "SELECT blob, len FROM passes \
             WHERE version = $1 AND track = $2 AND span = $3 AND blob IS NOT NULL",
        )
        .bind(&fenced.version)
        .bind(track.as_str())
        .bind(i64::from(fenced.task.span))
        .fetch_optional(&mut *connection)
        .await?;
        let span = fenced.task.span;
        let (blob, len) =
            row.ok_or_else(|| OriginError::NotFound(format!("no pass {span} of {track}")))?;
        Ok((blob_key(&blob)?, unsigned(len)?))
    }
}

/// The task is lent only when all first passes of its version are done.
pub(super) fn waits(plan: &Plan, task: &Task) -> bool {
    let first = |task: &Task| task.kind == TaskKind::FirstPass;
    task.kind == TaskKind::Rest && plan.tasks.iter().any(first)
}

/// What was found of the tracks of a task that waited for it, in all spans.
pub(super) async fn found(
    connection: &mut AnyConnection,
    version: &str,
    task: &Task,
) -> Result<Vec<Pass>, OriginError> {
    let mut all = Vec::new();
    if task.kind != TaskKind::Rest {
        return Ok(all);
    }
    for track in &task.tracks {
        let rows: Vec<(String, i64, i64, String)> = sqlx::query_as(
            "SELECT track, span, len, cost FROM passes \
             WHERE version = $1 AND track = $2 ORDER BY span",
        )
        .bind(version)
        .bind(track.as_str())
        .fetch_all(&mut *connection)
        .await?;
        for (track, span, len, cost) in rows {
            all.push(Pass {
                span: u32::try_from(span)
                    .map_err(|_| OriginError::Damaged(format!("{span} as a span")))?,
                track: id(&track)?,
                len_bytes: unsigned(len)?,
                cost: from_json(&cost, "cost")?,
            });
        }
    }
    Ok(all)
}

/// How much of a version's first passes is done, 0 to 1; `None` where it has none.
pub(super) async fn share(
    connection: &mut AnyConnection,
    version: &str,
) -> Result<Option<f64>, OriginError> {
    let (all, done): (i64, i64) = sqlx::query_as(
        "SELECT count(*), count(CASE WHEN state = 'done' THEN 1 END) FROM jobs \
         WHERE version = $1 AND kind = $2",
    )
    .bind(version)
    .bind(TaskKind::FirstPass.as_str())
    .fetch_one(connection)
    .await?;
    Ok((all > 0).then(|| done as f64 / all as f64))
}

/// A job is done: the last first pass frees those that waited, and a span that is encoded
/// needs no log any more.
pub(super) async fn done(tx: &mut Tx, version: &str, task: &Task) -> Result<(), OriginError> {
    match task.kind {
        TaskKind::FirstPass => free(tx, version).await,
        TaskKind::Rest => spent(tx, version, task.span).await,
        _ => Ok(()),
    }
}

async fn free(tx: &mut Tx, version: &str) -> Result<(), OriginError> {
    sqlx::query(
        "UPDATE jobs SET run_at = $2 WHERE version = $1 AND state = 'queued' AND run_at = $3 \
         AND NOT EXISTS (SELECT 1 FROM jobs WHERE version = $1 \
             AND state IN ('queued', 'leased') AND kind = $4)",
    )
    .bind(version)
    .bind(now_ms())
    .bind(NEVER_MS)
    .bind(TaskKind::FirstPass.as_str())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Nobody reads them any more: they are due at once.
async fn spent(tx: &mut Tx, version: &str, span: u32) -> Result<(), OriginError> {
    let of_span = "WHERE version = $1 AND span = $2 AND blob IS NOT NULL";
    let garbage = format!(
        "INSERT INTO garbage (blob, due_at) SELECT DISTINCT blob, $3 FROM passes {of_span} \
         ON CONFLICT (blob) DO UPDATE SET due_at = excluded.due_at \
             WHERE garbage.due_at < excluded.due_at"
    );
    sqlx::query(sqlx::AssertSqlSafe(garbage))
        .bind(version)
        .bind(i64::from(span))
        .bind(now_ms())
        .execute(&mut **tx)
        .await?;
    let forget = format!("UPDATE passes SET blob = NULL {of_span}");
    sqlx::query(sqlx::AssertSqlSafe(forget))
        .bind(version)
        .bind(i64::from(span))
        .execute(&mut **tx)
        .await?;
    Ok(())
}
