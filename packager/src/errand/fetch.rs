//! Reading what a URL names, and sending it to the origin as it comes: from where it is, when
//! either side breaks off.

mod answer;

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::future::join;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use wire::{FetchSource, WebUrl};

use super::{Fault, api::Lent};
use crate::{
    Config, PackagerError,
    outward::{Body, Connector, Limits, OutwardError},
    worker::call::Backoff,
};
use answer::Part;
pub(super) use answer::retry_after_secs;

/// How much is sent at once, bytes: what an origin makes safe at once. Another piece is read
/// meanwhile.
const PIECE: usize = 8 << 20;

/// The first piece, by which the origin sees whether it is a video, is as short as it looks at.
const FIRST_PIECE: usize = 1 << 20;

/// How long an attempt goes on without a byte. After it, the origin says when to try again.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often an attempt starts again as the file changed. Chosen: who publishes it may be at it.
const RESTARTS_MAX: u32 = 3;

/// One attempt at a fetch.
pub(super) struct Fetch<'a> {
    pub(super) connector: &'a Connector,
    pub(super) config: &'a Config,
    pub(super) lent: &'a Lent,
    pub(super) url: &'a WebUrl,
    pub(super) len_bytes_max: u64,
}

impl Fetch<'_> {
    /// Goes on until all is at the origin. `source`: what earlier attempts read.
    pub(super) async fn run(&self, mut source: Option<FetchSource>) -> Result<(), Fault> {
        let mut backoff = Backoff::new(PATIENCE);
        let mut restarts = 0;
        loop {
            let so_far = self.lent.so_far().await.map_err(gone)?;
            if so_far.length_bytes == Some(so_far.offset_bytes) {
                return Ok(());
            }
            let offset = so_far.offset_bytes;
            let fault = match Box::pin(self.transfer(offset, &mut source)).await {
                Ok(()) => return Ok(()),
                Err(fault) if !is_broken(&fault) => return Err(fault),
                Err(fault) => fault,
            };
            let came = self.lent.so_far().await.map_err(gone)?.offset_bytes;
            restarts += u32::from(came < offset);
            if restarts > RESTARTS_MAX {
                return Err(fault);
            }
            if came > offset {
                backoff = Backoff::new(PATIENCE);
            } else if backoff.waited() > PATIENCE {
                return Err(fault);
            }
            tracing::debug!(error = %fault, came, "the transfer broke off");
            backoff.sleep().await;
        }
    }

    /// Reads from `offset` to the end, or to where it breaks off.
    async fn transfer(&self, offset: u64, source: &mut Option<FetchSource>) -> Result<(), Fault> {
        let before = source.clone().filter(|_| offset > 0);
        let validator = before.as_ref().and_then(|it| it.validator.as_deref());
        if offset > 0 && validator.is_none() {
            // Nothing says that what comes now is what came before.
            return self.restart().await;
        }
        let asking = asking(offset, validator);
        let answer = self.connector.get(self.url, &asking, self.limits());
        let answer = answer.await?;
        let part = answer::read(&answer, offset, self.len_bytes_max)?;
        let part = match (part, &before) {
            (Some(part), Some(before)) if answer::is_same(before, &part) => part,
            (Some(part), None) => part,
            (_, Some(_)) => {
                *source = None;
                return self.restart().await;
            }
            (None, None) => return Err(Fault::permanent("the server sends a part unasked")),
        };
        if before.is_none() {
            self.lent.reads(&part.source).await?;
            *source = Some(part.source.clone());
        }
        let body = Reading {
            body: answer.body,
            skip: offset - part.starts,
        };
        self.send(part, offset, body).await
    }

    /// What came so far is of another file, or may be.
    async fn restart(&self) -> Result<(), Fault> {
        tracing::info!("the file may have changed: starting again");
        self.lent.restart().await?;
        Err(OutwardError::Broken("the file changed meanwhile".to_owned()).into())
    }

    fn limits(&self) -> Limits {
        Limits {
            len_max: self.len_bytes_max,
            whole: self.config.outward.fetch_timeout,
        }
    }

    /// Sends a piece while the next is read.
    async fn send(&self, part: Part, mut offset: u64, mut body: Reading) -> Result<(), Fault> {
        let (mut piece, mut ended) = body.next(FIRST_PIECE).await?;
        loop {
            let there = offset + piece.len() as u64;
            let all = match part.source.len_bytes {
                None if ended => Some(there),
                len => len,
            };
            if ended && all != Some(there) {
                return Err(OutwardError::Broken("less came than was told".to_owned()).into());
            }
            let sending = self.lent.append(offset, all, piece);
            if ended {
                return Ok(sending.await?);
            }
            // What was read is made safe, also where the next does not come.
            let (sent, next) = join(sending, body.next(PIECE)).await;
            sent?;
            offset = there;
            (piece, ended) = next?;
        }
    }
}

/// A body whose first bytes are at the origin already, as the server knows no ranges.
struct Reading {
    body: Body,
    skip: u64,
}

impl Reading {
    /// Up to so many bytes, about; true: no more follow.
    async fn next(&mut self, most: usize) -> Result<(Bytes, bool), Fault> {
        let mut piece = BytesMut::new();
        while piece.len() < most {
            let Some(mut bytes) = self.body.next().await? else {
                return Ok((piece.freeze(), true));
            };
            let over = self.skip.min(bytes.len() as u64);
            self.skip -= over;
            bytes.advance(over as usize);
            piece.extend_from_slice(&bytes);
        }
        Ok((piece.freeze(), false))
    }
}

/// The fields of a request for all that follows `offset`.
fn asking(offset: u64, validator: Option<&str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    if let Some(validator) = validator.filter(|_| offset > 0) {
        let range = HeaderValue::try_from(format!("bytes={offset}-"));
        headers.insert(header::RANGE, range.expect("digits can stand in a header"));
        if let Ok(validator) = HeaderValue::try_from(validator) {
            headers.insert(header::IF_RANGE, validator);
        }
    }
    headers
}

/// Another try, now, may go on.
fn is_broken(fault: &Fault) -> bool {
    match fault {
        Fault::Called { .. } => false,
        Fault::Outward(error) => !error.is_permanent(),
        // An answer got lost, and what it answered was done.
        Fault::Origin(PackagerError::Refused { status, .. }) => *status == StatusCode::CONFLICT,
        Fault::Origin(_) => false,
    }
}

/// The upload is gone.
fn gone(error: PackagerError) -> Fault {
    match error {
        PackagerError::Refused { status, .. } if status == StatusCode::NOT_FOUND => {
            Fault::permanent("what came of it was deleted: it expired, or was taken back")
        }
        error => error.into(),
    }
}
