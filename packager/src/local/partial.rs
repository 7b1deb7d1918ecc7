//! A file that is whole under its name, or not there.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
};

use super::shelf::fault;
use crate::PackagerError;

/// A file that is being written beside its name.
pub(crate) struct Partial {
    file: File,
    beside: PathBuf,
    path: PathBuf,
}

impl Partial {
    /// Begins the file that will be `path`, in a folder that is made if need be.
    pub(super) fn create(path: &Path) -> Result<Self, PackagerError> {
        let beside = Self::beside(path);
        let folder = path.parent().unwrap_or(path);
        let file = std::fs::create_dir_all(folder).and_then(|()| File::create(&beside));
        let file = file.map_err(|e| fault(path, e))?;
        Ok(Self {
            file,
            beside,
            path: path.to_owned(),
        })
    }

    /// What the file is called until it is whole.
    pub(super) fn beside(path: &Path) -> PathBuf {
        path.with_extension("part")
    }

    /// Goes on with `bytes`.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), PackagerError> {
        let written = self.file.write_all(bytes);
        written.map_err(|e| fault(&self.path, e))
    }

    /// It is whole.
    pub(super) fn done(self) -> Result<(), PackagerError> {
        std::fs::rename(&self.beside, &self.path).map_err(|e| fault(&self.path, e))
    }
}
