//! How jobs end, and what that makes of their version.

use sqlx::AnyConnection;
use wire::{
    AssetState, Completion, EventKind, Failure, JobId, SagaState, SagaStep, Task, TaskKind, TrackId,
};

use super::{
    Catalogue, OriginError, Topic, Tx, analysis,
    errands::outbox,
    fence, from_json, passes, plans,
    saga::{self, Rows},
    successor::sound,
    to_json, whole,
};
use crate::clock::now_ms;

/// Wait before the second attempt; doubled for each further one. Chosen.
const BACKOFF_MS: i64 = 1000;

/// Longest reason that is kept, letters. Chosen.
const REASON_LEN_MAX: usize = 2000;

impl Catalogue {
    /// The job is done. A plan becomes jobs; the last job of a version seals it.
    pub(crate) async fn complete(
        &self,
        job: &JobId,
        attempt: u32,
        completion: &Completion,
    ) -> Result<(), OriginError> {
        let mut tx = self.db.begin().await?;
        if done_already(&mut tx, job, attempt).await? {
            return Ok(());
        }
        let fenced = fence(&mut tx, job.as_str(), attempt).await?;
        let version = &fenced.version;
        let mut warnings = Vec::new();
        if fenced.task.kind == TaskKind::Plan {
            warnings = plans::begin(&mut tx, version, self.rules.attempts_max).await?;
        }
        if fenced.task.kind == TaskKind::Analysis {
            analysis::ended(&mut tx, version, completion.analysis.as_ref()).await?;
        }
        warnings.extend(completion.warnings.iter().cloned());
        whole::check_task(&mut tx, version, &fenced.task).await?;
        end(&mut tx, job.as_str(), "done", None).await?;
        passes::done(&mut tx, version, &fenced.task).await?;
        warn(&mut tx, version, job.as_str(), warnings).await?;
        let published = self.ended(&mut tx, version, &fenced.task).await?;
        tx.commit().await?;
        self.news.tell(Topic::Jobs);
        self.tell(published);
        Ok(())
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
        let reason: String = failure.reason.chars().take(REASON_LEN_MAX).collect();
        let last = i64::from(attempt) >= attempts_max && !failure.given_back;
        let mut published = false;
        if failure.permanent || last {
            let given_up = GivenUp {
                job: job.as_str(),
                version: &fenced.version,
                task: &fenced.task,
            };
            published = self.give_up(&mut tx, &given_up, &reason).await?;
        } else {
            queue_again(&mut tx, job, attempt, failure.given_back, &reason).await?;
        }
        tx.commit().await?;
        self.news.tell(Topic::Jobs);
        self.tell(published);
        Ok(())
    }

    /// Gives up jobs whose last attempt went silent. Returns how many.
    pub(crate) async fn give_up_silent(&self) -> Result<usize, OriginError> {
        let mut tx = self.db.begin().await?;
        let silent: Vec<(String, String, String, i64, Option<String>)> = sqlx::query_as(
            "SELECT id, version, task, attempts_max, reason FROM jobs \
             WHERE state = 'leased' AND lease_until < $1 AND attempt >= attempts_max",
        )
        .bind(now_ms())
        .fetch_all(&mut *tx)
        .await?;
        let (mut given_up, mut published) = (0, false);
        for (job, version, task, attempts, reason) in &silent {
            let reason = match reason {
                Some(reason) => format!("gave up after {attempts} attempts; the last: {reason}"),
                None => format!("gave up after {attempts} attempts: each worker went silent"),
            };
            let task: Task = from_json(task, "task")?;
            let version = &version.clone();
            let task = &task;
            // One that came before it in this list may have ended it.
            if state_of(&mut tx, job).await?.as_deref() == Some("leased") {
                let gone = GivenUp { job, version, task };
                published |= self.give_up(&mut tx, &gone, &reason).await?;
                given_up += 1;
            }
        }
        tx.commit().await?;
        if given_up > 0 {
            self.tell(published);
        }
        Ok(given_up)
    }

    /// Wakes who waits for how far versions are, and who waits for new ones.
    pub(super) fn tell(&self, published: bool) {
        if published {
            self.news.tell(Topic::Published);
        }
        self.news.tell(Topic::Changed);
    }

