//! The catalogue's database: opening, migrating, and its two pools.

use std::{path::Path, time::Duration};

use sqlx::{
    Sqlite, SqlitePool, Transaction,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::OriginError;

/// Schemas in order: the first is version 1.
const SCHEMAS: &[&str] = &[include_str!("../schema/1.sql")];

/// Readers at once. Chosen: more than the cores of a small machine.
const READERS: u32 = 4;

/// Longest wait for a connection or for another process's lock.
const WAIT: Duration = Duration::from_secs(10);

/// One connection writes, several read: `SQLite` has one writer, and waiting for our own
/// pool is fair where its busy handler sleeps.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    write: SqlitePool,
    pub(crate) read: SqlitePool,
}

impl Database {
    pub(crate) async fn open(path: &Path) -> Result<Self, OriginError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // An upload that was answered must survive a power cut.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(WAIT);
        let write = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(WAIT)
            .connect_with(options.clone())
            .await?;
        migrate(&write).await?;
        let read = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(WAIT)
            .connect_with(options.read_only(true))
            .await?;
        Ok(Self { write, read })
    }

    /// Starts a transaction that may write. It takes the lock at once: an upgrade in the
    /// middle fails without waiting (`SQLITE_BUSY_SNAPSHOT`).
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Sqlite>, OriginError> {
        Ok(self.write.begin_with("BEGIN IMMEDIATE").await?)
    }

    pub(crate) async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }
}

async fn migrate(pool: &SqlitePool) -> Result<(), OriginError> {
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::raw_sql("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)")
        .execute(&mut *tx)
        .await?;
    let found: Option<i64> = sqlx::query_scalar("SELECT max(version) FROM schema_version")
        .fetch_one(&mut *tx)
        .await?;
    let found = found.unwrap_or(0);
    let known = i64::try_from(SCHEMAS.len()).expect("few schemas");
    if found > known {
        return Err(OriginError::NewerSchema { found, known });
    }
    let new = usize::try_from(found).map_err(|_| OriginError::Damaged("schema < 0".into()))?;
    for schema in &SCHEMAS[new..] {
        sqlx::raw_sql(*schema).execute(&mut *tx).await?;
    }
    sqlx::query("DELETE FROM schema_version")
        .execute(&mut *tx)
        .await?;
    sqlx::query("INSERT INTO schema_version (version) VALUES ($1)")
        .bind(known)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn opening_again_keeps_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.db");
        let db = Database::open(&path).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        sqlx::query("INSERT INTO assets VALUES ('a', 't', 'keyed', 1)")
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        db.close().await;
        let db = Database::open(&path).await.unwrap();
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM assets")
            .fetch_one(&db.read)
            .await
            .unwrap();
        assert_eq!(count, 1);
    }

    #[tokio::test]
    async fn a_newer_schema_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.db");
        let db = Database::open(&path).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        sqlx::query("UPDATE schema_version SET version = 99")
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        db.close().await;
        let error = Database::open(&path).await.unwrap_err();
        assert!(
            matches!(error, OriginError::NewerSchema { found: 99, .. }),
            "{error}"
        );
    }
}
