//! Uploads, and the asset that a whole one becomes.

mod becoming;
#[cfg(feature = "s3")]
mod direct;
mod row;

use wire::UploadId;

#[cfg(feature = "s3")]
pub(crate) use row::Parts;
pub(crate) use row::{Adds, Concat, Length, UploadRow};

use super::{Catalogue, OriginError, Tx, from_json, id, signed, to_json, unsigned};
use crate::clock::now_ms;
use row::{COLUMNS, Columns};

/// Every byte came by tus, and nothing is to be joined.
const WHOLE: &str = "received = length AND deferred = 0 AND parts IS NULL AND concat IS NULL";

impl Catalogue {
    pub(crate) async fn create_upload(&self, upload: &UploadRow) -> Result<(), OriginError> {
        let mut tx = self.db.begin().await?;
        sqlx::query(
            "INSERT INTO uploads (id, title, metadata, length, deferred, received, asset, \
             expires_at, adds_to, addition, concat, parts, part_len) \
             VALUES ($1, $2, $3, $4, $5, 0, NULL, $6, $7, $8, $9, $10, $11)",
        )
        .bind(upload.id.as_str())
        .bind(&upload.title)
        .bind(&upload.metadata)
        .bind(signed(upload.length.max_bytes())?)
        .bind(i64::from(upload.length.known().is_none()))
        .bind(upload.expires_at_ms)
        .bind(upload.adds.as_ref().map(|adds| adds.asset.as_str()))
        .bind(upload.adds.as_ref().map(|adds| to_json(&adds.label)))
        .bind(upload.concat.as_ref().map(Concat::to_text))
        .bind(upload.parts.as_ref().map(|parts| parts.upload.as_str()))
        .bind(signed(upload.parts.as_ref().map_or(0, |it| it.part_bytes))?)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    pub(crate) async fn upload(&self, upload: &UploadId) -> Result<UploadRow, OriginError> {
        let sql = sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE id = $1"));
        let row: Option<Columns> = sqlx::query_as(sql)
            .bind(upload.as_str())
            .fetch_optional(&self.db.read)
            .await?;
        row.map(UploadRow::from_columns)
            .transpose()?
            .ok_or_else(|| OriginError::NotFound(format!("no upload {upload}, or it expired")))
    }

    /// The upload that was made of these parts, in this order.
    pub(crate) async fn upload_of(&self, whole: &Concat) -> Result<Option<UploadRow>, OriginError> {
        let sql = sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE concat = $1 LIMIT 1"));
        let row: Option<Columns> = sqlx::query_as(sql)
            .bind(whole.to_text())
            .fetch_optional(&self.db.read)
            .await?;
        row.map(UploadRow::from_columns).transpose()
    }

    /// Bytes up to `received_bytes` are safe on disk, `before` of them already said to be.
    ///
    /// # Errors
    /// The upload is gone, or somebody else wrote to it.
    pub(crate) async fn upload_received(
        &self,
        upload: &UploadRow,
        before: u64,
    ) -> Result<(), OriginError> {
        let mut tx = self.db.begin().await?;
        let done = sqlx::query(
            "UPDATE uploads SET received = $3, length = $4, deferred = $5, expires_at = $6 \
             WHERE id = $1 AND received = $2 AND asset IS NULL",
        )
        .bind(upload.id.as_str())
        .bind(signed(before)?)
        .bind(signed(upload.received_bytes)?)
        .bind(signed(upload.length.max_bytes())?)
        .bind(i64::from(upload.length.known().is_none()))
        .bind(upload.expires_at_ms)
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            drop(tx);
            // What another request did, or one of which it was not heard how it ended.
            return Err(OriginError::WrongOffset {
                there_bytes: self.upload(&upload.id).await?.received_bytes,
            });
        }
        tx.commit().await?;
        Ok(())
    }

    /// Forgets an upload that has not become an asset and, at `now_ms`, has expired; true
    /// if there was one.
    pub(crate) async fn drop_upload(
        &self,
        upload: &UploadId,
        now_ms: i64,
    ) -> Result<bool, OriginError> {
        let mut tx = self.db.begin().await?;
        let dropped =
            sqlx::query("DELETE FROM uploads WHERE id = $1 AND asset IS NULL AND expires_at < $2")
                .bind(upload.as_str())
                .bind(now_ms)
                .execute(&mut *tx)
                .await?;
        tx.commit().await?;
        Ok(dropped.rows_affected() > 0)
    }

    /// Forgets uploads that became assets long ago; the assets stay.
    pub(crate) async fn forget_finished_uploads(&self) -> Result<(), OriginError> {
        let mut tx = self.db.begin().await?;
        sqlx::query("DELETE FROM uploads WHERE asset IS NOT NULL AND expires_at < $1")
            .bind(now_ms())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Uploads that came whole, and have not become assets; some of them.
    pub(crate) async fn whole_uploads(&self) -> Result<Vec<UploadRow>, OriginError> {
        let whole = format!("WHERE asset IS NULL AND {WHOLE} ORDER BY expires_at LIMIT 100");
        let sql = sqlx::AssertSqlSafe(format!("{COLUMNS} {whole}"));
        let rows: Vec<Columns> = sqlx::query_as(sql).fetch_all(&self.db.read).await?;
        rows.into_iter().map(UploadRow::from_columns).collect()
    }

    /// Uploads without news for too long, that have not become assets.
    pub(crate) async fn expired_uploads(&self) -> Result<Vec<UploadRow>, OriginError> {
        // What is whole was accepted: it becomes an asset, however long that takes.
        let due = format!("WHERE asset IS NULL AND NOT ({WHOLE}) AND expires_at < $1 LIMIT 100");
        let sql = sqlx::AssertSqlSafe(format!("{COLUMNS} {due}"));
        let rows: Vec<Columns> = sqlx::query_as(sql)
            .bind(now_ms())
            .fetch_all(&self.db.read)
            .await?;
        rows.into_iter().map(UploadRow::from_columns).collect()
    }
}
