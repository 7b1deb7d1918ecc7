//! Blobs: stored bytes behind names.
//!
//! A blob is whole or absent, in whatever [`Store`] it is kept: [`Files::put`] writes beside
//! and renames. The one kind that grows is an upload, written through an [`Appender`], whose
//! [`Appender::sync`] says how much is safe on disk; only [`Files`] have it.

mod append;
mod error;
mod files;
mod key;
mod list;
mod stored;

pub use append::Appender;
pub use error::StoreError;
pub use files::{FileReader, Files};
pub use key::{BlobKey, InvalidKey};
pub use list::{Entry, Head, Page, Round};
pub use stored::{Reader, Store};
