//! Jobs: claimed by lease, fenced by attempt.

use std::time::Duration;

use sqlx::AnyConnection;
use wire::{
    AddedSound, ContentKeys, JobId, LeaseRequest, PackageSettings, Pass, Plan, Progress,
    StoredTrack, Task, VersionId,
};

use super::{
    Catalogue, OriginError, Topic, Tx, content_keys, fence, from_json, id, passes, plans, playable,
    successor::sound, to_json, unsigned,
};
use crate::clock::now_ms;

/// A job that a worker has just been given.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) job: JobId,
    pub(crate) attempt: u32,
    pub(crate) attempts_max: u32,
    pub(crate) version: VersionId,
    pub(crate) asset: wire::AssetId,
    pub(crate) source_len_bytes: u64,
    pub(crate) settings: PackageSettings,
    pub(crate) task: Task,
    pub(crate) plan: Option<Plan>,
    pub(crate) stored: Vec<StoredTrack>,
    pub(crate) addition: Option<AddedSound>,
    pub(crate) content_keys: Option<ContentKeys>,
    pub(crate) passes: Vec<Pass>,
}

/// What a claim gives of a job's row.
pub(super) type Claimed = (String, i64, i64, String, String);

impl Catalogue {
    /// Lends a job that is due, or whose lease ran out: the most urgent, then that of the
    /// oldest version, then the first of its plan.
    pub(crate) async fn claim(
        &self,
        ask: &LeaseRequest,
        lease: Duration,
    ) -> Result<Option<Claim>, OriginError> {
        let Some(claimed) = self.take_next(ask, lease).await? else {
            return Ok(None);
        };
        self.news.tell(Topic::Changed);
        // What else there is to be said of it no other attempt changes from now on.
        let mut reader = self.db.read.acquire().await?;
        let Some(mut claim) = claim(&mut reader, claimed).await? else {
            return Ok(None);
        };
        let version = claim.version.as_str();
        claim.plan = plans::stored(&mut reader, version).await?;
        // The task is lent once all are there.
        claim.passes = passes::found(&mut reader, version, &claim.task).await?;
        Ok(Some(claim))
    }

    /// The worker lives. An attempt whose lease ran out goes on if nobody else took over.
    /// True: there is nothing to go on with, as the asset or the version is given up.
    pub(crate) async fn heartbeat(
        &self,
        job: &JobId,
        attempt: u32,
        lease: Duration,
        progress: &Progress,
    ) -> Result<bool, OriginError> {
        let mut tx = self.db.begin().await?;
        let fenced = match fence(&mut tx, job.as_str(), attempt).await {
            Err(OriginError::LeaseLost) => return is_cancelled(&mut tx, job, attempt).await,
            fenced => fenced?,
        };
        sqlx::query("UPDATE jobs SET lease_until = $2, progress = $3 WHERE id = $1")
            .bind(job.as_str())
            .bind(now_ms().saturating_add(millis(lease)))
            .bind(to_json(progress))
            .execute(&mut *tx)
            .await?;
        playable::settle(&mut tx, &fenced.version).await?;
        tx.commit().await?;
        self.news.tell(Topic::Changed);
        Ok(false)
    }
}

/// Marks the next job that the worker takes as lent. Each half stops at its first fit, so
/// that long queues cost nothing.
fn claim_sql(ask: &LeaseRequest) -> String {
    // These words are ours: what came in is an enum.
    let kinds: Vec<String> = ask
        .kinds
        .iter()
        .map(|kind| format!("'{}'", kind.as_str()))
        .collect();
    let kinds = match kinds.as_slice() {
        [] => String::new(),
        kinds => format!("AND kind IN ({})", kinds.join(", ")),
    };
    let first = |name: &str, state: &str| {
        format!(
            "SELECT * FROM (SELECT id, urgency, version_at, position FROM jobs \
             WHERE {state} AND attempt < attempts_max {kinds} \
             AND (toolchain = '' OR toolchain = $4) \
             ORDER BY urgency, version_at, position LIMIT 1) AS {name}"
        )
    };
    let (due, silent) = (
        first("due", "state = 'queued' AND run_at <= $3"),
        first("silent", "state = 'leased' AND lease_until < $3"),
    );
    format!(
        "UPDATE jobs SET state = 'leased', attempt = attempt + 1, worker = $1, \
         lease_until = $2, progress = NULL \
         WHERE id = (SELECT id FROM ({due} UNION ALL {silent}) AS lendable \
             ORDER BY urgency, version_at, position LIMIT 1) \
         RETURNING id, attempt, attempts_max, version, task"
    )
}

