//! Ingest by URL: asked for by operators, done by workers.

use axum::{
    Router,
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
    response::IntoResponse,
    routing::{get, post},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use wire::{FetchRequest, JobId, UploadId, WebUrl};

use super::{errand, json, json_body, tus};
use crate::{OriginError, app::Shared, auth::Uploader};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/assets", post(begin))
        .route("/api/fetches", get(list))
        .route("/api/fetches/{fetch}", get(one).delete(cancel))
}

/// Queues a fetch: 202, and where to ask how far it is.
async fn begin(State(app): State<Shared>, request: Request) -> Result<Response<Body>, OriginError> {
    app.require_admin(request.headers())?;
    let ask: FetchRequest = json_body(request.into_body()).await?;
    let title = ask.title.unwrap_or_else(|| named(&ask.url));
    let upload = begin_upload(&app, &title).await?;
    let queued = app.catalogue.queue_fetch(&ask.url, &title, &upload).await;
    if queued.is_err() {
        errand::drop_upload(&app, Some(&upload)).await?;
    }
    let fetch = queued?;
    tracing::info!(%fetch, from = %ask.url, %upload, "fetch queued");
    let mut response = json(&app.catalogue.fetch(&fetch).await?);
    *response.status_mut() = StatusCode::ACCEPTED;
    let location = HeaderValue::try_from(format!("/api/fetches/{fetch}"));
    let location = location.expect("an id can stand in a header");
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

async fn list(State(app): State<Shared>, request: Request) -> Result<Response<Body>, OriginError> {
    app.require_admin(request.headers())?;
    Ok(json(&app.catalogue.fetches().await?))
}

async fn one(
    State(app): State<Shared>,
    Path(fetch): Path<String>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    app.require_admin(request.headers())?;
    Ok(json(&app.catalogue.fetch(&errand_id(&fetch)?).await?))
}

/// Stops a fetch; what came is deleted.
async fn cancel(
    State(app): State<Shared>,
    Path(fetch): Path<String>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    app.require_admin(request.headers())?;
    let fetch = errand_id(&fetch)?;
    let upload = app.catalogue.cancel_fetch(&fetch).await?;
    tracing::info!(%fetch, "fetch cancelled");
    errand::drop_upload(&app, Some(&upload)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) fn errand_id(text: &str) -> Result<JobId, OriginError> {
    text.parse()
        .map_err(|error| OriginError::NotFound(format!("{error}")))
}

/// Starts an upload of which nothing is known yet, as any client would by tus.
pub(super) async fn begin_upload(app: &Shared, title: &str) -> Result<UploadId, OriginError> {
    let metadata = format!("filename {}", BASE64_STANDARD.encode(title));
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("tus-resumable", "1.0.0"),
        ("upload-defer-length", "1"),
        ("upload-metadata", metadata.as_str()),
    ] {
        let value = HeaderValue::from_str(value).expect("base64 can stand in a header");
        headers.insert(name, value);
    }
    let max = app.config.upload_max.as_u64();
    let by = Uploader::unlimited(max);
    let answer = tus::begin(app, (&headers, Body::empty()), &by, None).await?;
    let location = answer.headers().get(header::LOCATION);
    let id = location.and_then(|it| it.to_str().ok()?.rsplit('/').next()?.parse().ok());
    id.ok_or_else(|| OriginError::Damaged("an upload without a name".into()))
}

/// What a file is called by its URL: the last part of the path, decoded; else the host.
fn named(url: &WebUrl) -> String {
    let mut rest = url.file_name().bytes();
    let mut name = Vec::new();
    while let Some(byte) = rest.next() {
        let ahead = rest.clone();
        let digits: Vec<u8> = ahead.take(2).collect();
        let code = std::str::from_utf8(&digits).ok();
        let code = code.filter(|it| it.len() == 2 && !it.starts_with('+'));
        match code.and_then(|it| u8::from_str_radix(it, 16).ok()) {
            Some(code) if byte == b'%' => {
                name.push(code);
                rest.nth(1);
            }
            _ => name.push(byte),
        }
    }
    match String::from_utf8(name) {
        Ok(name) if !name.trim().is_empty() => name,
        _ => url.host().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fetch_is_called_what_its_file_is() {
        for (url, name) in [
            ("https://a.example/b/clip.mp4?token=1", "clip.mp4"),
            ("https://a.example/my%20clip%C3%A9.mov", "my clipé.mov"),
            ("https://a.example/100%25.mp4", "100%.mp4"),
            ("https://a.example/%ff", "a.example"),
            ("https://a.example/b/", "a.example"),
        ] {
            assert_eq!(named(&url.parse().unwrap()), name, "{url}");
        }
    }
}
