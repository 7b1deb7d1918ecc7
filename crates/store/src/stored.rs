//! Where blobs are kept, whatever that is.

use std::{
    io,
    ops::Range,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::Stream;

use crate::{BlobKey, Config, FileReader, Files, Head, Page, Round, StoreError, Unfinished};
#[cfg(feature = "s3")]
use crate::{S3, S3Reader};

/// Where blobs are kept. Cheap to clone.
///
/// Whatever it is: a blob is there whole or not at all, and once [`Store::put`] returned it
/// outlives a power cut. What S3 does stands in boxes, so that files pay nothing for it.
#[derive(Debug, Clone)]
pub enum Store {
    /// Files below a folder.
    Files(Files),
    /// Objects of a bucket.
    #[cfg(feature = "s3")]
    S3(S3),
}

/// Bytes of a blob, in order.
#[derive(Debug)]
pub enum Reader {
    /// Of a file.
    File(FileReader),
    /// Of an object.
    #[cfg(feature = "s3")]
    S3(S3Reader),
}

impl Store {
    /// The store that the settings name: a bucket, or `files`.
    ///
    /// # Errors
    /// [`StoreError::Refused`], [`StoreError::Unreachable`], [`StoreError::NotBuilt`].
    pub async fn open(config: &Config, files: Files) -> Result<Self, StoreError> {
        if config.bucket.is_empty() {
            return Ok(Self::Files(files));
        }
        #[cfg(feature = "s3")]
        return Box::pin(S3::open(config)).await.map(Self::S3);
        #[cfg(not(feature = "s3"))]
        Err(StoreError::NotBuilt)
    }

    /// Stores a whole blob: it is safe under its name when this returns, and absent on any
    /// error. Returns its length, bytes. An existing blob is replaced.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`], [`StoreError::Body`], and what stores fail with.
    pub async fn put<S, E>(&self, key: &BlobKey, body: S, max_bytes: u64) -> Result<u64, StoreError>
    where
        S: Stream<Item = Result<Bytes, E>>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        match self {
            Self::Files(files) => files.put(key, body, max_bytes).await,
            #[cfg(feature = "s3")]
            Self::S3(s3) => Box::pin(s3.put(key, body, max_bytes)).await,
        }
    }

    /// Reads the bytes in `range`, which must lie inside the blob.
    ///
    /// # Errors
    /// [`StoreError::Missing`], and what stores fail with.
    pub async fn read(&self, key: &BlobKey, range: Range<u64>) -> Result<Reader, StoreError> {
        match self {
            Self::Files(files) => files.read(key, range).await.map(Reader::File),
            #[cfg(feature = "s3")]
            Self::S3(s3) => Box::pin(s3.read(key, range)).await.map(Reader::S3),
        }
    }

    /// What is known of a blob without its bytes.
    ///
    /// # Errors
    /// [`StoreError::Missing`], and what stores fail with.
    pub async fn head(&self, key: &BlobKey) -> Result<Head, StoreError> {
        match self {
            Self::Files(files) => files.head(key).await,
            #[cfg(feature = "s3")]
            Self::S3(s3) => Box::pin(s3.head(key)).await,
        }
    }

    /// Up to `max` blobs behind `after`, in the order of their keys' bytes; those alone whose
    /// key starts with `below` and `/`, if that is given.
    ///
    /// # Errors
    /// What stores fail with.
    pub async fn list(
        &self,
        below: Option<&BlobKey>,
        after: Option<&BlobKey>,
        max: usize,
    ) -> Result<Page, StoreError> {
        match self {
            Self::Files(files) => files.list(below, after, max).await,
            #[cfg(feature = "s3")]
            Self::S3(s3) => Box::pin(s3.list(below, after, max)).await,
        }
    }

    /// Looks at up to `max` blobs behind `after`, and names those that were last written
    /// `age` ago or longer. Of files, folders that have been empty as long are removed.
    ///
    /// # Errors
    /// What stores fail with.
    pub async fn walk(
        &self,
        after: Option<&BlobKey>,
        age: Duration,
        max: usize,
    ) -> Result<Round, StoreError> {
        match self {
            Self::Files(files) => files.walk(after, age, max).await,
            #[cfg(feature = "s3")]
            Self::S3(s3) => Box::pin(s3.walk(after, age, max)).await,
        }
    }

    /// Deletes a blob; one that is not there is deleted already.
    ///
    /// # Errors
    /// What stores fail with.
    pub async fn delete(&self, key: &BlobKey) -> Result<(), StoreError> {
        match self {
            Self::Files(files) => files.delete(key).await,
            #[cfg(feature = "s3")]
            Self::S3(s3) => Box::pin(s3.delete(key)).await,
        }
    }

    /// Deletes every blob whose key starts with `prefix` and `/`.
    ///
    /// # Errors
    /// What stores fail with; some may be deleted then.
    pub async fn delete_below(&self, prefix: &BlobKey) -> Result<(), StoreError> {
        match self {
            Self::Files(files) => files.delete_below(prefix).await,
            #[cfg(feature = "s3")]
            Self::S3(s3) => Box::pin(s3.delete_below(prefix)).await,
        }
    }

    /// Blobs whose parts began to come `age` ago or longer, and never became one; some of them.
    /// Files have none.
    ///
    /// # Errors
    /// What stores fail with.
    #[cfg_attr(not(feature = "s3"), expect(unused_variables, reason = "of S3 alone"))]
    pub async fn unfinished(&self, age: Duration) -> Result<Vec<Unfinished>, StoreError> {
        match self {
            Self::Files(_) => Ok(Vec::new()),
            #[cfg(feature = "s3")]
            Self::S3(s3) => Box::pin(s3.unfinished(age)).await,
        }
    }

    /// Deletes the parts of a blob that won't be; those of one that is not there are deleted
    /// already.
    ///
    /// # Errors
    /// What stores fail with.
    #[cfg_attr(not(feature = "s3"), expect(unused_variables, reason = "of S3 alone"))]
    pub async fn abort_parts(&self, key: &BlobKey, upload: &str) -> Result<(), StoreError> {
        match self {
            Self::Files(_) => Ok(()),
            #[cfg(feature = "s3")]
            Self::S3(s3) => Box::pin(s3.abort_parts(key, upload)).await,
        }
    }

    /// Address by which anyone reads the blob for `life`, without any other key. `None`:
    /// the store answers nobody but us, as files do.
    ///
    /// # Errors
    /// What stores fail with.
    #[cfg_attr(not(feature = "s3"), expect(unused_variables, reason = "of S3 alone"))]
    pub async fn presign_read(
        &self,
        key: &BlobKey,
        life: Duration,
    ) -> Result<Option<String>, StoreError> {
        match self {
            Self::Files(_) => Ok(None),
            #[cfg(feature = "s3")]
            Self::S3(s3) => Ok(Some(Box::pin(s3.presign_read(key, life)).await?.url)),
        }
    }
}

impl Stream for Reader {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.get_mut() {
            Self::File(reader) => Pin::new(reader).poll_next(context),
            #[cfg(feature = "s3")]
            Self::S3(reader) => Pin::new(reader).poll_next(context),
        }
    }
}
