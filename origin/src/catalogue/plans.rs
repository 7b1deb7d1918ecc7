//! Plans, and the jobs that they become.

use std::collections::HashSet;

use sqlx::AnyConnection;
use wire::{JobId, Plan, SagaState, SagaStep, Task, TaskKind, TrackId};

use super::{
    Catalogue, OriginError, Tx, analysis, assets::URGENCY_OF_VERSION, content_keys, fence,
    from_json, id, passes, saga, successor::sound, to_json,
};
use crate::{clock::now_ms, random};

/// Images of a source longer than this are made so much later than it is copied, seconds and
/// milliseconds: all of it is read for them, which would hold up the copy's first segments.
/// Chosen: these are there within two seconds.
const LONG_SECS: f64 = 600.0;
const COPIED_FIRST_MS: i64 = 3000;

/// Most tracks in a plan. Chosen.
pub(super) const TRACKS_MAX: usize = 64;

/// Most tasks in a plan: 12 h in spans of 10 s are 21,600 of five kinds (lead, first pass, rest,
/// HEVC, AV1), and a few more.
const TASKS_MAX: usize = 24_576;

/// Most warnings of a version, and longest of them, letters. Chosen.
const WARNINGS_MAX: usize = 64;
const WARNING_LEN_MAX: usize = 1000;

impl Catalogue {
    /// Keeps the first plan of a version: later attempts work by it.
    pub(crate) async fn set_plan(
        &self,
        job: &JobId,
        attempt: u32,
        plan: &Plan,
    ) -> Result<(), OriginError> {
        check(plan).map_err(OriginError::BadRequest)?;
        let mut tx = self.db.begin().await?;
        let fenced = fence(&mut tx, job.as_str(), attempt).await?;
        if fenced.task.kind != TaskKind::Plan {
            return Err(OriginError::BadRequest(
                "only the task that plans stores a plan".into(),
            ));
        }
        if let Some(added) = sound::of(&mut tx, &fenced.version).await?
            && let Some(fault) = sound::fault(plan, &added)
        {
            return Err(OriginError::BadRequest(fault));
        }
        match stored(&mut tx, &fenced.version).await? {
            Some(stored) if stored == *plan => return Ok(()),
            Some(_) => {
                return Err(OriginError::BadRequest(
                    "the version has another plan, which every attempt keeps".into(),
                ));
            }
            None => {}
        }
        sqlx::query("INSERT INTO plans (version, plan) VALUES ($1, $2)")
            .bind(&fenced.version)
            .bind(to_json(plan))
            .execute(&mut *tx)
            .await?;
        sqlx::query("UPDATE versions SET duration_secs = $2 WHERE id = $1")
            .bind(&fenced.version)
            .bind(plan.duration_secs)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}

/// The version's plan, once stored.
pub(super) async fn stored(
    tx: &mut AnyConnection,
    version: &str,
) -> Result<Option<Plan>, OriginError> {
    let row: Option<(String,)> = sqlx::query_as("SELECT plan FROM plans WHERE version = $1")
        .bind(version)
        .fetch_optional(tx)
        .await?;
    row.map(|(plan,)| from_json(&plan, "plan")).transpose()
}

/// The plan is made: its tracks get rows, and its tasks jobs. Gives its warnings.
pub(super) async fn begin(
    tx: &mut Tx,
    version: &str,
    attempts_max: u32,
) -> Result<Vec<String>, OriginError> {
    let plan = stored(tx, version)
        .await?
        .ok_or_else(|| OriginError::BadRequest("the version has no plan yet".into()))?;
    content_keys::must_be_there(tx, version).await?;
    for (position, planned) in (0_i64..).zip(&plan.tracks) {
        let (made_by, tasks) = making(&plan, &planned.track);
        let is_text = matches!(planned.kind, wire::PlannedKind::Text { .. });
        sqlx::query(
            "INSERT INTO tracks (version, track, position, made_by, planned, tasks_left, dropped, \
             codec, timescale, stored, stored_time, contiguous, contiguous_end) \
             VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, 0, 0, 0, 0)",
        )
        .bind(version)
        .bind(planned.track.as_str())
        .bind(position)
        .bind(made_by)
        .bind(to_json(planned))
        .bind(tasks)
        // Text has no init segment to say it.
        .bind(is_text.then_some("wvtt"))
        .bind(is_text.then_some(1000_i64))
        .execute(&mut **tx)
        .await?;
    }
    queue(tx, version, &plan, attempts_max).await?;
    saga::record(tx, version, SagaStep::Plan, SagaState::Done, None).await?;
    let jobs = format!("{} jobs", plan.tasks.len());
    saga::record(
        tx,
        version,
        SagaStep::Encode,
        SagaState::Started,
        Some(&jobs),
    )
    .await?;
    Ok(plan.warnings)
}

async fn queue(
    tx: &mut Tx,
    version: &str,
    plan: &Plan,
    attempts_max: u32,
) -> Result<(), OriginError> {
    let (version_at,): (i64,) = sqlx::query_as("SELECT created_at FROM versions WHERE id = $1")
        .bind(version)
        .fetch_one(&mut **tx)
        .await?;
    let mut tasks = plan.tasks.iter();
    let waits = tasks.any(|task| task.kind == TaskKind::Analysis);
    for (position, task) in (1_i64..).zip(&plan.tasks) {
        let job = NewJob {
            version,
            task,
            position,
            version_at,
            toolchain: &plan.toolchain,
            attempts_max,
            run_at: due(plan, task, waits),
        };
        job.insert(tx).await?;
    }
    Ok(())
}

/// When a task of a new plan may be lent, Unix time, milliseconds; `analysed`: one of its
/// tasks chooses rates.
fn due(plan: &Plan, task: &Task, analysed: bool) -> i64 {
    let copies = plan.tasks.iter().any(|task| task.kind == TaskKind::Copy);
    match task.kind {
        _ if passes::waits(plan, task) => passes::NEVER_MS,
        TaskKind::Images if copies && plan.duration_secs > LONG_SECS => now_ms() + COPIED_FIRST_MS,
        kind => analysis::due(kind, analysed),
    }
}

/// A job to be queued.
pub(super) struct NewJob<'a> {
    pub(super) version: &'a str,
    pub(super) task: &'a Task,
    /// In the plan, from 1; the plan's own is 0.
    pub(super) position: i64,
    pub(super) version_at: i64,
    pub(super) toolchain: &'a str,
    pub(super) attempts_max: u32,
    /// Unix time, milliseconds.
    pub(super) run_at: i64,
}

