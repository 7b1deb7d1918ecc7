//! An origin's data made of a backup.

use std::{
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use super::{
    ADMIN, BLOBS, CATALOGUE, FORMAT, JOIN, MANIFEST, Progress, SECRETS, SUMMARY, Summary, blobs,
    catalogue, fault, make_private, sync, write_private,
};
use crate::{Config, OriginError, keyring::SEED_FILE};

/// Makes an origin's data of a backup, checking every byte. `config.data_dir` must be empty
/// or not there; it is whole in the end, or as it was.
///
/// # Errors
/// [`OriginError::Backup`] where there is no backup, it is damaged, or something is in the way;
/// [`OriginError::File`], [`OriginError::Database`].
pub async fn restore(
    from: &Path,
    config: &Config,
    progress: Progress<'_>,
) -> Result<Summary, OriginError> {
    let summary = read_summary(from)?;
    super::expect_folder(config)?;
    expect_empty(&config.data_dir)?;
    let new = beside(&config.data_dir);
    match fs::remove_dir_all(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(fault("empty", &new)(error));
        }
        _ => {}
    }
    make_private(&new)?;
    let restored = fill(from, &new, config, &summary, progress).await;
    let placed = restored.and_then(|()| place(&new, &config.data_dir));
    if placed.is_err() {
        // Best effort: the next attempt does so too.
        let _ = fs::remove_dir_all(&new);
    }
    placed.map(|()| summary)
}

fn read_summary(from: &Path) -> Result<Summary, OriginError> {
    let path = from.join(SUMMARY);
    let bytes = match fs::read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(OriginError::Backup(format!(
                "{} is no backup, or one that was not finished: it has no {SUMMARY}",
                from.display()
            )));
        }
        read => read.map_err(fault("read", &path))?,
    };
    let summary: Result<Summary, _> = serde_json::from_slice(&bytes);
    match summary {
        Ok(summary) if summary.format == FORMAT => Ok(summary),
        Ok(summary) => Err(OriginError::Backup(format!(
            "the backup is of form {}, and this weir knows {FORMAT}: use the weir that made it",
            summary.format
        ))),
        Err(error) => Err(damaged(&path, error)),
    }
}

fn damaged(path: &Path, why: impl std::fmt::Display) -> OriginError {
    OriginError::Backup(format!("the backup is damaged: {}: {why}", path.display()))
}

fn expect_empty(data_dir: &Path) -> Result<(), OriginError> {
    let mut entries = match fs::read_dir(data_dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(fault("read", data_dir))?,
    };
    match entries.next() {
        None => Ok(()),
        Some(_) => Err(OriginError::Backup(format!(
            "{} is not empty: name a new data_dir, and move the old one away first if it is to be \
             replaced",
            data_dir.display()
        ))),
    }
}

/// A folder of the same parent, so that it can be renamed.
fn beside(data_dir: &Path) -> PathBuf {
    let mut name = data_dir.file_name().unwrap_or_default().to_owned();
    name.push(".restoring");
    data_dir.with_file_name(name)
}

async fn fill(
    from: &Path,
    new: &Path,
    config: &Config,
    summary: &Summary,
    progress: Progress<'_>,
) -> Result<(), OriginError> {
    for (name, sha256) in [
        (CATALOGUE, &summary.catalogue_sha256),
        (MANIFEST, &summary.manifest_sha256),
    ] {
        let path = from.join(name);
        if blobs::sha256_of(&path)? != *sha256 {
            return Err(damaged(&path, "it is not as it was written"));
        }
    }
    copy_blobs(from, new, summary, progress)?;
    copy_secret(&from.join(SECRETS).join(ADMIN), &new.join(ADMIN))?;
    let seed = from.join(SECRETS).join(SEED_FILE);
    if seed.exists() {
        // Of a backup from before the catalogue had it.
        copy_secret(&seed, &new.join(SEED_FILE))?;
    }
    // Where another file is set for it, that one is its owner's.
    if config.join_path() == config.data_dir.join(&config.join_file) {
        copy_secret(&from.join(SECRETS).join(JOIN), &new.join(&config.join_file))?;
    }
    let path = from.join(CATALOGUE);
    let bytes = fs::read(&path).map_err(fault("read", &path))?;
    write_private(&new.join(CATALOGUE), &bytes)?;
    catalogue::go_on(&new.join(CATALOGUE)).await?;
    let named = catalogue::named(&new.join(CATALOGUE)).await?;
    let lacks = named
        .keys()
        .find(|key| !new.join(BLOBS).join(key.as_str()).is_file());
    lacks.map_or(Ok(()), |key| {
        Err(damaged(&from.join(MANIFEST), format!("it lacks {key}")))
    })
}

fn copy_blobs(
    from: &Path,
    new: &Path,
    summary: &Summary,
    progress: Progress<'_>,
) -> Result<(), OriginError> {
    let mut done = 0;
    for listed in blobs::read_manifest(&from.join(MANIFEST))? {
        let key: store::BlobKey = listed
            .blob
            .parse()
            .map_err(|error| damaged(&from.join(MANIFEST), error))?;
        let path = from.join(BLOBS).join(key.as_str());
        let copied = blobs::copy(&path, &new.join(BLOBS).join(key.as_str()))?;
        let (len, sha256) = copied.ok_or_else(|| damaged(&path, "it is not there"))?;
        if (len, &sha256) != (listed.len, &listed.sha256) {
            return Err(damaged(&path, "it is not as it was written"));
        }
        done += len;
        progress(done, summary.bytes);
    }
    Ok(())
}

fn copy_secret(from: &Path, to: &Path) -> Result<(), OriginError> {
    let secret = fs::read(from).map_err(fault("read", from))?;
    write_private(to, &secret)
}

/// Puts the new folder in its place, where there is an empty one or none.
fn place(new: &Path, data_dir: &Path) -> Result<(), OriginError> {
    sync(new)?;
    let empty = match fs::remove_dir(data_dir) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    let placed: io::Result<()> = empty.and_then(|()| fs::rename(new, data_dir));
    placed.map_err(fault("put the restored data at", data_dir))
}
