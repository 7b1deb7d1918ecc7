//! Who is told what happens.

use wire::{EventData, EventKind, JobId, WebUrl, Webhook, WebhookId};

use super::{Catalogue, OriginError, Tx, deliveries, from_json, id, outbox, to_json};
use crate::{clock::now_ms, random};

/// Webhooks of one origin. Chosen: each event is written for each of them.
const WEBHOOKS_MAX: i64 = 100;

const COLUMNS: &str =
    "SELECT id, url, events, disabled_why, failing_since, created_at FROM webhooks";

type Columns = (String, String, String, Option<String>, Option<i64>, i64);

impl Catalogue {
    pub(crate) async fn add_webhook(
        &self,
        url: &WebUrl,
        events: &[EventKind],
        secret: &str,
    ) -> Result<Webhook, OriginError> {
        let webhook: WebhookId = id(&random::id())?;
        let mut tx = self.db.begin().await?;
        let (there,): (i64,) = sqlx::query_as("SELECT count(*) FROM webhooks")
            .fetch_one(&mut *tx)
            .await?;
        if there >= WEBHOOKS_MAX {
            let detail = format!("there are {WEBHOOKS_MAX} webhooks: delete one first");
            return Err(OriginError::BadRequest(detail));
        }
        sqlx::query(
            "INSERT INTO webhooks (id, url, events, secret, created_at) \
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(webhook.as_str())
        .bind(url.text())
        .bind(to_json(&events))
        .bind(secret)
        .bind(now_ms())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        self.webhook(&webhook).await
    }

    pub(crate) async fn webhook(&self, webhook: &WebhookId) -> Result<Webhook, OriginError> {
        let sql = sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE id = $1"));
        let row: Option<Columns> = sqlx::query_as(sql)
            .bind(webhook.as_str())
            .fetch_optional(&self.db.read)
            .await?;
        read(row.ok_or_else(|| none(webhook))?)
    }

    /// The oldest first.
    pub(crate) async fn webhooks(&self) -> Result<Vec<Webhook>, OriginError> {
        let sql = format!("{COLUMNS} ORDER BY created_at, id");
        let rows: Vec<Columns> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .fetch_all(&self.db.read)
            .await?;
        rows.into_iter().map(read).collect()
    }

    /// Forgets a webhook, and what was on its way.
    pub(crate) async fn delete_webhook(&self, webhook: &WebhookId) -> Result<(), OriginError> {
        let mut tx = self.db.begin().await?;
        for sql in [
            "DELETE FROM deliveries WHERE webhook = $1",
            "DELETE FROM errands WHERE queue = $1",
        ] {
            let gone = sqlx::query(sql).bind(webhook.as_str());
            gone.execute(&mut *tx).await?;
        }
        let gone = sqlx::query("DELETE FROM webhooks WHERE id = $1")
            .bind(webhook.as_str())
            .execute(&mut *tx)
            .await?;
        if gone.rows_affected() == 0 {
            return Err(none(webhook));
        }
        tx.commit().await?;
        Ok(())
    }

    /// Calls a webhook again from the next event on.
    pub(crate) async fn enable_webhook(&self, webhook: &WebhookId) -> Result<(), OriginError> {
        let mut tx = self.db.begin().await?;
        let done = sqlx::query(
            "UPDATE webhooks SET disabled_at = NULL, disabled_why = NULL, failing_since = NULL \
             WHERE id = $1",
        )
        .bind(webhook.as_str())
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Err(none(webhook));
        }
        tx.commit().await?;
        Ok(())
    }

    /// Sends an event that nothing happened for.
    pub(crate) async fn test_webhook(&self, webhook: &WebhookId) -> Result<JobId, OriginError> {
        let mut tx = self.db.begin().await?;
        deliveries::must_be_enabled(&mut tx, webhook).await?;
        let event = outbox::record(&mut tx, EventKind::Test, EventData::default()).await?;
        let errand = outbox::deliver(&mut tx, event, webhook.as_str()).await?;
        tx.commit().await?;
        self.errand_queued();
        Ok(errand)
    }
}

/// Calls a webhook no more; what was on its way is cancelled.
pub(super) async fn disable(tx: &mut Tx, webhook: &str, why: &str) -> Result<(), OriginError> {
    tracing::warn!(webhook, why, "webhook disabled");
    sqlx::query("UPDATE webhooks SET disabled_at = $2, disabled_why = $3 WHERE id = $1")
        .bind(webhook)
        .bind(now_ms())
        .bind(why)
        .execute(&mut **tx)
        .await?;
    sqlx::query(
        "UPDATE errands SET state = 'cancelled', ended_at = $2, reason = $3 \
         WHERE queue = $1 AND state IN ('queued', 'leased')",
    )
    .bind(webhook)
    .bind(now_ms())
    .bind(format!("the webhook was disabled: {why}"))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub(super) fn none(webhook: &WebhookId) -> OriginError {
    OriginError::NotFound(format!("no webhook {webhook}"))
}

fn read(columns: Columns) -> Result<Webhook, OriginError> {
    let (webhook, url, events, disabled, failing_since_ms, created_at_ms) = columns;
    Ok(Webhook {
        webhook: id(&webhook)?,
        url: url.split('?').next().unwrap_or_default().to_owned(),
        events: from_json(&events, "events of a webhook")?,
        disabled,
        failing_since_ms,
        created_at_ms,
    })
}
