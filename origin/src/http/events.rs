//! Events: how far an asset is, as it goes.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::Body,
    http::{HeaderValue, Response, header},
    response::{
        IntoResponse, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::{Stream, stream};
use tokio::time::{Instant, timeout_at};
use wire::AssetId;

use crate::{
    OriginError,
    app::Shared,
    events::{self, Listener},
};

/// Longest stream. A page that wants more asks again.
const STREAM_MAX: Duration = Duration::from_secs(600);

/// A comment comes this often while there is no news, so that nobody on the way takes the
/// connection for dead: an edge does after 10 s.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// `text/event-stream`: an event `state` now and at each change, until the last word.
pub(super) async fn answer(app: &Shared, asset: &AssetId) -> Result<Response<Body>, OriginError> {
    let listener = events::listen(app, asset).await?;
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    let sse = Sse::new(news(app.clone(), listener)).keep_alive(keep_alive);
    let mut response = sse.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn news(app: Shared, listener: Listener) -> impl Stream<Item = Result<Event, Infallible>> {
    let until = Instant::now() + STREAM_MAX;
    stream::unfold((app, listener), move |(app, mut listener)| async move {
        let progress = tokio::select! {
            told = timeout_at(until, listener.next()) => told.ok().flatten()?,
            () = app.shutdown.cancelled() => return None,
        };
        let json = serde_json::to_string(&progress).expect("the wire's types are always JSON");
        let event = Event::default().event("state").data(json);
        Some((Ok(event), (app, listener)))
    })
}
