//! What operators ask of jobs.

use axum::{
    Router,
    body::Body,
    extract::{Path, Request, State},
    http::Response,
    routing::{get, post},
};
use serde::Deserialize;
use wire::{AssetId, JobId, JobStatus};

use super::{
    api::limit,
    bytes_body,
    idempotency::{self, Ask, Going},
    json, query,
};
use crate::{
    OriginError,
    app::{App, Shared},
    catalogue::{JobQuery, Listed},
    cursor::Cursor,
};

/// Longest body of a request that needs none, bytes: `{}` and the like.
const BODY_MAX: usize = 1024;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/jobs", get(list))
        .route("/api/jobs/{job}/retry", post(retry))
        .route("/api/jobs/{job}/cancel", post(cancel))
}

/// Which page of which jobs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    limit: Option<u32>,
    cursor: Option<String>,
    #[serde(default)]
    state: Listed,
    asset: Option<AssetId>,
}

async fn list(State(app): State<Shared>, request: Request) -> Result<Response<Body>, OriginError> {
    app.require_admin(request.headers())?;
    let wanted: Wanted = query(request.uri())?;
    let ask = JobQuery {
        limit: limit(wanted.limit)?,
        after: wanted.cursor.as_deref().map(Cursor::parse).transpose()?,
        state: wanted.state,
        asset: wanted.asset,
    };
    Ok(json(&app.catalogue.jobs(&ask).await?))
}

async fn retry(
    State(app): State<Shared>,
    Path(job): Path<String>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    once(&app, &job, request, async |job, going| {
        let status = app.catalogue.retry_job(&job, going.once()).await?;
        tracing::info!(%job, version = %status.version, "tried again");
        Ok(status)
    })
    .await
}

async fn cancel(
    State(app): State<Shared>,
    Path(job): Path<String>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    once(&app, &job, request, async |job, going| {
        let status = app.catalogue.cancel_job(&job, going.once()).await?;
        tracing::info!(%job, version = %status.version, "cancelled");
        Ok(status)
    })
    .await
}

/// Does it for the operator, once for an `Idempotency-Key`.
async fn once(
    app: &App,
    job: &str,
    request: Request,
    work: impl AsyncFnOnce(JobId, Going) -> Result<JobStatus, OriginError>,
) -> Result<Response<Body>, OriginError> {
    let (head, body) = request.into_parts();
    app.require_admin(&head.headers)?;
    let job: JobId = job
        .parse()
        .map_err(|error| OriginError::NotFound(format!("{error}")))?;
    let body = bytes_body(body, BODY_MAX).await?;
    match idempotency::judge(app, &head, &body).await? {
        Ask::Was(answered) => Ok(idempotency::replay(answered)),
        Ask::Go(going) => Ok(json(&work(job, going).await?)),
    }
}