/// Marks the next job that the worker takes as lent.
pub(super) async fn take(
    tx: &mut Tx,
    ask: &LeaseRequest,
    lease: Duration,
) -> Result<Option<Claimed>, OriginError> {
    let now = now_ms();
    let claimed: Option<Claimed> = sqlx::query_as(sqlx::AssertSqlSafe(claim_sql(ask)))
        .bind(&ask.worker)
        .bind(now.saturating_add(millis(lease)))
        .bind(now)
        .bind(&ask.toolchain)
        .fetch_optional(&mut **tx)
        .await?;
    if let Some((_, _, _, version, _)) = &claimed {
        sqlx::query("UPDATE versions SET started_at = $2 WHERE id = $1 AND started_at IS NULL")
            .bind(version)
            .bind(now)
            .execute(&mut **tx)
            .await?;
    }
    Ok(claimed)
}

/// All but the plan and the first passes; none where the version was deleted just now.
async fn claim(
    reader: &mut AnyConnection,
    (job, attempt, attempts_max, version, task): Claimed,
) -> Result<Option<Claim>, OriginError> {
    let row: Option<(String, i64, String)> =
        sqlx::query_as("SELECT asset, source_len, settings FROM versions WHERE id = $1")
            .bind(&version)
            .fetch_optional(&mut *reader)
            .await?;
    let Some((asset, source_len, settings)) = row else {
        return Ok(None);
    };
    let task: Task = from_json(&task, "task")?;
    Ok(Some(Claim {
        addition: sound::of(reader, &version).await?,
        job: id(&job)?,
        attempt: small(attempt)?,
        attempts_max: small(attempts_max)?,
        asset: id(&asset)?,
        source_len_bytes: unsigned(source_len)?,
        settings: from_json(&settings, "settings")?,
        plan: None,
        stored: stored(reader, &version, &task).await?,
        content_keys: content_keys::of(reader, &version).await?,
        passes: Vec::new(),
        version: id(&version)?,
        task,
    }))
}

/// What earlier attempts at the task stored.
async fn stored(
    reader: &mut AnyConnection,
    version: &str,
    task: &Task,
) -> Result<Vec<StoredTrack>, OriginError> {
    let (from, to) = task.segments.unwrap_or((0, u32::MAX));
    let mut all = Vec::new();
    for track in &task.tracks {
        let (inits,): (i64,) =
            sqlx::query_as("SELECT count(init_blob) FROM tracks WHERE version = $1 AND track = $2")
                .bind(version)
                .bind(track.as_str())
                .fetch_one(&mut *reader)
                .await?;
        let numbers: Vec<(i64,)> = sqlx::query_as(
            "SELECT number FROM segments WHERE version = $1 AND track = $2 \
             AND number >= $3 AND number < $4 ORDER BY number",
        )
        .bind(version)
        .bind(track.as_str())
        .bind(i64::from(from))
        .bind(i64::from(to))
        .fetch_all(&mut *reader)
        .await?;
        let without_hole = (i64::from(from)..).zip(&numbers);
        let segments = without_hole.take_while(|(wanted, (number,))| wanted == number);
        all.push(StoredTrack {
            track: track.clone(),
            init: inits > 0,
            segments: u32::try_from(segments.count()).unwrap_or(u32::MAX),
        });
    }
    Ok(all)
}

/// True where the job was ended over its worker's head, or is gone with its asset; the
/// key that opened it proves that it was there. Else the lease is lost.
async fn is_cancelled(tx: &mut Tx, job: &JobId, attempt: u32) -> Result<bool, OriginError> {
    let row: Option<(String, i64)> =
        sqlx::query_as("SELECT state, attempt FROM jobs WHERE id = $1")
            .bind(job.as_str())
            .fetch_optional(&mut **tx)
            .await?;
    match row {
        None => Ok(true),
        Some((state, held)) if state == "cancelled" && held == i64::from(attempt) => Ok(true),
        Some(_) => Err(OriginError::LeaseLost),
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn small(number: i64) -> Result<u32, OriginError> {
    u32::try_from(number).map_err(|_| OriginError::Damaged(format!("{number} as a count")))
}
