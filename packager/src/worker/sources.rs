//! Sources that are downloaded: one file a version, for all tasks of it.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::OnceCell;
use wire::VersionId;

use crate::{
    Config, PackagerError,
    input::Input,
    remux::{lacks_index, remux},
    worker::{
        api::Job,
        download,
        progress::Shared,
        workspace::{Folder, Workspace},
    },
};

/// Sources kept though nothing works on them at the moment: the next task is likely of
/// the same version.
const IDLE_MAX: usize = 1;

/// The sources that a worker holds.
pub(crate) struct Sources {
    workspace: Workspace,
    held: Mutex<Vec<(VersionId, Arc<Held>)>>,
}

/// One source. Its folder goes with the last that holds it.
pub(crate) struct Held {
    folder: Folder,
    /// Where it is, once downloaded.
    file: OnceCell<PathBuf>,
}

impl Sources {
    pub(crate) fn new(workspace: Workspace) -> Self {
        Self {
            workspace,
            held: Mutex::new(Vec::new()),
        }
    }

    /// The source of a version; others that nothing works on are let go.
    pub(crate) fn hold(&self, version: &VersionId) -> Result<Arc<Held>, PackagerError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let found = held.iter().position(|(known, _)| known == version);
        let entry = match found {
            // The newest is last.
            Some(at) => held.remove(at),
            None => {
                let folder = self.workspace.folder(version.as_str())?;
                let file = OnceCell::new();
                (version.clone(), Arc::new(Held { folder, file }))
            }
        };
        let source = Arc::clone(&entry.1);
        held.push(entry);
        let idle = |entry: &Arc<Held>| Arc::strong_count(entry) == 1;
        let mut surplus = held.iter().filter(|(_, entry)| idle(entry)).count();
        surplus = surplus.saturating_sub(IDLE_MAX);
        held.retain(|(_, entry)| {
            let goes = surplus > 0 && idle(entry);
            surplus -= usize::from(goes);
            !goes
        });
        Ok(source)
    }
}

impl Held {
    /// The whole source as a file that can be split, downloaded by whichever task needs it
    /// first.
    async fn file(
        &self,
        (config, job, len_bytes): (&Config, &Job, u64),
        progress: &Shared,
    ) -> Result<PathBuf, PackagerError> {
        let prepare = || async {
            let source = self.folder.source();
            download::source(config, job, len_bytes, &source, progress).await?;
            let indexed = self.folder.indexed();
            if !lacks_index(&source) || !remux(config, &source, &indexed).await? {
                return Ok(source);
            }
            // A file twice is once too often. It goes with its folder at the latest.
            let _ = std::fs::remove_file(&source);
            Ok(indexed)
        };
        self.file.get_or_try_init(prepare).await.cloned()
    }
}

/// Where a task finds its source as a file.
pub(crate) enum Source<'a> {
    /// Here.
    File(&'a Path),
    /// At the origin.
    Origin {
        held: &'a Held,
        job: &'a Job,
        len_bytes: u64,
    },
}

impl Source<'_> {
    /// A file that has these ranges of the source where the source has them, and may
    /// have nothing else: made without reading all of it.
    pub(crate) async fn outline(
        &self,
        input: &Input,
        ranges: &[Range<u64>],
    ) -> Result<PathBuf, PackagerError> {
        match *self {
            Self::File(path) => Ok(path.to_owned()),
            Self::Origin { held, .. } => {
                let path = held.folder.outline();
                download::outline(input, ranges, &path).await?;
                Ok(path)
            }
        }
    }

    pub(crate) async fn file(
        &self,
        config: &Config,
        progress: &Shared,
    ) -> Result<PathBuf, PackagerError> {
        match *self {
            Self::File(path) => Ok(path.to_owned()),
            Self::Origin {
                held,
                job,
                len_bytes,
            } => held.file((config, job, len_bytes), progress).await,
        }
    }
}
