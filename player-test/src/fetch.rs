//! One HTTP exchange, with every wait and body bounded.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::{
    HeaderMap, Method, Request, StatusCode,
    body::Incoming,
    header::{CONTENT_LENGTH, HeaderName},
};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use tokio::time::{Instant, timeout};

/// Longest wait for a connection. Chosen: ExoPlayer gives up after 8 s.
const CONNECT_WAIT: Duration = Duration::from_secs(8);
/// An idle connection is closed after this time. Chosen: below common keep-alive times.
const POOL_IDLE: Duration = Duration::from_secs(20);

/// How long an exchange may take and how large its answer may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Longest wait for the answer's head.
    pub(crate) head: Duration,
    /// Longest pause between two pieces of the body.
    pub(crate) pause: Duration,
    /// Longest body, bytes.
    pub(crate) len_max: usize,
}

/// A whole answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// From request to last byte.
    pub(crate) took: Duration,
}

impl Answer {
    /// A header's text; empty if it is missing or not text.
    pub(crate) fn header(&self, name: &HeaderName) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

/// Why there is no whole answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    /// No connection, or it broke before the answer's head.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// Nothing came for too long.
    #[error("{what} did not come within {} s", after.as_secs())]
    Slow { what: &'static str, after: Duration },
    /// The body is longer than the limit.
    #[error("body is longer than {0} bytes")]
    TooLong(usize),
    /// The body ended early.
    #[error("body ended after {got} of {} bytes", expected.map_or("?".to_owned(), |n| n.to_string()))]
    Truncated { got: usize, expected: Option<usize> },
}

impl FetchError {
    /// For a count of errors.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::NoAnswer(_) => "no answer",
            Self::Slow { .. } => "too slow",
            Self::TooLong(_) => "too long",
            Self::Truncated { .. } => "truncated",
        }
    }
}

/// Sends requests over its own connections, as one browser would.
#[derive(Debug, Clone)]
pub(crate) struct Client(legacy::Client<HttpConnector, Full<Bytes>>);

impl Client {
    pub(crate) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_WAIT));
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Self(client)
    }

    /// Not cancel safe: a dropped exchange closes its connection.
    pub(crate) async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
        limits: Limits,
    ) -> Result<Answer, FetchError> {
        let started = Instant::now();
        let headers_only = request.method() == Method::HEAD;
        let head = timeout(limits.head, self.0.request(request))
            .await
            .map_err(|_| FetchError::Slow {
                what: "an answer",
                after: limits.head,
            })?
            .map_err(|error| FetchError::NoAnswer(root_cause(&error)))?;
        let (parts, body) = head.into_parts();
        let expected = parts
            .headers
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            // It tells of the body that GET would have had (RFC 9110 §9.3.2).
            .filter(|_| !headers_only);
        let body = read(body, expected, limits).await?;
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body,
            took: started.elapsed(),
        })
    }
}

async fn read(
    mut body: Incoming,
    expected: Option<usize>,
    limits: Limits,
) -> Result<Bytes, FetchError> {
    let mut whole = BytesMut::with_capacity(expected.unwrap_or(0).min(limits.len_max));
    loop {
        let next = timeout(limits.pause, body.frame())
            .await
            .map_err(|_| FetchError::Slow {
                what: "the next bytes",
                after: limits.pause,
            })?;
        let data = match next {
            None if expected.is_none_or(|len| len == whole.len()) => return Ok(whole.freeze()),
            None | Some(Err(_)) => {
                return Err(FetchError::Truncated {
                    got: whole.len(),
                    expected,
                });
            }
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
        };
        if whole.len() + data.len() > limits.len_max {
            return Err(FetchError::TooLong(limits.len_max));
        }
        whole.extend_from_slice(&data);
    }
}

/// What an error says at its root; the layers above add only "client error".
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
