//! Where an origin's bytes are.
//!
//! Without a bucket, all are files. With one, uploads by tus grow in the folder, and go to the
//! bucket once they are whole; those in parts are sent there, and so is what workers make. Blobs
//! that were files before there was a bucket stay files and are served from there: a bucket may be
//! named at any time.

use std::{ops::Range, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use store::{Appender, BlobKey, Files, Head, Reader, Store, StoreError, Unfinished};

use crate::{
    Config, OriginError,
    catalogue::{Catalogue, UploadRow},
    own_file::text_or_new,
    random,
};

/// What uploads are named below.
const SOURCES: &str = "sources/";

/// The blob that says whose a bucket is. Origins delete what their catalogue does not name: two
/// catalogues in one place would delete each other's.
const OWNER: &str = "owner";

/// The file that said it once, before the catalogue did.
const OWN_NAME: &str = "store-id";

/// Longest name of an owner, bytes. Chosen: ours are shorter.
const OWNER_MAX: u64 = 64;

/// Where an origin's bytes are.
pub(crate) struct Blobs {
    folder: Files,
    bucket: Option<Store>,
}

/// Where a walk through all blobs is.
#[derive(Debug)]
pub(crate) struct Place {
    in_bucket: bool,
    after: Option<BlobKey>,
}

/// What one round of a walk found.
pub(crate) struct Walked {
    /// Blobs that were last written long enough ago.
    pub(crate) old: Vec<BlobKey>,
    /// Where the next round begins; `None`: this one came to the end.
    pub(crate) next: Option<Place>,
}

impl Blobs {
    pub(crate) async fn open(config: &Config, catalogue: &Catalogue) -> Result<Self, OriginError> {
        let place = config.data_dir.join("blobs");
        let folder = Files::open(&place, config.disk_floor.as_u64()).await?;
        let bucket = match Store::open(&config.store, folder.clone()).await? {
            Store::Files(_) => None,
            #[cfg(feature = "s3")]
            bucket @ Store::S3(_) => Some(bucket),
        };
        if let Some(bucket) = &bucket {
            own(bucket, config, catalogue).await?;
            tracing::info!(bucket = config.store.bucket, "blobs go to a bucket");
        }
        Ok(Self { folder, bucket })
    }

    /// The bucket that takes uploads in parts.
    ///
    /// # Errors
    /// There is none.
    #[cfg(feature = "s3")]
    pub(crate) fn direct(&self) -> Result<&store::S3, OriginError> {
        match &self.bucket {
            Some(Store::S3(s3)) => Ok(s3),
            _ => Err(OriginError::no_bucket()),
        }
    }

    /// See [`Store::put`].
    pub(crate) async fn put<S, E>(
        &self,
        key: &BlobKey,
        body: S,
        max_bytes: u64,
    ) -> Result<u64, StoreError>
    where
        S: Stream<Item = Result<Bytes, E>>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        match &self.bucket {
            Some(bucket) => bucket.put(key, body, max_bytes).await,
            None => self.folder.put(key, body, max_bytes).await,
        }
    }

    /// See [`Store::read`].
    pub(crate) async fn read(
        &self,
        key: &BlobKey,
        range: Range<u64>,
    ) -> Result<Reader, StoreError> {
        let Some(bucket) = &self.bucket else {
            return self.folder.read(key, range).await.map(Reader::File);
        };
        if is_source(key) {
            return match self.folder.read(key, range.clone()).await {
                Err(StoreError::Missing(_)) => bucket.read(key, range).await,
                read => read.map(Reader::File),
            };
        }
        match bucket.read(key, range.clone()).await {
            Err(StoreError::Missing(_)) => self.folder.read(key, range).await.map(Reader::File),
            read => read,
        }
    }

    /// See [`Store::head`].
    pub(crate) async fn head(&self, key: &BlobKey) -> Result<Head, StoreError> {
        if let Some(bucket) = &self.bucket {
            match bucket.head(key).await {
                Err(StoreError::Missing(_)) => {}
                head => return head,
            }
        }
        self.folder.head(key).await
    }

    /// See [`Store::delete`].
    pub(crate) async fn delete(&self, key: &BlobKey) -> Result<(), StoreError> {
        if let Some(bucket) = &self.bucket {
            bucket.delete(key).await?;
        }
        self.folder.delete(key).await
    }

    /// Deletes what came of an upload that no row names any more.
    pub(crate) async fn drop_upload(&self, row: &UploadRow) -> Result<(), StoreError> {
        if let (Some(bucket), Some(parts)) = (&self.bucket, &row.parts) {
            match bucket.head(&row.blob()).await {
                // Of a whole object, there is nothing to abort.
                Ok(_) => {}
                Err(StoreError::Missing(_)) => {
                    bucket.abort_parts(&row.blob(), &parts.upload).await?;
                }
                Err(error) => return Err(error),
            }
        }
        self.delete(&row.blob()).await
    }

    /// See [`Store::unfinished`].
    pub(crate) async fn unfinished(&self, age: Duration) -> Result<Vec<Unfinished>, StoreError> {
        match &self.bucket {
            Some(bucket) => bucket.unfinished(age).await,
            None => Ok(Vec::new()),
        }
    }

    /// See [`Store::abort_parts`].
    pub(crate) async fn abort_parts(&self, begun: &Unfinished) -> Result<(), StoreError> {
        match &self.bucket {
            Some(bucket) => bucket.abort_parts(&begun.key, &begun.upload).await,
            None => Ok(()),
        }
    }

    pub(crate) fn has_bucket(&self) -> bool {
        self.bucket.is_some()
    }

    /// What came of an upload is in this folder.
    pub(crate) async fn has_begun(&self, row: &UploadRow) -> Result<bool, StoreError> {
        match self.folder.head(&row.blob()).await {
            Ok(_) => Ok(true),
            Err(StoreError::Missing(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// All of an upload is there: in this folder, or in the bucket. It may be in another
    /// origin's.
    pub(crate) async fn has_source(&self, row: &UploadRow) -> Result<bool, StoreError> {
        match self.head(&row.blob()).await {
            Ok(head) => Ok(head.len_bytes == row.received_bytes),
            Err(StoreError::Missing(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Copies a whole upload from the folder to the bucket, where there is one and it is not
    /// there yet.
    pub(crate) async fn move_source(&self, row: &UploadRow) -> Result<(), StoreError> {
        let (Some(bucket), None) = (&self.bucket, &row.parts) else {
            return Ok(());
        };
        let (key, len_bytes) = (row.blob(), row.received_bytes);
        match bucket.head(&key).await {
            Ok(head) if head.len_bytes == len_bytes => return Ok(()),
            Ok(_) | Err(StoreError::Missing(_)) => {}
            Err(error) => return Err(error),
        }
        let bytes = self.folder.read(&key, 0..len_bytes).await?;
        let copied = bucket.put(&key, bytes, len_bytes).await?;
        match copied == len_bytes {
            true => Ok(()),
            false => Err(StoreError::Missing(key)),
        }
    }

    /// Deletes a source's file, once the bucket has all of it.
    pub(crate) async fn drop_copy(&self, key: &BlobKey) -> Result<(), StoreError> {
        let Some(bucket) = self.bucket.as_ref().filter(|_| is_source(key)) else {
            return Ok(());
        };
        let here = match self.folder.head(key).await {
            Err(StoreError::Missing(_)) => return Ok(()),
            here => here?,
        };
        match bucket.head(key).await {
            Ok(there) if there.len_bytes == here.len_bytes => self.folder.delete(key).await,
            Ok(_) | Err(StoreError::Missing(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// See [`Store::delete_below`].
    pub(crate) async fn delete_below(&self, prefix: &BlobKey) -> Result<(), StoreError> {
        if let Some(bucket) = &self.bucket {
            bucket.delete_below(prefix).await?;
        }
        self.folder.delete_below(prefix).await
    }

    /// See [`Files::append`].
    pub(crate) async fn append(
        &self,
        key: &BlobKey,
        len_bytes: u64,
    ) -> Result<Appender, StoreError> {
        self.folder.append(key, len_bytes).await
    }

    /// See [`Files::room_bytes`].
    pub(crate) fn room_bytes(&self) -> Result<u64, StoreError> {
        self.folder.room_bytes()
    }

    /// See [`Store::walk`]: through the folder, then through the bucket.
    pub(crate) async fn walk(
        &self,
        from: Option<Place>,
        age: Duration,
        max: usize,
    ) -> Result<Walked, StoreError> {
        let (in_bucket, after) = from.map_or((false, None), |place| (place.in_bucket, place.after));
        let round = match self.bucket.as_ref().filter(|_| in_bucket) {
            Some(bucket) => bucket.walk(after.as_ref(), age, max).await?,
            None => self.folder.walk(after.as_ref(), age, max).await?,
        };
        let next = match round.next {
            None if in_bucket || self.bucket.is_none() => None,
            after => Some(Place {
                in_bucket: in_bucket || after.is_none(),
                after,
            }),
        };
        let mut old = round.old;
        old.retain(|key| !in_bucket || key.as_str() != OWNER);
        Ok(Walked { old, next })
    }
}

fn is_source(key: &BlobKey) -> bool {
    key.as_str().starts_with(SOURCES)
}

/// Makes the bucket's place our catalogue's, where it is nobody's.
async fn own(bucket: &Store, config: &Config, catalogue: &Catalogue) -> Result<(), OriginError> {
    let first = text_or_new(&config.data_dir.join(OWN_NAME), random::id)?;
    let ours = catalogue.store_owner(&first).await?;
    let config = &config.store;
    let owner: BlobKey = OWNER.parse().expect("a word is a key");
    let theirs = match bucket.head(&owner).await {
        Err(StoreError::Missing(_)) => None,
        head => Some(head?.len_bytes.min(OWNER_MAX)),
    };
    let place = format!("bucket {:?}, prefix {:?}", config.bucket, config.prefix);
    let Some(len_bytes) = theirs else {
        if !bucket.list(None, None, 1).await?.entries.is_empty() {
            return Err(OriginError::Config(format!(
                "store: {place} has other objects, which would be deleted: choose another \
                 store.prefix"
            )));
        }
        let body = stream::iter([Ok::<_, std::io::Error>(Bytes::from(ours))]);
        bucket.put(&owner, body, OWNER_MAX).await?;
        return Ok(());
    };
    let mut theirs = Vec::new();
    let mut reader = bucket.read(&owner, 0..len_bytes).await?;
    while let Some(chunk) = reader.next().await {
        let chunk = chunk.map_err(|source| OriginError::File {
            action: "read",
            path: OWNER.to_owned(),
            source,
        })?;
        theirs.extend_from_slice(&chunk);
    }
    if theirs == ours.as_bytes() {
        return Ok(());
    }
    Err(OriginError::Config(format!(
        "store: {place} belongs to another origin's catalogue, and each would delete what the \
         other has: choose another store.prefix, or start with that catalogue"
    )))
}
