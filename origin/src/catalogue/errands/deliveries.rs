//! Events on their way to webhooks.

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use wire::{Delivery, ErrandWork, JobId, WebhookId};

use super::{Catalogue, OriginError, Tx, from_json, id, outbox, state_of, to_json, webhooks};
use crate::clock::{now_ms, now_secs};

/// A webhook is called no more after it failed for so long, milliseconds: 5 days. Chosen.
const DISABLE_AFTER_MS: i64 = 5 * 24 * 3_600_000;

/// Who answers so wants no more calls (Standard Webhooks, "Operational considerations").
const GONE: u16 = 410;

/// What a secret begins with.
pub(crate) const SECRET_PREFIX: &str = "whsec_";

/// Most deliveries that one listing names. Chosen.
const LIST_MAX: i64 = 200;

const COLUMNS: &str = "SELECT e.id, v.id, v.kind, v.number, e.state, e.attempt, d.status, e.reason, \
     e.run_at, v.at FROM deliveries d JOIN errands e ON e.id = d.errand \
     JOIN webhook_events v ON v.number = d.event";

type Columns = (
    String,
    String,
    String,
    i64,
    String,
    i64,
    Option<i64>,
    Option<String>,
    i64,
    i64,
);

impl Catalogue {
    /// The newest first.
    pub(crate) async fn deliveries(
        &self,
        webhook: &WebhookId,
    ) -> Result<Vec<Delivery>, OriginError> {
        self.webhook(webhook).await?;
        let sql = format!(
            "{COLUMNS} WHERE d.webhook = $1 ORDER BY v.number DESC, e.created_at DESC \
             LIMIT {LIST_MAX}"
        );
        let rows: Vec<Columns> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(webhook.as_str())
            .fetch_all(&self.db.read)
            .await?;
        rows.into_iter().map(read).collect()
    }

    pub(crate) async fn delivery(
        &self,
        webhook: &WebhookId,
        delivery: &JobId,
    ) -> Result<Delivery, OriginError> {
        let sql = format!("{COLUMNS} WHERE d.webhook = $1 AND d.errand = $2");
        let row: Option<Columns> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(webhook.as_str())
            .bind(delivery.as_str())
            .fetch_optional(&self.db.read)
            .await?;
        read(row.ok_or_else(|| none(delivery))?)
    }

    /// Sends a delivery's event once more, by a delivery of its own.
    pub(crate) async fn redeliver(
        &self,
        webhook: &WebhookId,
        delivery: &JobId,
    ) -> Result<JobId, OriginError> {
        let mut tx = self.db.begin().await?;
        must_be_enabled(&mut tx, webhook).await?;
        let row: Option<(i64,)> =
            sqlx::query_as("SELECT event FROM deliveries WHERE webhook = $1 AND errand = $2")
                .bind(webhook.as_str())
                .bind(delivery.as_str())
                .fetch_optional(&mut *tx)
                .await?;
        let (event,) = row.ok_or_else(|| none(delivery))?;
        let errand = outbox::deliver(&mut tx, event, webhook.as_str()).await?;
        tx.commit().await?;
        self.errand_queued();
        Ok(errand)
    }
}

/// The call that a worker is to make, signed as of now: the secret stays here.
pub(super) async fn work(tx: &mut Tx, errand: &str) -> Result<ErrandWork, OriginError> {
    let (url, secret, message, body): (String, String, String, String) = sqlx::query_as(
        "SELECT w.url, w.secret, v.id, v.payload FROM deliveries d \
         JOIN webhooks w ON w.id = d.webhook \
         JOIN webhook_events v ON v.number = d.event WHERE d.errand = $1",
    )
    .bind(errand)
    .fetch_one(&mut **tx)
    .await?;
    let timestamp = now_secs();
    Ok(ErrandWork::Deliver {
        url: from_json(&to_json(&url), "URL of a webhook")?,
        signature: sign(&secret, &message, timestamp, &body)?,
        message,
        timestamp,
        body,
    })
}

