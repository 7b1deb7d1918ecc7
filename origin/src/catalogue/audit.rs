//! The audit trail: what was done, by whom, from where. A row is written in the transaction
//! that makes it true, and is never changed.

use std::time::Duration;

use sqlx::AnyConnection;
use wire::{AuditEntry, AuditPage};

use super::{Catalogue, OriginError, signed, unsigned};
use crate::{by, clock::now_ms};

/// Columns of `audit`, in order.
type Columns = (i64, i64, String, String, String, String, String);

impl Catalogue {
    /// A key was made; `target` is its name and what it opens.
    pub(crate) async fn record_issue(&self, target: &str) -> Result<(), OriginError> {
        let mut tx = self.db.begin().await?;
        record(&mut tx, "issue", target).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Who has shown a key of ours may not do what it asked for.
    pub(crate) async fn record_refused(&self, what: &str, target: &str) -> Result<(), OriginError> {
        let mut tx = self.db.begin().await?;
        insert(&mut tx, what, (target, "refused")).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Up to `limit` rows behind number `after`, of one kind where `what` is one; oldest first.
    pub(crate) async fn audit(
        &self,
        after: u64,
        limit: u32,
        what: Option<&str>,
    ) -> Result<AuditPage, OriginError> {
        let sql = match what {
            None => {
                "SELECT number, at, who, what, target, peer, result FROM audit \
                 WHERE number > $1 AND $2 = '' ORDER BY number LIMIT $3"
            }
            Some(_) => {
                "SELECT number, at, who, what, target, peer, result FROM audit \
                 WHERE number > $1 AND what = $2 ORDER BY number LIMIT $3"
            }
        };
        // One more tells whether there are more.
        let mut rows: Vec<Columns> = sqlx::query_as(sql)
            .bind(signed(after)?)
            .bind(what.unwrap_or_default())
            .bind(i64::from(limit) + 1)
            .fetch_all(&self.db.read)
            .await?;
        let more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let entries: Result<Vec<_>, _> = rows.into_iter().map(entry).collect();
        Ok(AuditPage {
            entries: entries?,
            more,
        })
    }

    /// Drops what is older than `keep`.
    pub(crate) async fn forget_audit(&self, keep: Duration) -> Result<(), OriginError> {
        let keep_ms = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
        let mut tx = self.db.begin().await?;
        sqlx::query("DELETE FROM audit WHERE at < $1")
            .bind(now_ms().saturating_sub(keep_ms))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}

/// This is done, once the transaction is.
pub(crate) async fn record(
    tx: &mut AnyConnection,
    what: &str,
    target: &str,
) -> Result<(), OriginError> {
    insert(tx, what, (target, "done")).await
}

async fn insert(
    tx: &mut AnyConnection,
    what: &str,
    (target, result): (&str, &str),
) -> Result<(), OriginError> {
    let (who, peer) = by::current();
    // In the order of commits, and never again the number of a row that was dropped.
    let (number,): (i64,) =
        sqlx::query_as("UPDATE audit_head SET number = number + 1 RETURNING number")
            .fetch_one(&mut *tx)
            .await?;
    sqlx::query(
        "INSERT INTO audit (number, at, who, what, target, peer, result) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(number)
    .bind(now_ms())
    .bind(who)
    .bind(what)
    // Names come from people, who paste keys anywhere.
    .bind(keys::redact(target).into_owned())
    .bind(peer)
    .bind(result)
    .execute(tx)
    .await?;
    Ok(())
}

fn entry(
    (number, at, who, what, target, peer, result): Columns,
) -> Result<AuditEntry, OriginError> {
    Ok(AuditEntry {
        number: unsigned(number)?,
        at_ms: unsigned(at)?,
        who,
        what,
        target,
        peer,
        result,
    })
}
