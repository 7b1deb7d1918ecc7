//! The pages, embedded in the program.

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, Response, header},
    routing::get,
};
use rust_embed::RustEmbed;

use super::{
    delivery::content_etag,
    object::{self, Content, Object},
};
use crate::{OriginError, app::Shared};

#[derive(RustEmbed)]
#[folder = "../ui/dist/"]
struct Pages;

/// Only our own scripts and styles; media from any edge; no frame, form or plug-in.
const POLICY: &str = "default-src 'self'; media-src 'self' blob:; worker-src 'self' blob:; \
     img-src 'self' data: blob:; connect-src *; object-src 'none'; base-uri 'none'; \
     form-action 'none'";

/// A page may change with the program; its scripts and styles have their hash in the name.
const PAGE: &str = "public, max-age=60, stale-while-revalidate=600";
const ASSET: &str = "public, max-age=31536000, immutable";

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/", get(page))
        .route("/watch/{asset}", get(page))
        .route("/assets/{*file}", get(page))
}

async fn page(State(app): State<Shared>, request: Request) -> Result<Response<Body>, OriginError> {
    let path = request.uri().path();
    let (file, cache_control) = match path {
        "/" => ("index.html", PAGE),
        _ if path.starts_with("/watch/") => ("watch.html", PAGE),
        _ => (&path[1..], ASSET),
    };
    let embedded =
        Pages::get(file).ok_or_else(|| OriginError::NotFound(format!("nothing is at {path}")))?;
    let object = Object {
        etag: content_etag(&embedded.data),
        content_type: content_type(file),
        cache_control: cache_control.into(),
        tags: None,
        content: Content::Memory(match embedded.data {
            std::borrow::Cow::Borrowed(bytes) => bytes::Bytes::from_static(bytes),
            std::borrow::Cow::Owned(bytes) => bytes.into(),
        }),
    };
    let mut response = object::send(&app.store, object, request.headers()).await?;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(POLICY),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    Ok(response)
}

fn content_type(file: &str) -> &'static str {
    match file.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}
