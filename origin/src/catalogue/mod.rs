//! The catalogue: what the origin knows, in one database.
//!
//! Every change is one transaction, fenced where a worker asks for it: [`fence`] lets
//! only the attempt that holds the job go on.

mod analysis;
mod assets;
mod content_keys;
mod ending;
mod garbage;
mod jobs;
mod lending;
mod media;
mod passes;
mod plans;
mod playable;
mod progress;
mod publishing;
mod revocations;
mod saga;
mod successor;
mod uploads;
mod warming;
mod whole;

use std::{sync::Arc, time::Duration};

use serde::de::DeserializeOwned;
use sqlx::AnyConnection;
use tokio::sync::{Notify, futures::OwnedNotified};
use wire::Task;

pub(crate) use assets::Shown;
pub(crate) use jobs::Claim;
pub(crate) use media::{BlobKind, StoredBlob};
pub(crate) use passes::PassRow;
pub(crate) use publishing::{FileRow, InitAdded, InitRow, SegmentRow};
pub(crate) use successor::{NewText, TextSegment};
pub(crate) use uploads::{Adds, Concat, Length, UploadRow};
pub(crate) use warming::{Beginning, Warming};

use self::lending::Lending;
use crate::{
    Config, OriginError,
    db::{Database, Tx},
};

/// The origin's memory. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Catalogue {
    db: Database,
    job_queued: Arc<Notify>,
    key_revoked: Arc<Notify>,
    published: Arc<Notify>,
    changed: Arc<Notify>,
    lending: Arc<Lending>,
    rules: Rules,
}

/// What an operator decides for all versions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// How often a job is tried.
    pub(crate) attempts_max: u32,
    /// How long bytes stay that no row names.
    pub(crate) gc_grace: Duration,
    /// Edges are told to fetch the beginning of what is published.
    pub(crate) warm: bool,
}

impl Catalogue {
    pub(crate) async fn open(config: &Config, rules: Rules) -> Result<Self, OriginError> {
        Ok(Self {
            db: Database::open(config).await?,
            job_queued: Arc::new(Notify::new()),
            key_revoked: Arc::new(Notify::new()),
            published: Arc::new(Notify::new()),
            changed: Arc::new(Notify::new()),
            lending: Arc::default(),
            rules,
        })
    }

    /// Resolves when a version is further than it was, or gone. Made before looking, so
    /// that none is missed.
    pub(crate) fn changed(&self) -> OwnedNotified {
        Arc::clone(&self.changed).notified_owned()
    }

    /// Resolves when a job may have become free. Made before looking, so that none is missed.
    pub(crate) fn job_queued(&self) -> OwnedNotified {
        Arc::clone(&self.job_queued).notified_owned()
    }

    /// Resolves when a key was revoked. Made before looking, so that none is missed.
    pub(crate) fn key_revoked(&self) -> OwnedNotified {
        Arc::clone(&self.key_revoked).notified_owned()
    }

    /// Resolves when a version was sealed. Made before looking, so that none is missed.
    pub(crate) fn published(&self) -> OwnedNotified {
        Arc::clone(&self.published).notified_owned()
    }

    /// Time alone changes how far versions are said to be: workers go silent.
    pub(crate) fn time_passed(&self) {
        self.changed.notify_waiters();
    }

    /// The database answers.
    pub(crate) async fn ready(&self) -> Result<(), OriginError> {
        sqlx::query("SELECT 1").execute(&self.db.read).await?;
        Ok(())
    }

    pub(crate) async fn close(&self) {
        self.db.close().await;
    }
}

/// What a job's rows say to the attempt that asks.
pub(crate) struct Fenced {
    pub(crate) version: String,
    pub(crate) task: Task,
}

/// Only the attempt that holds the job passes.
async fn fence(tx: &mut AnyConnection, job: &str, attempt: u32) -> Result<Fenced, OriginError> {
    let row: Option<(String, String)> = sqlx::query_as(
        "SELECT version, task FROM jobs WHERE id = $1 AND attempt = $2 AND state = 'leased'",
    )
    .bind(job)
    .bind(i64::from(attempt))
    .fetch_optional(tx)
    .await?;
    let (version, task) = row.ok_or(OriginError::LeaseLost)?;
    Ok(Fenced {
        version,
        task: from_json(&task, "task")?,
    })
}

fn from_json<T: DeserializeOwned>(text: &str, what: &str) -> Result<T, OriginError> {
    serde_json::from_str(text).map_err(|error| OriginError::Damaged(format!("{what}: {error}")))
}

fn to_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("the wire's types are always JSON")
}

fn id<T: std::str::FromStr<Err = wire::InvalidId>>(text: &str) -> Result<T, OriginError> {
    text.parse()
        .map_err(|error| OriginError::Damaged(format!("{error}")))
}

fn unsigned(number: i64) -> Result<u64, OriginError> {
    u64::try_from(number).map_err(|_| OriginError::Damaged(format!("{number} is negative")))
}

fn signed(number: u64) -> Result<i64, OriginError> {
    i64::try_from(number).map_err(|_| OriginError::BadRequest(format!("{number} is too large")))
}

fn blob_key(text: &str) -> Result<store::BlobKey, OriginError> {
    text.parse()
        .map_err(|error| OriginError::Damaged(format!("{error}")))
}
