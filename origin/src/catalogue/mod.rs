//! The catalogue: what the origin knows, in one database.
//!
//! Every change is one transaction, fenced where a worker asks for it: [`fence`] lets
//! only the attempt that holds the job go on.

mod assets;
mod jobs;
mod media;
mod publishing;
mod revocations;
mod uploads;

use std::{path::Path, sync::Arc};

use serde::de::DeserializeOwned;
use sqlx::{Sqlite, SqliteConnection, Transaction};
use tokio::sync::{Notify, futures::OwnedNotified};

pub(crate) use assets::Shown;
pub(crate) use jobs::Claim;
pub(crate) use media::StoredBlob;
pub(crate) use publishing::{InitRow, SegmentRow};
pub(crate) use uploads::UploadRow;

use crate::{OriginError, db::Database};

/// The origin's memory. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Catalogue {
    db: Database,
    job_queued: Arc<Notify>,
    key_revoked: Arc<Notify>,
}

impl Catalogue {
    pub(crate) async fn open(path: &Path) -> Result<Self, OriginError> {
        Ok(Self {
            db: Database::open(path).await?,
            job_queued: Arc::new(Notify::new()),
            key_revoked: Arc::new(Notify::new()),
        })
    }

    /// Resolves when a job may have become free. Made before looking, so that none is missed.
    pub(crate) fn job_queued(&self) -> OwnedNotified {
        Arc::clone(&self.job_queued).notified_owned()
    }

    /// Resolves when a key was revoked. Made before looking, so that none is missed.
    pub(crate) fn key_revoked(&self) -> OwnedNotified {
        Arc::clone(&self.key_revoked).notified_owned()
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
}

/// Only the attempt that holds the job passes.
async fn fence(tx: &mut SqliteConnection, job: &str, attempt: u32) -> Result<Fenced, OriginError> {
    let row: Option<(String,)> = sqlx::query_as(
        "SELECT version FROM jobs WHERE id = $1 AND attempt = $2 AND state = 'leased'",
    )
    .bind(job)
    .bind(i64::from(attempt))
    .fetch_optional(tx)
    .await?;
    row.map(|(version,)| Fenced { version })
        .ok_or(OriginError::LeaseLost)
}

type Tx = Transaction<'static, Sqlite>;

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
