//! Jobs as operators see them, a page at a time.

use sqlx::{AnyConnection, FromRow, Row as _, any::AnyRow};
use wire::{AssetId, JobId, JobPage, JobState, JobStatus, Task};

use super::{Catalogue, OriginError, filter::Filter, from_json, id, jobs::small, passes::NEVER_MS};
use crate::{clock::now_ms, cursor::Cursor};

/// Which jobs, and how many of them.
#[derive(Debug)]
pub(crate) struct JobQuery {
    /// Entries at most.
    pub(crate) limit: u32,
    /// Behind this one.
    pub(crate) after: Option<Cursor<3>>,
    pub(crate) state: Listed,
    pub(crate) asset: Option<AssetId>,
}

/// States that are listed: an index has each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Listed {
    Queued,
    Leased,
    #[default]
    Failed,
}

impl Listed {
    fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Leased => "leased",
            Self::Failed => "failed",
        }
    }

    /// What orders them, and whether the greatest is first.
    fn order(self) -> ([&'static str; 3], bool) {
        match self {
            Self::Queued | Self::Leased => (["j.urgency", "j.version_at", "j.position"], false),
            // Two numbers say it; a third keeps cursors of one form.
            Self::Failed => (["j.version_at", "j.position", "j.attempt"], true),
        }
    }
}

const COLUMNS: &str = "SELECT j.id, v.asset, j.version, j.task, j.state, j.attempt, \
     j.attempts_max, j.worker, j.reason, j.run_at, j.lease_until, j.progress, \
     CASE WHEN v.state = 'failed' THEN g.due_at END, j.urgency, j.version_at, j.position \
     FROM jobs j JOIN versions v ON v.id = j.version \
     LEFT JOIN garbage g ON g.blob = v.source_was";

struct Row {
    job: String,
    asset: String,
    version: String,
    task: String,
    state: String,
    attempt: i64,
    attempts_max: i64,
    worker: Option<String>,
    reason: Option<String>,
    run_at: i64,
    lease_until: i64,
    progress: Option<String>,
    retry_until: Option<i64>,
    urgency: i64,
    version_at: i64,
    position: i64,
}

impl FromRow<'_, AnyRow> for Row {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            job: row.try_get(0)?,
            asset: row.try_get(1)?,
            version: row.try_get(2)?,
            task: row.try_get(3)?,
            state: row.try_get(4)?,
            attempt: row.try_get(5)?,
            attempts_max: row.try_get(6)?,
            worker: row.try_get(7)?,
            reason: row.try_get(8)?,
            run_at: row.try_get(9)?,
            lease_until: row.try_get(10)?,
            progress: row.try_get(11)?,
            retry_until: row.try_get(12)?,
            urgency: row.try_get(13)?,
            version_at: row.try_get(14)?,
            position: row.try_get(15)?,
        })
    }
}

impl Catalogue {
    /// A page of jobs.
    pub(crate) async fn jobs(&self, ask: &JobQuery) -> Result<JobPage, OriginError> {
        let (columns, descends) = ask.state.order();
        let mut filter = Filter::default();
        filter.and(format!("j.state = '{}'", ask.state.as_str()));
        let by = columns.join(", ");
        if let Some(Cursor { numbers, id }) = &ask.after {
            let places = numbers.map(|number| filter.number(number)).join(", ");
            let (id, side) = (filter.text(id), if descends { "<" } else { ">" });
            filter.and(format!("({by}, j.id) {side} ({places}, {id})"));
        }
        if let Some(asset) = &ask.asset {
            let asset = filter.text(asset.as_str());
            filter.and(format!("v.asset = {asset}"));
        }
        let limit = filter.number(i64::from(ask.limit) + 1);
        let way = if descends { " DESC" } else { "" };
        let by = columns.map(|column| format!("{column}{way}")).join(", ");
        let sql = format!(
            "{COLUMNS} {} ORDER BY {by}, j.id{way} LIMIT {limit}",
            filter.sql()
        );
        let query = sqlx::query_as(sqlx::AssertSqlSafe(sql));
        let mut rows: Vec<Row> = filter.bind(query).fetch_all(&self.db.read).await?;
        let is_more = rows.len() > ask.limit as usize;
        rows.truncate(ask.limit as usize);
        let next = rows.last().filter(|_| is_more).map(|row| {
            let numbers = match ask.state {
                Listed::Queued | Listed::Leased => [row.urgency, row.version_at, row.position],
                Listed::Failed => [row.version_at, row.position, row.attempt],
            };
            let id = row.job.clone();
            Cursor { numbers, id }.to_text()
        });
        let jobs = rows.into_iter().map(|row| row.status());
        Ok(JobPage {
            jobs: jobs.collect::<Result<_, _>>()?,
            next,
        })
    }
}

/// A job, which must be there.
pub(super) async fn job(tx: &mut AnyConnection, job: &JobId) -> Result<JobStatus, OriginError> {
    let row: Option<Row> =
        sqlx::query_as(sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE j.id = $1")))
            .bind(job.as_str())
            .fetch_optional(tx)
            .await?;
    let none = || OriginError::NotFound(format!("no job {job}, or its version is forgotten"));
    row.ok_or_else(none)?.status()
}

impl Row {
    fn status(self) -> Result<JobStatus, OriginError> {
        let task: Task = from_json(&self.task, "task")?;
        let state: JobState = from_json(&format!("\"{}\"", self.state), "state")?;
        let waits = state == JobState::Queued && self.run_at < NEVER_MS;
        let ended = matches!(state, JobState::Failed | JobState::Cancelled);
        Ok(JobStatus {
            job: id(&self.job)?,
            asset: id(&self.asset)?,
            version: id(&self.version)?,
            kind: task.kind,
            tracks: task.tracks,
            state,
            attempt: small(self.attempt)?,
            attempts_max: small(self.attempts_max)?,
            optional: task.optional,
            worker: self.worker,
            reason: self.reason,
            run_at_ms: waits.then_some(self.run_at),
            lease_until_ms: (state == JobState::Leased).then_some(self.lease_until),
            progress: self
                .progress
                .map(|json| from_json(&json, "progress"))
                .transpose()?,
            retry_until_ms: self.retry_until.filter(|due| ended && *due > now_ms()),
        })
    }
}
