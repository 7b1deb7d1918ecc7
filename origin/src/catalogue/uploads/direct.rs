//! Uploads that go to the bucket by presigned parts.

use wire::UploadId;

use super::{Catalogue, OriginError};

impl Catalogue {
    /// # Errors
    /// `max` of them are open already.
    pub(crate) async fn require_room_for_parts(&self, max: i64) -> Result<(), OriginError> {
        let (open,): (i64,) = sqlx::query_as(
            "SELECT count(*) FROM uploads WHERE parts IS NOT NULL AND asset IS NULL",
        )
        .fetch_one(&self.db.read)
        .await?;
        match open < max {
            true => Ok(()),
            false => Err(OriginError::Overloaded(format!(
                "{open} uploads in parts are open: finish or abort some, or wait until they expire"
            ))),
        }
    }

    /// There is news of an upload: it expires later.
    pub(crate) async fn upload_goes_on(
        &self,
        upload: &UploadId,
        expires_at_ms: i64,
    ) -> Result<(), OriginError> {
        let mut tx = self.db.begin().await?;
        sqlx::query("UPDATE uploads SET expires_at = $2 WHERE id = $1 AND asset IS NULL")
            .bind(upload.as_str())
            .bind(expires_at_ms)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}
