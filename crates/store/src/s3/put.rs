//! Storing a body whose length is not known: what fits into one part by one request, the
//! rest in parts.

use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use tokio::task::JoinSet;

use super::{
    S3,
    fault::fault,
    multipart::{Part, Upload},
};
use crate::{BlobKey, Checksum, StoreError};

/// What the object's own metadata has its checksum as; of one in parts it is not known in time.
pub(super) const CHECKSUM: &str = "weir-xxh3";

/// Shortest part, bytes; parts but the last must have 5 MiB (S3). Chosen.
const PART_MIN: u64 = 8 << 20;

/// Longest part, bytes, which bounds memory: of one body, a part that is filled and
/// [`PARTS_AT_ONCE`] that are sent. Chosen: with [`PARTS_MAX`] of them 640 GB can be stored.
const PART_MAX: u64 = 64 << 20;

/// Most parts of an object (S3).
const PARTS_MAX: u64 = 10_000;

/// Parts of one body sent at one time. Chosen: one is filled meanwhile.
const PARTS_AT_ONCE: usize = 2;

impl S3 {
    /// See [`crate::Store::put`]. When the future is dropped before it ends, parts that were
    /// sent are deleted by a task of its own.
    ///
    /// # Errors
    /// See there.
    pub async fn put<S, E>(&self, key: &BlobKey, body: S, max_bytes: u64) -> Result<u64, StoreError>
    where
        S: Stream<Item = Result<Bytes, E>>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        // All parts but the last are of one length, as some servers want.
        let part_bytes = max_bytes.div_ceil(PARTS_MAX).clamp(PART_MIN, PART_MAX);
        let mut source = Source {
            body: Box::pin(body),
            pending: BytesMut::new(),
            received_bytes: 0,
            max_bytes: max_bytes.min(part_bytes * PARTS_MAX),
        };
        // Fits: it is 64 MiB at most.
        let part_bytes = usize::try_from(part_bytes).unwrap_or(usize::MAX);
        match source.part(part_bytes).await? {
            (whole, true) => self.put_whole(key, whole).await?,
            (first, false) => self.put_parts(key, first, &mut source, part_bytes).await?,
        }
        Ok(source.received_bytes)
    }

    async fn put_whole(&self, key: &BlobKey, bytes: Bytes) -> Result<(), StoreError> {
        let request = self.client.put_object();
        let request = request.bucket(self.bucket()).key(self.name(key));
        let sum = Checksum::of(&bytes).to_string();
        let request = request.metadata(CHECKSUM, sum).body(bytes.into());
        let sent = request.send().await;
        sent.map(|_| ()).map_err(fault("write", key))
    }

    async fn put_parts<S, E>(
        &self,
        key: &BlobKey,
        first: Bytes,
        source: &mut Source<S>,
        part_bytes: usize,
    ) -> Result<(), StoreError>
    where
        S: Stream<Item = Result<Bytes, E>>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let upload = Upload::begin(self, key).await?;
        let mut sending = JoinSet::new();
        let mut sent: Vec<Part> = Vec::new();
        let (mut number, mut part, mut is_last) = (1, first, false);
        loop {
            while sending.len() >= PARTS_AT_ONCE {
                sent.extend(joined(&mut sending).await?);
            }
            let (s3, key, id) = (self.clone(), key.clone(), upload.id().to_owned());
            sending.spawn(async move { s3.send_part(&key, &id, number, part).await });
            if is_last {
                break;
            }
            number += 1;
            (part, is_last) = source.part(part_bytes).await?;
        }
        while let Some(part) = joined(&mut sending).await? {
            sent.push(part);
        }
        sent.sort_unstable_by_key(|part| part.number);
        upload.complete(sent, source.received_bytes).await
    }
}

async fn joined(
    sending: &mut JoinSet<Result<Part, StoreError>>,
) -> Result<Option<Part>, StoreError> {
    match sending.join_next().await {
        Some(Ok(sent)) => sent.map(Some),
        Some(Err(error)) => Err(StoreError::io("send a part of", "a blob")(error.into())),
        None => Ok(None),
    }
}

/// A body, taken in parts.
struct Source<S> {
    body: Pin<Box<S>>,
    pending: BytesMut,
    received_bytes: u64,
    max_bytes: u64,
}

impl<S> Source<S> {
    /// The next `part_bytes` of the body, or all that is left; and whether that was all.
    async fn part<E>(&mut self, part_bytes: usize) -> Result<(Bytes, bool), StoreError>
    where
        S: Stream<Item = Result<Bytes, E>>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        // One byte more than a part shows that it is not the last.
        while self.pending.len() <= part_bytes {
            let Some(chunk) = self.body.next().await else {
                return Ok((self.pending.split().freeze(), true));
            };
            let chunk = chunk.map_err(|source| StoreError::Body {
                received_bytes: self.received_bytes,
                source: source.into(),
            })?;
            self.received_bytes += chunk.len() as u64;
            if self.received_bytes > self.max_bytes {
                return Err(StoreError::TooLarge {
                    max_bytes: self.max_bytes,
                });
            }
            self.pending.extend_from_slice(&chunk);
        }
        // Copied, so that a part's memory goes when it is sent.
        let rest = BytesMut::from(&self.pending[part_bytes..]);
        self.pending.truncate(part_bytes);
        let part = std::mem::replace(&mut self.pending, rest);
        Ok((part.freeze(), false))
    }
}
