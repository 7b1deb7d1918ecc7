//! Resumable uploads: tus 1.0.0, core with creation, termination, checksum, expiration.

use std::time::Duration;

use axum::{
    Router,
    body::{Body, BodyDataStream},
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, request::Parts},
    middleware::Next,
    response::IntoResponse,
    routing::{any, post},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use futures_util::StreamExt;
use store::Appender;
use wire::{UploadId, UploadStatus};

use crate::{
    OriginError,
    app::{App, Shared},
    catalogue::{Adds, UploadRow},
    checksum::Checksum,
    clock::now_ms,
    random,
};

const VERSION: &str = "1.0.0";
const EXTENSIONS: &str = "creation,termination,checksum,expiration";

/// How much may be written before it is made safe and recorded, bytes. Chosen: what a
/// kill can cost, against one flush to disk each.
const SYNC_EVERY: u64 = 8 << 20;

/// Longest `Upload-Metadata`, bytes. Chosen.
const METADATA_MAX: usize = 4096;

/// Longest title, characters. Chosen.
const TITLE_MAX: usize = 200;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/uploads", post(create))
        .route("/api/uploads/{upload}", any(one))
        .layer(axum::middleware::from_fn(name_version))
}

/// Every answer names the version spoken; a refused one, those that would do.
pub(super) async fn name_version(request: Request, next: Next) -> Response<Body> {
    let mut response = next.run(request).await;
    let refused = response.status() == StatusCode::PRECONDITION_FAILED;
    set(response.headers_mut(), "tus-resumable", VERSION);
    if refused {
        set(response.headers_mut(), "tus-version", VERSION);
    }
    response
}

/// What the server can do, in answer to OPTIONS.
pub(super) fn announce(headers: &mut HeaderMap) {
    set(headers, "tus-resumable", VERSION);
    set(headers, "tus-version", VERSION);
    set(headers, "tus-extension", EXTENSIONS);
    set(headers, "tus-checksum-algorithm", Checksum::ALGORITHMS);
}

async fn create(
    State(app): State<Shared>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    let (head, _) = request.into_parts();
    let max = app.require_uploader(&head.headers, head.uri.path()).await?;
    begin(&app, &head.headers, max, None).await
}

/// Starts an upload of up to `max` bytes. What `adds` to an asset is not empty.
pub(super) async fn begin(
    app: &App,
    headers: &HeaderMap,
    max: u64,
    adds: Option<Adds>,
) -> Result<Response<Body>, OriginError> {
    require_version(headers)?;
    let length = number(headers, "upload-length")?;
    if length == 0 && adds.is_some() {
        return Err(OriginError::BadRequest("the file is empty".into()));
    }
    if length > max {
        return Err(OriginError::TooLarge { max_bytes: max });
    }
    if length > app.store.room_bytes()? {
        let floor_bytes = app.config.disk_floor.as_u64();
        let free_bytes = app.store.room_bytes()? + floor_bytes;
        return Err(store::StoreError::Full {
            free_bytes,
            floor_bytes,
        }
        .into());
    }
    let metadata = text(headers, "upload-metadata").unwrap_or_default();
    if metadata.len() > METADATA_MAX {
        return Err(OriginError::BadRequest(format!(
            "Upload-Metadata may have {METADATA_MAX} bytes at most"
        )));
    }
    let upload = UploadRow {
        id: random::id().parse().expect("a random id is an id"),
        title: title(metadata),
        metadata: metadata.to_owned(),
        length_bytes: length,
        received_bytes: 0,
        asset: None,
        expires_at_ms: expires_at_ms(app),
        adds,
        version: None,
    };
    app.store.append(&upload.blob(), 0).await?.sync().await?;
    app.catalogue.create_upload(&upload).await?;
    if length == 0 {
        finish(app, &upload).await?;
    }
    let mut response = answer(StatusCode::CREATED, &upload);
    let location = format!("/api/uploads/{}", upload.id);
    set(response.headers_mut(), "location", &location);
    Ok(response)
}

async fn one(
    State(app): State<Shared>,
    Path(upload): Path<String>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    let upload: UploadId = upload
        .parse()
        .map_err(|error| OriginError::NotFound(format!("{error}")))?;
    let (head, body) = request.into_parts();
    let method = match text(&head.headers, "x-http-method-override") {
        Some(method) if head.method == Method::POST => method
            .parse()
            .map_err(|_| OriginError::BadRequest("no such method".into()))?,
        _ => head.method.clone(),
    };
    if method == Method::GET {
        // It hands out keys that play: only to who could have sent the file.
        app.require_uploader(&head.headers, head.uri.path()).await?;
        return status(&app, &upload).await;
    }
    require_version(&head.headers)?;
    match method {
        Method::HEAD => offset(&app, &upload).await,
        Method::PATCH => {
            app.require_uploader(&head.headers, head.uri.path()).await?;
            patch(app, upload, &head, body).await
        }
        Method::DELETE => {
            app.require_uploader(&head.headers, head.uri.path()).await?;
            terminate(&app, &upload).await
        }
        _ => Err(OriginError::Upload {
            status: StatusCode::METHOD_NOT_ALLOWED,
            detail: "an upload takes GET, HEAD, PATCH and DELETE".into(),
        }),
    }
}

