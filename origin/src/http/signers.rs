//! Keys that sign keys: rotated and listed by operators, and their public halves for everyone.

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, Response, header},
    routing::{get, post},
};
use wire::RotateRequest;

use super::{json, json_body};
use crate::{
    OriginError,
    app::{App, Shared},
    catalogue,
    clock::now_ms,
    keyring::new_signer,
};

/// Longest time that anyone keeps the public keys for, seconds. Chosen; half of
/// `origin.key_overlap` where that is shorter.
const JWKS_AGE_MAX: u64 = 300;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/keys/signing", get(list))
        .route("/api/keys/rotate", post(rotate))
        .route("/.well-known/jwks.json", get(jwks))
}

async fn list(State(app): State<Shared>, request: Request) -> Result<Response<Body>, OriginError> {
    app.require_admin(request.headers())?;
    told(&app).await
}

/// Asked again, it changes nothing, until the new one signs.
async fn rotate(
    State(app): State<Shared>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    app.require_admin(request.headers())?;
    let ask: RotateRequest = json_body(request.into_body()).await?;
    let overlap = match ask.now {
        true => Duration::ZERO,
        false => app.config.key_overlap,
    };
    let now = now_ms();
    let overlap_ms = i64::try_from(overlap.as_millis()).unwrap_or(i64::MAX);
    let next = new_signer(now.saturating_add(overlap_ms));
    app.catalogue.rotate(next, now).await?;
    app.keyring.refresh(&app.catalogue).await?;
    tracing::info!(now = ask.now, "signing key rotated");
    told(&app).await
}

async fn told(app: &App) -> Result<Response<Body>, OriginError> {
    let rows = app.catalogue.signers().await?;
    Ok(json(&catalogue::told(&rows, now_ms())?))
}

/// A JSON Web Key Set (RFC 7517 §5, §8.5.2): all keys that count, and the one that comes next.
async fn jwks(State(app): State<Shared>) -> Response<Body> {
    let mut response = json(&app.keyring.jwks());
    let age = JWKS_AGE_MAX.min(app.config.key_overlap.as_secs() / 2);
    let control = HeaderValue::from_str(&format!("public, max-age={age}"));
    let headers = response.headers_mut();
    let media_type = HeaderValue::from_static("application/jwk-set+json");
    headers.insert(header::CONTENT_TYPE, media_type);
    headers.insert(
        header::CACHE_CONTROL,
        control.expect("a number is good in a header"),
    );
    response
}
