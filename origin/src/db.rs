//! The catalogue's database: opening, migrating, and its two pools.

use std::{path::Path, time::Duration};

use sqlx::{
    Sqlite, SqliteConnection, SqlitePool, Transaction,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::OriginError;

/// Schemas in order: the first is version 1.
const SCHEMAS: &[&str] = &[
    include_str!("../schema/1.sql"),
    include_str!("../schema/2.sql"),
    include_str!("../schema/3.sql"),
    include_str!("../schema/4.sql"),
    include_str!("../schema/5.sql"),
    include_str!("../schema/6.sql"),
    include_str!("../schema/9.sql"),
];

/// Readers at once. Chosen: more than the cores of a small machine.
const READERS: u32 = 4;

/// Longest wait for a connection or for another process's lock.
pub(crate) const WAIT: Duration = Duration::from_secs(10);

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

/// Refuses a catalogue that is not of this schema.
pub(crate) async fn expect_current(catalogue: &mut SqliteConnection) -> Result<(), OriginError> {
    let (found,): (i64,) = sqlx::query_as("SELECT max(version) FROM schema_version")
        .fetch_one(catalogue)
        .await?;
    let known = i64::try_from(SCHEMAS.len()).expect("few schemas");
    match found {
        found if found > known => Err(OriginError::NewerSchema { found, known }),
        found if found < known => Err(OriginError::Backup(format!(
            "the catalogue has schema {found}, and this weir has {known}: start its origin once \
             with this weir, or use the weir that it runs with"
        ))),
        _ => Ok(()),
    }
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

    /// A catalogue of the first schema: one version sealed, one being packaged.
    async fn of_schema_1(path: &Path) {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true);
        let pool = SqlitePool::connect_with(options).await.unwrap();
        let plan = r#"{"duration_secs": 8.5, "tracks": [{"track": "a1", "bitrate_max": 96000,
            "kind": {"kind": "audio", "channels": 2, "sample_rate": 48000, "language": null}}]}"#;
        let mut rows = String::from(
            "CREATE TABLE schema_version (version BIGINT NOT NULL);
             INSERT INTO schema_version VALUES (1);
             INSERT INTO assets VALUES ('a', 't', 'keyed', 1);
             INSERT INTO revoked_keys VALUES ('j', 7, 99);",
        );
        for (version, state, job) in [("old", "ready", "done"), ("new", "playable", "leased")] {
            rows.push_str(&format!(
                "INSERT INTO versions VALUES ('{version}', 'a', '{state}', 'sources/{version}', 9,
                     '{{\"segment_secs\": 4.0, \"ladder\": [360]}}', '{plan}', '[]', NULL, 5, 6);
                 INSERT INTO tracks VALUES ('{version}', 'a1', 0, 'mp4a.40.2', 48000, 'i', 700);
                 INSERT INTO segments VALUES ('{version}', 'a1', 0, 0, 192000, 10, 'b0');
                 INSERT INTO segments VALUES ('{version}', 'a1', 1, 192000, 96000, 10, 'b1');
                 INSERT INTO jobs VALUES ('{version}', '{version}', '{job}', 5, 5, 0, 0, 'w', NULL,
                     NULL);"
            ));
        }
        sqlx::raw_sql(SCHEMAS[0]).execute(&pool).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(rows))
            .execute(&pool)
            .await
            .unwrap();
        pool.close().await;
    }

    #[tokio::test]
    async fn a_catalogue_of_schema_1_keeps_what_is_sealed_and_plans_anew_what_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.db");
        of_schema_1(&path).await;
        let db = Database::open(&path).await.unwrap();
        let tracks: Vec<(String, i64, i64, String)> =
            sqlx::query_as("SELECT version, contiguous, contiguous_end, planned FROM tracks")
                .fetch_all(&db.read)
                .await
                .unwrap();
        let [(version, 2, 288_000, planned)] = tracks.as_slice() else {
            panic!("{tracks:?}");
        };
        assert_eq!(version, "old");
        serde_json::from_str::<wire::PlannedTrack>(planned).unwrap();
        let jobs: Vec<(String, String, i64, i64, String)> = sqlx::query_as(
            "SELECT id, state, attempts_max, version_at, task FROM jobs ORDER BY id",
        )
        .fetch_all(&db.read)
        .await
        .unwrap();
        assert_eq!((jobs[0].1.as_str(), jobs[1].1.as_str()), ("queued", "done"));
        let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM versions WHERE retire_at IS NULL")
            .fetch_one(&db.read)
            .await
            .unwrap();
        assert_eq!(kept, 2, "no version has had its place taken");
        let revoked: (String, String, i64, i64) = sqlx::query_as(
            "SELECT what, name, forget_at, (SELECT revision FROM key_revision) FROM revocations",
        )
        .fetch_one(&db.read)
        .await
        .unwrap();
        assert_eq!(revoked, ("jti".into(), "j".into(), 99, 8));
        // It gets one more try, if only one.
        assert_eq!((jobs[0].2, jobs[0].3), (6, 5));
        let task: wire::Task = serde_json::from_str(&jobs[0].4).unwrap();
        assert_eq!(task, wire::Task::plan());
    }
}
