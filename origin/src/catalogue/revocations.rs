//! Keys taken back.

use super::{Catalogue, OriginError, signed, unsigned};
use crate::clock::now_ms;

impl Catalogue {
    /// Takes a key back; `forget_at_ms` is when it would have ended by itself.
    pub(crate) async fn revoke(&self, jti: &str, forget_at_ms: i64) -> Result<u64, OriginError> {
        let mut tx = self.db.begin().await?;
        let (last,): (i64,) = sqlx::query_as("SELECT coalesce(max(revision), 0) FROM revoked_keys")
            .fetch_one(&mut *tx)
            .await?;
        let (revision,): (i64,) = sqlx::query_as(
            "INSERT INTO revoked_keys (jti, revision, forget_at) VALUES ($1, $2, $3) \
             ON CONFLICT (jti) DO UPDATE SET forget_at = max(forget_at, excluded.forget_at) \
             RETURNING revision",
        )
        .bind(jti)
        .bind(last + 1)
        .bind(forget_at_ms)
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        self.key_revoked.notify_waiters();
        unsigned(revision)
    }

    /// The newest revision, from 1, and every key that is taken back and not yet ended.
    pub(crate) async fn revoked(&self) -> Result<(u64, Vec<String>), OriginError> {
        let rows: Vec<(String, i64, i64)> =
            sqlx::query_as("SELECT jti, revision, forget_at FROM revoked_keys ORDER BY revision")
                .fetch_all(&self.db.read)
                .await?;
        let newest = rows.last().map_or(0, |(_, revision, _)| *revision);
        let now = now_ms();
        let jtis = rows
            .into_iter()
            .filter(|row| row.2 > now)
            .map(|row| row.0)
            .collect();
        Ok((unsigned(newest)? + 1, jtis))
    }

    /// This key was taken back.
    pub(crate) async fn is_revoked(&self, jti: &str) -> Result<bool, OriginError> {
        let row: Option<(i64,)> = sqlx::query_as("SELECT 1 FROM revoked_keys WHERE jti = $1")
            .bind(jti)
            .fetch_optional(&self.db.read)
            .await?;
        Ok(row.is_some())
    }

    /// Drops the rows of keys that ended long ago, but for the newest: its revision counts.
    pub(crate) async fn forget_ended_keys(&self) -> Result<(), OriginError> {
        let mut tx = self.db.begin().await?;
        sqlx::query(
            "DELETE FROM revoked_keys WHERE forget_at < $1 \
             AND revision < (SELECT max(revision) FROM revoked_keys)",
        )
        .bind(now_ms() - signed(3_600_000)?)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }
}
