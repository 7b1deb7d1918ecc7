//! Resumable uploads: tus 1.0.0 with all its extensions but checksum-trailer and
//! concatenation-unfinished (<https://tus.io/protocols/resumable-upload>), and on the same
//! uploads the IETF's draft.

mod concat;
mod create;
mod finish;
mod headers;
mod protocol;
mod receive;

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, Method, Response, StatusCode, request::Parts},
    middleware::Next,
    response::IntoResponse,
    routing::{get, post},
};
use wire::{UploadId, UploadStatus};

pub(super) use create::begin;
pub(super) use finish::finish;
pub(crate) use finish::go_on;
#[cfg(feature = "s3")]
pub(super) use headers::{require_named, shown};
#[cfg(feature = "s3")]
pub(super) use receive::judge;

use super::audit::note_refusal;
use crate::{
    OriginError,
    app::{App, Shared},
    auth::Uploader,
    catalogue::{Concat, Length, UploadRow},
    checksum::Checksum,
    clock::now_ms,
};
use headers::{set, text};
use protocol::Protocol;

const VERSION: &str = "1.0.0";
const EXTENSIONS: &str = "creation,creation-with-upload,creation-defer-length,termination,\
     checksum,expiration,concatenation";

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/uploads", post(create))
        .route(
            "/api/uploads/{upload}",
            get(one).head(one).patch(one).delete(one).post(one),
        )
        .layer(axum::middleware::from_fn(name_version))
}

/// Every answer names the version spoken; a refused one, those that would do.
pub(super) async fn name_version(request: Request, next: Next) -> Response<Body> {
    let draft = protocol::named(request.headers());
    let mut response = next.run(request).await;
    let refused = response.status() == StatusCode::PRECONDITION_FAILED;
    let headers = response.headers_mut();
    match draft {
        Some(version) => {
            headers.insert(protocol::DRAFT, version);
        }
        None => set(headers, "tus-resumable", VERSION),
    }
    if refused {
        set(headers, "tus-version", VERSION);
    }
    response
}

/// What the server can do, in answer to OPTIONS.
pub(super) fn announce(app: &App, headers: &mut HeaderMap) {
    set(headers, "tus-resumable", VERSION);
    set(headers, "tus-version", VERSION);
    set(headers, "tus-extension", EXTENSIONS);
    set(headers, "tus-checksum-algorithm", Checksum::ALGORITHMS);
    let max_bytes = app.config.upload_max.as_u64();
    headers.insert("tus-max-size", HeaderValue::from(max_bytes));
}

async fn create(
    State(app): State<Shared>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    let (head, body) = request.into_parts();
    let begun = async {
        let by = app.require_uploader(&head.headers, head.uri.path()).await?;
        begin(&app, (&head.headers, body), &by, None).await
    };
    let begun = begun.await;
    if let Err(error) = &begun {
        note_refusal(&app, "a new upload", error).await;
    }
    begun
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
        require_owner(&app, &head, &upload).await?;
        return status(&app, &upload).await;
    }
    let protocol = Protocol::of(&head.headers)?;
    match method {
        Method::HEAD => {
            if app.catalogue.upload(&upload).await?.made_by.is_some() {
                require_owner(&app, &head, &upload).await?;
            }
            offset(&app, &upload, protocol).await
        }
        Method::PATCH => {
            require_owner(&app, &head, &upload).await?;
            patch(&app, &upload, &head.headers, body).await
        }
        Method::DELETE => {
            require_owner(&app, &head, &upload).await?;
            terminate(&app, &upload).await
        }
        _ => Err(OriginError::BadRequest(
            "name GET, HEAD, PATCH or DELETE in X-HTTP-Method-Override".into(),
        )),
    }
}

/// An uploader, and one who may go on with this upload.
async fn require_owner(app: &App, head: &Parts, upload: &UploadId) -> Result<(), OriginError> {
    let by = app.require_uploader(&head.headers, head.uri.path()).await?;
    require_own(app, &by, upload).await
}

/// One who may go on with this upload.
pub(super) async fn require_own(
    app: &App,
    by: &Uploader,
    upload: &UploadId,
) -> Result<(), OriginError> {
    let row = app.catalogue.upload(upload).await?;
    let own = by.require_own(row.made_by.as_deref());
    if let Err(error) = &own {
        note_refusal(app, &format!("upload {upload}"), error).await;
    }
    own
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
        length_bytes: row.length.known(),
        asset,
        key,
        addition,
    }))
}

