//! Bytes that no row names: found, and deleted when nobody can read them any more.
//!
//! A blob is written before its row and deleted after it, so a crash leaves bytes without
//! a row at worst, never a row without its bytes. Several rows may name one blob: it goes
//! when none does.

use store::BlobKey;
use wire::{AssetId, EventData, EventKind};

use super::{Catalogue, OriginError, Topic, Tx, audit, blob_key, errands::outbox, saga};
use crate::clock::now_ms;

/// Everything that can name a blob `$1`.
const NAMED: &str = "SELECT 1 FROM segments WHERE blob = $1 \
     UNION ALL SELECT 1 FROM tracks WHERE init_blob = $1 \
     UNION ALL SELECT 1 FROM files WHERE blob = $1 \
     UNION ALL SELECT 1 FROM passes WHERE blob = $1 \
     UNION ALL SELECT 1 FROM versions WHERE source = $1 \
     UNION ALL SELECT 1 FROM garbage WHERE blob = $1 LIMIT 1";

impl Catalogue {
    /// Forgets an asset and all of it. Its jobs are ended; its bytes become garbage.
    pub(crate) async fn delete_asset(&self, asset: &AssetId) -> Result<(), OriginError> {
        let mut tx = self.db.begin().await?;
        let versions: Vec<(String,)> = sqlx::query_as("SELECT id FROM versions WHERE asset = $1")
            .bind(asset.as_str())
            .fetch_all(&mut *tx)
            .await?;
        outbox::of_asset(
            &mut tx,
            EventKind::Deleted,
            asset.as_str(),
            EventData::default(),
        )
        .await?;
        for (version,) in &versions {
            saga::undo(&mut tx, version, self.garbage_due_ms()).await?;
            forget_version(&mut tx, version).await?;
        }
        for sql in [
            "DELETE FROM uploads WHERE asset = $1",
            "DELETE FROM assets WHERE id = $1",
        ] {
            let done = sqlx::query(sql).bind(asset.as_str()).execute(&mut *tx);
            let gone = done.await?.rows_affected();
            if gone == 0 && sql.contains("FROM assets") {
                return Err(OriginError::NotFound(format!("no asset {asset}")));
            }
        }
        audit::record(&mut tx, "delete", &format!("asset {asset}")).await?;
        tx.commit().await?;
        self.news.tell(Topic::Changed);
        Ok(())
    }

    /// Up to `max` blobs that were due at a time.
    pub(crate) async fn due_garbage(
        &self,
        at_ms: i64,
        max: usize,
    ) -> Result<Vec<BlobKey>, OriginError> {
        let rows: Vec<(String,)> =
            sqlx::query_as("SELECT blob FROM garbage WHERE due_at <= $1 ORDER BY due_at LIMIT $2")
                .bind(at_ms)
                .bind(i64::try_from(max).unwrap_or(i64::MAX))
                .fetch_all(&self.db.read)
                .await?;
        rows.iter().map(|(blob,)| blob_key(blob)).collect()
    }

    /// No row names the blob, and it was due. Whatever names it goes in the transaction
    /// that says when it is due: so that is looked at last.
    pub(crate) async fn is_garbage(&self, blob: &BlobKey, at_ms: i64) -> Result<bool, OriginError> {
        if self.is_named(blob, false).await? {
            return Ok(false);
        }
        let row: Option<(i64,)> =
            sqlx::query_as("SELECT 1 FROM garbage WHERE blob = $1 AND due_at <= $2")
                .bind(blob.as_str())
                .bind(at_ms)
                .fetch_optional(&self.db.read)
                .await?;
        Ok(row.is_some())
    }

    /// Takes garbage that was due off the list; afterwards its blob may not be there any
    /// more.
    pub(crate) async fn forget_garbage(
        &self,
        blobs: &[BlobKey],
        at_ms: i64,
    ) -> Result<(), OriginError> {
        let mut tx = self.db.begin().await?;
        for blob in blobs {
            sqlx::query("DELETE FROM garbage WHERE blob = $1 AND due_at <= $2")
                .bind(blob.as_str())
                .bind(at_ms)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// A row names the blob, or, where `listed_counts`, the list of garbage does.
    pub(crate) async fn is_named(
        &self,
        blob: &BlobKey,
        listed_counts: bool,
    ) -> Result<bool, OriginError> {
        if let Some(upload) = blob.as_str().strip_prefix("sources/") {
            let row: Option<(i64,)> =
                sqlx::query_as("SELECT 1 FROM uploads WHERE id = $1 AND asset IS NULL")
                    .bind(upload)
                    .fetch_optional(&self.db.read)
                    .await?;
            if row.is_some() {
                return Ok(true);
            }
        }
        let sql = match listed_counts {
            true => NAMED.to_owned(),
            false => NAMED.replace(" UNION ALL SELECT 1 FROM garbage WHERE blob = $1", ""),
        };
        let row: Option<(i64,)> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(blob.as_str())
            .fetch_optional(&self.db.read)
            .await?;
        Ok(row.is_some())
    }

    /// When what becomes garbage now may be deleted.
    pub(super) fn garbage_due_ms(&self) -> i64 {
        let grace_ms = i64::try_from(self.rules.gc_grace.as_millis()).unwrap_or(i64::MAX);
        now_ms().saturating_add(grace_ms)
    }
}

pub(super) async fn forget_version(tx: &mut Tx, version: &str) -> Result<(), OriginError> {
    for sql in [
        "DELETE FROM jobs WHERE version = $1",
        "DELETE FROM saga WHERE version = $1",
        "DELETE FROM versions WHERE id = $1",
    ] {
        sqlx::query(sql).bind(version).execute(&mut **tx).await?;
    }
    Ok(())
}
