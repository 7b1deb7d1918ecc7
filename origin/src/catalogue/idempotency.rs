//! Requests that take effect once, however often they are sent: what they were answered is
//! written in the transaction that makes them true.

use super::{Catalogue, OriginError, Tx, to_json};
use crate::clock::now_ms;

/// How long an answer is kept. Chosen: as others do.
pub(crate) const KEPT_MS: i64 = 24 * 3600 * 1000;

/// Most answers kept, and longest of them, bytes. Chosen: together at most 1.6 GB, as a rule 20 MB.
const ANSWERS_MAX: i64 = 50_000;
const ANSWER_MAX: usize = 32 << 10;

/// What tells a request from others. Both are SHA-256, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Once {
    /// Of its `Idempotency-Key`.
    pub(crate) key: String,
    /// Of its method, path and body.
    pub(crate) request: String,
}

/// What such a request was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    /// JSON.
    pub(crate) body: String,
}

impl Catalogue {
    /// What the request was answered, if it took effect.
    ///
    /// # Errors
    /// Another request was sent with its key.
    pub(crate) async fn answered(&self, once: &Once) -> Result<Option<Answered>, OriginError> {
        let row: Option<(String, i64, String)> = sqlx::query_as(
            "SELECT request, status, body FROM idempotent_answers \
             WHERE idempotency_key = $1 AND forget_at > $2",
        )
        .bind(&once.key)
        .bind(now_ms())
        .fetch_optional(&self.db.read)
        .await?;
        let Some((request, status, body)) = row else {
            return Ok(None);
        };
        if request != once.request {
            return Err(OriginError::KeyReused);
        }
        let status = u16::try_from(status).unwrap_or(200);
        Ok(Some(Answered { status, body }))
    }

    /// Drops answers that are kept long enough.
    pub(crate) async fn forget_answers(&self) -> Result<(), OriginError> {
        let mut tx = self.db.begin().await?;
        sqlx::query("DELETE FROM idempotent_answers WHERE forget_at <= $1")
            .bind(now_ms())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Keeps what a request is answered, with what it did.
///
/// # Errors
/// Another origin has just answered a request with this key, or too many answers are kept:
/// nothing is done.
pub(super) async fn keep(
    tx: &mut Tx,
    once: Option<&Once>,
    status: u16,
    body: &impl serde::Serialize,
) -> Result<(), OriginError> {
    let Some(once) = once else {
        return Ok(());
    };
    let body = to_json(body);
    if body.len() > ANSWER_MAX {
        return Err(OriginError::BadRequest(format!(
            "with an Idempotency-Key an answer may have {ANSWER_MAX} bytes: leave it out"
        )));
    }
    let now = now_ms();
    sqlx::query("DELETE FROM idempotent_answers WHERE idempotency_key = $1 AND forget_at <= $2")
        .bind(&once.key)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    let (kept,): (i64,) = sqlx::query_as("SELECT count(*) FROM idempotent_answers")
        .fetch_one(&mut **tx)
        .await?;
    if kept >= ANSWERS_MAX {
        return Err(OriginError::Overloaded(format!(
            "{ANSWERS_MAX} answers are kept for their Idempotency-Key: leave it out, or wait"
        )));
    }
    let added = sqlx::query(
        "INSERT INTO idempotent_answers (idempotency_key, request, status, body, forget_at) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
    )
    .bind(&once.key)
    .bind(&once.request)
    .bind(i64::from(status))
    .bind(body)
    .bind(now.saturating_add(KEPT_MS))
    .execute(&mut **tx)
    .await?;
    match added.rows_affected() {
        0 => Err(OriginError::KeyInUse),
        _ => Ok(()),
    }
}
