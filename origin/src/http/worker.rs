//! What workers ask: see the table in [`wire`]'s jobs.

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    extract::{Path, Query, Request, State},
    http::{Response, StatusCode, request::Parts},
    response::IntoResponse,
    routing::{get, post, put},
};
use bytes::Bytes;
use futures_util::StreamExt;
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};
use wire::{
    Completion, Failure, Heartbeat, HeartbeatAck, JobId, Lease, LeaseRequest, Plan, TrackId,
};

use super::{bytes_body, json, json_body, object};
use crate::{
    OriginError,
    app::{App, Shared},
    catalogue::{Claim, InitRow, SegmentRow},
    random,
};

/// Longest wait for a job, however much longer a worker asks for.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// How often a waiting request looks for leases that ran out. Chosen: a tenth of a lease.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Life of a lease's key. Longer than any encode; the attempt in it ends it sooner.
const LEASE_KEY_TTL: Duration = Duration::from_secs(7 * 24 * 3600);

/// Largest segment: 10 s at 50 Mbit/s.
const SEGMENT_MAX: u64 = 64 << 20;

/// Largest init segment, bytes. Chosen: ours are under 1 KiB.
const INIT_MAX: usize = 64 << 10;

/// Most tracks in a plan. Chosen.
const TRACKS_MAX: usize = 64;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/jobs/lease", post(lease))
        .route("/api/jobs/{job}/heartbeat", post(heartbeat))
        .route("/api/jobs/{job}/source", get(source))
        .route("/api/jobs/{job}/plan", put(plan))
        .route("/api/jobs/{job}/tracks/{track}/init", put(init))
        .route(
            "/api/jobs/{job}/tracks/{track}/segments/{number}",
            put(segment),
        )
        .route("/api/jobs/{job}/complete", post(complete))
        .route("/api/jobs/{job}/fail", post(fail))
}