/// An upload that nobody writes to at this moment: who did is stopped.
pub(super) async fn settled(app: &App, upload: &UploadId) -> Result<UploadRow, OriginError> {
    let row = app.catalogue.upload(upload).await?;
    expect_here(app, &row).await?;
    if row.asset.is_some() {
        return Ok(row);
    }
    let _busy = app.busy_uploads.take_over(upload).await.ok_or_else(busy)?;
    app.catalogue.upload(upload).await
}

/// Where to go on from. Who still writes is stopped first, so that it stays true.
async fn offset(
    app: &App,
    upload: &UploadId,
    protocol: Protocol,
) -> Result<Response<Body>, OriginError> {
    let row = settled(app, upload).await?;
    let status = match protocol.is_draft() {
        true => StatusCode::NO_CONTENT,
        false => StatusCode::OK,
    };
    let mut response = answer(status, protocol, &row);
    let headers = response.headers_mut();
    match row.length {
        Length::Known(bytes) => headers.insert("upload-length", HeaderValue::from(bytes)),
        Length::Deferred { .. } if protocol.is_draft() => None,
        Length::Deferred { .. } => headers.insert("upload-defer-length", HeaderValue::from(1)),
    };
    if let Some(concat) = &row.concat {
        set(headers, "upload-concat", &headers::concat_text(concat));
    }
    if !row.metadata.is_empty() {
        set(headers, "upload-metadata", &row.metadata);
    }
    Ok(response)
}

/// # Errors
/// It goes to the bucket, or came to another origin of the catalogue: nothing of it is here.
async fn expect_here(app: &App, row: &UploadRow) -> Result<(), OriginError> {
    if row.parts.is_some() {
        return Err(OriginError::Upload {
            status: StatusCode::FORBIDDEN,
            detail: format!(
                "the upload goes to the bucket in parts: ask /api/uploads/s3/multipart/{}",
                row.id
            ),
        });
    }
    let is_shared = !app.config.database.is_empty();
    let comes = row.asset.is_none() && row.received_bytes > 0;
    if is_shared && comes && !app.store.has_begun(row).await? {
        return Err(OriginError::Overloaded(
            "what came of this upload is at another origin of the catalogue: send the rest there, \
             or have a balancer keep the requests of an upload together"
                .into(),
        ));
    }
    Ok(())
}

pub(super) async fn terminate(app: &App, upload: &UploadId) -> Result<Response<Body>, OriginError> {
    app.catalogue.upload(upload).await?;
    let _busy = app.busy_uploads.take_over(upload).await.ok_or_else(busy)?;
    if !drop_upload(app, upload).await? {
        return Err(OriginError::Upload {
            status: StatusCode::FORBIDDEN,
            detail: "the upload is whole and became an asset".into(),
        });
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Forgets an upload that has not become an asset, and frees its bytes.
pub(super) async fn drop_upload(app: &App, upload: &UploadId) -> Result<bool, OriginError> {
    let row = app.catalogue.upload(upload).await?;
    let dropped = app.catalogue.drop_upload(upload, i64::MAX).await?;
    if dropped {
        app.store.drop_upload(&row).await?;
    }
    Ok(dropped)
}

pub(super) async fn patch(
    app: &Shared,
    upload: &UploadId,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response<Body>, OriginError> {
    match receive::piece(app, upload, headers).await {
        Ok((protocol, piece)) => {
            let row = receive::receive(app, piece, body).await?;
            Ok(answer(StatusCode::NO_CONTENT, protocol, &row))
        }
        Err(error) => {
            receive::linger(app, body);
            Err(error)
        }
    }
}

fn answer(status: StatusCode, protocol: Protocol, row: &UploadRow) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    set(headers, "cache-control", "no-store");
    if !matches!(row.concat, Some(Concat::Whole(_))) || row.is_whole() {
        headers.insert("upload-offset", HeaderValue::from(row.received_bytes));
    }
    protocol.tell(row, headers);
    // A part expires until it is joined.
    if !row.is_whole() || row.concat == Some(Concat::Part) {
        let expires = Duration::from_millis(row.expires_at_ms.unsigned_abs());
        let expires = httpdate::fmt_http_date(std::time::UNIX_EPOCH + expires);
        set(headers, "upload-expires", &expires);
    }
    response
}

pub(super) fn expires_at_ms(app: &App) -> i64 {
    let expires = app.config.upload_expires.as_millis();
    now_ms().saturating_add(i64::try_from(expires).unwrap_or(i64::MAX))
}

pub(super) fn busy() -> OriginError {
    OriginError::Upload {
        status: StatusCode::LOCKED,
        detail: "another request writes to this upload: ask its offset again in a moment".into(),
    }
}
