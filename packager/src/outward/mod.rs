//! The one way out of the fleet: to addresses that somebody else named.
//!
//! Such a URL is a request that another makes with our place in the network: it must not reach
//! what only we can reach. So a [`Connector`] asks for a host's addresses once, looks at all of
//! them ([`Network`], `special`), and dials one that it looked at: nothing is resolved again, so
//! that a name cannot change in between. What answers may redirect, which is looked at as if it
//! were asked for. Every wait, body and head has a limit.

mod address;
mod body;
mod config;
mod dial;
mod error;
mod exchange;
mod resolve;
mod special;
mod tls;

use std::{future::Future, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use tokio::time::{Instant, timeout_at};
use wire::{WebHost, WebUrl};

pub use address::Network;
pub use body::Body;
pub use config::Config;
pub use error::OutwardError;
pub use resolve::{Resolve, System};

use dial::Dialler;

/// Calls what is outside, as an operator allows.
#[derive(Debug, Clone)]
pub struct Connector<R = System> {
    dialler: Dialler<R>,
}

/// What one call may cost at most.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest answer, bytes.
    pub len_max: u64,
    /// Longest time until its last byte, redirects included.
    pub whole: Duration,
}

/// An answer, of which the body comes.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its fields.
    pub headers: HeaderMap,
    /// Its bytes.
    pub body: Body,
}

impl Connector {
    /// # Errors
    /// The file of authorities cannot be used.
    pub fn open(config: Config) -> Result<Self, OutwardError> {
        Self::with(config, System)
    }
}

impl<R: Resolve> Connector<R> {
    /// One that asks `resolver` for addresses.
    ///
    /// # Errors
    /// The file of authorities cannot be used.
    pub fn with(config: Config, resolver: R) -> Result<Self, OutwardError> {
        let dialler = Dialler::new(config, resolver)?;
        Ok(Self { dialler })
    }

    /// Asks for what is at `url`, and follows redirects.
    ///
    /// # Errors
    /// See [`OutwardError`]; an answer of any other status is one.
    pub async fn get(
        &self,
        url: &WebUrl,
        headers: &HeaderMap,
        limits: Limits,
    ) -> Result<Answer, OutwardError> {
        let until = Instant::now() + limits.whole;
        let mut url = url.clone();
        for _ in 0..=self.dialler.config.redirects_max {
            let ask = exchange::Ask {
                method: Method::GET,
                url: &url,
                headers,
                body: Bytes::new(),
            };
            let answer = self.once(ask, limits, until).await?;
            if !is_redirect(answer.status) {
                return Ok(answer);
            }
            url = next(&url, &answer.headers)?;
        }
        Err(OutwardError::Redirects(self.dialler.config.redirects_max))
    }

    /// Sends `body` to `url`. Redirects are answers like any other: what is sent was meant for
    /// this address.
    ///
    /// # Errors
    /// See [`OutwardError`].
    pub async fn post(
        &self,
        url: &WebUrl,
        headers: &HeaderMap,
        body: Bytes,
        limits: Limits,
    ) -> Result<Answer, OutwardError> {
        let ask = exchange::Ask {
            method: Method::POST,
            url,
            headers,
            body,
        };
        self.once(ask, limits, Instant::now() + limits.whole).await
    }

    async fn once(
        &self,
        ask: exchange::Ask<'_>,
        limits: Limits,
        until: Instant,
    ) -> Result<Answer, OutwardError> {
        let head_by = until.min(Instant::now() + self.dialler.config.answer_timeout);
        let answered = async {
            let stream = self.dialler.dial(ask.url).await?;
            exchange::send(stream, ask).await
        };
        let (answer, connection) = within(head_by, answered).await?;
        let (head, body) = answer.into_parts();
        let idle = self.dialler.config.idle_timeout;
        let body = Body::new(body, connection, (limits.len_max, idle, until));
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
        })
    }
}

/// What comes of `work` before `until`.
async fn within<T>(
    until: Instant,
    work: impl Future<Output = Result<T, OutwardError>>,
) -> Result<T, OutwardError> {
    let began = Instant::now();
    match timeout_at(until, work).await {
        Ok(done) => done,
        Err(_) => Err(OutwardError::Silent(began.elapsed())),
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Where a redirect leads.
fn next(from: &WebUrl, headers: &HeaderMap) -> Result<WebUrl, OutwardError> {
    let location = headers.get(header::LOCATION);
    let location = location.and_then(|it| std::str::from_utf8(it.as_bytes()).ok());
    let Some(location) = location else {
        return Err(OutwardError::Redirect("it says not whereto".to_owned()));
    };
    let to = from.join(location);
    let to = to.map_err(|error| OutwardError::Redirect(error.to_string()))?;
    if from.is_tls() && !to.is_tls() {
        let reason = "it leads from https to http".to_owned();
        return Err(OutwardError::Redirect(reason));
    }
    Ok(to)
}

/// Whom a certificate must name.
fn server_name(host: &WebHost) -> String {
    match host {
        WebHost::Name(name) => name.clone(),
        WebHost::Ip(ip) => ip.to_string(),
    }
}
