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
use wire::{AssetId, AssetProgress, AssetState};

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

/// Who listens: what is being added to an asset is no viewer's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    ToViewers,
    ToOperators,
}

impl Told {
    /// What of it they are told.
    pub(super) fn of(self, progress: AssetProgress) -> AssetProgress {
        match self {
            Self::ToOperators => progress,
            Self::ToViewers => AssetProgress {
                additions: Vec::new(),
                ..progress
            },
        }
    }
}

/// `text/event-stream`: an event `state` now and at each change, until the last word.
pub(super) async fn answer(
    app: &Shared,
    asset: &AssetId,
    told: Told,
) -> Result<Response<Body>, OriginError> {
    let listener = events::listen(app, asset).await?;
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    let sse = Sse::new(news(app.clone(), listener, told)).keep_alive(keep_alive);
    let mut response = sse.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn news(
    app: Shared,
    listener: Listener,
    told: Told,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let until = Instant::now() + STREAM_MAX;
    let start = (app, listener, None::<AssetProgress>);
    stream::unfold(start, move |(app, mut listener, last)| async move {
        if told == Told::ToViewers && last.as_ref().is_some_and(is_whole) {
            return None;
        }
        let progress = loop {
            let progress = tokio::select! {
                told = timeout_at(until, listener.next()) => told.ok().flatten()?,
                () = app.shutdown.cancelled() => return None,
            };
            let progress = told.of(progress);
            if last.as_ref() != Some(&progress) {
                break progress;
            }
        };
        let json = serde_json::to_string(&progress).expect("the wire's types are always JSON");
        let event = Event::default().event("state").data(json);
        Some((Ok(event), (app, listener, Some(progress))))
    })
}

/// Nothing will be made of it any more but what is added.
fn is_whole(progress: &AssetProgress) -> bool {
    matches!(progress.state, AssetState::Ready | AssetState::Failed)
}