/// `v1,` and the HMAC-SHA256 of `id.timestamp.body` (Standard Webhooks, "Signature scheme").
fn sign(secret: &str, message: &str, timestamp: u64, body: &str) -> Result<String, OriginError> {
    let damaged = || OriginError::Damaged("secret of a webhook".into());
    let key = secret.strip_prefix(SECRET_PREFIX).ok_or_else(damaged)?;
    let key = BASE64_STANDARD.decode(key).map_err(|_| damaged())?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| damaged())?;
    mac.update(format!("{message}.{timestamp}.{body}").as_bytes());
    let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    Ok(format!("v1,{signature}"))
}

/// What an attempt was answered; whether it was a success.
pub(super) async fn answered(
    tx: &mut Tx,
    errand: &JobId,
    status: Option<u16>,
    success: bool,
) -> Result<(), OriginError> {
    let row: Option<(String, Option<i64>)> = sqlx::query_as(
        "SELECT w.id, w.failing_since FROM deliveries d JOIN webhooks w ON w.id = d.webhook \
         WHERE d.errand = $1",
    )
    .bind(errand.as_str())
    .fetch_optional(&mut **tx)
    .await?;
    let Some((webhook, failing_since)) = row else {
        return Ok(());
    };
    sqlx::query("UPDATE deliveries SET status = $2 WHERE errand = $1")
        .bind(errand.as_str())
        .bind(status.map(i64::from))
        .execute(&mut **tx)
        .await?;
    let now = now_ms();
    let since = (!success).then(|| failing_since.unwrap_or(now));
    if since != failing_since {
        sqlx::query("UPDATE webhooks SET failing_since = $2 WHERE id = $1")
            .bind(&webhook)
            .bind(since)
            .execute(&mut **tx)
            .await?;
    }
    if status == Some(GONE) {
        return webhooks::disable(tx, &webhook, "it answered 410: it wants no more").await;
    }
    if since.is_some_and(|since| now - since > DISABLE_AFTER_MS) {
        return webhooks::disable(tx, &webhook, "no call was a success for 5 days").await;
    }
    Ok(())
}

/// # Errors
/// There is no such webhook, or it is called no more.
pub(super) async fn must_be_enabled(tx: &mut Tx, webhook: &WebhookId) -> Result<(), OriginError> {
    let row: Option<(Option<String>,)> =
        sqlx::query_as("SELECT disabled_why FROM webhooks WHERE id = $1")
            .bind(webhook.as_str())
            .fetch_optional(&mut **tx)
            .await?;
    match row {
        None => Err(webhooks::none(webhook)),
        Some((None,)) => Ok(()),
        Some((Some(why),)) => Err(OriginError::BadRequest(format!(
            "the webhook is disabled ({why}): enable it first"
        ))),
    }
}

fn none(delivery: &JobId) -> OriginError {
    OriginError::NotFound(format!("no delivery {delivery}, or it ended long ago"))
}

fn read(columns: Columns) -> Result<Delivery, OriginError> {
    let (delivery, message, event, number, state, attempts, ..) = columns;
    let (.., status, reason, run_at, created_at_ms) = (columns.6, columns.7, columns.8, columns.9);
    let state = state_of(&state)?;
    Ok(Delivery {
        delivery: id(&delivery)?,
        message,
        event: from_json(&format!("\"{event}\""), "kind of an event")?,
        number,
        state,
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
        status: status.and_then(|status| u16::try_from(status).ok()),
        reason,
        next_attempt_at_ms: (state == wire::ErrandState::Queued).then_some(run_at),
        created_at_ms,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_as_standard_webhooks_has_it() {
        // The example of its libraries' tests.
        let signed = sign(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            "{\"test\": 2432232314}",
        );
        assert_eq!(
            signed.unwrap(),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
        assert!(sign("MfKQ9r8G", "m", 1, "{}").is_err());
    }
}
