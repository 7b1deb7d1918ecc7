//! What operators ask of assets.

use axum::{
    Router,
    body::Body,
    extract::{Path, Request, State},
    http::{Response, StatusCode},
    routing::{delete, get},
};
use wire::{AssetId, TrackId, TracksRemoved};

use super::{events::Told, json};
use crate::{OriginError, app::Shared};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/assets", get(assets))
        .route("/api/assets/{asset}", get(asset).delete(remove))
        .route("/api/assets/{asset}/events", get(events))
        .route("/api/assets/{asset}/tracks/{track}", delete(remove_track))
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
