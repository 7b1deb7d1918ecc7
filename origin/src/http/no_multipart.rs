//! Built without S3: there is no bucket that takes uploads in parts.

use axum::{
    Router,
    body::Body,
    http::{Response, request::Parts},
    response::IntoResponse,
    routing::any,
};

use crate::{OriginError, app::Shared};

pub(super) const PLACE: &str = "/api/uploads/s3/";

pub(super) fn routes() -> Router<Shared> {
    Router::new().route(
        "/api/uploads/s3/{*path}",
        any(async || OriginError::no_bucket()),
    )
}

pub(super) async fn serve(
    _app: &Shared,
    _token: Option<&str>,
    _path: &str,
    _request: (&Parts, Body),
) -> Response<Body> {
    OriginError::no_bucket().into_response()
}
