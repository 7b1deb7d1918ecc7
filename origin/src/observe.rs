//! One span and one line of metrics a request.

use axum::{
    extract::{MatchedPath, Request},
    http::Method,
    middleware::Next,
    response::Response,
};
use metrics::{counter, histogram};
use tokio::time::Instant;
use tracing::{Instrument, debug, info_span};

/// Names the request in logs, without its key, and counts it by route.
pub(crate) async fn request(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("none", MatchedPath::as_str)
        .to_owned();
    let span = info_span!(
        "request",
        role = "origin",
        %method,
        path = %keys::redact(request.uri().path()),
    );
    async move {
        let response = next.run(request).await;
        let status = response.status();
        let took = begun.elapsed();
        debug!(status = status.as_u16(), ?took, "answered");
        let labels = [
            ("role", "origin".to_owned()),
            ("route", route),
            ("method", named(&method).to_owned()),
            ("status", status.as_u16().to_string()),
        ];
        counter!("weir_origin_requests_total", &labels).increment(1);
        histogram!("weir_origin_request_seconds", "role" => "origin").record(took);
        response
    }
    .instrument(span)
    .await
}

/// A method as a label: a stranger's inventions are all one.
fn named(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}