impl NewJob<'_> {
    pub(super) async fn insert(&self, tx: &mut Tx) -> Result<(), OriginError> {
        let job: JobId = id(&random::id())?;
        let kind = self.task.kind;
        let toolchain = match kind {
            // They run no program of ours.
            TaskKind::Plan | TaskKind::Copy => "",
            _ => self.toolchain,
        };
        sqlx::query(sqlx::AssertSqlSafe(format!(
            "INSERT INTO jobs (id, version, state, attempt, attempts_max, run_at, lease_until, \
             kind, urgency, version_at, position, task, toolchain) \
             VALUES ($1, $2, 'queued', 0, $3, $4, 0, $5, $6 + {URGENCY_OF_VERSION}, $7, $8, $9, \
             $10)"
        )))
        .bind(job.as_str())
        .bind(self.version)
        .bind(i64::from(self.attempts_max))
        .bind(self.run_at)
        .bind(kind.as_str())
        .bind(urgency(kind))
        .bind(self.version_at)
        .bind(self.position)
        .bind(to_json(self.task))
        .bind(toolchain)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }
}

/// What makes any version playable comes before what makes one complete.
fn urgency(kind: TaskKind) -> i64 {
    match kind {
        TaskKind::Plan
        | TaskKind::Copy
        | TaskKind::Audio
        | TaskKind::Lead
        | TaskKind::Analysis
        | TaskKind::Text => 0,
        TaskKind::FirstPass | TaskKind::Rest => 1,
        TaskKind::Images => 2,
        TaskKind::Hevc | TaskKind::Av1 => 3,
    }
}

/// The group of a track, by the first task that writes it, and how many tasks do.
fn making(plan: &Plan, track: &TrackId) -> (i64, i64) {
    let mut tasks = plan.tasks.iter().filter(|task| task.tracks.contains(track));
    let first = tasks.next();
    let count = first.map_or(0, |_| 1 + tasks.count());
    (
        first.map_or(0, |task| group(task.kind)),
        i64::try_from(count).unwrap_or(i64::MAX),
    )
}

/// Tracks made by one kind of task are made together.
fn group(kind: TaskKind) -> i64 {
    match kind {
        TaskKind::Lead => 1,
        TaskKind::Rest => 2,
        TaskKind::Hevc => 3,
        TaskKind::Av1 => 4,
        _ => 0,
    }
}

/// What of a plan can't be, in words for the worker's log.
fn check(plan: &Plan) -> Result<(), String> {
    if plan.tracks.is_empty() || plan.tracks.len() > TRACKS_MAX {
        return Err(format!("a plan has 1 to {TRACKS_MAX} tracks"));
    }
    if plan.tasks.is_empty() || plan.tasks.len() > TASKS_MAX {
        return Err(format!("a plan has 1 to {TASKS_MAX} tasks"));
    }
    if !(plan.duration_secs.is_finite() && plan.duration_secs >= 0.0) {
        return Err("a plan's duration is a number of seconds".into());
    }
    let names: HashSet<&TrackId> = plan.tracks.iter().map(|planned| &planned.track).collect();
    if names.len() < plan.tracks.len() {
        return Err("two tracks have one name".into());
    }
    let has = |kind| plan.tasks.iter().any(|task| task.kind == kind);
    if has(TaskKind::Analysis) && has(TaskKind::FirstPass) {
        // Either would free what waits for both.
        return Err("a plan has an analysis or first passes, not both".into());
    }
    let mut made = HashSet::new();
    for task in &plan.tasks {
        if task.kind == TaskKind::Plan {
            return Err("a plan is made once".into());
        }
        if task.kind == TaskKind::FirstPass && task.optional {
            return Err("without a first pass there is no second: it is not optional".into());
        }
        if task.segments.is_some_and(|(from, to)| from >= to) {
            return Err(format!("a task's segments {:?} are none", task.segments));
        }
        for track in &task.tracks {
            if !names.contains(track) {
                return Err(format!("a task writes {track}, which is not planned"));
            }
            made.insert(track);
        }
    }
    match names.difference(&made).next() {
        Some(track) => Err(format!("no task writes {track}")),
        None => Ok(()),
    }
}

/// Each warning once, in order; of an unreasonable number or length, the first part.
pub(super) fn distinct(warnings: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut seen = HashSet::new();
    warnings
        .into_iter()
        .map(|warning| warning.chars().take(WARNING_LEN_MAX).collect::<String>())
        .filter(|warning| seen.insert(warning.clone()))
        .take(WARNINGS_MAX)
        .collect()
}
