//! The files.
//!
//! ```text
//! lock          held by the one process that may write here
//! format        version of what is written here
//! tmp/<name>    what is being written
//! <xx>/<name>   objects, by the first two digits of their names
//! ```

use std::{
    fs::{self, File, TryLockError},
    io::{self, ErrorKind, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    format::{self, Clock},
    name::Name,
};
use crate::{
    head::{Content, Object},
    path::CacheKey,
};

/// Says what a folder was written by: `weir-cache <version of the format>`.
const FORMAT: &str = "format";
const FORMAT_BEGIN: &str = "weir-cache ";

/// A folder that is this process's alone, as long as this lives.
pub(crate) struct Folder {
    dir: PathBuf,
    lock: File,
    outdated: bool,
}

/// Why a folder can't be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("another edge uses it")]
    InUse,
    #[error("a later version of weir wrote it")]
    Later,
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Folder {
    /// Takes a folder, which exists, and clears what was left half-written there. That it can
    /// be written to is found out here.
    pub(crate) fn open(dir: &Path) -> Result<Self, Refused> {
        let lock = File::options()
            .create(true)
            .append(true)
            .open(dir.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Refused::InUse),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let written_as = version(dir)?;
        if written_as > Some(format::VERSION) {
            return Err(Refused::Later);
        }
        let folder = Self {
            dir: dir.to_owned(),
            lock,
            outdated: written_as.is_some_and(|version| version < format::VERSION),
        };
        let tmp = folder.tmp();
        make_dir(&tmp)?;
        for left in fs::read_dir(&tmp)? {
            // What stays is overwritten one day.
            let _ = fs::remove_file(left?.path());
        }
        let (new, place) = (tmp.join(FORMAT), dir.join(FORMAT));
        fs::write(&new, format!("{FORMAT_BEGIN}{}\n", format::VERSION))?;
        fs::rename(new, place)?;
        Ok(folder)
    }

    /// What is there was written by an earlier version, and can't be read.
    pub(crate) fn is_outdated(&self) -> bool {
        self.outdated
    }

    /// Whether the folder is still the one that was opened.
    pub(crate) fn is_there(&self) -> bool {
        let inode = |of: io::Result<fs::Metadata>| of.map(|of| (of.dev(), of.ino())).ok();
        let here = inode(self.lock.metadata());
        here.is_some() && here == inode(fs::metadata(self.dir.join("lock")))
    }

    fn tmp(&self) -> PathBuf {
        self.dir.join("tmp")
    }

    /// Calls `found` with each file of an object, and its length, until it says `false`.
    ///
    /// # Errors
    /// The last of those met; the rest was found all the same.
    pub(crate) fn scan(&self, mut found: impl FnMut(Name, u64) -> bool) -> io::Result<()> {
        let mut met = Ok(());
        for digits in 0..=u8::MAX {
            let shelf = self.dir.join(format!("{digits:02x}"));
            let files = match fs::read_dir(shelf) {
                Ok(files) => files,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => {
                    met = Err(error);
                    continue;
                }
            };
            for file in files {
                match file.and_then(|file| object(digits, &file)) {
                    Ok(Some((name, len))) if !found(name, len) => return met,
                    Ok(_) => {}
                    Err(error) => met = Err(error),
                }
            }
        }
        met
    }

    /// Writes an object, in place of what had its name.
    pub(crate) fn write(&self, name: Name, file: &Encoded<'_>) -> io::Result<()> {
        let tmp = self.tmp().join(name.to_string());
        let path = name.path(&self.dir);
        let written = file.write(&tmp).and_then(|()| {
            let renamed = fs::rename(&tmp, &path);
            match (renamed, path.parent()) {
                (Err(error), Some(shelf)) if error.kind() == ErrorKind::NotFound => {
                    make_dir(shelf)?;
                    fs::rename(&tmp, &path)
                }
                (renamed, _) => renamed,
            }
        });
        if written.is_err() {
            let _ = fs::remove_file(&tmp);
        }
        written
    }

    /// Deletes an object's file, if there is one.
    pub(crate) fn unlink(&self, name: Name) -> io::Result<()> {
        match fs::remove_file(name.path(&self.dir)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// The version of the format that a folder says; none that is new, or cut by a crash.
fn version(dir: &Path) -> io::Result<Option<u32>> {
    let text = match fs::read(dir.join(FORMAT)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text?,
    };
    let text = String::from_utf8_lossy(&text);
    let number = text.strip_prefix(FORMAT_BEGIN);
    Ok(number.and_then(|number| number.trim_end().parse().ok()))
}

/// Name and length, if a file on this shelf is an object's.
fn object(shelf: u8, file: &fs::DirEntry) -> io::Result<Option<(Name, u64)>> {
    let name = file.file_name().to_str().and_then(Name::parse);
    let Some(name) = name.filter(|name| name.shelf() == shelf) else {
        return Ok(None);
    };
    match file.metadata() {
        // Deleted meanwhile.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        file => Ok(Some((name, file?.len()))),
    }
}

fn make_dir(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// An object to be written.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) key: CacheKey,
    pub(crate) object: Arc<Object>,
    /// When it was given here: its age is written as of then.
    pub(crate) clock: Clock,
}

impl Draft {
    pub(crate) fn encode(&self) -> Encoded<'_> {
        let object = &*self.object;
        let sums = match &object.body {
            Content::Ram(body) => format::sums(body.iter().map(|piece| &piece[..])).into(),
            Content::Disk(body) => body.sums.clone(),
        };
        let key = self.key.as_str();
        let header = format::encode(key, &object.head, object.len(), &sums, self.clock);
        Encoded { object, header }
    }
}

/// The same as it is written.
pub(crate) struct Encoded<'a> {
    object: &'a Object,
    header: Vec<u8>,
}

impl Encoded<'_> {
    /// Of the file, bytes.
    pub(crate) fn len(&self) -> u64 {
        self.header.len() as u64 + self.object.len()
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let mut file = File::create(path)?;
        file.write_all(&self.header)?;
        match &self.object.body {
            Content::Ram(body) => body.iter().try_for_each(|piece| file.write_all(piece)),
            Content::Disk(body) => {
                (0..body.pieces()).try_for_each(|n| file.write_all(&body.piece(n)?))
            }
        }
    }
}
