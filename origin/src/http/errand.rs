//! What workers ask about errands: see the table in [`wire`]'s errands.

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    extract::{Path, Request, State},
    http::{Response, StatusCode, request::Parts},
    response::IntoResponse,
    routing::{get, post},
};
use wire::{
    Errand, ErrandDone, ErrandFailure, ErrandNews, ErrandRequest, FetchedSoFar, HeartbeatAck,
    JobId, UploadId,
};

use super::{fetch, json, json_body, long_poll, tus};
use crate::{
    OriginError,
    app::{App, Shared},
    catalogue::{ErrandClaim, Topic},
};

/// Life of a lease's key. Longer than any fetch; the attempt in it ends it sooner.
const LEASE_KEY_TTL: Duration = Duration::from_secs(2 * 24 * 3600);

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/errands/lease", post(lease))
        .route("/api/errands/{errand}/heartbeat", post(heartbeat))
        .route("/api/errands/{errand}/complete", post(complete))
        .route("/api/errands/{errand}/fail", post(fail))
        .route(
            "/api/errands/{errand}/upload",
            get(so_far).patch(receive).delete(restart),
        )
}

async fn lease(State(app): State<Shared>, request: Request) -> Result<Response<Body>, OriginError> {
    app.require_join(request.headers())?;
    let ask: ErrandRequest = json_body(request.into_body()).await?;
    let wait = (Topic::Errands, u64::from(ask.wait_secs));
    let claim = || app.catalogue.claim_errand(&ask, app.config.lease);
    let Some(claim) = long_poll::until_there_is(&app, wait, claim).await? else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let kind = claim.work.kind().as_str();
    tracing::info!(errand = %claim.errand, kind, attempt = claim.attempt, worker = ask.worker, "leased");
    Ok(json(&lend(&app, claim)))
}

fn lend(app: &App, claim: ErrandClaim) -> Errand {
    let key = app.mint(LEASE_KEY_TTL, |issued, expires, jti| {
        keys::errand(claim.errand.as_str(), claim.attempt, issued, expires, jti)
    });
    let lease_secs = u32::try_from(app.config.lease.as_secs()).unwrap_or(u32::MAX);
    claim.lend(key.token, lease_secs)
}

/// The errand and the attempt that a request's key opens.
async fn attempt(app: &App, errand: &str, head: &Parts) -> Result<(JobId, u32), OriginError> {
    let errand = fetch::errand_id(errand)?;
    let attempt = app
        .require_attempt(&head.headers, head.uri.path(), &errand)
        .await?;
    Ok((errand, attempt))
}

async fn heartbeat(
    State(app): State<Shared>,
    Path(errand): Path<String>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    let (head, body) = request.into_parts();
    let (errand, attempt) = attempt(&app, &errand, &head).await?;
    let news: ErrandNews = json_body(body).await?;
    let cancel = app
        .catalogue
        .errand_lives(&errand, attempt, app.config.lease, &news)
        .await?;
    Ok(json(&HeartbeatAck { cancel }))
}

async fn complete(
    State(app): State<Shared>,
    Path(errand): Path<String>,
    request: Request,
) -> Result<StatusCode, OriginError> {
    let (head, body) = request.into_parts();
    let (errand, attempt) = attempt(&app, &errand, &head).await?;
    let done: ErrandDone = json_body(body).await?;
    app.catalogue
        .complete_errand(&errand, attempt, &done)
        .await?;
    tracing::info!(%errand, attempt, "errand is done");
    Ok(StatusCode::NO_CONTENT)
}

async fn fail(
    State(app): State<Shared>,
    Path(errand): Path<String>,
    request: Request,
) -> Result<StatusCode, OriginError> {
    let (head, body) = request.into_parts();
    let (errand, attempt) = attempt(&app, &errand, &head).await?;
    let failure: ErrandFailure = json_body(body).await?;
    let ended = app
        .catalogue
        .fail_errand(&errand, attempt, &failure)
        .await?;
    let (reason, given_up) = (&failure.reason, ended.given_up);
    tracing::info!(%errand, attempt, reason, given_up, "attempt failed");
    drop_upload(&app, ended.upload.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where a fetch goes on. Who still writes is stopped first, so that it stays true.
async fn so_far(
    State(app): State<Shared>,
    Path(errand): Path<String>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    let (head, _) = request.into_parts();
    let (errand, attempt) = attempt(&app, &errand, &head).await?;
    let upload = app.catalogue.upload_of_fetch(&errand, attempt).await?;
    let row = tus::settled(&app, &upload).await?;
    Ok(json(&FetchedSoFar {
        offset_bytes: row.received_bytes,
        length_bytes: row.length.known(),
    }))
}

/// Bytes of a fetch, taken as any upload's are. What can't become a stream ends it.
async fn receive(
    State(app): State<Shared>,
    Path(errand): Path<String>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    let (head, body) = request.into_parts();
    let (errand, attempt) = attempt(&app, &errand, &head).await?;
    let upload = app.catalogue.upload_of_fetch(&errand, attempt).await?;
    let received = tus::patch(&app, &upload, &head.headers, body).await;
    if let Err(fault @ (OriginError::NotMedia(_) | OriginError::TooLarge { .. })) = &received {
        app.catalogue
            .end_errand(&errand, &fault.to_string())
            .await?;
        tracing::info!(%errand, reason = %fault, "fetch refused");
        drop_upload(&app, Some(&upload)).await?;
    }
    received
}

/// What came is of another file: the fetch starts again.
async fn restart(
    State(app): State<Shared>,
    Path(errand): Path<String>,
    request: Request,
) -> Result<StatusCode, OriginError> {
    let (head, _) = request.into_parts();
    let (errand, attempt) = attempt(&app, &errand, &head).await?;
    let before = app.catalogue.upload_of_fetch(&errand, attempt).await?;
    let title = app.catalogue.fetch(&errand).await?.title;
    let upload = fetch::begin_upload(&app, &title).await?;
    app.catalogue
        .restart_fetch(&errand, attempt, &upload)
        .await?;
    drop_upload(&app, Some(&before)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Forgets an upload that nobody goes on with; one that became an asset, or is gone, stays so.
pub(super) async fn drop_upload(app: &App, upload: Option<&UploadId>) -> Result<(), OriginError> {
    let Some(upload) = upload else { return Ok(()) };
    let Some(_busy) = app.busy_uploads.take_over(upload).await else {
        // It expires.
        return Ok(());
    };
    match tus::drop_upload(app, upload).await {
        Ok(_) | Err(OriginError::NotFound(_)) => Ok(()),
        Err(error) => Err(error),
    }
}
