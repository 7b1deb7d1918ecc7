//! An answer's bytes, within limits.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use super::{OutwardError, exchange::Connection};
use crate::worker::call::causes;

/// An answer's bytes as they come: not all of them, but an error, where they break off, are
/// too many, or take too long.
#[derive(Debug)]
pub struct Body {
    bytes: Incoming,
    left: u64,
    len_max: u64,
    idle: Duration,
    until: Instant,
    _connection: Connection,
}

impl Body {
    pub(super) fn new(
        bytes: Incoming,
        connection: Connection,
        (len_max, idle, until): (u64, Duration, Instant),
    ) -> Self {
        Self {
            bytes,
            left: len_max,
            len_max,
            idle,
            until,
            _connection: connection,
        }
    }

    /// The next bytes; `None` after the last. Safe to drop: no byte is lost.
    ///
    /// # Errors
    /// See [`OutwardError`].
    pub async fn next(&mut self) -> Result<Option<Bytes>, OutwardError> {
        loop {
            let by = self.until.min(Instant::now() + self.idle);
            let frame = match timeout_at(by, self.bytes.frame()).await {
                Ok(frame) => frame,
                Err(_) if Instant::now() >= self.until => return Err(OutwardError::TooLong),
                Err(_) => return Err(OutwardError::Silent(self.idle)),
            };
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|error| OutwardError::Broken(causes(&error)))?;
            let Ok(bytes) = frame.into_data() else {
                continue;
            };
            let len = bytes.len() as u64;
            self.left = self
                .left
                .checked_sub(len)
                .ok_or(OutwardError::TooLarge(self.len_max))?;
            if len > 0 {
                return Ok(Some(bytes));
            }
        }
    }

    /// All that is left of it.
    ///
    /// # Errors
    /// See [`OutwardError`].
    pub async fn collect(mut self) -> Result<Vec<u8>, OutwardError> {
        let mut all = Vec::new();
        while let Some(bytes) = self.next().await? {
            all.extend_from_slice(&bytes);
        }
        Ok(all)
    }
}
