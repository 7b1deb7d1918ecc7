//! The origin's HTTP surface: one file an audience.

mod api;
mod audio;
mod audit;
mod conditional;
mod cors;
mod delivery;
mod errand;
mod events;
mod fetch;
mod health;
mod idempotency;
mod jobs;
mod keys;
mod label;
mod licence;
mod long_poll;
mod made;
mod manifest;
mod minting;
#[cfg(feature = "s3")]
mod multipart;
#[cfg(not(feature = "s3"))]
#[path = "no_multipart.rs"]
mod multipart;
mod object;
mod openapi;
mod pages;
mod passes;
mod signers;
mod text;
pub(crate) mod tus;
mod warm;
mod webhook;
mod worker;

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    extract::Query,
    http::{HeaderValue, Request, Response, StatusCode, header},
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http_body_util::{BodyExt, Limited};
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use tower_http::catch_panic::CatchPanicLayer;

use wire::UploadId;

use crate::{
    OriginError,
    app::{App, Shared},
};

/// Longest JSON body but a plan's, bytes. Chosen: warnings are a tenth of it.
const JSON_MAX: usize = 256 << 10;

/// Longest wait for a short body, and longest silence within a segment's.
const BODY_WAIT: Duration = Duration::from_secs(30);

/// Every route of the origin.
pub(crate) fn router(app: Shared) -> Router {
    Router::new()
        .merge(health::routes())
        .merge(delivery::routes())
        .merge(pages::routes())
        .merge(tus::routes())
        .merge(multipart::routes())
        .merge(worker::routes())
        .merge(made::routes())
        .merge(passes::routes())
        .merge(api::routes())
        .merge(jobs::routes())
        .merge(openapi::routes())
        .merge(keys::routes())
        .merge(audit::routes())
        .merge(signers::routes())
        .merge(text::routes())
        .merge(warm::routes())
        .merge(audio::routes())
        .merge(fetch::routes())
        .merge(errand::routes())
        .merge(webhook::routes())
        .fallback(nothing_here)
        .method_not_allowed_fallback(other_methods_only)
        .layer(axum::middleware::from_fn_with_state(app.clone(), cors::add))
        .layer(axum::middleware::from_fn(crate::by::request))
        .layer(axum::middleware::from_fn(crate::observe::request))
        .layer(CatchPanicLayer::new())
        .with_state(app)
}

/// Forgets an upload that nobody goes on with.
pub(crate) async fn drop_upload(app: &App, upload: &UploadId) -> Result<(), OriginError> {
    errand::drop_upload(app, Some(upload)).await
}

async fn nothing_here(request: Request<Body>) -> OriginError {
    let path = ::keys::redact(request.uri().path());
    OriginError::NotFound(format!("nothing is at {path}"))
}

async fn other_methods_only(request: Request<Body>) -> OriginError {
    OriginError::Upload {
        status: StatusCode::METHOD_NOT_ALLOWED,
        detail: format!("{} does nothing here", request.method()),
    }
}

/// The fields of a query.
fn query<T: DeserializeOwned>(uri: &axum::http::Uri) -> Result<T, OriginError> {
    let Query(asked) =
        Query::try_from_uri(uri).map_err(|error| OriginError::BadRequest(error.body_text()))?;
    Ok(asked)
}

/// A JSON body, of bounded length.
async fn json_body<T: DeserializeOwned>(body: Body) -> Result<T, OriginError> {
    long_json_body(body, JSON_MAX).await
}

/// A JSON body of up to `max` bytes.
async fn long_json_body<T: DeserializeOwned>(body: Body, max: usize) -> Result<T, OriginError> {
    let bytes = bytes_body(body, max).await?;
    // A list would be read as a struct's members in order.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(OriginError::BadRequest(
            "the body is not as expected: it is a JSON object".into(),
        ));
    }
    serde_json::from_slice(&bytes)
        .map_err(|error| OriginError::BadRequest(format!("the body is not as expected: {error}")))
}

/// A whole body, of bounded length.
async fn bytes_body(body: Body, max: usize) -> Result<Bytes, OriginError> {
    let collected = timeout(BODY_WAIT, Limited::new(body, max).collect()).await;
    match collected.map_err(|_| OriginError::Silent(BODY_WAIT))? {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            Err(OriginError::TooLarge {
                max_bytes: max as u64,
            })
        }
        Err(error) => Err(OriginError::BadRequest(format!(
            "the body broke off: {error}"
        ))),
    }
}

/// The body's bytes, until it is silent for too long.
fn unless_silent(body: Body) -> impl Stream<Item = Result<Bytes, OriginError>> {
    let chunks = body.into_data_stream();
    futures_util::stream::unfold(chunks, |mut chunks| async {
        let chunk = match timeout(BODY_WAIT, chunks.next()).await {
            Err(_) => Err(OriginError::Silent(BODY_WAIT)),
            Ok(chunk) => chunk?.map_err(|error| OriginError::BadRequest(error.to_string())),
        };
        Some((chunk, chunks))
    })
}

/// A JSON answer that no cache keeps.
fn json(value: &impl serde::Serialize) -> Response<Body> {
    let bytes = serde_json::to_vec(value).expect("the wire's types are always JSON");
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
