//! What operators and edges ask: assets, keys.

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    extract::{Path, Query, Request, State},
    http::{Response, StatusCode},
    response::IntoResponse,
    routing::{delete, get, post},
};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};
use wire::{AssetId, KeyBulletin, MintRequest, RevokeRequest, TrackId, TracksRemoved};

use super::{events::Told, json, json_body};
use crate::{
    OriginError,
    app::{KEY_TTL_MAX_SECS, Shared},
    clock::now_ms,
};

/// Longest wait for news, however much longer an edge asks for.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(60);

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/assets", get(assets))
        .route("/api/assets/{asset}", get(asset).delete(remove))
        .route("/api/assets/{asset}/events", get(events))
        .route("/api/assets/{asset}/tracks/{track}", delete(remove_track))
        .route("/api/keys", get(bulletin).post(mint))
        .route("/api/keys/revoke", post(revoke))
}

async fn assets(
    State(app): State<Shared>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    app.require_admin(request.headers())?;
    Ok(json(&app.catalogue.assets().await?))
}

async fn asset(
    State(app): State<Shared>,
    Path(asset): Path<String>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    app.require_admin(request.headers())?;
    Ok(json(&app.catalogue.asset(&asset_id(&asset)?).await?))
}

/// Cancels what still makes the asset, and deletes it: rows now, bytes after the grace.
async fn remove(
    State(app): State<Shared>,
    Path(asset): Path<String>,
    request: Request,
) -> Result<StatusCode, OriginError> {
    app.require_admin(request.headers())?;
    let asset = asset_id(&asset)?;
    app.catalogue.delete_asset(&asset).await?;
    tracing::info!(%asset, "asset deleted");
    Ok(StatusCode::NO_CONTENT)
}

/// Publishes a version without a track of sound or text.
async fn remove_track(
    State(app): State<Shared>,
    Path((asset, track)): Path<(String, String)>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    app.require_admin(request.headers())?;
    let asset = asset_id(&asset)?;
    let track: TrackId = track
        .parse()
        .map_err(|error| OriginError::NotFound(format!("{error}")))?;
    let (version, tracks) = app.catalogue.remove_track(&asset, &track).await?;
    tracing::info!(%asset, %version, %track, "track taken away");
    Ok(json(&TracksRemoved { version, tracks }))
}

async fn events(
    State(app): State<Shared>,
    Path(asset): Path<String>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    app.require_admin(request.headers())?;
    super::events::answer(&app, &asset_id(&asset)?, Told::ToOperators).await
}

pub(super) fn asset_id(text: &str) -> Result<AssetId, OriginError> {
    text.parse()
        .map_err(|error| OriginError::NotFound(format!("{error}")))
}

async fn mint(State(app): State<Shared>, request: Request) -> Result<Response<Body>, OriginError> {
    app.require_admin(request.headers())?;
    let ask: MintRequest = json_body(request.into_body()).await?;
    let ttl = |secs: Option<u64>| secs.map_or(app.config.key_ttl, Duration::from_secs);
    let key = match ask {
        MintRequest::Play { asset, ttl_secs } => {
            app.catalogue.asset(&asset).await?;
            app.mint(ttl(ttl_secs), |issued, expires, jti| {
                keys::play(asset.as_str(), issued, expires, jti)
            })
        }
        MintRequest::Upload { ttl_secs } => {
            let max = app.config.upload_max.as_u64();
            app.mint(ttl(ttl_secs), |issued, expires, jti| {
                keys::upload(max, issued, expires, jti)
            })
        }
    };
    tracing::info!(jti = key.jti, expires_at = key.expires_at, "key minted");
    Ok(json(&key))
}

async fn revoke(
    State(app): State<Shared>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    app.require_admin(request.headers())?;
    let ask: RevokeRequest = json_body(request.into_body()).await?;
    let jti: wire::AssetId = ask
        .jti
        .parse()
        .map_err(|_| OriginError::BadRequest("that is not the jti of a key of ours".into()))?;
    let ttl_max_ms = i64::try_from(KEY_TTL_MAX_SECS * 1000).unwrap_or(i64::MAX);
    app.catalogue
        .revoke(jti.as_str(), now_ms() + ttl_max_ms)
        .await?;
    tracing::info!(%jti, "key revoked");
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What an edge knows already, and how long it would wait for more.
#[derive(Debug, Deserialize)]
struct After {
    #[serde(default)]
    after: u64,
    #[serde(default)]
    wait: u64,
}

async fn bulletin(
    State(app): State<Shared>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    app.require_join(request.headers())?;
    let Query(ask) = Query::<After>::try_from_uri(request.uri())
        .map_err(|error| OriginError::BadRequest(error.body_text()))?;
    let _waiter = app.waiter()?;
    let until = Instant::now() + Duration::from_secs(ask.wait).min(WAIT_MAX);
    loop {
        let news = app.catalogue.key_revoked();
        let (revision, revoked) = app.catalogue.revoked().await?;
        // Not "newer than": after a restored catalogue the edge may be ahead of us.
        if revision != ask.after {
            let jwks = app.keyring.trusted.to_jwks();
            return Ok(json(&KeyBulletin {
                revision,
                jwks,
                revoked,
            }));
        }
        if Instant::now() >= until || app.shutdown.is_cancelled() {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        tokio::select! {
            _ = timeout_at(until, news) => {}
            () = app.shutdown.cancelled() => {}
        }
    }
}
