//! `GET /api/audit`: what was done, for operators.

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    extract::{Query, Request, State},
    http::Response,
    routing::get,
};
use serde::Deserialize;
use tokio::time::Instant;
use wire::kind;

use super::json;
use crate::{
    OriginError,
    app::{App, Shared},
};

/// Rows of an answer, and most of them. Chosen.
const LIMIT: u32 = 100;
const LIMIT_MAX: u32 = 1000;

/// Refusals are recorded so far apart at least: whoever has a key that is refused must not
/// fill the catalogue. Chosen.
const REFUSAL_EVERY: Duration = Duration::from_secs(1);

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/api/audit", get(audit))
}

#[derive(Debug, Deserialize)]
struct Ask {
    #[serde(default)]
    after: u64,
    limit: Option<u32>,
    what: Option<String>,
}

async fn audit(State(app): State<Shared>, request: Request) -> Result<Response<Body>, OriginError> {
    app.require_admin(request.headers())?;
    let Query(ask) = Query::<Ask>::try_from_uri(request.uri())
        .map_err(|error| OriginError::BadRequest(error.body_text()))?;
    let limit = ask.limit.unwrap_or(LIMIT).clamp(1, LIMIT_MAX);
    let what = ask.what.as_deref().filter(|what| !what.is_empty());
    Ok(json(&app.catalogue.audit(ask.after, limit, what).await?))
}

/// Records that a key of ours was refused, where it was; not each one of many.
pub(super) async fn note_refusal(app: &App, target: &str, error: &OriginError) {
    let is_known = match error {
        OriginError::Forbidden(_) => true,
        OriginError::Unauthorized { kind, .. } => *kind == kind::KEY_REVOKED,
        _ => false,
    };
    if !is_known || !app.refusal_noted.may(Instant::now(), REFUSAL_EVERY) {
        return;
    }
    if let Err(error) = app.catalogue.record_refused("upload", target).await {
        tracing::warn!(%error, "a refusal is not in the audit trail");
    }
}
