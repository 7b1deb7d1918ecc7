//! How errands end, or wait for another attempt.

use wire::{ErrandDone, ErrandFailure, ErrandState, JobId, UploadId};

use super::{Catalogue, OriginError, Tx, deliveries, fence, held, id};
use crate::{clock::now_ms, random};

/// Wait before the second attempt, four times as long before each further one, and the longest,
/// milliseconds: 5 s, 20 s, 80 s, up to 3 h. Chosen: an outage of minutes costs minutes, and one
/// of a day some ten attempts.
const BACKOFF_MS: i64 = 5_000;
const BACKOFF_MS_MAX: i64 = 3 * 3_600_000;

/// Longest reason that is kept, letters. Chosen.
const REASON_LEN_MAX: usize = 500;

/// How long errands that ended are told of, milliseconds: 7 days. Chosen.
const KEPT_MS: i64 = 7 * 24 * 3_600_000;

/// What came of an errand that ended without a result.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    /// It will not be tried again.
    pub(crate) given_up: bool,
    /// An upload that nobody goes on with.
    pub(crate) upload: Option<UploadId>,
}

impl Catalogue {
    /// The errand is done. Asked again by the same attempt, it stays so.
    pub(crate) async fn complete_errand(
        &self,
        errand: &JobId,
        attempt: u32,
        done: &ErrandDone,
    ) -> Result<(), OriginError> {
        let mut tx = self.db.begin().await?;
        match fence(&mut tx, errand, attempt).await? {
            ErrandState::Done => return Ok(()),
            ErrandState::Leased => {}
            _ => return Err(OriginError::LeaseLost),
        }
        end(&mut tx, errand, ErrandState::Done, None).await?;
        deliveries::answered(&mut tx, errand, done.status, true).await?;
        tx.commit().await?;
        // Another of the same queue may follow.
        self.errand_queued();
        Ok(())
    }

    /// Ends an attempt without a result: it is queued again, or given up.
    pub(crate) async fn fail_errand(
        &self,
        errand: &JobId,
        attempt: u32,
        failure: &ErrandFailure,
    ) -> Result<Ended, OriginError> {
        let mut tx = self.db.begin().await?;
        held(&mut tx, errand, attempt).await?;
        let (attempts_max, give_up_at): (i64, i64) =
            sqlx::query_as("SELECT attempts_max, give_up_at FROM errands WHERE id = $1")
                .bind(errand.as_str())
                .fetch_one(&mut *tx)
                .await?;
        let reason: String = failure.reason.chars().take(REASON_LEN_MAX).collect();
        let run_at = now_ms() + pause_ms(attempt, failure);
        let last = i64::from(attempt) >= attempts_max || run_at >= give_up_at;
        let mut ended = Ended::default();
        if failure.permanent || (last && !failure.given_back) {
            let reason = match failure.permanent {
                true => reason,
                false => format!("gave up after {attempt} attempts; the last: {reason}"),
            };
            ended = give_up(&mut tx, errand, &reason).await?;
        } else {
            sqlx::query(
                "UPDATE errands SET state = 'queued', run_at = $2, reason = $3, \
                 attempts_max = attempts_max + $4 WHERE id = $1",
            )
            .bind(errand.as_str())
            .bind(run_at)
            .bind(&reason)
            // The attempt's number is the fencing token and must grow: so does the limit.
            .bind(i64::from(failure.given_back))
            .execute(&mut *tx)
            .await?;
        }
        if !failure.given_back {
            deliveries::answered(&mut tx, errand, failure.status, false).await?;
        }
        tx.commit().await?;
        self.errand_queued();
        Ok(ended)
    }

    /// The errand ends in these words, whatever the attempt at it says.
    pub(crate) async fn end_errand(
        &self,
        errand: &JobId,
        reason: &str,
    ) -> Result<Ended, OriginError> {
        let mut tx = self.db.begin().await?;
        let ended = give_up(&mut tx, errand, reason).await?;
        tx.commit().await?;
        Ok(ended)
    }

    /// Gives up errands whose last attempt went silent, and those that nobody took in time;
    /// gives the uploads that nobody goes on with.
    pub(crate) async fn give_up_errands(&self) -> Result<Vec<UploadId>, OriginError> {
        const OVERDUE: &str = "(state = 'leased' AND lease_until < $1 AND attempt >= attempts_max) \
             OR (state = 'queued' AND give_up_at <= $1)";
        let sql = format!("SELECT id, attempt, reason FROM errands WHERE {OVERDUE} LIMIT 100");
        let overdue: Vec<(String, i64, Option<String>)> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(now_ms())
            .fetch_all(&self.db.read)
            .await?;
        let mut uploads = Vec::new();
        for (errand, attempts, reason) in &overdue {
            let reason = match (attempts, reason) {
                (0, _) => {
                    "no worker took it: is there one that does such errands ([outward])?".to_owned()
                }
                (n, Some(reason)) => format!("gave up after {n} attempts; the last: {reason}"),
                (n, None) => format!("gave up after {n} attempts: each worker went silent"),
            };
            let errand: JobId = id(errand)?;
            let mut tx = self.db.begin().await?;
            let still = format!("SELECT 1 FROM errands WHERE id = $2 AND ({OVERDUE})");
            let still: Option<(i64,)> = sqlx::query_as(sqlx::AssertSqlSafe(still))
                .bind(now_ms())
                .bind(errand.as_str())
                .fetch_optional(&mut *tx)
                .await?;
            if still.is_some() {
                uploads.extend(give_up(&mut tx, &errand, &reason).await?.upload);
                tx.commit().await?;
            }
        }
        Ok(uploads)
    }

