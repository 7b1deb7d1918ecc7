//! What can go wrong with stored bytes.

use std::io;

use crate::BlobKey;

/// What can go wrong with stored bytes.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No blob of that name.
    #[error("no blob {0}")]
    Missing(BlobKey),
    /// The disk is full, or a write would cut into the floor of free space.
    #[error("storage is full: {free_bytes} bytes free, {floor_bytes} are kept free")]
    Full {
        /// Free on the file system, bytes.
        free_bytes: u64,
        /// Kept free, bytes.
        floor_bytes: u64,
    },
    /// The body being stored ended with an error; nothing was stored.
    #[error("body broke off after {received_bytes} bytes")]
    Body {
        /// How much had come, bytes.
        received_bytes: u64,
        /// What broke it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The body is longer than the caller allows; nothing was stored.
    #[error("body is longer than {max_bytes} bytes")]
    TooLarge {
        /// The limit, bytes.
        max_bytes: u64,
    },
    /// The file system failed.
    #[error("{action} {name}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which blob or folder.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// The server that keeps blobs answered and meant it; asking again changes nothing.
    #[error("{action} {name}: the store answered {answer}")]
    Refused {
        /// What was tried.
        action: &'static str,
        /// On which blob or bucket.
        name: String,
        /// Status, code and words.
        answer: String,
        /// All that is known of it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server that keeps blobs does not answer, or not now; it was asked more than once,
    /// and may be again.
    #[error("{action} {name}: the store does not answer")]
    Unreachable {
        /// What was tried.
        action: &'static str,
        /// On which blob or bucket.
        name: String,
        /// What it said, if anything.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// This program can't speak to such a store.
    #[error("this weir was built without S3: build it with --features s3")]
    NotBuilt,
}

impl StoreError {
    pub(crate) fn io(action: &'static str, name: impl ToString) -> impl FnOnce(io::Error) -> Self {
        let name = name.to_string();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full {
                free_bytes: 0,
                floor_bytes: 0,
            },
            _ => Self::Io {
                action,
                name,
                source,
            },
        }
    }
}

/// There is no such file; or its folder is a file itself.
pub(crate) fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}