    /// A job will never have a result: its version fails, or goes on without its tracks. True:
    /// that published it.
    pub(super) async fn give_up(
        &self,
        tx: &mut Tx,
        gone: &GivenUp<'_>,
        reason: &str,
    ) -> Result<bool, OriginError> {
        end(tx, gone.job, "failed", Some(reason)).await?;
        if !gone.task.optional {
            saga::fail(tx, gone.version, reason, self.garbage_due_ms()).await?;
            return Ok(false);
        }
        let names: Vec<&str> = gone
            .task
            .tracks
            .iter()
            .map(|track| track.as_str())
            .collect();
        let what = match names.as_slice() {
            [] => gone.task.kind.as_str().to_owned(),
            names => names.join(", "),
        };
        let warning = format!("{what} left out: {reason}");
        warn(tx, gone.version, gone.job, vec![warning]).await?;
        for track in names {
            self.drop_track(tx, gone.version, track).await?;
        }
        cancel_without_tracks(tx, gone.version).await?;
        if gone.task.kind == TaskKind::Analysis {
            analysis::ended(tx, gone.version, None).await?;
        }
        self.ended(tx, gone.version, gone.task).await
    }

    /// Takes a track out of the version for good.
    async fn drop_track(&self, tx: &mut Tx, version: &str, track: &str) -> Result<(), OriginError> {
        let due = self.garbage_due_ms();
        let segments = Rows::only("segments", "track", track);
        saga::discard(tx, version, &segments, due).await?;
        let text = format!("{track}.vtt");
        let whole = Rows::only("files", "name", &text);
        saga::discard(tx, version, &whole, due).await?;
        sqlx::query(
            "INSERT INTO garbage (blob, due_at) SELECT init_blob, $3 FROM tracks \
             WHERE version = $1 AND track = $2 AND init_blob IS NOT NULL \
             ON CONFLICT (blob) DO UPDATE SET due_at = excluded.due_at \
             WHERE garbage.due_at < excluded.due_at",
        )
        .bind(version)
        .bind(track)
        .bind(due)
        .execute(&mut **tx)
        .await?;
        sqlx::query(
            "UPDATE tracks SET dropped = 1, init_blob = NULL, init_len = NULL, stored = 0, \
             stored_time = 0, contiguous = 0, contiguous_end = 0 \
             WHERE version = $1 AND track = $2",
        )
        .bind(version)
        .bind(track)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }

    /// A job of the version has ended, and the version goes on: or is whole now. True: that
    /// published it.
    async fn ended(&self, tx: &mut Tx, version: &str, task: &Task) -> Result<bool, OriginError> {
        for track in &task.tracks {
            sqlx::query(
                "UPDATE tracks SET tasks_left = tasks_left - 1 WHERE version = $1 AND track = $2",
            )
            .bind(version)
            .bind(track.as_str())
            .execute(&mut **tx)
            .await?;
        }
        let (left,): (i64,) = sqlx::query_as(
            "SELECT count(*) FROM jobs WHERE version = $1 AND state IN ('queued', 'leased')",
        )
        .bind(version)
        .fetch_one(&mut **tx)
        .await?;
        if left > 0 {
            super::playable::settle(tx, version).await?;
            return Ok(false);
        }
        saga::record(tx, version, SagaStep::Encode, SagaState::Done, None).await?;
        saga::record(tx, version, SagaStep::Publish, SagaState::Started, None).await?;
        if let Some(fault) = whole::fault(tx, version).await? {
            saga::fail(tx, version, &fault, self.garbage_due_ms()).await?;
            return Ok(false);
        }
        match sound::of(tx, version).await? {
            Some(added) => {
                if !sound::publish(tx, version, &added, self.garbage_due_ms()).await? {
                    return Ok(false);
                }
            }
            None => publish(tx, version).await?,
        }
        self.warm(tx, version).await?;
        Ok(true)
    }
}

/// The version is ready.
async fn publish(tx: &mut Tx, version: &str) -> Result<(), OriginError> {
    let (state,): (String,) = sqlx::query_as("SELECT state FROM versions WHERE id = $1")
        .bind(version)
        .fetch_one(&mut **tx)
        .await?;
    // What is short is whole before it could be watched.
    if state != AssetState::Playable.as_str() {
        outbox::of_version(tx, EventKind::Playable, version, None).await?;
    }
    outbox::of_version(tx, EventKind::Ready, version, None).await?;
    sqlx::query("UPDATE versions SET state = $2 WHERE id = $1")
        .bind(version)
        .bind(AssetState::Ready.as_str())
        .execute(&mut **tx)
        .await?;
    saga::record(tx, version, SagaStep::Publish, SagaState::Done, None).await
}

