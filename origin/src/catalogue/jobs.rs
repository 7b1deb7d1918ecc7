//! Jobs: claimed by lease, fenced by attempt, tried at most so many times.

use std::time::Duration;

use wire::{
    AssetState, Completion, Failure, JobId, PackageSettings, Plan, Progress, Stage, VersionId,
};

use super::{Catalogue, OriginError, Tx, fence, from_json, id, to_json, unsigned};
use crate::clock::now_ms;

/// Wait before the second attempt; doubled for each further one. Chosen.
const BACKOFF_MS: i64 = 1000;

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
    pub(crate) plan: Option<Plan>,
}

impl Catalogue {
    /// Lends the job that has waited longest: one that is due, or whose lease ran out.
    pub(crate) async fn claim(
        &self,
        worker: &str,
        lease: Duration,
    ) -> Result<Option<Claim>, OriginError> {
        let now = now_ms();
        let mut tx = self.db.begin().await?;
        let claimed: Option<(String, i64, i64, String)> = sqlx::query_as(
            "UPDATE jobs SET state = 'leased', attempt = attempt + 1, worker = $1, \
             lease_until = $2, progress = NULL \
             WHERE id = (SELECT id FROM jobs WHERE attempt < attempts_max \
                 AND ((state = 'queued' AND run_at <= $3) \
                   OR (state = 'leased' AND lease_until < $3)) \
                 ORDER BY run_at LIMIT 1) \
             RETURNING id, attempt, attempts_max, version",
        )
        .bind(worker)
        .bind(now + millis(lease))
        .bind(now)
        .fetch_optional(&mut *tx)
        .await?;
        let Some((job, attempt, attempts_max, version)) = claimed else {
            return Ok(None);
        };
        let (asset, source_len, settings, plan): (String, i64, String, Option<String>) =
            sqlx::query_as("SELECT asset, source_len, settings, plan FROM versions WHERE id = $1")
                .bind(&version)
                .fetch_one(&mut *tx)
                .await?;
        sqlx::query("UPDATE versions SET started_at = $2 WHERE id = $1 AND started_at IS NULL")
            .bind(&version)
            .bind(now)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(Some(Claim {
            job: id(&job)?,
            attempt: small(attempt)?,
            attempts_max: small(attempts_max)?,
            version: id(&version)?,
            asset: id(&asset)?,
            source_len_bytes: unsigned(source_len)?,
            settings: from_json(&settings, "settings")?,
            plan: plan
                .as_deref()
                .map(|plan| from_json(plan, "plan"))
                .transpose()?,
        }))
    }

