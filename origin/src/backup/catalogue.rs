//! The catalogue of a backup: taken at one moment, and asked what it names.

use std::{collections::BTreeMap, fs::File, path::Path};

use sqlx::{AnyConnection, Connection};
use store::BlobKey;

use super::{beside, fault, remove};
use crate::{OriginError, db};

/// Everything that names a blob, and its length, bytes. What is still coming up is no asset's,
/// and is not taken.
const NAMED: &str = "SELECT blob, len FROM segments \
     UNION SELECT init_blob, init_len FROM tracks WHERE init_blob IS NOT NULL \
     UNION SELECT blob, len FROM files \
     UNION SELECT blob, len FROM passes WHERE blob IS NOT NULL \
     UNION SELECT source, source_len FROM versions WHERE source <> ''";

/// How far the numbers that edges hold go on from: those of an origin that went on after its
/// backup was taken must not come again. Chosen: more than ever are in a year.
const AHEAD: i64 = 1 << 32;

/// Writes the catalogue as it is now, while others may change it.
pub(super) async fn snapshot(from: &Path, to: &Path) -> Result<(), OriginError> {
    if !from.is_file() {
        return Err(OriginError::Backup(format!(
            "there is no catalogue at {}: name the origin's data_dir",
            from.display()
        )));
    }
    let new = beside(to);
    remove(&new)?;
    let mut catalogue = open(from, true).await?;
    db::expect_current(&mut catalogue).await?;
    sqlx::query("VACUUM INTO $1")
        .bind(new.display().to_string())
        .execute(&mut catalogue)
        .await?;
    catalogue.close().await?;
    let synced = File::open(&new).and_then(|file| file.sync_all());
    let renamed = synced.and_then(|()| std::fs::rename(&new, to));
    renamed.map_err(fault("write", to))
}

/// The blobs that a catalogue names, and the length of each, bytes.
pub(super) async fn named(path: &Path) -> Result<BTreeMap<BlobKey, u64>, OriginError> {
    let mut catalogue = open(path, true).await?;
    let rows: Vec<(String, i64)> = sqlx::query_as(NAMED).fetch_all(&mut catalogue).await?;
    catalogue.close().await?;
    let blob = |(blob, len): (String, i64)| {
        let key = blob.parse().ok();
        key.zip(u64::try_from(len).ok())
            .ok_or_else(|| OriginError::Damaged(format!("it names a blob {blob:?} of {len} bytes")))
    };
    rows.into_iter().map(blob).collect()
}

/// Makes a catalogue one to go on from: what was coming up starts again, and no number is
/// given twice.
pub(super) async fn go_on(path: &Path) -> Result<(), OriginError> {
    let mut catalogue = open(path, false).await?;
    db::expect_current(&mut catalogue).await?;
    let (sound,): (String,) = sqlx::query_as("PRAGMA integrity_check(1)")
        .fetch_one(&mut catalogue)
        .await?;
    if sound != "ok" {
        return Err(OriginError::Damaged(sound));
    }
    let mut tx = catalogue.begin().await?;
    sqlx::query("DELETE FROM uploads WHERE asset IS NULL")
        .execute(&mut *tx)
        .await?;
    sqlx::query("UPDATE key_revision SET revision = revision + $1")
        .bind(AHEAD)
        .execute(&mut *tx)
        .await?;
    for sql in [
        "INSERT INTO sqlite_sequence (name, seq) SELECT 'warming', 0 \
         WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'warming') AND $1 > 0",
        "UPDATE sqlite_sequence SET seq = seq + $1 WHERE name = 'warming'",
    ] {
        sqlx::query(sql).bind(AHEAD).execute(&mut *tx).await?;
    }
    tx.commit().await?;
    catalogue.close().await?;
    Ok(())
}

async fn open(path: &Path, read_only: bool) -> Result<AnyConnection, OriginError> {
    db::open_file(path, read_only).await
}
