//! What `/api` takes and answers, for machines: `GET /api/openapi.json`.
//!
//! `openapi.json` is written by hand. Tests hold it true: every route is in it and none more,
//! and so is every answer that they get; `scripts/test-api` asks what nobody would.

use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderValue, Response, header},
    routing::get,
};

use crate::app::Shared;

/// OpenAPI 3.1.
const DOCUMENT: &str = include_str!("openapi.json");

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/api/openapi.json", get(document))
}

async fn document() -> Response<Body> {
    let mut response = Response::new(Body::from(Bytes::from_static(DOCUMENT.as_bytes())));
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "application/json"),
        // As long as an origin of another version may take its place unnoticed.
        (header::CACHE_CONTROL, "public, max-age=60"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
