//! Files of the origin's own.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use crate::OriginError;

/// What went wrong with a file, of what the system said.
pub(crate) fn fault(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OriginError {
    let path = path.display().to_string();
    move |source| OriginError::File {
        action,
        path,
        source,
    }
}

/// The text in a file that its owner alone reads; a new one where there is none.
pub(crate) fn text_or_new(path: &Path, new: fn() -> String) -> Result<String, OriginError> {
    match fs::read_to_string(path) {
        Ok(text) if !text.trim().is_empty() => return Ok(text.trim().to_owned()),
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(fault("read", path)(error));
        }
        _ => {}
    }
    let text = new();
    write_private(path, text.as_bytes())?;
    Ok(text)
}

/// Writes a file that its owner alone reads: whole, or not at all.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), OriginError> {
    let beside = beside(path);
    let mut options = File::options();
    options.write(true).create(true).truncate(true).mode(0o600);
    let written = options.open(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let renamed = written.and_then(|()| fs::rename(&beside, path));
    renamed.map_err(fault("write", path))
}

/// Where what is written to `path` stands until it is whole. No blob's key ends so.
pub(crate) fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("~");
    name.into()
}
