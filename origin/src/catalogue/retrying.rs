//! What operators do to jobs: have what gave up tried again, and end what goes on.

use wire::{AssetState, JobId, JobState, JobStatus, SagaState, SagaStep, Task, VersionId};

use super::{
    Catalogue, OriginError, Topic, Tx, content_keys,
    ending::GivenUp,
    from_json,
    garbage::forget_version,
    id,
    idempotency::{self, Once},
    job_list,
    plans::NewJob,
    saga,
    successor::sound,
};
use crate::{clock::now_ms, random};

/// Why a version fails whose job is cancelled.
const CANCELLED: &str = "cancelled by the operator";

impl Catalogue {
    /// What gave up is tried again, from the source: its version has failed and is undone, and
    /// no name of its segments is ever used again, so that another takes its place. Gives the
    /// job that begins it; a job that goes on is left alone.
    ///
    /// # Errors
    /// The job is done; its version goes on without it; or the source is deleted.
    pub(crate) async fn retry_job(
        &self,
        job: &JobId,
        once: Option<&Once>,
    ) -> Result<JobStatus, OriginError> {
        let mut tx = self.db.begin().await?;
        let now = job_list::job(&mut tx, job).await?;
        let status = match now.state {
            JobState::Queued | JobState::Leased => now,
            JobState::Done => return Err(OriginError::Conflict(format!("{job} is done"))),
            JobState::Failed | JobState::Cancelled => {
                let plans = self.begin_again(&mut tx, &now).await?;
                job_list::job(&mut tx, &plans).await?
            }
        };
        idempotency::keep(&mut tx, once, 200, &status).await?;
        tx.commit().await?;
        self.news.tell(Topic::Jobs);
        self.news.tell(Topic::Changed);
        Ok(status)
    }

    /// Makes a version of what the failed one was made of, and forgets that. Gives its job.
    async fn begin_again(&self, tx: &mut Tx, job: &JobStatus) -> Result<JobId, OriginError> {
        let failed = job.version.as_str();
        let (state, failure, settings, source): (String, Option<String>, String, Option<String>) =
            sqlx::query_as(
                "SELECT state, failure, settings, source_was FROM versions WHERE id = $1",
            )
            .bind(failed)
            .fetch_one(&mut **tx)
            .await?;
        if state != AssetState::Failed.as_str() {
            return Err(OriginError::Conflict(format!(
                "version {failed} goes on without it, and takes nothing back: add its tracks once \
                 it is ready (weir audio add, weir text add), or upload the file again"
            )));
        }
        if job.retry_until_ms.is_none() {
            return Err(OriginError::Conflict(format!(
                "the source of version {failed} is deleted, or about to be: upload it again. \
                 Sources are kept for origin.gc_grace"
            )));
        }
        // Named again, in the transaction that takes it off the list.
        sqlx::query("DELETE FROM garbage WHERE blob = $1")
            .bind(source)
            .execute(&mut **tx)
            .await?;
        let version: VersionId = id(&random::id())?;
        let created_at = now_ms();
        sqlx::query(
            "INSERT INTO versions (id, asset, state, source, source_len, settings, warnings, \
             created_at, addition) \
             SELECT $2, asset, CASE WHEN addition IS NULL THEN 'packaging' ELSE 'adding' END, \
             source_was, source_len, settings, '[]', $3, addition FROM versions WHERE id = $1",
        )
        .bind(failed)
        .bind(version.as_str())
        .bind(created_at)
        .execute(&mut **tx)
        .await?;
        match sound::of(tx, failed).await? {
            Some(_) => sound::share_keys(tx, &job.asset, version.as_str()).await?,
            None => {
                let settings = from_json(&settings, "settings")?;
                content_keys::make(tx, version.as_str(), &settings).await?;
            }
        }
        sqlx::query("UPDATE uploads SET version = $2 WHERE version = $1")
            .bind(failed)
            .bind(version.as_str())
            .execute(&mut **tx)
            .await?;
        forget_version(tx, failed).await?;
        let why = failure.unwrap_or_default();
        self.plan_again(
            tx,
            &version,
            created_at,
            &format!("tried again after: {why}"),
        )
        .await
    }

    async fn plan_again(
        &self,
        tx: &mut Tx,
        version: &VersionId,
        created_at: i64,
        detail: &str,
    ) -> Result<JobId, OriginError> {
        let plan = NewJob {
            version: version.as_str(),
            task: &Task::plan(),
            position: 0,
            version_at: created_at,
            toolchain: "",
            attempts_max: self.rules.attempts_max,
            run_at: created_at,
        };
        let job = plan.insert(tx).await?;
        let (name, done) = (version.as_str(), SagaState::Done);
        saga::record(tx, name, SagaStep::Upload, done, Some(detail)).await?;
        saga::record(tx, name, SagaStep::Plan, SagaState::Started, None).await?;
        Ok(job)
    }

    /// Ends a job that goes on. Its version fails, or goes on without its tracks where it is
    /// optional. Cancelling it again changes nothing.
    ///
    /// # Errors
    /// The job has ended otherwise.
    pub(crate) async fn cancel_job(
        &self,
        job: &JobId,
        once: Option<&Once>,
    ) -> Result<JobStatus, OriginError> {
        let mut tx = self.db.begin().await?;
        let now = job_list::job(&mut tx, job).await?;
        let mut published = false;
        match now.state {
            JobState::Queued | JobState::Leased => {
                let (task,): (String,) = sqlx::query_as("SELECT task FROM jobs WHERE id = $1")
                    .bind(job.as_str())
                    .fetch_one(&mut *tx)
                    .await?;
                let gone = GivenUp {
                    job: job.as_str(),
                    version: now.version.as_str(),
                    task: &from_json(&task, "task")?,
                };
                published = self.give_up(&mut tx, &gone, CANCELLED).await?;
                sqlx::query("UPDATE jobs SET state = 'cancelled' WHERE id = $1")
                    .bind(job.as_str())
                    .execute(&mut *tx)
                    .await?;
            }
            JobState::Cancelled => {}
            JobState::Done | JobState::Failed => {
                return Err(OriginError::Conflict(format!(
                    "{job} has ended: it is {}",
                    now.state.as_str()
                )));
            }
        }
        let status = job_list::job(&mut tx, job).await?;
        idempotency::keep(&mut tx, once, 200, &status).await?;
        tx.commit().await?;
        self.news.tell(Topic::Jobs);
        self.tell(published);
        Ok(status)
    }
}
