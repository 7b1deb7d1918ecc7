//! One request: what it says, how it can fail, and when it is sent again.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{Method, StatusCode};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep};
use wire::kind;

use crate::PackagerError;

/// First and longest pause before a request is repeated.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// One request, as often as it is sent.
pub(crate) struct Call {
    pub(crate) method: Method,
    /// With its query.
    pub(crate) path: String,
    pub(crate) media_type: Option<&'static str>,
    /// Asks for the bytes from here on, up to the second where there is one.
    pub(crate) range: Option<(u64, Option<u64>)>,
    /// Fields of the head besides.
    pub(crate) fields: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
}

impl Call {
    pub(crate) fn new(method: Method, path: String, body: Bytes) -> Self {
        Self {
            method,
            path,
            media_type: None,
            range: None,
            fields: Vec::new(),
            body,
        }
    }

    /// Longest answer, bytes, where the request says it.
    pub(crate) fn answer_len_max(&self) -> Option<usize> {
        let (from, end) = self.range?;
        usize::try_from(end?.saturating_sub(from)).ok()
    }

    pub(crate) fn json(method: Method, path: String, body: &impl serde::Serialize) -> Self {
        let body = serde_json::to_vec(body).expect("wire types are always JSON");
        Self::new(method, path, body.into()).of("application/json")
    }

    pub(crate) fn of(self, media_type: &'static str) -> Self {
        Self {
            media_type: Some(media_type),
            ..self
        }
    }
}

/// Why one exchange failed.
#[derive(Debug)]
pub(crate) enum Fault {
    /// No answer, or none that is understood.
    Unreachable(String),
    Refused {
        status: StatusCode,
        kind: String,
    },
}

impl Fault {
    /// The same request may be answered otherwise in a moment.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Refused { status, .. } => {
                status.is_server_error()
                    || matches!(
                        *status,
                        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
                    )
            }
        }
    }

    /// What it is for the job, when it is not repeated any more.
    pub(crate) fn ended(self, call: &Call, waited: Duration) -> PackagerError {
        // The query is numbers; the path has no secret.
        let request = format!("{} {}", call.method, call.path);
        let passing = self.may_pass();
        match self {
            Self::Unreachable(reason) => PackagerError::Unreachable {
                request,
                waited,
                reason,
            },
            Self::Refused { status, kind } if passing => {
                let reason = format!("the last answer was {status} {kind}");
                PackagerError::Unreachable {
                    request,
                    waited,
                    reason,
                }
            }
            Self::Refused { kind, .. } if kind == kind::LEASE_LOST => PackagerError::LeaseLost,
            Self::Refused { status, kind } => PackagerError::Refused {
                request,
                status,
                kind,
            },
        }
    }
}

/// Pauses between repetitions: doubling, with chance, until patience ends.
pub(crate) struct Backoff {
    since: Instant,
    patience: Duration,
    pause: Duration,
}

impl Backoff {
    pub(crate) fn new(patience: Duration) -> Self {
        Self {
            since: Instant::now(),
            patience,
            pause: PAUSE,
        }
    }

    pub(crate) fn waited(&self) -> Duration {
        self.since.elapsed()
    }

    /// Pauses before the next try; `false` when patience has ended.
    pub(crate) async fn pause(&mut self, path: &str, fault: &Fault) -> bool {
        if self.waited() + self.pause > self.patience {
            return false;
        }
        tracing::debug!(path, ?fault, pause = ?self.pause, "repeating a request");
        self.sleep().await;
        true
    }

    /// The pause alone, without an end.
    pub(crate) async fn sleep(&mut self) {
        // Between half and all of it, so that many workers do not come back as one.
        let nanos = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.subsec_nanos());
        sleep(self.pause / 2 + self.pause.mul_f64(f64::from(nanos % 1000) / 2000.0)).await;
        self.pause = (self.pause * 2).min(PAUSE_MAX);
    }
}

pub(crate) fn parse<T: DeserializeOwned>(call: &Call, answer: &[u8]) -> Result<T, PackagerError> {
    serde_json::from_slice(answer).map_err(|e| PackagerError::Unreachable {
        request: format!("{} {}", call.method, call.path),
        waited: Duration::ZERO,
        reason: format!("its answer is not understood: {e}"),
    })
}

/// An error with what caused it, on one line.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
