use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

use super::*;

fn config(folder: &Path) -> Config {
    Config {
        data_dir: folder.to_owned(),
        ..Config::default()
    }
}

#[tokio::test]
async fn opening_again_keeps_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let config = &config(folder.path());
    let db = Database::open(config).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    sqlx::query("INSERT INTO assets (id, title, access, created_at) VALUES ('a', 't', 'keyed', 1)")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    db.close().await;
    let db = Database::open(config).await.unwrap();
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM assets")
        .fetch_one(&db.read)
        .await
        .unwrap();
    assert_eq!(count, 1);
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let config = &config(folder.path());
    let db = Database::open(config).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    sqlx::query("UPDATE schema_version SET version = 99")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    db.close().await;
    let error = Database::open(config).await.unwrap_err();
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
    sqlx::raw_sql(include_str!("../../schema/1.sql"))
        .execute(&pool)
        .await
        .unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(rows))
        .execute(&pool)
        .await
        .unwrap();
    pool.close().await;
}

#[tokio::test]
async fn a_catalogue_of_schema_1_keeps_what_is_sealed_and_plans_anew_what_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let config = &config(folder.path());
    of_schema_1(&folder.path().join("catalogue.db")).await;
    let db = Database::open(config).await.unwrap();
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
    let jobs: Vec<(String, String, i64, i64, String)> =
        sqlx::query_as("SELECT id, state, attempts_max, version_at, task FROM jobs ORDER BY id")
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

#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_transaction_that_nobody_waits_for_is_not_left_open() {
    use futures_util::FutureExt;

    let server = testkit::postgres::Server::shared();
    let folder = tempfile::tempdir().unwrap();
    let database = server.schema("broken_off").as_str().into();
    let db = Database::open(&Config {
        database,
        ..config(folder.path())
    })
    .await
    .unwrap();
    for round in 0..20 {
        // As with a client that hangs up: at some point of it.
        for n in 0..8 {
            let looks = tokio::time::Duration::from_micros(n * 100);
            let _ = tokio::time::timeout(looks, db.snapshot()).now_or_never();
            let _ = tokio::time::timeout(looks, db.snapshot()).await;
            let _ = tokio::time::timeout(looks, db.begin()).await;
        }
        let mut tx = db.begin().await.unwrap();
        sqlx::query("INSERT INTO assets (id, title, access, created_at) VALUES ($1, '', '', 1)")
            .bind(round.to_string())
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        for _ in 0..10 {
            let count: i64 = sqlx::query_scalar("SELECT count(*) FROM assets")
                .fetch_one(&db.read)
                .await
                .unwrap();
            assert_eq!(count, round + 1, "a look at what was");
        }
    }
}
