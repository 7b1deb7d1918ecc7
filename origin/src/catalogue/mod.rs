//! The catalogue: what the origin knows, in one database.
//!
//! Every change is one transaction, fenced where a worker asks for it: [`fence`] lets
//! only the attempt that holds the job go on.

mod analysis;
mod assets;
mod audit;
mod content_keys;
mod ending;
mod errands;
mod filter;
mod fsck;
mod garbage;
mod idempotency;
mod job_list;
mod jobs;
mod lending;
mod media;
mod news;
mod parts;
mod passes;
mod plans;
mod playable;
mod progress;
mod publishing;
mod retrying;
mod revocations;
mod saga;
mod signers;
mod store_owner;
mod successor;
mod uploads;
mod warming;
mod whole;

use std::{sync::Arc, time::Duration};

use serde::de::DeserializeOwned;
use sqlx::AnyConnection;
use tokio::{sync::futures::OwnedNotified, task::JoinSet};
use wire::Task;

pub(crate) use assets::{AssetQuery, Shown};
pub(crate) use errands::{ErrandClaim, SECRET_PREFIX};
pub(crate) use idempotency::{Answered, Once};
pub(crate) use job_list::{JobQuery, Listed};
pub(crate) use jobs::Claim;
pub(crate) use media::{BlobKind, StoredBlob};
pub(crate) use news::{News, Topic};
pub(crate) use passes::PassRow;
pub(crate) use publishing::{FileRow, InitAdded, InitRow, SegmentRow};
pub(crate) use signers::{SignerRow, jwks, told};
pub(crate) use successor::{NewText, TextSegment};
#[cfg(feature = "s3")]
pub(crate) use uploads::Parts;
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
    news: Arc<News>,
    /// What goes on beside, as long as there is a catalogue.
    _beside: Arc<JoinSet<()>>,
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
        let (db, news) = (Database::open(config).await?, Arc::default());
        let beside = db.share(config, &news).await?;
        Ok(Self {
            db,
            news,
            _beside: Arc::new(beside),
            lending: Arc::default(),
            rules,
        })
    }

    /// Resolves at news of a topic. Made before looking, so that none is missed.
    pub(crate) fn news(&self, topic: Topic) -> OwnedNotified {
        self.news.of(topic)
    }

    /// Time alone changes how far versions are said to be: workers go silent.
    pub(crate) fn time_passed(&self) {
        self.news.wake(Topic::Changed);
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
