//! What happened, written in the transaction that makes it true, for each webhook that wants it.

use std::time::{Duration, UNIX_EPOCH};

use wire::{AssetId, ErrandKind, Event, EventData, EventKind, JobId, VersionId};

use super::{NewErrand, OriginError, Tx, from_json, id, to_json, webhooks};
use crate::{clock::now_ms, random};

/// How long an event is tried to be delivered.
pub(super) const RETRY_FOR: Duration = Duration::from_secs(24 * 3600);

/// More attempts than fit into that.
const ATTEMPTS_MAX: u32 = 64;

/// Events that wait for one webhook. Chosen: some days of a busy site.
const WAITING_MAX: i64 = 10_000;

/// Something happened to a version that is, or would have been, shown as its asset.
pub(in crate::catalogue) async fn of_version(
    tx: &mut Tx,
    kind: EventKind,
    version: &str,
    failure: Option<&str>,
) -> Result<(), OriginError> {
    let asset: Option<(String,)> =
        sqlx::query_as("SELECT asset FROM versions WHERE id = $1 AND addition IS NULL")
            .bind(version)
            .fetch_optional(&mut **tx)
            .await?;
    let Some((asset,)) = asset else {
        return Ok(());
    };
    let data = EventData {
        version: Some(id::<VersionId>(version)?),
        failure: failure.map(str::to_owned),
        ..EventData::default()
    };
    of_asset(tx, kind, &asset, data).await
}

/// Something happened to an asset.
pub(in crate::catalogue) async fn of_asset(
    tx: &mut Tx,
    kind: EventKind,
    asset: &str,
    data: EventData,
) -> Result<(), OriginError> {
    let wanting = wanting(tx, kind).await?;
    if wanting.is_empty() {
        return Ok(());
    }
    let title: Option<(String,)> = sqlx::query_as("SELECT title FROM assets WHERE id = $1")
        .bind(asset)
        .fetch_optional(&mut **tx)
        .await?;
    let data = EventData {
        asset: Some(id::<AssetId>(asset)?),
        title: title.map(|(title,)| title),
        ..data
    };
    let event = record(tx, kind, data).await?;
    for webhook in wanting {
        if is_full(tx, &webhook).await? {
            let why = format!("{WAITING_MAX} events waited for it");
            webhooks::disable(tx, &webhook, &why).await?;
        } else {
            deliver(tx, event, &webhook).await?;
        }
    }
    Ok(())
}

/// Webhooks that want such events.
async fn wanting(tx: &mut Tx, kind: EventKind) -> Result<Vec<String>, OriginError> {
    let all: Vec<(String, String)> =
        sqlx::query_as("SELECT id, events FROM webhooks WHERE disabled_at IS NULL ORDER BY id")
            .fetch_all(&mut **tx)
            .await?;
    let mut wanting = Vec::new();
    for (webhook, events) in all {
        let events: Vec<EventKind> = from_json(&events, "events of a webhook")?;
        if events.is_empty() || events.contains(&kind) {
            wanting.push(webhook);
        }
    }
    Ok(wanting)
}

async fn is_full(tx: &mut Tx, webhook: &str) -> Result<bool, OriginError> {
    let beyond: Option<(i64,)> = sqlx::query_as(
        "SELECT 1 FROM errands WHERE queue = $1 AND state = 'queued' LIMIT 1 OFFSET $2",
    )
    .bind(webhook)
    .bind(WAITING_MAX)
    .fetch_optional(&mut **tx)
    .await?;
    Ok(beyond.is_some())
}

/// Writes an event; gives its number. Transactions that write come one after the other: so numbers are in the
/// order of commits.
pub(super) async fn record(
    tx: &mut Tx,
    kind: EventKind,
    data: EventData,
) -> Result<i64, OriginError> {
    let (number,): (i64,) =
        sqlx::query_as("SELECT coalesce(max(number), 0) + 1 FROM webhook_events")
            .fetch_one(&mut **tx)
            .await?;
    let at_ms = now_ms();
    let at = UNIX_EPOCH + Duration::from_millis(at_ms.unsigned_abs());
    let event = Event {
        kind,
        timestamp: humantime::format_rfc3339_millis(at).to_string(),
        data: EventData { number, ..data },
    };
    sqlx::query(
        "INSERT INTO webhook_events (number, id, kind, at, payload) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(number)
    .bind(format!("msg_{}", random::id()))
    .bind(to_json(&kind).trim_matches('"'))
    .bind(at_ms)
    .bind(to_json(&event))
    .execute(&mut **tx)
    .await?;
    Ok(number)
}

/// Sends an event on its way to a webhook.
pub(super) async fn deliver(tx: &mut Tx, event: i64, webhook: &str) -> Result<JobId, OriginError> {
    let errand: JobId = id(&random::id())?;
    let new = NewErrand {
        id: &errand,
        kind: ErrandKind::Deliver,
        queue: webhook,
        position: event,
        attempts_max: ATTEMPTS_MAX,
        give_up_after: RETRY_FOR,
    };
    new.insert(tx).await?;
    sqlx::query("INSERT INTO deliveries (errand, webhook, event) VALUES ($1, $2, $3)")
        .bind(errand.as_str())
        .bind(webhook)
        .bind(event)
        .execute(&mut **tx)
        .await?;
    Ok(errand)
}
