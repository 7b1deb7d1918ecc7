//! What one player asks over HTTP: retries, redirects, waiting, and the count of it all.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Request, StatusCode,
    header::{CONTENT_TYPE, LOCATION, RETRY_AFTER, USER_AGENT},
};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use crate::{
    Options, cache_status,
    error::Fault,
    fetch::{Answer, Client, FetchError, Limits},
    url::Url,
};

/// Longest wait for an answer's head and between two pieces of its body. hls.js's default.
const ANSWER_WAIT: Duration = Duration::from_secs(10);
/// Longest playlist, bytes. Chosen: a day of 2 s segments.
const PLAYLIST_LEN_MAX: usize = 8 << 20;
/// Longest segment, bytes. Chosen: 10 s at 100 Mbit/s.
const SEGMENT_LEN_MAX: usize = 128 << 20;
/// Redirects that are followed. Chosen: fewer than the 20 of fetch, and enough.
const REDIRECTS_MAX: u32 = 5;
/// How often a request that failed for a passing reason is sent again. Chosen: as hls.js.
const RETRIES_MAX: u32 = 3;
/// Wait where no `Retry-After` says it. Chosen.
const RETRY_WAIT: Duration = Duration::from_secs(1);
/// Longest `Retry-After` that is obeyed. Chosen.
const RETRY_WAIT_MAX: Duration = Duration::from_secs(10);

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Playlist,
    Init,
    Segment,
}

/// A good answer.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// Where it came from in the end; relative references start here.
    pub(crate) url: Url,
    pub(crate) body: Bytes,
    /// From the request that was answered to the last byte.
    pub(crate) took: Duration,
    /// When that request was sent.
    pub(crate) sent: Instant,
}

/// What was counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    /// By status, or `no answer`. Waiting for a stream to become playable is no error.
    pub(crate) http_errors: BTreeMap<String, u64>,
    pub(crate) segments: u64,
    /// All bodies of good answers.
    pub(crate) bytes: u64,
    /// Segments only.
    pub(crate) media_bytes: u64,
    pub(crate) cache_hits: u64,
    pub(crate) cache_misses: u64,
    /// Init and media segments by the cache that answered.
    pub(crate) pops: BTreeMap<String, u64>,
    /// Spent on waiting for the stream to become playable.
    pub(crate) waited: Duration,
}

/// One player's connections and counters.
#[derive(Debug)]
pub(crate) struct Session {
    client: Client,
    options: Arc<Options>,
    pub(crate) tally: Tally,
}

/// What to do with an answer.
enum Verdict {
    Good,
    Redirect(Url),
    NotYet(Duration),
    Again(Duration),
    Refused,
}

impl Session {
    pub(crate) fn new(options: Arc<Options>) -> Self {
        Self {
            client: Client::new(),
            options,
            tally: Tally::default(),
        }
    }

    /// Gets a whole document or segment, however many requests that takes.
    pub(crate) async fn get(&mut self, what: What, url: &Url) -> Result<Fetched, Fault> {
        let mut url = url.clone();
        let (mut redirects, mut retries) = (0, 0);
        loop {
            let sent = Instant::now();
            let wait = match self.client.exchange(request(&url), limits(what)).await {
                Ok(answer) => match verdict(&url, &answer) {
                    Verdict::Good => return Ok(self.count(what, url, answer, sent)),
                    Verdict::Redirect(to) if redirects < REDIRECTS_MAX => {
                        redirects += 1;
                        url = to;
                        continue;
                    }
                    Verdict::NotYet(after) if what == What::Playlist => {
                        self.not_yet(&url, after)?;
                        after
                    }
                    Verdict::Again(after) if retries < RETRIES_MAX => {
                        self.error(answer.status.as_str());
                        retries += 1;
                        after
                    }
                    _ => {
                        self.error(answer.status.as_str());
                        return Err(refused(url, &answer));
                    }
                },
                Err(source @ (FetchError::NoAnswer(_) | FetchError::Slow { .. }))
                    if retries < RETRIES_MAX =>
                {
                    tracing::debug!(%url, %source, "asking again");
                    self.error(source.name());
                    retries += 1;
                    RETRY_WAIT
                }
                Err(source) => {
                    self.error(source.name());
                    return Err(Fault::Fetch { url, source });
                }
            };
            sleep(wait).await;
        }
    }