/// A job that will not be tried again.
pub(super) struct GivenUp<'a> {
    pub(super) job: &'a str,
    pub(super) version: &'a str,
    pub(super) task: &'a Task,
}

/// A worker whose answer got lost asks again: the same attempt, already done.
async fn done_already(tx: &mut Tx, job: &JobId, attempt: u32) -> Result<bool, OriginError> {
    let done: Option<(i64,)> =
        sqlx::query_as("SELECT 1 FROM jobs WHERE id = $1 AND attempt = $2 AND state = 'done'")
            .bind(job.as_str())
            .bind(i64::from(attempt))
            .fetch_optional(&mut **tx)
            .await?;
    Ok(done.is_some())
}

async fn state_of(tx: &mut Tx, job: &str) -> Result<Option<String>, OriginError> {
    let row: Option<(String,)> = sqlx::query_as("SELECT state FROM jobs WHERE id = $1")
        .bind(job)
        .fetch_optional(&mut **tx)
        .await?;
    Ok(row.map(|(state,)| state))
}

async fn queue_again(
    tx: &mut Tx,
    job: &JobId,
    attempt: u32,
    given_back: bool,
    reason: &str,
) -> Result<(), OriginError> {
    let backoff_ms = match given_back {
        true => 0,
        false => BACKOFF_MS << attempt.saturating_sub(1).min(6),
    };
    sqlx::query(
        "UPDATE jobs SET state = 'queued', run_at = $2, reason = $3, progress = NULL, \
         attempts_max = attempts_max + $4 WHERE id = $1",
    )
    .bind(job.as_str())
    .bind(now_ms() + backoff_ms)
    .bind(reason)
    // The attempt's number is the fencing token and must grow: so does the limit.
    .bind(i64::from(given_back))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn end(tx: &mut Tx, job: &str, state: &str, reason: Option<&str>) -> Result<(), OriginError> {
    sqlx::query("UPDATE jobs SET state = $2, reason = $3, progress = NULL WHERE id = $1")
        .bind(job)
        .bind(state)
        .bind(reason)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Jobs that would write dropped tracks alone have nothing to do any more.
async fn cancel_without_tracks(tx: &mut Tx, version: &str) -> Result<(), OriginError> {
    let wanted: Vec<(String,)> =
        sqlx::query_as("SELECT track FROM tracks WHERE version = $1 AND dropped = 0")
            .bind(version)
            .fetch_all(&mut **tx)
            .await?;
    let jobs: Vec<(String, String)> = sqlx::query_as(
        "SELECT id, task FROM jobs WHERE version = $1 AND state IN ('queued', 'leased')",
    )
    .bind(version)
    .fetch_all(&mut **tx)
    .await?;
    for (job, task) in jobs {
        let tracks = from_json::<Task>(&task, "task")?.tracks;
        let is_wanted = |track: &TrackId| wanted.iter().any(|(it,)| it == track.as_str());
        if tracks.is_empty() || tracks.iter().any(is_wanted) {
            continue;
        }
        sqlx::query("UPDATE jobs SET state = 'cancelled', progress = NULL WHERE id = $1")
            .bind(job)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

/// Adds a job's warnings to its version's: all jobs' in the plan's order, each once.
async fn warn(
    tx: &mut Tx,
    version: &str,
    job: &str,
    warnings: Vec<String>,
) -> Result<(), OriginError> {
    if warnings.is_empty() {
        return Ok(());
    }
    sqlx::query("UPDATE jobs SET warnings = $2 WHERE id = $1")
        .bind(job)
        .bind(to_json(&plans::distinct(warnings)))
        .execute(&mut **tx)
        .await?;
    let all = self::warnings(tx, version).await?;
    sqlx::query("UPDATE versions SET warnings = $2 WHERE id = $1")
        .bind(version)
        .bind(to_json(&all))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// What the jobs of a version warned of, in the plan's order, each once.
pub(super) async fn warnings(
    tx: &mut AnyConnection,
    version: &str,
) -> Result<Vec<String>, OriginError> {
    let of_jobs: Vec<(String,)> = sqlx::query_as(
        "SELECT warnings FROM jobs WHERE version = $1 AND warnings <> '[]' ORDER BY position",
    )
    .bind(version)
    .fetch_all(tx)
    .await?;
    let mut all: Vec<String> = Vec::new();
    for (warnings,) in &of_jobs {
        all.extend(from_json::<Vec<String>>(warnings, "warnings")?);
    }
    Ok(plans::distinct(all))
}
