//! Uploads that go to the bucket, part by part, by presigned requests: what `@uppy/aws-s3` asks
//! of a Companion (<https://uppy.io/docs/aws-s3-multipart/>). Only the origin says what is
//! whole: by the bucket's own list of parts.
//!
//! | | |
//! |---|---|
//! | `POST /s3/multipart` | begin |
//! | `GET /s3/multipart/<upload>/<number>` | sign one part |
//! | `GET /s3/multipart/<upload>` | list what is there |
//! | `POST /s3/multipart/<upload>/complete` | make it one object, and an asset |
//! | `DELETE /s3/multipart/<upload>` | abort |
//!
//! all below `/api/uploads` and, as Uppy sends no `Authorization`, `/k/<key>/api/uploads`.

mod complete;
mod layout;

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{Method, Response, StatusCode, request::Parts as Head},
    response::IntoResponse,
    routing::any,
};
use hyper::ext::ReasonPhrase;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use store::S3;
use wire::UploadId;

use self::layout::Layout;
use super::tus;
use crate::{
    OriginError,
    app::{App, Shared},
    auth::bearer,
    catalogue::{Length, Parts, UploadRow},
    clock::now_ms,
    random,
};

/// Where these routes are; behind a key too.
pub(super) const PLACE: &str = "/api/uploads/s3/";

/// Life of a signed request: time to send one part. Chosen: 64 MiB at 600 kbit/s.
const URL_LIFE: Duration = Duration::from_secs(15 * 60);

/// Most of them open at one time. Chosen: as many as S3 lists at once.
const OPEN_MAX: i64 = 1000;

const UNTITLED: &str = "untitled";

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/api/uploads/s3/{*path}", any(shown))
}

async fn shown(State(app): State<Shared>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let token = bearer(&head.headers);
    serve(&app, token, head.uri.path(), (&head, body)).await
}

/// Answers a request for `path`, which is below [`PLACE`], with a key if there is one.
pub(super) async fn serve(
    app: &Shared,
    token: Option<&str>,
    path: &str,
    (head, body): (&Head, Body),
) -> Response<Body> {
    match answer(app, token, path, (head, body)).await {
        Ok(response) => response,
        Err(error) => refusal(error),
    }
}

/// With the words beside the status, where Uppy shows them.
fn refusal(error: OriginError) -> Response<Body> {
    let words = error.to_string();
    let mut response = error.into_response();
    let is_told = response.status() != StatusCode::INTERNAL_SERVER_ERROR;
    if let (true, Ok(words)) = (is_told, ReasonPhrase::try_from(words)) {
        response.extensions_mut().insert(words);
    }
    response
}

async fn answer(
    app: &Shared,
    token: Option<&str>,
    path: &str,
    (head, body): (&Head, Body),
) -> Result<Response<Body>, OriginError> {
    let max_bytes = app.uploader(token, &head.headers, path).await?;
    let bucket = app.store.direct()?;
    let parts: Vec<&str> = path.trim_start_matches(PLACE).split('/').collect();
    let id = |text: &str| {
        let id: Result<UploadId, _> = text.parse();
        id.map_err(|error| OriginError::NotFound(error.to_string()))
    };
    match (&head.method, parts.as_slice()) {
        (&Method::POST, ["multipart"]) => begin(app, bucket, max_bytes, body).await,
        (&Method::GET, ["multipart", upload]) => list(app, bucket, &id(upload)?).await,
        (&Method::DELETE, ["multipart", upload]) => abort(app, &id(upload)?).await,
        (&Method::POST, ["multipart", upload, "complete"]) => {
            complete::answer(app, &id(upload)?, body).await
        }
        (&Method::GET, ["multipart", upload, number]) => {
            sign(app, bucket, &id(upload)?, number).await
        }
        (_, ["params"]) => Err(OriginError::BadRequest(
            "files are sent in parts here: give AwsS3 shouldUseMultipart: true; an empty file \
             can't be sent"
                .into(),
        )),
        (_, ["multipart", ..]) => Err(OriginError::Upload {
            status: StatusCode::METHOD_NOT_ALLOWED,
            detail: format!("{} does nothing here", head.method),
        }),
        _ => Err(OriginError::NotFound("nothing is here".into())),
    }
}

#[derive(Deserialize)]
struct Begin {
    #[serde(default)]
    filename: String,
    #[serde(default)]
    metadata: Map<String, Value>,
}