    fn count(&mut self, what: What, url: Url, answer: Answer, sent: Instant) -> Fetched {
        let len = answer.body.len() as u64;
        self.tally.bytes += len;
        if what == What::Segment {
            self.tally.segments += 1;
            self.tally.media_bytes += len;
        }
        let cached = cache_status::nearest(&answer.headers).filter(|_| what != What::Playlist);
        if let Some(status) = cached {
            let counter = if status.hit {
                &mut self.tally.cache_hits
            } else {
                &mut self.tally.cache_misses
            };
            *counter += 1;
            *self.tally.pops.entry(status.name).or_default() += 1;
        }
        Fetched {
            url,
            body: answer.body,
            took: answer.took,
            sent,
        }
    }

    fn error(&mut self, name: &str) {
        *self.tally.http_errors.entry(name.to_owned()).or_default() += 1;
    }

    /// Books a wait for the stream, as long as there is time left for it.
    fn not_yet(&mut self, url: &Url, after: Duration) -> Result<(), Fault> {
        if self.tally.waited + after > self.options.wait {
            return Err(Fault::NotPlayable {
                url: url.clone(),
                waited: self.tally.waited,
            });
        }
        self.tally.waited += after;
        Ok(())
    }
}

fn request(url: &Url) -> Request<Full<Bytes>> {
    Request::get(url.to_uri())
        .header(USER_AGENT, "weir-play")
        .body(Full::default())
        .expect("method, URI and header are valid")
}

fn limits(what: What) -> Limits {
    let len_max = if what == What::Playlist {
        PLAYLIST_LEN_MAX
    } else {
        SEGMENT_LEN_MAX
    };
    Limits {
        head: ANSWER_WAIT,
        pause: ANSWER_WAIT,
        len_max,
    }
}

fn verdict(url: &Url, answer: &Answer) -> Verdict {
    match answer.status {
        StatusCode::OK => Verdict::Good,
        status if status.is_redirection() => match url.join(answer.header(&LOCATION)) {
            Ok(to) => Verdict::Redirect(to),
            Err(_) => Verdict::Refused,
        },
        StatusCode::NOT_FOUND if problem(answer).as_deref() == Some("not-yet-playable") => {
            Verdict::NotYet(retry_after(answer))
        }
        StatusCode::TOO_MANY_REQUESTS => Verdict::Again(retry_after(answer)),
        status if status.is_server_error() => Verdict::Again(retry_after(answer)),
        _ => Verdict::Refused,
    }
}

fn refused(url: Url, answer: &Answer) -> Fault {
    Fault::Status {
        url,
        status: answer.status.as_u16(),
        kind: problem(answer),
    }
}

/// `Retry-After` in seconds (RFC 9110 §10.2.3); its form as a date is not obeyed.
fn retry_after(answer: &Answer) -> Duration {
    let seconds = answer.header(&RETRY_AFTER).parse().map(Duration::from_secs);
    seconds
        .unwrap_or(RETRY_WAIT)
        .clamp(Duration::from_millis(200), RETRY_WAIT_MAX)
}

/// The last part of the `type` of a problem (RFC 9457).
fn problem(answer: &Answer) -> Option<String> {
    #[derive(Deserialize)]
    struct Problem {
        #[serde(rename = "type")]
        type_uri: String,
    }
    if !answer
        .header(&CONTENT_TYPE)
        .starts_with("application/problem+json")
    {
        return None;
    }
    let problem: Problem = serde_json::from_slice(&answer.body).ok()?;
    Some(problem.type_uri.rsplit('/').next()?.to_owned())
}
