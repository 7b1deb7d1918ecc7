//! Blobs: stored bytes behind names.
//!
//! A blob is whole or absent, in whatever [`Store`] it is kept: [`Files::put`] writes beside
//! and renames, S3 does it by itself. The one kind that grows is an upload, written through an [`Appender`], whose
//! [`Appender::sync`] says how much is safe on disk; only [`Files`] have it.

mod append;
mod config;
mod error;
mod files;
mod key;
mod list;
#[cfg(feature = "s3")]
mod s3;
mod stored;

pub use append::Appender;
pub use config::Config;
pub use error::StoreError;
pub use files::{FileReader, Files};
pub use key::{BlobKey, InvalidKey};
pub use list::{Entry, Head, Page, Round, Unfinished};
#[cfg(feature = "s3")]
pub use s3::{Part, Presigned, S3, S3Reader};
pub use stored::{Reader, Store};
