//! Webhooks: who is told what happens to assets.

use axum::{
    Router,
    body::Body,
    extract::{Path, Request, State},
    http::{Response, StatusCode},
    response::IntoResponse,
    routing::{get, post},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use wire::{EventKind, NewWebhook, WebhookId, WebhookRequest};

use super::{fetch::errand_id, json, json_body};
use crate::{OriginError, app::Shared, catalogue::SECRET_PREFIX, random};

/// Lengths of a secret, bytes (Standard Webhooks, "Signature scheme").
const SECRET_LEN: std::ops::RangeInclusive<usize> = 24..=64;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/webhooks", get(list).post(add))
        .route("/api/webhooks/{webhook}", get(one).delete(remove))
        .route("/api/webhooks/{webhook}/enable", post(enable))
        .route("/api/webhooks/{webhook}/test", post(test))
        .route("/api/webhooks/{webhook}/deliveries", get(deliveries))
        .route(
            "/api/webhooks/{webhook}/deliveries/{delivery}/redeliver",
            post(redeliver),
        )
}

/// Makes a webhook. The answer is the only one that has its secret.
async fn add(State(app): State<Shared>, request: Request) -> Result<Response<Body>, OriginError> {
    app.require_admin(request.headers())?;
    let ask: WebhookRequest = json_body(request.into_body()).await?;
    if ask.events.contains(&EventKind::Test) {
        let detail = "webhook.test is not asked for: each webhook gets its own";
        return Err(OriginError::BadRequest(detail.into()));
    }
    let secret = match ask.secret {
        Some(secret) => checked(secret)?,
        None => SECRET_PREFIX.to_owned() + &BASE64_STANDARD.encode(random::bytes::<32>()),
    };
    let webhook = app
        .catalogue
        .add_webhook(&ask.url, &ask.events, &secret)
        .await?;
    tracing::info!(webhook = %webhook.webhook, calls = %ask.url, "webhook added");
    let mut response = json(&NewWebhook { webhook, secret });
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

/// A secret that somebody chose. It is not repeated.
fn checked(secret: String) -> Result<String, OriginError> {
    let key = secret.strip_prefix(SECRET_PREFIX);
    let key = key.and_then(|key| BASE64_STANDARD.decode(key).ok());
    match key {
        Some(key) if SECRET_LEN.contains(&key.len()) => Ok(secret),
        _ => Err(OriginError::BadRequest(
            "a secret is whsec_ and base64 of 24 to 64 bytes; without one, a fresh one is made"
                .into(),
        )),
    }
}

async fn list(State(app): State<Shared>, request: Request) -> Result<Response<Body>, OriginError> {
    app.require_admin(request.headers())?;
    Ok(json(&app.catalogue.webhooks().await?))
}

async fn one(
    State(app): State<Shared>,
    Path(webhook): Path<String>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    app.require_admin(request.headers())?;
    Ok(json(&app.catalogue.webhook(&webhook_id(&webhook)?).await?))
}

async fn remove(
    State(app): State<Shared>,
    Path(webhook): Path<String>,
    request: Request,
) -> Result<StatusCode, OriginError> {
    app.require_admin(request.headers())?;
    let webhook = webhook_id(&webhook)?;
    app.catalogue.delete_webhook(&webhook).await?;
    tracing::info!(%webhook, "webhook deleted");
    Ok(StatusCode::NO_CONTENT)
}

async fn enable(
    State(app): State<Shared>,
    Path(webhook): Path<String>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    app.require_admin(request.headers())?;
    let webhook = webhook_id(&webhook)?;
    app.catalogue.enable_webhook(&webhook).await?;
    tracing::info!(%webhook, "webhook enabled");
    Ok(json(&app.catalogue.webhook(&webhook).await?))
}

async fn test(
    State(app): State<Shared>,
    Path(webhook): Path<String>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    app.require_admin(request.headers())?;
    let webhook = webhook_id(&webhook)?;
    let delivery = app.catalogue.test_webhook(&webhook).await?;
    on_its_way(&app, &webhook, &delivery).await
}

async fn deliveries(
    State(app): State<Shared>,
    Path(webhook): Path<String>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    app.require_admin(request.headers())?;
    let webhook = webhook_id(&webhook)?;
    Ok(json(&app.catalogue.deliveries(&webhook).await?))
}

async fn redeliver(
    State(app): State<Shared>,
    Path((webhook, delivery)): Path<(String, String)>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    app.require_admin(request.headers())?;
    let (webhook, delivery) = (webhook_id(&webhook)?, errand_id(&delivery)?);
    let again = app.catalogue.redeliver(&webhook, &delivery).await?;
    on_its_way(&app, &webhook, &again).await
}

async fn on_its_way(
    app: &Shared,
    webhook: &WebhookId,
    delivery: &wire::JobId,
) -> Result<Response<Body>, OriginError> {
    let mut response = json(&app.catalogue.delivery(webhook, delivery).await?);
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response.into_response())
}

fn webhook_id(text: &str) -> Result<WebhookId, OriginError> {
    text.parse()
        .map_err(|error| OriginError::NotFound(format!("{error}")))
}
