//! What workers make: plans, init segments, segments and files.

use std::borrow::Borrow;

use axum::{
    Router,
    extract::{Path, Query, Request, State},
    http::StatusCode,
    routing::put,
};
use bytes::Bytes;
use futures_util::StreamExt;
use serde::Deserialize;
use wire::{ContentKeys, Plan, TrackId};

use super::{bytes_body, long_json_body, worker::attempt};
use crate::{
    OriginError,
    app::{App, Shared},
    catalogue::{FileRow, InitAdded, InitRow, SegmentRow},
    file_name::FileName,
    random,
};

/// Largest segment: 10 s at 50 Mbit/s.
const SEGMENT_MAX: u64 = 64 << 20;

/// Largest init segment, bytes. Chosen: ours are under 1 KiB.
const INIT_MAX: usize = 64 << 10;

/// Largest file of a version, bytes. Chosen: a sheet of thumbnails is a tenth of it.
const FILE_MAX: u64 = 8 << 20;

/// Longest plan, bytes. Chosen: 12 h in spans of 10 s, of five kinds and with a recipe, are three
/// quarters of it.
const PLAN_MAX: usize = 4 << 20;

/// Longest body of content keys, bytes. Chosen: ours are under 300.
const KEYS_MAX: usize = 4 << 10;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/jobs/{job}/keys", put(keys))
        .route("/api/jobs/{job}/plan", put(plan))
        .route("/api/jobs/{job}/tracks/{track}/init", put(init))
        .route(
            "/api/jobs/{job}/tracks/{track}/segments/{number}",
            put(segment),
        )
        .route("/api/jobs/{job}/files/{name}", put(file))
}

pub(super) fn track_id(text: &str) -> Result<TrackId, OriginError> {
    text.parse()
        .map_err(|error| OriginError::BadRequest(format!("{error}")))
}

async fn plan(
    State(app): State<Shared>,
    Path(job): Path<String>,
    request: Request,
) -> Result<StatusCode, OriginError> {
    let (head, body) = request.into_parts();
    let (job, attempt) = attempt(&app, &job, &head).await?;
    let plan: Plan = long_json_body(body, PLAN_MAX).await?;
    app.catalogue.set_plan(&job, attempt, &plan).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a key server gave. An error repeats nothing of the body.
async fn keys(
    State(app): State<Shared>,
    Path(job): Path<String>,
    request: Request,
) -> Result<StatusCode, OriginError> {
    let (head, body) = request.into_parts();
    let (job, attempt) = attempt(&app, &job, &head).await?;
    let body = bytes_body(body, KEYS_MAX).await?;
    let keys: ContentKeys = serde_json::from_slice(&body)
        .map_err(|_| OriginError::BadRequest("the body is no content keys".into()))?;
    app.catalogue.set_content_keys(&job, attempt, &keys).await?;
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
    let clear = app.catalogue.clear_init(&version, bytes.clone()).await?;
    let info = media::bmff::init_info(&clear)
        .map_err(|error| OriginError::BadRequest(format!("not an init segment: {error}")))?;
    let row = InitRow {
        codec: info.codec,
        timescale: info.timescale,
        blob: blob_name(&version, track.as_str(), "init", "mp4")?,
        len_bytes: bytes.len() as u64,
    };
    let body = futures_util::stream::iter([Ok::<Bytes, std::io::Error>(bytes.clone())]);
    app.store.put(&row.blob, body, INIT_MAX as u64).await?;
    let added = app.catalogue.add_init(&job, attempt, &track, &row).await;
    if is_unwanted(&added.as_ref().map(|added| matches!(added, InitAdded::New))) {
        app.store.delete(&row.blob).await?;
    }
    match added? {
        InitAdded::Stored(stored) if read_whole(&app, &stored).await? != bytes => {
            Err(OriginError::InitMismatch(track))
        }
        _ => Ok(StatusCode::NO_CONTENT),
    }
}

pub(super) async fn read_whole(app: &App, blob: &store::BlobKey) -> Result<Vec<u8>, OriginError> {
    let len_bytes = app.store.head(blob).await?.len_bytes;
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
    #[serde(default)]
    iframe: u64,
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
    let blob = blob_name(&version, track.as_str(), &number.to_string(), "seg")?;
    let body = super::unless_silent(body);
    let len_bytes = app.store.put(&blob, body, SEGMENT_MAX).await?;
    let row = SegmentRow {
        number,
        start: place.start,
        duration: place.duration,
        len_bytes,
        // One that can't be is not known.
        iframe_len_bytes: if place.iframe <= len_bytes {
            place.iframe
        } else {
            0
        },
        blob,
    };
    let added = app.catalogue.add_segment(&job, attempt, &track, &row).await;
    recorded(&app, &row.blob, added).await
}

async fn file(
    State(app): State<Shared>,
    Path((job, name)): Path<(String, String)>,
    request: Request,
) -> Result<StatusCode, OriginError> {
    let (head, body) = request.into_parts();
    let (job, attempt) = attempt(&app, &job, &head).await?;
    let name = FileName::parse(&name).ok_or_else(|| {
        OriginError::BadRequest(format!("no file of a version is called {name:?}"))
    })?;
    let version = app.catalogue.version_of(&job, attempt).await?;
    let blob = blob_name(&version, "files", "file", "bin")?;
    let body = super::unless_silent(body);
    let len_bytes = app.store.put(&blob, body, FILE_MAX).await?;
    let row = FileRow {
        name: name.as_str().to_owned(),
        len_bytes,
        blob,
    };
    let added = app.catalogue.add_file(&job, attempt, &row).await;
    recorded(&app, &row.blob, added).await
}

/// The answer to bytes that were stored and recorded; without what no row names.
pub(super) async fn recorded(
    app: &App,
    blob: &store::BlobKey,
    added: Result<bool, OriginError>,
) -> Result<StatusCode, OriginError> {
    if is_unwanted(&added) {
        app.store.delete(blob).await?;
    }
    added.map(|_| StatusCode::NO_CONTENT)
}

/// No row names the bytes that were stored: it is known, not feared. A database that fails
/// may have written the row; then bytes that it did not are swept later.
pub(super) fn is_unwanted<E: Borrow<OriginError>>(added: &Result<bool, E>) -> bool {
    match added {
        Ok(is_added) => !is_added,
        Err(error) => !matches!(error.borrow(), OriginError::Database(_)),
    }
}

/// A name never used before, below `folder` of the version.
pub(super) fn blob_name(
    version: &wire::VersionId,
    folder: &str,
    name: &str,
    extension: &str,
) -> Result<store::BlobKey, OriginError> {
    format!(
        "media/{version}/{folder}/{name}-{}.{extension}",
        random::id()
    )
    .parse()
    .map_err(|error| OriginError::BadRequest(format!("{error}")))
}
