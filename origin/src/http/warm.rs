//! What edges fetch ahead: see [`wire::WarmList`].

use axum::{
    Router,
    body::Body,
    extract::{Query, Request, State},
    http::{Response, StatusCode},
    response::IntoResponse,
    routing::get,
};
use serde::Deserialize;
use wire::{EDGE_NAME_LEN_MAX, WarmList};

use super::{json, long_poll};
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
    let look = || app.catalogue.warming_after(after);
    let news = long_poll::until_there_is(&app, (Topic::Published, ask.wait), look).await?;
    let Some(warming) = news else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let (offset, paths) = (warming.number, warming::paths(&app, &warming).await?);
    Ok(json(&WarmList { offset, paths }))
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
