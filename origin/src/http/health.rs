//! Is it alive, and can it serve.

use axum::{Router, extract::State, http::StatusCode, routing::get};

use crate::{OriginError, app::Shared};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/healthz", get(async || (StatusCode::OK, "ok\n")))
        .route("/readyz", get(ready))
}

async fn ready(State(app): State<Shared>) -> Result<&'static str, OriginError> {
    app.catalogue.ready().await?;
    if app.shutdown.is_cancelled() {
        return Err(OriginError::Overloaded("stopping".into()));
    }
    Ok("ready\n")
}
