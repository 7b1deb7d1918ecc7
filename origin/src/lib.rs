//! The origin: takes uploads, lends jobs to workers, keeps what they make, and serves it.
//!
//! Reading order: [`Config`] → `catalogue` (what is known) → `http` (who asks what) →
//! `serve` (listening and stopping).

mod app;
mod auth;
mod backup;
mod blobs;
mod busy;
mod catalogue;
mod checksum;
mod clock;
mod config;
mod cursor;
mod database_url;
mod db;
mod details;
mod error;
mod events;
mod file_name;
mod garbage;
mod http;
mod keyring;
mod making;
mod media_path;
mod observe;
mod own_file;
mod random;
mod serve;
mod sniff;
mod warming;

pub use backup::{Progress, Summary, backup, restore};
pub use config::Config;
pub use database_url::DatabaseUrl;
pub use error::OriginError;
pub use serve::{Origin, serve};
