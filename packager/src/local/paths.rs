//! The two paths of a packaging, looked at.

use std::{fs, io, path::Path};

use super::shelf::fault;
use crate::{PackagerError, input::Input};

/// There is something to package, and room for what comes of it; nothing is written.
///
/// # Errors
/// Those of [`package`](super::package) that can be known at once.
pub fn check_paths((file, out): (&Path, &Path)) -> Result<(), PackagerError> {
    Input::open(file)?;
    match fs::read_dir(out) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        entries => is_empty(out, entries),
    }
}

/// The folder can be read, and nothing is in it.
pub(super) fn is_empty(out: &Path, entries: io::Result<fs::ReadDir>) -> Result<(), PackagerError> {
    match entries.map_err(|e| fault(out, e))?.next() {
        None => Ok(()),
        Some(_) => {
            let busy = io::Error::other("the folder is not empty: choose a new one");
            Err(fault(out, busy))
        }
    }
}