async fn lease(State(app): State<Shared>, request: Request) -> Result<Response<Body>, OriginError> {
    app.require_join(request.headers())?;
    let ask: LeaseRequest = json_body(request.into_body()).await?;
    let _waiter = app.waiter()?;
    let wait = Duration::from_secs(u64::from(ask.wait_secs)).min(WAIT_MAX);
    let until = Instant::now() + wait;
    loop {
        let queued = app.catalogue.job_queued();
        if let Some(claim) = app.catalogue.claim(&ask.worker, app.config.lease).await? {
            tracing::info!(job = %claim.job, attempt = claim.attempt, worker = ask.worker, "leased");
            return Ok(json(&lend(&app, claim).await?));
        }
        if Instant::now() >= until || app.shutdown.is_cancelled() {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        let look = until.min(Instant::now() + LOOK_EVERY);
        tokio::select! {
            _ = timeout_at(look, queued) => {}
            () = app.shutdown.cancelled() => {}
        }
    }
}

async fn lend(app: &App, claim: Claim) -> Result<Lease, OriginError> {
    let key = app.mint(LEASE_KEY_TTL, |issued, expires, jti| {
        keys::worker(claim.job.as_str(), claim.attempt, issued, expires, jti)
    });
    Ok(Lease {
        stored: app.catalogue.stored_tracks(&claim.version).await?,
        lease_secs: u32::try_from(app.config.lease.as_secs()).unwrap_or(u32::MAX),
        job: claim.job,
        attempt: claim.attempt,
        attempts_max: claim.attempts_max,
        key: key.token,
        asset: claim.asset,
        version: claim.version,
        source_len_bytes: claim.source_len_bytes,
        settings: claim.settings,
        plan: claim.plan,
    })
}

/// The job and the attempt that a request's key opens.
async fn attempt(app: &App, job: &str, head: &Parts) -> Result<(JobId, u32), OriginError> {
    let job: JobId = job
        .parse()
        .map_err(|error| OriginError::NotFound(format!("{error}")))?;
    let attempt = app
        .require_attempt(&head.headers, head.uri.path(), &job)
        .await?;
    Ok((job, attempt))
}

fn track_id(text: &str) -> Result<TrackId, OriginError> {
    text.parse()
        .map_err(|error| OriginError::BadRequest(format!("{error}")))
}

async fn heartbeat(
    State(app): State<Shared>,
    Path(job): Path<String>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    let (head, body) = request.into_parts();
    let (job, attempt) = attempt(&app, &job, &head).await?;
    let heartbeat: Heartbeat = json_body(body).await?;
    app.catalogue
        .heartbeat(&job, attempt, app.config.lease, &heartbeat.progress)
        .await?;
    Ok(json(&HeartbeatAck { cancel: false }))
}

async fn source(
    State(app): State<Shared>,
    Path(job): Path<String>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    let (head, _) = request.into_parts();
    let (job, attempt) = attempt(&app, &job, &head).await?;
    let (blob, len_bytes) = app.catalogue.source_of(&job, attempt).await?;
    let object = object::Object {
        etag: format!("\"{}\"", blob.as_str().replace('/', "-")),
        content_type: "application/octet-stream",
        cache_control: "no-store".into(),
        tags: None,
        content: object::Content::Blob {
            key: blob,
            len_bytes,
        },
    };
    object::send(&app.store, object, &head.headers).await
}

async fn plan(
    State(app): State<Shared>,
    Path(job): Path<String>,
    request: Request,
) -> Result<StatusCode, OriginError> {
    let (head, body) = request.into_parts();
    let (job, attempt) = attempt(&app, &job, &head).await?;
    let plan: Plan = json_body(body).await?;
    if plan.tracks.is_empty() || plan.tracks.len() > TRACKS_MAX {
        return Err(OriginError::BadRequest(format!(
            "a plan has 1 to {TRACKS_MAX} tracks"
        )));
    }
    app.catalogue.set_plan(&job, attempt, &plan).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn init(
    State(app): State<Shared>,
    Path((job, track)): Path<(String, String)>,
    request: Request,
) -> Result<StatusCode, OriginError> {
    let (head, body) = request.into_parts();
    let (job, attempt) = attempt(&app, &job, &head).await?;
    let track = track_id(&track)?;
    let version = app.catalogue.version_of(&job, attempt).await?;
    let bytes = bytes_body(body, INIT_MAX).await?;
    let info = media::bmff::init_info(&bytes)
        .map_err(|error| OriginError::BadRequest(format!("not an init segment: {error}")))?;
    let row = InitRow {
        codec: info.codec,
        timescale: info.timescale,
        blob: blob_name(&version, &track, "init")?,
        len_bytes: bytes.len() as u64,
    };
    let body = futures_util::stream::iter([Ok::<Bytes, std::io::Error>(bytes.clone())]);
    app.store.put(&row.blob, body, INIT_MAX as u64).await?;
    let added = app.catalogue.add_init(&job, attempt, &track, &row).await;
    if !matches!(added, Ok(None)) {
        app.store.delete(&row.blob).await?;
    }
    match added? {
        Some(stored) if read_whole(&app, &stored).await? != bytes => {
            Err(OriginError::InitMismatch(track))
        }
        _ => Ok(StatusCode::NO_CONTENT),
    }
}

async fn read_whole(app: &App, blob: &store::BlobKey) -> Result<Vec<u8>, OriginError> {
    let len_bytes = app.store.len_bytes(blob).await?;
    let mut reader = app.store.read(blob, 0..len_bytes).await?;
    let mut bytes = Vec::new();
    while let Some(chunk) = reader.next().await {
        let chunk = chunk.map_err(|source| OriginError::File {
            action: "read",
            path: blob.to_string(),
            source,
        })?;
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Where a segment stands in its track.
#[derive(Debug, Deserialize)]
struct Place {
    start: u64,
    duration: u64,
}

async fn segment(
    State(app): State<Shared>,
    Path((job, track, number)): Path<(String, String, String)>,
    request: Request,
) -> Result<StatusCode, OriginError> {
    let (head, body) = request.into_parts();
    let (job, attempt) = attempt(&app, &job, &head).await?;
    let track = track_id(&track)?;
    let number: u32 = number
        .parse()
        .map_err(|_| OriginError::BadRequest("a segment's name is its number".into()))?;
    let Query(place) = Query::<Place>::try_from_uri(&head.uri)
        .map_err(|error| OriginError::BadRequest(error.body_text()))?;
    let version = app.catalogue.version_of(&job, attempt).await?;
    if place.duration == 0 {
        return Err(OriginError::BadRequest(
            "a segment lasts longer than 0".into(),
        ));
    }
    // Blob before row, under a name never used again: a row always has its blob, and
    // what loses a race is deleted without touching what won.
    let blob = blob_name(&version, &track, &number.to_string())?;
    let body = super::unless_silent(body);
    let len_bytes = app.store.put(&blob, body, SEGMENT_MAX).await?;
    let row = SegmentRow {
        number,
        start: place.start,
        duration: place.duration,
        len_bytes,
        blob,
    };
    let added = app.catalogue.add_segment(&job, attempt, &track, &row).await;
    if !matches!(added, Ok(true)) {
        app.store.delete(&row.blob).await?;
    }
    added.map(|_| StatusCode::NO_CONTENT)
}

fn blob_name(
    version: &wire::VersionId,
    track: &TrackId,
    name: &str,
) -> Result<store::BlobKey, OriginError> {
    format!("media/{version}/{track}/{name}-{}.mp4", random::id())
        .parse()
        .map_err(|error| OriginError::BadRequest(format!("{error}")))
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
    tracing::info!(%job, attempt, "version is sealed");
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
