//! Folders for sources, and the removal of what a killed worker left.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use crate::PackagerError;

/// Held by a worker as long as it lives; the system lets go of it whatever happens.
const LOCK: &str = "lock";
/// Most workers with one work folder.
const WORKERS_MAX: u32 = 1024;

/// This worker's own folder. Removed when dropped.
#[derive(Debug)]
pub(crate) struct Workspace {
    dir: PathBuf,
    _lock: File,
}

impl Workspace {
    /// Makes a folder that no other worker uses, after removing those of workers that
    /// are gone.
    pub(crate) fn open(work_dir: &Path) -> Result<Self, PackagerError> {
        let fault = |source| PackagerError::WorkDir {
            path: work_dir.to_owned(),
            source,
        };
        fs::create_dir_all(work_dir).map_err(fault)?;
        sweep(work_dir).map_err(fault)?;
        for number in 0..WORKERS_MAX {
            let dir = work_dir.join(format!("worker-{number}"));
            match fs::create_dir(&dir) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => continue,
                other => other.map_err(fault)?,
            }
            let lock = File::create(dir.join(LOCK)).map_err(fault)?;
            // Taken by one that sweeps, in this very moment: it removes the folder.
            if lock.try_lock().is_ok() {
                return Ok(Self { dir, _lock: lock });
            }
        }
        Err(fault(io::Error::other("too many workers share it")))
    }

    /// A folder for one version's source. `name` is an id.
    pub(crate) fn folder(&self, name: &str) -> Result<Folder, PackagerError> {
        let path = self.dir.join(name);
        let fault = |source| PackagerError::WorkDir {
            path: path.clone(),
            source,
        };
        fs::create_dir_all(&path).map_err(fault)?;
        Ok(Folder(path))
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        remove(&self.dir);
    }
}

/// One version's folder. Removed when dropped.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Where the source goes. Without an extension, so that none can suggest a format.
    pub(crate) fn source(&self) -> PathBuf {
        self.0.join("source")
    }

    /// A folder for one attempt.
    pub(crate) fn scratch(&self) -> Result<Scratch, PackagerError> {
        Scratch::below(&self.0)
    }

    /// Where the source goes in a container that has an index.
    pub(crate) fn indexed(&self) -> PathBuf {
        self.0.join("indexed")
    }
}

/// A folder of one attempt, for what its programs write. Removed when dropped.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// A new one below `folder`, which is made where it is not there.
    pub(crate) fn below(folder: &Path) -> Result<Self, PackagerError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("scratch-{number}"));
        let made = fs::create_dir_all(folder).and_then(|()| fs::create_dir(&path));
        made.map_err(|source| PackagerError::WorkDir {
            path: path.clone(),
            source,
        })?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

fn sweep(work_dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(work_dir)? {
        let dir = entry?.path();
        let Ok(lock) = File::open(dir.join(LOCK)) else {
            continue;
        };
        if lock.try_lock().is_ok() {
            remove(&dir);
        }
    }
    Ok(())
}

fn remove(dir: &Path) {
    match fs::remove_dir_all(dir) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(dir = %dir.display(), error = %e, "work folder not removed");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_workers_folder_is_removed_and_a_living_ones_is_kept() {
        let root = tempfile::tempdir().unwrap();
        let dead = root.path().join("worker-7");
        fs::create_dir(&dead).unwrap();
        File::create(dead.join(LOCK)).unwrap();
        let living = Workspace::open(root.path()).unwrap();
        assert!(!dead.exists());
        let other = Workspace::open(root.path()).unwrap();
        assert!(living.dir.exists());
        assert_ne!(living.dir, other.dir);
    }

    #[test]
    fn folders_go_with_their_owners() {
        let root = tempfile::tempdir().unwrap();
        let workspace = Workspace::open(root.path()).unwrap();
        let folder = workspace.folder("version-1").unwrap();
        fs::write(folder.source(), "x").unwrap();
        drop(folder);
        assert!(!workspace.dir.join("version-1").exists());
        drop(workspace);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    }
}
