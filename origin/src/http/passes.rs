//! Logs of first passes: put by those who make them, read by those who encode by them.

use axum::{
    Router,
    body::Body,
    extract::{Path, Query, Request, State},
    http::{Response, StatusCode},
    routing::put,
};
use wire::PassCost;

use super::{
    made::{blob_name, recorded, track_id},
    object::{self, Object},
    unless_silent,
    worker::attempt,
};
use crate::{OriginError, app::Shared, catalogue::PassRow};

/// Longest log, bytes: that of 20 s of 4096 × 2160 at 60 frames/s is two thirds of it.
const LOG_MAX: u64 = 128 << 20;

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/api/jobs/{job}/passes/{track}", put(store).get(read))
}

async fn store(
    State(app): State<Shared>,
    Path((job, track)): Path<(String, String)>,
    request: Request,
) -> Result<StatusCode, OriginError> {
    let (head, body) = request.into_parts();
    let (job, attempt) = attempt(&app, &job, &head).await?;
    let track = track_id(&track)?;
    let Query(cost) = Query::<PassCost>::try_from_uri(&head.uri)
        .map_err(|error| OriginError::BadRequest(error.body_text()))?;
    let is_some = |number: f64| number.is_finite() && number > 0.0;
    if !(is_some(cost.scale) && is_some(cost.secs)) {
        let detail = "a scale and a duration are above 0";
        return Err(OriginError::BadRequest(detail.into()));
    }
    let version = app.catalogue.version_of(&job, attempt).await?;
    let blob = blob_name(&version, track.as_str(), "pass", "log")?;
    let len_bytes = app.store.put(&blob, unless_silent(body), LOG_MAX).await?;
    let row = PassRow {
        cost,
        blob,
        len_bytes,
    };
    let added = app.catalogue.add_pass(&job, attempt, &track, &row).await;
    recorded(&app, &row.blob, added).await
}

async fn read(
    State(app): State<Shared>,
    Path((job, track)): Path<(String, String)>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    let (head, _) = request.into_parts();
    let (job, attempt) = attempt(&app, &job, &head).await?;
    let track = track_id(&track)?;
    let (blob, len_bytes) = app.catalogue.pass_of(&job, attempt, &track).await?;
    let object = Object::for_workers(blob, len_bytes);
    object::send(&app.store, object, &head.headers).await
}
