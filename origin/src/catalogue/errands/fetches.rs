//! Uploads that a worker sends, of what a URL names.

use std::time::Duration;

use wire::{AssetId, ErrandKind, ErrandState, ErrandWork, FetchStatus, JobId, UploadId, WebUrl};

use super::{
    Catalogue, NewErrand, OriginError, Tx, ending, from_json, held, id, signed, state_of, unsigned,
};
use crate::random;

/// How often a fetch is tried: over some three hours. Chosen.
const ATTEMPTS_MAX: u32 = 8;

/// A fetch that no worker took for so long is given up, as an upload without news would be.
const GIVE_UP_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Fetches that have not ended. Chosen: a library that moves in.
const UNDER_WAY_MAX: i64 = 10_000;

/// Most fetches that one listing names. Chosen.
const LIST_MAX: i64 = 1000;

const STATUS: &str = "SELECT e.id, f.url, f.title, e.state, coalesce(u.received, 0), u.length, \
     coalesce(u.deferred, 1), e.attempt, e.run_at, e.reason, coalesce(f.asset, u.asset), \
     e.created_at FROM fetches f JOIN errands e ON e.id = f.errand \
     LEFT JOIN uploads u ON u.id = f.upload";

type StatusColumns = (
    String,
    String,
    String,
    String,
    i64,
    Option<i64>,
    i64,
    i64,
    i64,
    Option<String>,
    Option<String>,
    i64,
);

impl Catalogue {
    /// Queues the fetch of a URL into an upload.
    pub(crate) async fn queue_fetch(
        &self,
        url: &WebUrl,
        title: &str,
        upload: &UploadId,
    ) -> Result<JobId, OriginError> {
        let errand: JobId = id(&random::id())?;
        let mut tx = self.db.begin().await?;
        let (under_way,): (i64,) = sqlx::query_as(
            "SELECT count(*) FROM errands WHERE kind = 'fetch' AND state IN ('queued', 'leased')",
        )
        .fetch_one(&mut *tx)
        .await?;
        if under_way >= UNDER_WAY_MAX {
            let detail = format!("{UNDER_WAY_MAX} fetches are under way: wait for some");
            return Err(OriginError::Overloaded(detail));
        }
        let new = NewErrand {
            id: &errand,
            kind: ErrandKind::Fetch,
            queue: errand.as_str(),
            position: 0,
            attempts_max: ATTEMPTS_MAX,
            give_up_after: GIVE_UP_AFTER,
        };
        new.insert(&mut tx).await?;
        sqlx::query("INSERT INTO fetches (errand, url, title, upload) VALUES ($1, $2, $3, $4)")
            .bind(errand.as_str())
            .bind(url.text())
            .bind(title)
            .bind(upload.as_str())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        self.errand_queued();
        Ok(errand)
    }

    pub(crate) async fn fetch(&self, fetch: &JobId) -> Result<FetchStatus, OriginError> {
        let sql = sqlx::AssertSqlSafe(format!("{STATUS} WHERE f.errand = $1"));
        let row: Option<StatusColumns> = sqlx::query_as(sql)
            .bind(fetch.as_str())
            .fetch_optional(&self.db.read)
            .await?;
        let gone = || OriginError::NotFound(format!("no fetch {fetch}, or it ended long ago"));
        status(row.ok_or_else(gone)?)
    }

    /// The newest first.
    pub(crate) async fn fetches(&self) -> Result<Vec<FetchStatus>, OriginError> {
        let order = format!("{STATUS} ORDER BY e.created_at DESC, e.id LIMIT {LIST_MAX}");
        let rows: Vec<StatusColumns> = sqlx::query_as(sqlx::AssertSqlSafe(order))
            .fetch_all(&self.db.read)
            .await?;
        rows.into_iter().map(status).collect()
    }

    /// Takes a fetch back; gives its upload, unless it has ended.
    pub(crate) async fn cancel_fetch(&self, fetch: &JobId) -> Result<UploadId, OriginError> {
        let mut tx = self.db.begin().await?;
        let upload = upload_of(&mut tx, fetch).await?;
        if !ending::end(&mut tx, fetch, ErrandState::Cancelled, None).await? {
            return Err(OriginError::BadRequest(
                "the fetch has ended already".into(),
            ));
        }
        tx.commit().await?;
        Ok(upload)
    }

    /// The upload that an attempt at a fetch sends to.
    pub(crate) async fn upload_of_fetch(
        &self,
        errand: &JobId,
        attempt: u32,
    ) -> Result<UploadId, OriginError> {
        let mut tx = self.db.snapshot().await?;
        held(&mut tx, errand, attempt).await?;
        upload_of(&mut tx, errand).await
    }

    /// From now on the fetch sends to another upload.
    pub(crate) async fn restart_fetch(
        &self,
        errand: &JobId,
        attempt: u32,
        upload: &UploadId,
    ) -> Result<(), OriginError> {
        let mut tx = self.db.begin().await?;
        held(&mut tx, errand, attempt).await?;
        sqlx::query("UPDATE fetches SET upload = $2, source = NULL WHERE errand = $1")
            .bind(errand.as_str())
            .bind(upload.as_str())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}

/// What a fetch uploaded became an asset, which is told of longer than the upload is there.
pub(in crate::catalogue) async fn became(
    tx: &mut Tx,
    upload: &UploadId,
    asset: &AssetId,
) -> Result<(), OriginError> {
    sqlx::query("UPDATE fetches SET asset = $2 WHERE upload = $1")
        .bind(upload.as_str())
        .bind(asset.as_str())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// What the worker is to do.
pub(super) async fn work(tx: &mut Tx, errand: &str) -> Result<ErrandWork, OriginError> {
    let (url, source, len_max): (String, Option<String>, Option<i64>) = sqlx::query_as(
        "SELECT f.url, f.source, u.length FROM fetches f \
         LEFT JOIN uploads u ON u.id = f.upload WHERE f.errand = $1",
    )
    .bind(errand)
    .fetch_one(&mut **tx)
    .await?;
    let source = source.map(|source| from_json(&source, "source of a fetch"));
    Ok(ErrandWork::Fetch {
        url: from_json(&super::to_json(&url), "URL of a fetch")?,
        // Of an upload whose length is not known yet, it is the most allowed.
        len_bytes_max: unsigned(len_max.unwrap_or(signed(0)?))?,
        source: source.transpose()?,
    })
}

async fn upload_of(tx: &mut Tx, errand: &JobId) -> Result<UploadId, OriginError> {
    let row: Option<(String,)> = sqlx::query_as("SELECT upload FROM fetches WHERE errand = $1")
        .bind(errand.as_str())
        .fetch_optional(&mut **tx)
        .await?;
    let (upload,) = row.ok_or_else(|| OriginError::NotFound(format!("no fetch {errand}")))?;
    id(&upload)
}

fn status(columns: StatusColumns) -> Result<FetchStatus, OriginError> {
    let (fetch, url, title, state, received, length, deferred, attempts, run_at, ..) = columns;
    let (.., reason, asset, created_at_ms) = (columns.9, columns.10, columns.11);
    let state = state_of(&state)?;
    let length = length.filter(|_| deferred == 0).map(unsigned).transpose()?;
    Ok(FetchStatus {
        fetch: id(&fetch)?,
        url: url.split('?').next().unwrap_or_default().to_owned(),
        title,
        state,
        received_bytes: unsigned(received)?,
        length_bytes: length,
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
        next_attempt_at_ms: (state == ErrandState::Queued).then_some(run_at),
        reason,
        asset: asset.as_deref().map(id).transpose()?,
        created_at_ms,
    })
}
