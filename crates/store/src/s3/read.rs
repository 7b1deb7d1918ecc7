//! Reading ranges of objects, going on where an answer breaks off.

use std::{
    io,
    ops::Range,
    pin::Pin,
    task::{Context, Poll},
};

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use futures_util::{Stream, stream::BoxStream};

use super::{S3, fault::missing_or, multipart::nonsense};
use crate::{BlobKey, StoreError};

/// How often one read goes on after an answer that broke off. Chosen.
const RESUMES_MAX: u32 = 3;

/// Bytes of an object, in order.
pub struct S3Reader(BoxStream<'static, io::Result<Bytes>>);

impl S3 {
    /// See [`crate::Store::read`].
    ///
    /// # Errors
    /// See there.
    pub async fn read(&self, key: &BlobKey, range: Range<u64>) -> Result<S3Reader, StoreError> {
        if range.is_empty() {
            return Ok(S3Reader(Box::pin(futures_util::stream::empty())));
        }
        let (body, etag) = self.get(key, &range, None).await?;
        let reading = Reading {
            s3: self.clone(),
            key: key.clone(),
            range,
            etag,
            body,
            resumes_left: RESUMES_MAX,
        };
        let chunks = futures_util::stream::try_unfold(reading, Reading::next);
        Ok(S3Reader(Box::pin(chunks)))
    }

    /// A range, of the object of that tag if one is given, and its tag.
    async fn get(
        &self,
        key: &BlobKey,
        range: &Range<u64>,
        etag: Option<String>,
    ) -> Result<(ByteStream, Option<String>), StoreError> {
        let request = self.client.get_object().bucket(self.bucket());
        let request = request
            .key(self.name(key))
            .range(format!("bytes={}-{}", range.start, range.end - 1))
            .set_if_match(etag);
        let answer = request.send().await.map_err(missing_or("read", key))?;
        let len_bytes = answer
            .content_length
            .and_then(|len| u64::try_from(len).ok());
        if len_bytes != Some(range.end - range.start) {
            return Err(nonsense("read", key, "another range than was asked for"));
        }
        Ok((answer.body, answer.e_tag))
    }
}

/// A read that is under way.
struct Reading {
    s3: S3,
    key: BlobKey,
    /// What is still to come.
    range: Range<u64>,
    etag: Option<String>,
    body: ByteStream,
    resumes_left: u32,
}

impl Reading {
    async fn next(mut self) -> io::Result<Option<(Bytes, Self)>> {
        while !self.range.is_empty() {
            let idle = self.s3.shared.idle_timeout;
            let fault = match tokio::time::timeout(idle, self.body.next()).await {
                Ok(Some(Ok(chunk))) if chunk.is_empty() => continue,
                Ok(Some(Ok(chunk))) => {
                    self.range.start += chunk.len() as u64;
                    return Ok(Some((chunk, self)));
                }
                Ok(Some(Err(error))) => io::Error::other(error),
                Ok(None) => io::ErrorKind::UnexpectedEof.into(),
                Err(_) => io::ErrorKind::TimedOut.into(),
            };
            if self.resumes_left == 0 {
                return Err(fault);
            }
            self.resumes_left -= 1;
            let again = self.s3.get(&self.key, &self.range, self.etag.clone()).await;
            (self.body, self.etag) = again.map_err(io::Error::other)?;
        }
        Ok(None)
    }
}

impl Stream for S3Reader {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().0.as_mut().poll_next(context)
    }
}

impl std::fmt::Debug for S3Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("S3Reader")
    }
}
