//! Everything an origin knows and keeps, in a folder beside, and an origin made of it again.
//!
//! The catalogue comes first, as it is at one moment; then the blobs that it names, which
//! never change. Those that are deleted meanwhile are named no more in a later catalogue, so
//! one that lacks something is taken anew. [`SUMMARY`] is written last: a folder without
//! it is no backup.

mod blobs;
mod catalogue;
mod restore;

use std::{
    fs::{self, DirBuilder, File, TryLockError},
    io,
    os::unix::fs::DirBuilderExt,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

use self::blobs::Copier;
pub use self::restore::restore;
use crate::{
    Config, OriginError,
    clock::now_ms,
    own_file::{beside, fault, write_private},
};

/// What the folder of a backup has.
const SUMMARY: &str = "backup.json";
/// Also says of a folder that backups are made there.
const LOCK: &str = "backup.lock";
const CATALOGUE: &str = "catalogue.db";
const MANIFEST: &str = "blobs.jsonl";
const BLOBS: &str = "blobs";
const SECRETS: &str = "secrets";
/// The form of all that.
const FORMAT: u32 = 1;
/// Catalogues that are taken until one is whole. Chosen: each takes over what was copied.
const ROUNDS_MAX: usize = 3;
/// Secrets without which neither operators nor workers and edges could join. Keys that sign are
/// in the catalogue.
const ADMIN: &str = "admin-token";
const JOIN: &str = "join-token";

/// What a backup has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    format: u32,
    /// When its catalogue was taken, Unix time, milliseconds.
    made_at_ms: i64,
    /// Blobs in it.
    pub blobs: u64,
    /// All they have, bytes.
    pub bytes: u64,
    catalogue_sha256: String,
    manifest_sha256: String,
}

impl Summary {
    /// When its catalogue was taken.
    #[must_use]
    pub fn made_at(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.made_at_ms.unsigned_abs())
    }
}

/// How far it is, bytes: done, and all.
pub type Progress<'a> = &'a mut (dyn FnMut(u64, u64) + Send);

/// Copies an origin's data, also of one that runs, to the folder `to`. What an earlier backup
/// left there is taken over where it is the same.
///
/// # Errors
/// [`OriginError::Backup`] where something of it is missing or in the way; [`OriginError::File`],
/// [`OriginError::Database`]. The folder is no backup then.
pub async fn backup(
    config: &Config,
    to: &Path,
    progress: Progress<'_>,
) -> Result<Summary, OriginError> {
    expect_folder(config)?;
    let _lock = claim(to, &config.data_dir)?;
    let old = blobs::read_manifest(&to.join(MANIFEST))?;
    // From here on it is none, until all is there.
    remove(&to.join(SUMMARY))?;
    let mut copier = Copier::new(&config.data_dir.join(BLOBS), &to.join(BLOBS), old);
    for _ in 0..ROUNDS_MAX {
        let made_at_ms = now_ms();
        catalogue::snapshot(&config.data_dir.join(CATALOGUE), &to.join(CATALOGUE)).await?;
        let named = catalogue::named(&to.join(CATALOGUE)).await?;
        if !copier.copy(&named, progress)? {
            continue;
        }
        copy_secrets(config, &to.join(SECRETS))?;
        let listed = copier.listed(&named);
        blobs::write_manifest(&to.join(MANIFEST), &listed)?;
        blobs::drop_others(&to.join(BLOBS), &named)?;
        let summary = Summary {
            format: FORMAT,
            made_at_ms,
            blobs: listed.len() as u64,
            bytes: listed.iter().map(|it| it.len).sum(),
            catalogue_sha256: blobs::sha256_of(&to.join(CATALOGUE))?,
            manifest_sha256: blobs::sha256_of(&to.join(MANIFEST))?,
        };
        sync(to)?;
        let text = serde_json::to_vec_pretty(&summary).unwrap_or_default();
        write_private(&to.join(SUMMARY), &text)?;
        sync(to)?;
        return Ok(summary);
    }
    let (count, first) = copier.missing();
    Err(OriginError::Backup(format!(
        "the catalogue names {count} blobs that are not in {}, {first} among them: \
         there is no whole backup to be had of it",
        config.data_dir.join(BLOBS).display()
    )))
}

/// What is in a bucket is not copied, so a backup without it would be no whole one.
fn expect_folder(config: &Config) -> Result<(), OriginError> {
    if !config.database.is_empty() {
        return Err(OriginError::Backup(
            "the catalogue is in PostgreSQL, which has backups of its own: take it with pg_dump, \
             and the bucket, or blobs, after it"
                .into(),
        ));
    }
    match config.store.bucket.as_str() {
        "" => Ok(()),
        bucket => Err(OriginError::Backup(format!(
            "blobs are in the bucket {bucket:?}, which this does not copy yet: with the origin \
             stopped, copy {} by other means, and the bucket by its server's, such as versions \
             or a replica",
            config.data_dir.display()
        ))),
    }
}

/// The folder, for one backup at a time. Nobody else's: what a backup does not name is deleted
/// there.
fn claim(to: &Path, data_dir: &Path) -> Result<File, OriginError> {
    make_private(to)?;
    let real = |path: &Path| path.canonicalize().map_err(fault("find", path));
    if real(to)?.starts_with(real(data_dir)?) {
        // Made just now, where it is empty.
        let _ = fs::remove_dir(to);
        return Err(OriginError::Backup(format!(
            "{} is in the origin's own data_dir: name a folder elsewhere, best on another disk",
            to.display()
        )));
    }
    let path = to.join(LOCK);
    let is_empty = fs::read_dir(to)
        .map_err(fault("read", to))?
        .next()
        .is_none();
    if !is_empty && !path.is_file() {
        return Err(OriginError::Backup(format!(
            "{} is neither empty nor a backup: name another folder",
            to.display()
        )));
    }
    let lock = File::create(&path).map_err(fault("write to", &path))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OriginError::Backup(format!(
            "another backup is being made in {}",
            to.display()
        ))),
        Err(TryLockError::Error(error)) => Err(fault("lock", &path)(error)),
    }
}

fn copy_secrets(config: &Config, to: &Path) -> Result<(), OriginError> {
    make_private(to)?;
    for (from, name) in [(config.admin_path(), ADMIN), (config.join_path(), JOIN)] {
        let secret = fs::read(&from).map_err(fault("read", &from))?;
        write_private(&to.join(name), &secret)?;
    }
    Ok(())
}

fn make_private(folder: &Path) -> Result<(), OriginError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(fault("make", folder))
}

fn remove(path: &Path) -> Result<(), OriginError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(fault("delete", path)(error)),
        _ => Ok(()),
    }
}

/// All that was written to this file system is on disk from here on.
fn sync(folder: &Path) -> Result<(), OriginError> {
    let opened = File::open(folder).map_err(fault("open", folder))?;
    let synced = rustix::fs::syncfs(&opened);
    synced.map_err(|error| fault("write to disk", folder)(error.into()))
}
