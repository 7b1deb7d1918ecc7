//! Subtitles added to a published asset: `POST /api/assets/<asset>/text`.
//!
//! No worker takes part: text needs no ffmpeg, and what is wrong with it is best said at
//! once. All blobs are stored first; one transaction then makes a version that names them
//! beside those of the version before. An origin that ends in between leaves bytes that
//! nothing names, which are swept.

use std::borrow::Cow;

use axum::{
    Router,
    body::Body,
    extract::{Path, Query, Request, State},
    http::{Response, StatusCode},
    routing::post,
};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use media::vtt::{self, Cue, Grid};
use serde::Deserialize;
use store::BlobKey;
use wire::{PlannedKind, TextAdded, VersionId};

use super::{
    api::asset_id,
    bytes_body, json, label,
    made::{blob_name, is_unwanted},
};
use crate::{
    OriginError,
    app::{App, Shared},
    catalogue::{NewText, TextSegment},
    random,
};

/// Longest file of subtitles, bytes: twenty times a feature film's. Chosen.
const FILE_MAX: usize = 4 << 20;

/// Segments on their way to the disk at once.
const WRITES: usize = 8;

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/api/assets/{asset}/text", post(add))
}

/// What the file is, for viewers.
#[derive(Debug, Deserialize)]
struct Ask {
    language: String,
    name: Option<String>,
    #[serde(default)]
    forced: bool,
    #[serde(default)]
    default: bool,
}

impl Ask {
    fn kind(self) -> Result<PlannedKind, OriginError> {
        Ok(PlannedKind::Text {
            label: label::label(&self.language, self.name, self.default)?,
            forced: self.forced,
        })
    }
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
    let kind = ask.kind()?;
    // Before the body: what can't be is said at once.
    let cut = app.catalogue.cut(&asset).await?;
    let bytes = bytes_body(body, FILE_MAX).await?;
    let read = tokio::task::spawn_blocking(move || vtt::read_file(&bytes)).await;
    let read = read.expect("reading does not panic, and is never cancelled");
    let read = read.map_err(|error| OriginError::BadRequest(error.to_string()))?;
    let mut warnings = warnings(&read);
    let grid = cut.grid();
    let end_ms = i64::try_from(grid.end_ms()).unwrap_or(i64::MAX);
    let found = read.cues.len();
    let cues = vtt::on_zero(read.cues, 0, end_ms);
    if cues.is_empty() {
        return Err(OriginError::BadRequest(format!(
            "all {found} cues are shown after the end, at {} s",
            end_ms / 1000
        )));
    }
    if cues.len() < found {
        let late = found - cues.len();
        warnings.push(format!(
            "added subtitles: {late} cues after the end are left out"
        ));
    }
    let version: VersionId = random::id()
        .parse()
        .map_err(|error| OriginError::Damaged(format!("{error}")))?;
    let _making = app.making.claim(&version)?;
    let text = Text {
        app: &app,
        version: &version,
        cues: &cues,
        grid: &grid,
    };
    let stored = text.store().await;
    let added = match stored {
        Ok((segments, whole)) => {
            let text = NewText {
                version: version.clone(),
                kind,
                segments,
                whole,
                warnings,
            };
            let added = app.catalogue.add_text(&asset, &cut, &text).await;
            added.map(|track| TextAdded {
                version: version.clone(),
                track,
                warnings: text.warnings,
            })
        }
        Err(error) => Err(error),
    };
    if is_unwanted(&added.as_ref().map(|_| true)) {
        app.store.delete_below(&folder(&version)?).await?;
    }
    let added = added?;
    tracing::info!(%asset, version = %added.version, track = %added.track, "subtitles added");
    let mut response = json(&added);
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

fn warnings(read: &vtt::Read) -> Vec<String> {
    let max = vtt::CUES_MAX;
    let broken = read.broken;
    [
        (broken > 0)
            .then(|| Cow::Owned(format!("{broken} cues could not be read and are left out"))),
        read.too_many
            .then(|| Cow::Owned(format!("only the first {max} cues are published"))),
        read.legacy.then_some(Cow::Borrowed(
            "the text is not UTF-8 and was read as Windows-1252",
        )),
    ]
    .into_iter()
    .flatten()
    .map(|what| format!("added subtitles: {what}"))
    .collect()
}

/// Where all new blobs of a version are.
fn folder(version: &VersionId) -> Result<BlobKey, OriginError> {
    format!("media/{version}")
        .parse()
        .map_err(|error| OriginError::Damaged(format!("{error}")))
}

/// A text track on its way into the store.
struct Text<'a> {
    app: &'a App,
    version: &'a VersionId,
    cues: &'a [Cue],
    grid: &'a Grid,
}

impl Text<'_> {
    /// All segments and the whole file. Segments without a cue are one blob.
    async fn store(&self) -> Result<(Vec<TextSegment>, (BlobKey, u64)), OriginError> {
        let mut empty: Option<BlobKey> = None;
        let segments = vtt::bounded(self.cues, self.grid).map(|segment| {
            let segment = segment.map_err(|error| OriginError::BadRequest(error.to_string()))?;
            let len_bytes = segment.text.len();
            let is_empty = !segment.text.contains("-->");
            let stored = empty.clone().filter(|_| is_empty);
            let is_stored = stored.is_some();
            let name = segment.number.to_string();
            let blob = match stored {
                Some(blob) => blob,
                None => blob_name(self.version, "text", &name, "seg")?,
            };
            if is_empty {
                empty = Some(blob.clone());
            }
            let row = TextSegment {
                start_ms: segment.start_ms,
                duration_ms: segment.duration_ms,
                blob,
                len_bytes: len_bytes as u64,
            };
            Ok((row, (!is_stored).then(|| Bytes::from(segment.text))))
        });
        let rows = stream::iter(segments)
            .map(|made: Result<_, OriginError>| async {
                let (row, bytes) = made?;
                if let Some(bytes) = bytes {
                    self.put(&row.blob, bytes).await?;
                }
                Ok::<_, OriginError>(row)
            })
            .buffered(WRITES)
            .try_collect()
            .await?;
        let whole = Bytes::from(vtt::write("", self.cues));
        let (blob, len_bytes) = (
            blob_name(self.version, "files", "file", "bin")?,
            whole.len() as u64,
        );
        self.put(&blob, whole).await?;
        Ok((rows, (blob, len_bytes)))
    }

    async fn put(&self, blob: &BlobKey, bytes: Bytes) -> Result<(), OriginError> {
        let len_bytes = bytes.len() as u64;
        let body = stream::iter([Ok::<Bytes, std::io::Error>(bytes)]);
        self.app.store.put(blob, body, len_bytes).await?;
        Ok(())
    }
}
