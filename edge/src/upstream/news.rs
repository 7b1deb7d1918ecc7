//! What the origin tells of itself: keys, and what was published.

use std::time::Duration;

use http::{Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use wire::{KeyBulletin, WarmList};

use super::{
    Origin,
    ask::{failure, status_failure},
    body::Body,
    error::{Fault, FetchError},
    patience::Patience,
    peer::Ask,
};

/// Longest news: keys and revocations, bytes. Chosen: half a million revocations.
const NEWS_LEN_MAX: usize = 16 << 20;

impl Origin {
    /// The keys and revocations after a revision; `None` if there are none within `wait`.
    pub(crate) async fn bulletin(
        &self,
        after: u64,
        wait: Duration,
    ) -> Result<Option<KeyBulletin>, FetchError> {
        let path = format!("/api/keys?after={after}&wait={}", wait.as_secs());
        self.news(&path, wait).await
    }

    /// What was published after an offset; `None` if nothing was within `wait`.
    pub(crate) async fn warm_list(
        &self,
        after: Option<u64>,
        wait: Duration,
        edge: &str,
    ) -> Result<Option<WarmList>, FetchError> {
        let after = after.map_or_else(String::new, |after| format!("&after={after}"));
        let path = format!("/api/warm?edge={edge}{after}&wait={}", wait.as_secs());
        self.news(&path, wait).await
    }

    /// The answer to a question that an origin may hold for `wait`; `None` if it has none.
    /// It is asked though all are kept out: who asks keeps a pace of its own, and so one
    /// that comes back is seen.
    async fn news<T: DeserializeOwned>(
        &self,
        path: &str,
        wait: Duration,
    ) -> Result<Option<T>, FetchError> {
        let mut ask = self.plain(path)?;
        self.put_join(&mut ask.headers);
        let whole = wait + self.first_byte;
        timeout(whole, self.ask_news(&ask, whole))
            .await
            .map_err(|_| FetchError::Silent(whole))?
    }

    async fn ask_news<T: DeserializeOwned>(
        &self,
        ask: &Ask,
        whole: Duration,
    ) -> Result<Option<T>, FetchError> {
        let pick = self.group.pick_to_wait(&[]);
        let pick = pick.ok_or(FetchError::Unreachable(Fault::NotTried))?;
        let patience = Patience::of(whole, true);
        let response = match pick.peer().ask(ask, patience, pick.ticket()).await {
            Ok(response) => response,
            Err(error) => {
                pick.failed(failure(&error));
                return Err(error);
            }
        };
        match status_failure(response.status()) {
            Some(failure) => pick.failed(failure),
            None => pick.recovered(),
        }
        read(response).await
    }
}

async fn read<T: DeserializeOwned>(response: Response<Body>) -> Result<Option<T>, FetchError> {
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NO_CONTENT => return Ok(None),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(FetchError::JoinRefused),
        other => return Err(FetchError::BadAnswer(format!("status {other}"))),
    }
    let bad = |error: String| FetchError::BadAnswer(error);
    let body = Limited::new(response.into_body(), NEWS_LEN_MAX);
    let body = body
        .collect()
        .await
        .map_err(|error| bad(error.to_string()))?;
    let news = serde_json::from_slice(&body.to_bytes());
    news.map(Some).map_err(|error| bad(error.to_string()))
}
