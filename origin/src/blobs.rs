//! Where an origin's bytes are.
//!
//! Without a bucket, all are files. With one, uploads still grow, and stay, in the folder;
//! what workers make goes to the bucket. Blobs that were files before there was a bucket stay
//! files and are served from there: a bucket may be named at any time.

use std::{ops::Range, path::Path, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use store::{Appender, BlobKey, Config, Files, Head, Reader, Store, StoreError};

use crate::{OriginError, own_file::text_or_new, random};

/// What uploads are named below.
const SOURCES: &str = "sources/";

/// The blob that says whose a bucket is, and the file that says who we are. An origin deletes
/// what its catalogue does not name: two of them in one place would delete each other's.
const OWNER: &str = "owner";
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
    pub(crate) async fn open(
        data_dir: &Path,
        floor_bytes: u64,
        config: &Config,
    ) -> Result<Self, OriginError> {
        let folder = Files::open(&data_dir.join("blobs"), floor_bytes).await?;
        let bucket = match Store::open(config, folder.clone()).await? {
            Store::Files(_) => None,
            #[cfg(feature = "s3")]
            bucket @ Store::S3(_) => Some(bucket),
        };
        if let Some(bucket) = &bucket {
            own(bucket, data_dir, config).await?;
            tracing::info!(bucket = config.bucket, "blobs go to a bucket");
        }
        Ok(Self { folder, bucket })
    }

    /// Where a blob of this name goes, if not into the folder.
    fn bucket_of(&self, key: &BlobKey) -> Option<&Store> {
        let is_source = key.as_str().starts_with(SOURCES);
        self.bucket.as_ref().filter(|_| !is_source)
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
        match self.bucket_of(key) {
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
        if let Some(bucket) = self.bucket_of(key) {
            match bucket.read(key, range.clone()).await {
                Err(StoreError::Missing(_)) => {}
                read => return read,
            }
        }
        self.folder.read(key, range).await.map(Reader::File)
    }

    /// See [`Store::head`].
    pub(crate) async fn head(&self, key: &BlobKey) -> Result<Head, StoreError> {
        if let Some(bucket) = self.bucket_of(key) {
            match bucket.head(key).await {
                Err(StoreError::Missing(_)) => {}
                head => return head,
            }
        }
        self.folder.head(key).await
    }

    /// See [`Store::delete`].
    pub(crate) async fn delete(&self, key: &BlobKey) -> Result<(), StoreError> {
        if let Some(bucket) = self.bucket_of(key) {
            bucket.delete(key).await?;
        }
        self.folder.delete(key).await
    }

    /// See [`Store::delete_below`].
    pub(crate) async fn delete_below(&self, prefix: &BlobKey) -> Result<(), StoreError> {
        if let Some(bucket) = self.bucket_of(prefix) {
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

/// Makes the bucket's place ours, where it is nobody's.
async fn own(bucket: &Store, data_dir: &Path, config: &Config) -> Result<(), OriginError> {
    let ours = own_name(data_dir)?;
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
        "store: {place} belongs to another origin, and each would delete what the other has: \
         choose another store.prefix, or put that origin's {OWN_NAME} into {}",
        data_dir.display()
    )))
}

/// By which a bucket knows this origin; made at first use.
fn own_name(data_dir: &Path) -> Result<String, OriginError> {
    text_or_new(&data_dir.join(OWN_NAME), random::id)
}
