//! What workers ask: see the table in [`wire`]'s jobs.

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    extract::{Path, Request, State},
    http::{Response, StatusCode, request::Parts},
    response::IntoResponse,
    routing::{get, post},
};
use wire::{Completion, Failure, Heartbeat, HeartbeatAck, JobId, Lease, LeaseRequest};

use super::{
    json, json_body, long_poll,
    object::{self, Object},
};
use crate::{
    OriginError,
    app::{App, Shared},
    catalogue::{Claim, Topic},
};

/// Life of a lease's key. Longer than any encode; the attempt in it ends it sooner.
const LEASE_KEY_TTL: Duration = Duration::from_secs(7 * 24 * 3600);

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/jobs/lease", post(lease))
        .route("/api/jobs/{job}/heartbeat", post(heartbeat))
        .route("/api/jobs/{job}/source", get(source))
        .route("/api/jobs/{job}/complete", post(complete))
        .route("/api/jobs/{job}/fail", post(fail))
}

async fn lease(State(app): State<Shared>, request: Request) -> Result<Response<Body>, OriginError> {
    app.require_join(request.headers())?;
    let ask: LeaseRequest = json_body(request.into_body()).await?;
    let wait = (Topic::Jobs, u64::from(ask.wait_secs));
    let claim = || app.catalogue.claim(&ask, app.config.lease);
    let Some(claim) = long_poll::until_there_is(&app, wait, claim).await? else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let kind = claim.task.kind.as_str();
    tracing::info!(job = %claim.job, kind, attempt = claim.attempt, worker = ask.worker, "leased");
    Ok(json(&lend(&app, claim)))
}

fn lend(app: &App, claim: Claim) -> Lease {
    let key = app.mint(LEASE_KEY_TTL, |issued, expires, jti| {
        keys::worker(claim.job.as_str(), claim.attempt, issued, expires, jti)
    });
    Lease {
        lease_secs: u32::try_from(app.config.lease.as_secs()).unwrap_or(u32::MAX),
        job: claim.job,
        attempt: claim.attempt,
        attempts_max: claim.attempts_max,
        key: key.token,
        asset: claim.asset,
        version: claim.version,
        source_len_bytes: claim.source_len_bytes,
        settings: claim.settings,
        task: claim.task,
        plan: claim.plan,
        stored: claim.stored,
        addition: claim.addition,
        content_keys: claim.content_keys,
        passes: claim.passes,
    }
}

/// The job and the attempt that a request's key opens.
pub(super) async fn attempt(
    app: &App,
    job: &str,
    head: &Parts,
) -> Result<(JobId, u32), OriginError> {
    let job: JobId = job
        .parse()
        .map_err(|error| OriginError::NotFound(format!("{error}")))?;
    let attempt = app
        .require_attempt(&head.headers, head.uri.path(), &job)
        .await?;
    Ok((job, attempt))
}

async fn heartbeat(
    State(app): State<Shared>,
    Path(job): Path<String>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    let (head, body) = request.into_parts();
    let (job, attempt) = attempt(&app, &job, &head).await?;
    let heartbeat: Heartbeat = json_body(body).await?;
    let cancel = app
        .catalogue
        .heartbeat(&job, attempt, app.config.lease, &heartbeat.progress)
        .await?;
    Ok(json(&HeartbeatAck { cancel }))
}

async fn source(
    State(app): State<Shared>,
    Path(job): Path<String>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    let (head, _) = request.into_parts();
    let (job, attempt) = attempt(&app, &job, &head).await?;
    let (blob, len_bytes) = app.catalogue.source_of(&job, attempt).await?;
    let object = Object::for_workers(blob, len_bytes);
    object::send(&app.store, object, &head.headers).await
}

async fn complete(
    State(app): State<Shared>,
    Path(job): Path<String>,
    request: Request,
) -> Result<StatusCode, OriginError> {
    let (head, body) = request.into_parts();
    let (job, attempt) = attempt(&app, &job, &head).await?;
    let completion: Completion = json_body(body).await?;
    app.catalogue.complete(&job, attempt, &completion).await?;
    tracing::info!(%job, attempt, "job is done");
    Ok(StatusCode::NO_CONTENT)
}

async fn fail(
    State(app): State<Shared>,
    Path(job): Path<String>,
    request: Request,
) -> Result<StatusCode, OriginError> {
    let (head, body) = request.into_parts();
    let (job, attempt) = attempt(&app, &job, &head).await?;
    let failure: Failure = json_body(body).await?;
    tracing::warn!(%job, attempt, reason = failure.reason, permanent = failure.permanent, "attempt failed");
    app.catalogue.fail(&job, attempt, &failure).await?;
    Ok(StatusCode::NO_CONTENT)
}