async fn status(app: &App, upload: &UploadId) -> Result<Response<Body>, OriginError> {
    let row = app.catalogue.upload(upload).await?;
    let (asset, key) = match &row.asset {
        Some(asset) => {
            let play = |issued, expires, jti| keys::play(asset.as_str(), issued, expires, jti);
            let key = app.mint(app.config.key_ttl, play);
            (Some(app.catalogue.asset(asset).await?), Some(key))
        }
        None => (None, None),
    };
    let addition = match row.adds.as_ref().zip(row.version.as_ref()) {
        Some((adds, version)) => app.catalogue.addition(version, &adds.label).await?,
        None => None,
    };
    Ok(super::json(&UploadStatus {
        upload: row.id,
        offset_bytes: row.received_bytes,
        length_bytes: row.length_bytes,
        asset,
        key,
        addition,
    }))
}

async fn offset(app: &App, upload: &UploadId) -> Result<Response<Body>, OriginError> {
    let row = app.catalogue.upload(upload).await?;
    let mut response = answer(StatusCode::OK, &row);
    let headers = response.headers_mut();
    headers.insert("upload-length", HeaderValue::from(row.length_bytes));
    if !row.metadata.is_empty() {
        set(headers, "upload-metadata", &row.metadata);
    }
    Ok(response)
}