    /// Forgets errands that ended long ago.
    pub(crate) async fn forget_errands(&self) -> Result<(), OriginError> {
        let before = now_ms() - KEPT_MS;
        let old: Option<(i64,)> =
            sqlx::query_as("SELECT 1 FROM errands WHERE ended_at < $1 LIMIT 1")
                .bind(before)
                .fetch_optional(&self.db.read)
                .await?;
        if old.is_none() {
            return Ok(());
        }
        let mut tx = self.db.begin().await?;
        for sql in [
            "DELETE FROM fetches WHERE errand IN (SELECT id FROM errands WHERE ended_at < $1)",
            "DELETE FROM deliveries WHERE errand IN (SELECT id FROM errands WHERE ended_at < $1)",
            "DELETE FROM errands WHERE ended_at < $1",
            // But the newest: its number is the next one's.
            "DELETE FROM webhook_events WHERE at < $1 \
             AND number < (SELECT max(number) FROM webhook_events) \
             AND NOT EXISTS (SELECT 1 FROM deliveries WHERE event = webhook_events.number)",
        ] {
            sqlx::query(sql).bind(before).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

/// How long an errand waits for its next attempt, at random between half and all of it, so that
/// many that failed at one time do not come back as one; as long at least as it was asked.
fn pause_ms(attempt: u32, failure: &ErrandFailure) -> i64 {
    if failure.given_back {
        return 0;
    }
    let doublings = (2 * attempt.saturating_sub(1)).min(32);
    let all = (BACKOFF_MS << doublings).min(BACKOFF_MS_MAX);
    let chance = i64::from(u16::from_le_bytes(random::bytes()));
    let pause = all / 2 + all / 2 * chance / i64::from(u16::MAX);
    let asked = failure.retry_after_secs.unwrap_or(0).saturating_mul(1000);
    let asked = i64::try_from(asked).unwrap_or(i64::MAX);
    pause.max(asked.min(BACKOFF_MS_MAX))
}

/// The errand will not be tried again.
async fn give_up(tx: &mut Tx, errand: &JobId, reason: &str) -> Result<Ended, OriginError> {
    end(tx, errand, ErrandState::Failed, Some(reason)).await?;
    let upload: Option<(String,)> = sqlx::query_as("SELECT upload FROM fetches WHERE errand = $1")
        .bind(errand.as_str())
        .fetch_optional(&mut **tx)
        .await?;
    Ok(Ended {
        given_up: true,
        upload: upload.map(|(upload,)| id(&upload)).transpose()?,
    })
}

/// Ends an errand that has not ended; without a reason, the last one stays.
pub(super) async fn end(
    tx: &mut Tx,
    errand: &JobId,
    state: ErrandState,
    reason: Option<&str>,
) -> Result<bool, OriginError> {
    let state = match state {
        ErrandState::Done => "done",
        ErrandState::Cancelled => "cancelled",
        _ => "failed",
    };
    let reason: Option<String> = reason.map(|it| it.chars().take(REASON_LEN_MAX).collect());
    let done = sqlx::query(
        "UPDATE errands SET state = $2, ended_at = $3, \
         reason = CASE WHEN $2 = 'done' THEN NULL ELSE coalesce($4, reason) END \
         WHERE id = $1 AND state IN ('queued', 'leased')",
    )
    .bind(errand.as_str())
    .bind(state)
    .bind(now_ms())
    .bind(reason)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pause_is_longer_up_to_three_hours_and_never_all_of_it_for_all() {
        let failure = |retry_after_secs| ErrandFailure {
            reason: String::new(),
            permanent: false,
            given_back: false,
            retry_after_secs,
            status: None,
        };
        for (attempt, all_ms) in [(1, 5_000), (2, 20_000), (3, 80_000), (7, BACKOFF_MS_MAX)] {
            let pauses: Vec<i64> = (0..100)
                .map(|_| pause_ms(attempt, &failure(None)))
                .collect();
            let within = |pause: &i64| (all_ms / 2..=all_ms).contains(pause);
            assert!(pauses.iter().all(within), "{attempt}: {pauses:?}");
            assert!(pauses.iter().any(|pause| *pause != pauses[0]));
        }
        assert!(pause_ms(1000, &failure(None)) <= BACKOFF_MS_MAX);
        assert_eq!(pause_ms(1, &failure(Some(60))), 60_000);
        assert_eq!(pause_ms(1, &failure(Some(u64::MAX))), BACKOFF_MS_MAX);
    }
}
