//! Sound added to a published asset: `POST /api/assets/<asset>/audio` starts an upload, which
//! goes on as all others do, and ends as a version for workers to encode.

use axum::{
    Router,
    body::Body,
    extract::{Path, Query, Request, State},
    http::{Response, StatusCode},
    routing::{delete, post},
};
use serde::Deserialize;
use wire::VersionId;

use super::{api::asset_id, label, tus};
use crate::{OriginError, app::Shared, auth::Uploader, catalogue::Adds};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/assets/{asset}/audio", post(add))
        .layer(axum::middleware::from_fn(tus::name_version))
        .route("/api/assets/{asset}/additions/{version}", delete(cancel))
}

/// What the file is, for viewers.
#[derive(Debug, Deserialize)]
struct Ask {
    language: String,
    name: Option<String>,
    #[serde(default)]
    default: bool,
    #[serde(default)]
    characteristics: String,
}

async fn add(
    State(app): State<Shared>,
    Path(asset): Path<String>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    let (head, body) = request.into_parts();
    app.require_admin(&head.headers)?;
    let asset = asset_id(&asset)?;
    let Query(ask) = Query::<Ask>::try_from_uri(&head.uri)
        .map_err(|error| OriginError::BadRequest(error.body_text()))?;
    let mut label = label::label(&ask.language, ask.name, ask.default)?;
    label.characteristics = label::characteristics(&ask.characteristics)?;
    // Before the file comes: what can't be is said at once.
    app.catalogue.may_add_sound(&asset, &label).await?;
    let by = Uploader::unlimited(app.config.upload_max.as_u64());
    let adds = Adds { asset, label };
    tus::begin(&app, (&head.headers, body), &by, Some(adds)).await
}

/// Ends what adds sound to the asset.
async fn cancel(
    State(app): State<Shared>,
    Path((asset, version)): Path<(String, String)>,
    request: Request,
) -> Result<StatusCode, OriginError> {
    app.require_admin(request.headers())?;
    let asset = asset_id(&asset)?;
    let version: VersionId = version
        .parse()
        .map_err(|error| OriginError::NotFound(format!("{error}")))?;
    app.catalogue.cancel_addition(&asset, &version).await?;
    tracing::info!(%asset, %version, "sound is not added");
    Ok(StatusCode::NO_CONTENT)
}
