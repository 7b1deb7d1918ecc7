//! Cross-origin access: players and uploaders live on other hosts.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::app::{App, Shared};

const EXPOSED: &str = "Content-Length, Content-Range, Date, Age, ETag, Retry-After, Cache-Status, \
     Location, Upload-Offset, Upload-Length, Upload-Defer-Length, Upload-Metadata, Upload-Concat, \
     Upload-Expires, Upload-Complete, Upload-Limit, Upload-Draft-Interop-Version, Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, \
     Tus-Checksum-Algorithm";
const ALLOWED_METHODS: &str = "GET, HEAD, OPTIONS, POST, PATCH, DELETE";
const ALLOWED_HEADERS: &str = "Authorization, Content-Type, Range, If-Match, If-None-Match, If-Range, \
     CMCD-Object, CMCD-Request, CMCD-Session, CMCD-Status, Tus-Resumable, Upload-Length, \
     Upload-Defer-Length, Upload-Offset, Upload-Metadata, Upload-Concat, Upload-Checksum, \
     Upload-Complete, Upload-Draft-Interop-Version, X-HTTP-Method-Override, X-Request-ID";

/// Adds the fields to every answer, errors too; answers preflights itself. Origins are
/// never asked for credentials of a browser's own, so `*` is right and `Vary` not needed.
pub(super) async fn add(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let mut response = if request.method() == Method::OPTIONS {
        preflight(&app, request.uri().path())
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    insert(headers, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    insert(headers, header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    insert(headers, HeaderName::from_static("timing-allow-origin"), "*");
    response
}

fn preflight(app: &App, path: &str) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    insert(
        headers,
        header::ACCESS_CONTROL_ALLOW_METHODS,
        ALLOWED_METHODS,
    );
    insert(
        headers,
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        ALLOWED_HEADERS,
    );
    insert(headers, header::ACCESS_CONTROL_MAX_AGE, "86400");
    let adds_sound = path.starts_with("/api/assets/") && path.ends_with("/audio");
    if path.starts_with("/api/uploads") || adds_sound {
        super::tus::announce(app, headers);
    }
    response
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}
