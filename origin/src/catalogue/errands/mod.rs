//! Errands: what workers do outside of the fleet, lent and ended as jobs are.
//!
//! They have no version, and end by themselves: so they are a table of their own.

mod deliveries;
mod ending;
pub(super) mod fetches;
pub(super) mod outbox;
mod webhooks;

use std::time::Duration;

use sqlx::AnyConnection;
use wire::{Errand, ErrandKind, ErrandRequest, ErrandState, ErrandWork, JobId};

pub(crate) use deliveries::SECRET_PREFIX;

use super::{Catalogue, OriginError, Topic, Tx, from_json, id, signed, to_json, unsigned};
use crate::clock::now_ms;

/// An errand that a worker has just been given, without its key.
#[derive(Debug)]
pub(crate) struct ErrandClaim {
    pub(crate) errand: JobId,
    pub(crate) attempt: u32,
    pub(crate) work: ErrandWork,
}

impl ErrandClaim {
    pub(crate) fn lend(self, key: String, lease_secs: u32) -> Errand {
        Errand {
            errand: self.errand,
            attempt: self.attempt,
            lease_secs,
            key,
            work: self.work,
        }
    }
}

/// A new errand.
struct NewErrand<'a> {
    id: &'a JobId,
    kind: ErrandKind,
    queue: &'a str,
    /// Among those that are queued at one time.
    position: i64,
    attempts_max: u32,
    /// No attempt begins so long from now.
    give_up_after: Duration,
}

impl NewErrand<'_> {
    async fn insert(&self, tx: &mut Tx) -> Result<(), OriginError> {
        let now = now_ms();
        sqlx::query(
            "INSERT INTO errands (id, kind, queue, position, state, attempt, attempts_max, run_at, \
             lease_until, give_up_at, created_at) \
             VALUES ($1, $2, $3, $4, 'queued', 0, $5, $6, 0, $7, $6)",
        )
        .bind(self.id.as_str())
        .bind(self.kind.as_str())
        .bind(self.queue)
        .bind(self.position)
        .bind(i64::from(self.attempts_max))
        .bind(now)
        .bind(now.saturating_add(millis(self.give_up_after)))
        .execute(&mut **tx)
        .await?;
        Ok(())
    }
}

/// One that is due, or whose lease ran out, of these kinds (see [`of_kinds`]) and of a queue
/// of which nothing is lent; `$1` is now.
fn next_sql(kinds: &str) -> String {
    format!(
        "SELECT e.id FROM errands e WHERE e.attempt < e.attempts_max AND e.kind IN ({kinds}) \
         AND ((e.state = 'queued' AND e.run_at <= $1 AND e.give_up_at > $1) \
             OR (e.state = 'leased' AND e.lease_until < $1)) \
         AND NOT EXISTS (SELECT 1 FROM errands o WHERE o.queue = e.queue AND o.id <> e.id \
             AND o.state = 'leased' AND o.lease_until >= $1) \
         ORDER BY e.created_at, e.position, e.id LIMIT 1"
    )
}

/// The words are ours: what came in is an enum.
fn of_kinds(kinds: &[ErrandKind]) -> String {
    let kinds: Vec<String> = kinds
        .iter()
        .map(|kind| format!("'{}'", kind.as_str()))
        .collect();
    kinds.join(", ")
}

impl Catalogue {
    /// Lends an errand that is due: the oldest.
    pub(crate) async fn claim_errand(
        &self,
        ask: &ErrandRequest,
        lease: Duration,
    ) -> Result<Option<ErrandClaim>, OriginError> {
        if ask.kinds.is_empty() {
            return Ok(None);
        }
        let next = next_sql(&of_kinds(&ask.kinds));
        // Most looks find nothing: they are no writers.
        let due: Option<(String,)> = sqlx::query_as(sqlx::AssertSqlSafe(next.clone()))
            .bind(now_ms())
            .fetch_optional(&self.db.read)
            .await?;
        if due.is_none() {
            return Ok(None);
        }
        let mut tx = self.db.begin().await?;
        let claim = format!(
            "UPDATE errands SET state = 'leased', attempt = attempt + 1, worker = $2, \
             lease_until = $3 WHERE id = ({next}) RETURNING id, kind, attempt"
        );
        let now = now_ms();
        let row: Option<(String, String, i64)> = sqlx::query_as(sqlx::AssertSqlSafe(claim))
            .bind(now)
            .bind(&ask.worker)
            .bind(now.saturating_add(millis(lease)))
            .fetch_optional(&mut *tx)
            .await?;
        let Some((errand, kind, attempt)) = row else {
            return Ok(None);
        };
        let work = match from_json(&format!("\"{kind}\""), "errand")? {
            ErrandKind::Fetch => fetches::work(&mut tx, &errand).await?,
            ErrandKind::Deliver => deliveries::work(&mut tx, &errand).await?,
        };
        tx.commit().await?;
        Ok(Some(ErrandClaim {
            errand: id(&errand)?,
            attempt: u32::try_from(attempt).unwrap_or(u32::MAX),
            work,
        }))
    }

    /// The worker lives. True: there is nothing to go on with.
    pub(crate) async fn errand_lives(
        &self,
        errand: &JobId,
        attempt: u32,
        lease: Duration,
        news: &wire::ErrandNews,
    ) -> Result<bool, OriginError> {
        let mut tx = self.db.begin().await?;
        match fence(&mut tx, errand, attempt).await? {
            ErrandState::Leased => {}
            ErrandState::Cancelled => return Ok(true),
            _ => return Err(OriginError::LeaseLost),
        }
        sqlx::query("UPDATE errands SET lease_until = $2 WHERE id = $1")
            .bind(errand.as_str())
            .bind(now_ms().saturating_add(millis(lease)))
            .execute(&mut *tx)
            .await?;
        if let Some(source) = &news.source {
            sqlx::query("UPDATE fetches SET source = $2 WHERE errand = $1")
                .bind(errand.as_str())
                .bind(to_json(source))
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(false)
    }

    /// Tells whoever waits that an errand may be due.
    pub(super) fn errand_queued(&self) {
        self.news.tell(Topic::Errands);
    }
}

/// How an errand is whose newest attempt is this.
///
/// # Errors
/// Another attempt has it, or it is forgotten.
async fn fence(
    reader: &mut AnyConnection,
    errand: &JobId,
    attempt: u32,
) -> Result<ErrandState, OriginError> {
    let row: Option<(String,)> =
        sqlx::query_as("SELECT state FROM errands WHERE id = $1 AND attempt = $2")
            .bind(errand.as_str())
            .bind(i64::from(attempt))
            .fetch_optional(reader)
            .await?;
    let (state,) = row.ok_or(OriginError::LeaseLost)?;
    state_of(&state)
}

/// Only the attempt that holds the errand passes.
async fn held(reader: &mut AnyConnection, errand: &JobId, attempt: u32) -> Result<(), OriginError> {
    match fence(reader, errand, attempt).await? {
        ErrandState::Leased => Ok(()),
        _ => Err(OriginError::LeaseLost),
    }
}

fn state_of(text: &str) -> Result<ErrandState, OriginError> {
    from_json(&format!("\"{text}\""), "state of an errand")
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
