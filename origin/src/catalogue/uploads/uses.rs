//! How many uploads a key began that may begin a few: those that are there, and those that
//! became assets. What is dropped is given back.

use sqlx::AnyConnection;
use wire::UploadId;

use super::{Catalogue, OriginError, id};
use crate::{auth::Few, clock::now_ms};

impl Catalogue {
    /// An upload of which nothing came yet, begun by this key: its sender may never have heard
    /// of it.
    pub(crate) async fn unheard_of(&self, jti: &str) -> Result<Option<UploadId>, OriginError> {
        let row: Option<(String,)> = sqlx::query_as(
            "SELECT id FROM uploads WHERE made_by = $1 AND received = 0 AND asset IS NULL LIMIT 1",
        )
        .bind(jti)
        .fetch_optional(&self.db.read)
        .await?;
        row.map(|(upload,)| id(&upload)).transpose()
    }

    /// Forgets how often keys were used that have ended.
    pub(crate) async fn forget_uses(&self) -> Result<(), OriginError> {
        let mut tx = self.db.begin().await?;
        sqlx::query("DELETE FROM key_uses WHERE forget_at < $1")
            .bind(now_ms())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}

/// One more.
///
/// # Errors
/// [`OriginError::Forbidden`]: that is one too many.
pub(super) async fn count(tx: &mut AnyConnection, few: &Few) -> Result<(), OriginError> {
    let ends_at_ms = i64::try_from(few.ends_at.saturating_mul(1000)).unwrap_or(i64::MAX);
    let counted = sqlx::query(
        "INSERT INTO key_uses (jti, uses, forget_at) VALUES ($1, 1, $2) \
         ON CONFLICT (jti) DO UPDATE SET uses = key_uses.uses + 1 WHERE key_uses.uses < $3",
    )
    .bind(&few.jti)
    .bind(ends_at_ms)
    .bind(i64::from(few.uses))
    .execute(tx)
    .await?;
    match counted.rows_affected() {
        0 => Err(OriginError::Forbidden(format!(
            "this key may begin {} upload(s), and has: ask for another",
            few.uses
        ))),
        _ => Ok(()),
    }
}

pub(super) async fn give_back(tx: &mut AnyConnection, jti: &str) -> Result<(), OriginError> {
    sqlx::query("UPDATE key_uses SET uses = uses - 1 WHERE jti = $1 AND uses > 0")
        .bind(jti)
        .execute(tx)
        .await?;
    Ok(())
}