async fn begin(
    app: &Shared,
    bucket: &S3,
    max_bytes: u64,
    body: Body,
) -> Result<Response<Body>, OriginError> {
    let begin: Begin = super::json_body(body).await?;
    let layout = Layout::of(&begin.metadata)?;
    if layout.file_bytes > max_bytes {
        return Err(OriginError::TooLarge { max_bytes });
    }
    app.catalogue.require_room_for_parts(OPEN_MAX).await?;
    let mut row = UploadRow {
        id: random::id().parse().expect("a random id is an id"),
        title: tus::shown(&begin.filename).unwrap_or_else(|| UNTITLED.to_owned()),
        metadata: String::new(),
        length: Length::Known(layout.file_bytes),
        received_bytes: 0,
        asset: None,
        expires_at_ms: tus::expires_at_ms(app),
        adds: None,
        version: None,
        concat: None,
        parts: None,
    };
    let key = row.blob();
    let upload = bucket.begin_parts(&key).await?;
    row.parts = Some(Parts {
        upload: upload.clone(),
        part_bytes: layout.part_bytes,
    });
    // In this order: what has no row is swept, what has no parts would be told as there.
    if let Err(error) = app.catalogue.create_upload(&row).await {
        bucket.abort_parts(&key, &upload).await?;
        return Err(error);
    }
    tracing::info!(upload = %row.id, bytes = layout.file_bytes, "upload in parts begun");
    Ok(super::json(&json!({
        "uploadId": row.id,
        "key": key.as_str(),
        "partSize": layout.part_bytes,
    })))
}

/// An upload that goes to the bucket, and how.
async fn open(app: &App, upload: &UploadId) -> Result<(UploadRow, Parts, Layout), OriginError> {
    let row = app.catalogue.upload(upload).await?;
    let parts = row.parts.clone().ok_or_else(|| {
        OriginError::BadRequest(format!("upload {upload} was begun by tus: go on by tus"))
    })?;
    let layout = Layout {
        file_bytes: row.length.max_bytes(),
        part_bytes: parts.part_bytes,
    };
    Ok((row, parts, layout))
}

fn expect_open(row: &UploadRow) -> Result<(), OriginError> {
    match row.asset {
        None => Ok(()),
        Some(_) => Err(OriginError::Upload {
            status: StatusCode::FORBIDDEN,
            detail: "the upload is whole and became an asset".into(),
        }),
    }
}

async fn sign(
    app: &App,
    bucket: &S3,
    upload: &UploadId,
    number: &str,
) -> Result<Response<Body>, OriginError> {
    let (row, parts, layout) = open(app, upload).await?;
    expect_open(&row)?;
    let bad = || OriginError::BadRequest(format!("the file has no part {number}"));
    let number: i32 = number.parse().map_err(|_| bad())?;
    let place = u64::try_from(number).ok().and_then(|it| layout.len_of(it));
    let len_bytes = place.ok_or_else(bad)?;
    let signed = bucket
        .presign_part(&row.blob(), &parts.upload, (number, len_bytes), URL_LIFE)
        .await?;
    stay_open(app, &row).await?;
    Ok(super::json(&json!({
        "url": signed.url,
        "method": signed.method,
        "expires": URL_LIFE.as_secs(),
        "contentLength": len_bytes,
    })))
}

/// Writes that there is news, but not for every part.
async fn stay_open(app: &App, row: &UploadRow) -> Result<(), OriginError> {
    let expires_at_ms = tus::expires_at_ms(app);
    let life_ms = expires_at_ms - now_ms();
    match row.expires_at_ms < expires_at_ms - life_ms / 10 {
        true => app.catalogue.upload_goes_on(&row.id, expires_at_ms).await,
        false => Ok(()),
    }
}

async fn list(app: &App, bucket: &S3, upload: &UploadId) -> Result<Response<Body>, OriginError> {
    let (row, parts, _) = open(app, upload).await?;
    expect_open(&row)?;
    let there = bucket.parts(&row.blob(), &parts.upload).await?;
    let there: Vec<Value> = there
        .iter()
        .map(|part| json!({"PartNumber": part.number, "Size": part.len_bytes, "ETag": part.etag}))
        .collect();
    Ok(super::json(&there))
}

async fn abort(app: &App, upload: &UploadId) -> Result<Response<Body>, OriginError> {
    open(app, upload).await?;
    tus::terminate(app, upload).await
}