    /// The worker lives. An attempt whose lease ran out goes on if nobody else took over.
    pub(crate) async fn heartbeat(
        &self,
        job: &JobId,
        attempt: u32,
        lease: Duration,
        progress: &Progress,
    ) -> Result<(), OriginError> {
        let mut tx = self.db.begin().await?;
        let fenced = fence(&mut tx, job.as_str(), attempt).await?;
        sqlx::query("UPDATE jobs SET lease_until = $2, progress = $3 WHERE id = $1")
            .bind(job.as_str())
            .bind(now_ms() + millis(lease))
            .bind(to_json(progress))
            .execute(&mut *tx)
            .await?;
        if progress.stage == Stage::Encode {
            super::publishing::settle_playable(&mut tx, &fenced.version, progress.speed).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Seals the version, once every track of its plan is there.
    pub(crate) async fn complete(
        &self,
        job: &JobId,
        attempt: u32,
        completion: &Completion,
    ) -> Result<(), OriginError> {
        let mut tx = self.db.begin().await?;
        if self.done_already(&mut tx, job, attempt).await? {
            return Ok(());
        }
        let fenced = fence(&mut tx, job.as_str(), attempt).await?;
        super::publishing::check_whole(&mut tx, &fenced.version).await?;
        sqlx::query("UPDATE versions SET state = $2, warnings = $3 WHERE id = $1")
            .bind(&fenced.version)
            .bind(AssetState::Ready.as_str())
            .bind(to_json(&completion.warnings))
            .execute(&mut *tx)
            .await?;
        end(&mut tx, job, "done", None).await?;
        tx.commit().await?;
        Ok(())
    }

    /// A worker whose answer got lost asks again: the same attempt, already done.
    async fn done_already(
        &self,
        tx: &mut Tx,
        job: &JobId,
        attempt: u32,
    ) -> Result<bool, OriginError> {
        let done: Option<(i64,)> =
            sqlx::query_as("SELECT 1 FROM jobs WHERE id = $1 AND attempt = $2 AND state = 'done'")
                .bind(job.as_str())
                .bind(i64::from(attempt))
                .fetch_optional(&mut **tx)
                .await?;
        Ok(done.is_some())
    }

    /// Ends an attempt without a result: the job is queued again, or given up.
    pub(crate) async fn fail(
        &self,
        job: &JobId,
        attempt: u32,
        failure: &Failure,
    ) -> Result<(), OriginError> {
        let mut tx = self.db.begin().await?;
        let fenced = fence(&mut tx, job.as_str(), attempt).await?;
        let (attempts_max,): (i64,) = sqlx::query_as("SELECT attempts_max FROM jobs WHERE id = $1")
            .bind(job.as_str())
            .fetch_one(&mut *tx)
            .await?;
        let last = i64::from(attempt) >= attempts_max && !failure.given_back;
        if failure.permanent || last {
            give_up(&mut tx, job, &fenced.version, &failure.reason).await?;
        } else {
            let backoff_ms = match failure.given_back {
                true => 0,
                false => BACKOFF_MS << attempt.saturating_sub(1).min(6),
            };
            sqlx::query(
                "UPDATE jobs SET state = 'queued', run_at = $2, reason = $3, progress = NULL, \
                 attempts_max = attempts_max + $4 WHERE id = $1",
            )
            .bind(job.as_str())
            .bind(now_ms() + backoff_ms)
            .bind(&failure.reason)
            // The attempt's number is the fencing token and must grow: so does the limit.
            .bind(i64::from(failure.given_back))
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        self.job_queued.notify_waiters();
        Ok(())
    }

    /// Gives up jobs whose last attempt went silent. Returns how many.
    pub(crate) async fn give_up_silent(&self) -> Result<usize, OriginError> {
        let mut tx = self.db.begin().await?;
        let silent: Vec<(String, String, i64, Option<String>)> = sqlx::query_as(
            "SELECT id, version, attempts_max, reason FROM jobs \
             WHERE state = 'leased' AND lease_until < $1 AND attempt >= attempts_max",
        )
        .bind(now_ms())
        .fetch_all(&mut *tx)
        .await?;
        for (job, version, attempts, reason) in &silent {
            let reason = match reason {
                Some(reason) => format!("gave up after {attempts} attempts; the last: {reason}"),
                None => format!("gave up after {attempts} attempts: each worker went silent"),
            };
            give_up(&mut tx, &id(job)?, version, &reason).await?;
        }
        tx.commit().await?;
        Ok(silent.len())
    }
}

async fn give_up(tx: &mut Tx, job: &JobId, version: &str, reason: &str) -> Result<(), OriginError> {
    sqlx::query("UPDATE versions SET state = $2, failure = $3 WHERE id = $1")
        .bind(version)
        .bind(AssetState::Failed.as_str())
        .bind(reason)
        .execute(&mut **tx)
        .await?;
    end(tx, job, "failed", Some(reason)).await
}

async fn end(
    tx: &mut Tx,
    job: &JobId,
    state: &str,
    reason: Option<&str>,
) -> Result<(), OriginError> {
    sqlx::query("UPDATE jobs SET state = $2, reason = $3, progress = NULL WHERE id = $1")
        .bind(job.as_str())
        .bind(state)
        .bind(reason)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn small(number: i64) -> Result<u32, OriginError> {
    u32::try_from(number).map_err(|_| OriginError::Damaged(format!("{number} as a count")))
}