async fn terminate(app: &App, upload: &UploadId) -> Result<Response<Body>, OriginError> {
    let row = app.catalogue.upload(upload).await?;
    let _busy = app.busy_uploads.claim(upload).ok_or_else(busy)?;
    if !app.catalogue.drop_upload(upload, i64::MAX).await? {
        return Err(OriginError::Upload {
            status: StatusCode::FORBIDDEN,
            detail: "the upload is whole and became an asset".into(),
        });
    }
    app.store.delete(&row.blob()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn patch(
    app: Shared,
    upload: UploadId,
    head: &Parts,
    body: Body,
) -> Result<Response<Body>, OriginError> {
    let headers = &head.headers;
    if text(headers, "content-type") != Some("application/offset+octet-stream") {
        return Err(OriginError::Upload {
            status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
            detail: "Content-Type must be application/offset+octet-stream".into(),
        });
    }
    let offset = number(headers, "upload-offset")?;
    let checksum = text(headers, "upload-checksum")
        .map(Checksum::parse)
        .transpose()?;
    let announced = text(headers, "content-length").and_then(|text| text.parse::<u64>().ok());
    let busy_upload = app.busy_uploads.claim(&upload).ok_or_else(busy)?;
    let row = app.catalogue.upload(&upload).await?;
    if offset != row.received_bytes {
        return Err(OriginError::Upload {
            status: StatusCode::CONFLICT,
            detail: format!("go on from Upload-Offset {}", row.received_bytes),
        });
    }
    let room = row.length_bytes - offset;
    if announced.is_some_and(|announced| announced > room) {
        return Err(OriginError::TooLarge { max_bytes: room });
    }
    // In a task of its own: a client that hangs up must not stop what it sent from
    // being made safe.
    let body = body.into_data_stream();
    let receiving = Receiving {
        app: app.clone(),
        row,
        checksum,
    };
    let received = app.tasks.spawn(async move {
        let _busy_upload = busy_upload;
        receiving.run(body).await
    });
    let row = received
        .await
        .map_err(|error| OriginError::Damaged(error.to_string()))??;
    Ok(answer(StatusCode::NO_CONTENT, &row))
}

/// One PATCH, being written.
struct Receiving {
    app: Shared,
    row: UploadRow,
    checksum: Option<Checksum>,
}

impl Receiving {
    /// Writes the body. Without a checksum, all that came is kept, also when it breaks
    /// off; with one, all or nothing.
    async fn run(mut self, body: BodyDataStream) -> Result<UploadRow, OriginError> {
        let mut blob = self
            .app
            .store
            .append(&self.row.blob(), self.row.received_bytes)
            .await?;
        let written = self.write(body, &mut blob).await;
        if let Some(checksum) = self.checksum.take() {
            written?;
            checksum.check()?;
            self.record(&mut blob).await?;
        } else {
            self.record(&mut blob).await?;
            written?;
        }
        Ok(self.row)
    }

    async fn write(
        &mut self,
        mut body: BodyDataStream,
        blob: &mut Appender,
    ) -> Result<(), OriginError> {
        let idle = self.app.config.upload_idle;
        loop {
            let next = tokio::select! {
                next = tokio::time::timeout(idle, body.next()) => next,
                // An upload can outlast any deadline, and goes on where it stopped.
                () = self.app.shutdown.cancelled() => {
                    return Err(OriginError::Overloaded("stopping; what came is kept".into()));
                }
            };
            let Some(chunk) = next.map_err(|_| silent(idle))? else {
                return Ok(());
            };
            let chunk = chunk
                .map_err(|error| OriginError::BadRequest(format!("the body broke off: {error}")))?;
            let room = self.row.length_bytes - blob.len_bytes();
            if chunk.len() as u64 > room {
                return Err(OriginError::TooLarge {
                    max_bytes: self.row.length_bytes,
                });
            }
            blob.write(&chunk).await?;
            if let Some(checksum) = &mut self.checksum {
                checksum.update(&chunk);
            } else if blob.len_bytes() - self.row.received_bytes >= SYNC_EVERY {
                self.record(blob).await?;
            }
        }
    }

    async fn record(&mut self, blob: &mut Appender) -> Result<(), OriginError> {
        self.row.received_bytes = blob.sync().await?;
        self.row.expires_at_ms = expires_at_ms(&self.app);
        if self.row.received_bytes == self.row.length_bytes {
            // One transaction says that it is whole and makes the asset.
            return finish(&self.app, &self.row).await;
        }
        self.app
            .catalogue
            .upload_received(
                &self.row.id,
                self.row.received_bytes,
                self.row.expires_at_ms,
            )
            .await
    }
}

async fn finish(app: &App, row: &UploadRow) -> Result<(), OriginError> {
    let asset = app
        .catalogue
        .finish_upload(row, &app.package_settings())
        .await?;
    tracing::info!(upload = %row.id, %asset, bytes = row.length_bytes, "upload is whole");
    Ok(())
}

fn answer(status: StatusCode, row: &UploadRow) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    set(headers, "cache-control", "no-store");
    headers.insert("upload-offset", HeaderValue::from(row.received_bytes));
    if row.received_bytes < row.length_bytes {
        let expires = Duration::from_millis(row.expires_at_ms.unsigned_abs());
        let expires = httpdate::fmt_http_date(std::time::UNIX_EPOCH + expires);
        set(headers, "upload-expires", &expires);
    }
    response
}

fn expires_at_ms(app: &App) -> i64 {
    let expires = app.config.upload_expires.as_millis();
    now_ms().saturating_add(i64::try_from(expires).unwrap_or(i64::MAX))
}

fn require_version(headers: &HeaderMap) -> Result<(), OriginError> {
    if text(headers, "tus-resumable") == Some(VERSION) {
        return Ok(());
    }
    Err(OriginError::Upload {
        status: StatusCode::PRECONDITION_FAILED,
        detail: format!("send Tus-Resumable: {VERSION}"),
    })
}

fn busy() -> OriginError {
    OriginError::Upload {
        status: StatusCode::LOCKED,
        detail: "another request writes to this upload: ask its offset again in a moment".into(),
    }
}

fn silent(idle: Duration) -> OriginError {
    OriginError::Upload {
        status: StatusCode::REQUEST_TIMEOUT,
        detail: format!(
            "nothing came for {} s; what came before is kept",
            idle.as_secs()
        ),
    }
}

/// The file's name in `Upload-Metadata`, else "untitled".
fn title(metadata: &str) -> String {
    let pairs = metadata
        .split(',')
        .filter_map(|pair| pair.trim().split_once(' '));
    let name = pairs
        .filter(|(key, _)| matches!(*key, "filename" | "name"))
        .find_map(|(_, value)| BASE64_STANDARD.decode(value.trim()).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .unwrap_or_default();
    let shown: String = name
        .chars()
        .filter(|c| !c.is_control())
        .take(TITLE_MAX)
        .collect();
    if shown.trim().is_empty() {
        "untitled".to_owned()
    } else {
        shown
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn number(headers: &HeaderMap, name: &str) -> Result<u64, OriginError> {
    let text =
        text(headers, name).ok_or_else(|| OriginError::BadRequest(format!("{name} is missing")))?;
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits
        .then(|| text.parse().ok())
        .flatten()
        .filter(|number| i64::try_from(*number).is_ok())
        .ok_or_else(|| OriginError::BadRequest(format!("{name} is not a number of bytes")))
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    // What came in a header, or is made of letters and digits, can go in one.
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

#[cfg(test)]
mod tests {
    use super::title;

    #[test]
    fn the_title_is_the_files_name() {
        assert_eq!(
            title("filename YmJiLm1wNA==,filetype dmlkZW8vbXA0"),
            "bbb.mp4"
        );
        for none in [
            "",
            "filename",
            "filename !!",
            "filename Cg==",
            "filename /w==",
        ] {
            assert_eq!(title(none), "untitled", "{none:?}");
        }
    }
}
