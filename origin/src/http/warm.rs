//! What edges fetch ahead: see [`wire::WarmList`].

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    extract::{Query, Request, State},
    http::{Response, StatusCode},
    response::IntoResponse,
    routing::get,
};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};
use wire::{EDGE_NAME_LEN_MAX, WarmList};

use super::{json, keys::WAIT_MAX};
use crate::{OriginError, app::Shared, catalogue::Topic, warming};

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/api/warm", get(next))
}

#[derive(Debug, Deserialize)]
struct Ask {
    after: Option<u64>,
    #[serde(default)]
    wait: u64,
    edge: String,
}

async fn next(State(app): State<Shared>, request: Request) -> Result<Response<Body>, OriginError> {
    app.require_join(request.headers())?;
    let Query(ask) = Query::<Ask>::try_from_uri(request.uri())
        .map_err(|error| OriginError::BadRequest(error.body_text()))?;
    check_name(&ask.edge)?;
    let newest = app.catalogue.warming_newest().await?;
    // An edge may be ahead of a restored catalogue: what it has is not what we count.
    let Some(after) = ask.after.filter(|after| *after <= newest) else {
        let offset = newest;
        app.edges.heard(&ask.edge, offset);
        let paths = Vec::new();
        return Ok(json(&WarmList { offset, paths }));
    };
    app.edges.heard(&ask.edge, after);
    warming::settle(&app).await?;
    let _waiter = app.waiter()?;
    let until = Instant::now() + Duration::from_secs(ask.wait).min(WAIT_MAX);
    loop {
        let news = app.catalogue.news(Topic::Published);
        if let Some(warming) = app.catalogue.warming_after(after).await? {
            let (offset, paths) = (warming.number, warming::paths(&app, &warming).await?);
            return Ok(json(&WarmList { offset, paths }));
        }
        if Instant::now() >= until || app.shutdown.is_cancelled() {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        tokio::select! {
            _ = timeout_at(until, news) => {}
            () = app.shutdown.cancelled() => {}
        }
    }
}

fn check_name(edge: &str) -> Result<(), OriginError> {
    let known = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    if (1..=EDGE_NAME_LEN_MAX).contains(&edge.len()) && edge.bytes().all(known) {
        return Ok(());
    }
    Err(OriginError::BadRequest(format!(
        "an edge's name is 1 to {EDGE_NAME_LEN_MAX} of a-z, 0-9 and -"
    )))
}
