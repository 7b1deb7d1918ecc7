//! Whose a bucket's place is: a catalogue's, whichever of its origins asks.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use store::{BlobKey, Store, StoreError};

use crate::{Config, OriginError, catalogue::Catalogue, own_file::text_or_new, random};

/// The blob that says whose a bucket is. Origins delete what their catalogue does not name: two
/// catalogues in one place would delete each other's.
pub(super) const OWNER: &str = "owner";

/// The file that said it once, before the catalogue did.
const OWN_NAME: &str = "store-id";

/// Longest name of an owner, bytes. Chosen: ours are shorter.
const OWNER_MAX: u64 = 64;

/// Makes the bucket's place our catalogue's, where it is nobody's.
pub(super) async fn own(
    bucket: &Store,
    config: &Config,
    catalogue: &Catalogue,
) -> Result<(), OriginError> {
    let first = text_or_new(&config.data_dir.join(OWN_NAME), random::id)?;
    let ours = catalogue.store_owner(&first).await?;
    match owner_of(bucket).await? {
        Some(theirs) if theirs == ours => Ok(()),
        Some(_) => Err(not_ours(&config.store)),
        None if !bucket.list(None, None, 1).await?.entries.is_empty() => {
            Err(OriginError::Config(format!(
                "store: {} has other objects, which would be deleted: choose another store.prefix",
                place(&config.store)
            )))
        }
        None => {
            let body = stream::iter([Ok::<_, std::io::Error>(Bytes::from(ours))]);
            bucket.put(&owner_key(), body, OWNER_MAX).await?;
            Ok(())
        }
    }
}

/// # Errors
/// The bucket's place is not our catalogue's.
pub(super) async fn expect(
    bucket: &Store,
    config: &Config,
    catalogue: &Catalogue,
) -> Result<(), OriginError> {
    let ours = catalogue.known_store_owner().await?;
    match owner_of(bucket).await? {
        theirs if theirs.is_some() && theirs == ours => Ok(()),
        _ => Err(not_ours(&config.store)),
    }
}

/// Whose a bucket's place is.
async fn owner_of(bucket: &Store) -> Result<Option<String>, OriginError> {
    let owner = owner_key();
    let len_bytes = match bucket.head(&owner).await {
        Err(StoreError::Missing(_)) => return Ok(None),
        head => head?.len_bytes.min(OWNER_MAX),
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
    Ok(Some(String::from_utf8_lossy(&theirs).into_owned()))
}

fn owner_key() -> BlobKey {
    OWNER.parse().expect("a word is a key")
}

fn place(config: &store::Config) -> String {
    format!("bucket {:?}, prefix {:?}", config.bucket, config.prefix)
}

fn not_ours(config: &store::Config) -> OriginError {
    OriginError::Config(format!(
        "store: {} belongs to another origin's catalogue, and each would delete what the other \
         has: choose another store.prefix, or start with that catalogue",
        place(config)
    ))
}
