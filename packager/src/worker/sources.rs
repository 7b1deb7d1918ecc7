//! Sources that are downloaded, or those of their bytes that are needed: one file a
//! version, for all tasks of it.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::OnceCell;
use wire::VersionId;

use crate::{
    Config, PackagerError,
    plan::recipe::Recipe,
    remux::{lacks_index, remux},
    worker::{
        api::Job,
        download::{Download, Reading},
        layout::Layout,
        progress::Shared,
        reach::{self, Need},
        workspace::{Folder, Scratch, Workspace},
    },
};

/// Sources kept though nothing works on them at the moment: the next task is likely of
/// the same version.
const IDLE_MAX: usize = 1;
/// Where a task needs more than this share of a source, it gets all of it. Chosen.
const SHARE_MAX: f64 = 0.8;

/// The sources that a worker holds.
pub(crate) struct Sources {
    workspace: Workspace,
    held: Mutex<Vec<(VersionId, Arc<Held>)>>,
}

/// One source. Its folder goes with the last that holds it.
pub(crate) struct Held {
    folder: Folder,
    /// What was read of it.
    download: Download,
    /// Where its samples are, once that was needed; `None` where it does not say.
    layout: OnceCell<Option<Layout>>,
    /// Where all of it is, once downloaded.
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
    pub(crate) fn hold(
        &self,
        version: &VersionId,
        len_bytes: u64,
    ) -> Result<Arc<Held>, PackagerError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let found = held.iter().position(|(known, _)| known == version);
        let entry = match found {
            // The newest is last.
            Some(at) => held.remove(at),
            None => {
                let folder = self.workspace.folder(version.as_str())?;
                let held = Held {
                    download: Download::new(folder.source(), len_bytes),
                    layout: OnceCell::new(),
                    file: OnceCell::new(),
                    folder,
                };
                (version.clone(), Arc::new(held))
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
    async fn file(&self, reading: Reading<'_>) -> Result<PathBuf, PackagerError> {
        let prepare = || async {
            let source = self.folder.source();
            self.download.all(reading).await?;
            let indexed = self.folder.indexed();
            if !lacks_index(&source) || !remux(reading.config, &source, &indexed).await? {
                return Ok(source);
            }
            // A file twice is once too often. It goes with its folder at the latest.
            let _ = std::fs::remove_file(&source);
            Ok(indexed)
        };
        self.file.get_or_try_init(prepare).await.cloned()
    }

    /// A file that has at least what is needed; `None` where that is all.
    async fn part(
        &self,
        reading: Reading<'_>,
        recipe: &Recipe,
        need: &Need<'_>,
    ) -> Result<Option<PathBuf>, PackagerError> {
        if self.file.initialized() || !Layout::may_be_of(&recipe.source) {
            return Ok(None);
        }
        let look = || Layout::fetch(&self.download, reading);
        let layout = self.layout.get_or_try_init(look).await?;
        let Some(wanted) = layout.as_ref().and_then(|layout| need.of(layout)) else {
            return Ok(None);
        };
        let all = self.download.len_bytes() as f64;
        if wanted.len_bytes() as f64 > all * SHARE_MAX || wanted.count() > reach::RANGES_MAX {
            return Ok(None);
        }
        self.download.need(reading, &wanted).await?;
        Ok(Some(self.download.path().to_owned()))
    }
}

/// Where a task finds its source as a file.
pub(crate) enum Source<'a> {
    /// Here, with a folder for what attempts write.
    File { path: &'a Path, work: &'a Path },
    /// At the origin.
    Origin { held: &'a Held, job: &'a Job },
}

impl Source<'_> {
    /// A new folder for what an attempt's programs write.
    pub(crate) fn scratch(&self) -> Result<Scratch, PackagerError> {
        match *self {
            Self::File { work, .. } => Scratch::below(work),
            Self::Origin { held, .. } => held.folder.scratch(),
        }
    }

    /// A file that has these ranges of the source where the source has them, and may
    /// have nothing else: made without reading all of it.
    pub(crate) async fn outline(
        &self,
        (config, progress): (&Config, &Shared),
        ranges: &[Range<u64>],
    ) -> Result<PathBuf, PackagerError> {
        match *self {
            Self::File { path, .. } => Ok(path.to_owned()),
            Self::Origin { held, job } => {
                let reading = Reading {
                    config,
                    job,
                    progress,
                };
                let ranges = ranges.iter().cloned().collect();
                held.download.need(reading, &ranges).await?;
                Ok(held.download.path().to_owned())
            }
        }
    }

    /// A file in which ffmpeg finds what the task needs as in the source; where that is
    /// little of it, the rest may be a hole.
    pub(crate) async fn part(
        &self,
        (config, progress): (&Config, &Shared),
        recipe: &Recipe,
        need: &Need<'_>,
    ) -> Result<PathBuf, PackagerError> {
        if let Self::Origin { held, job } = *self {
            let reading = Reading {
                config,
                job,
                progress,
            };
            if let Some(part) = held.part(reading, recipe, need).await? {
                return Ok(part);
            }
        }
        self.file(config, progress).await
    }

    /// The file is not the source itself, but what was made of it to have an index: its
    /// times are new.
    pub(crate) fn is_remuxed(&self, file: &Path) -> bool {
        match *self {
            Self::File { .. } => false,
            Self::Origin { held, .. } => file == held.folder.indexed(),
        }
    }

    /// All of the source, as a file that can be split.
    pub(crate) async fn file(
        &self,
        config: &Config,
        progress: &Shared,
    ) -> Result<PathBuf, PackagerError> {
        match *self {
            Self::File { path, .. } => Ok(path.to_owned()),
            Self::Origin { held, job } => {
                let reading = Reading {
                    config,
                    job,
                    progress,
                };
                held.file(reading).await
            }
        }
    }
}
