//! Purges on disk, beside the objects they are about: a purge holds after a restart, before
//! any index is rebuilt.

mod line;
#[cfg(test)]
mod tests;

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use tracing::warn;

use super::{Purge, set::Set};
use line::{First, Line};

/// Its name in the cache folder.
const FILE: &str = "purges.jsonl";
/// Longest journal that is read, bytes. Chosen: twice what one grows to.
const LEN_MAX: u64 = 64 << 20;
/// It is written anew when so many bytes were appended. Chosen.
const APPENDED_MAX: usize = 16 << 20;

/// See the module.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    epoch: u64,
    appended: usize,
    /// Something could not be written: what stands at the end may be half a line.
    torn: bool,
}

/// What a journal has.
pub(super) struct Kept {
    pub(super) epoch: u64,
    pub(super) newest: u64,
    pub(super) set: Set,
}

impl Journal {
    /// Reads what is there, or begins with `epoch`, and writes it anew: what was torn is
    /// gone then.
    pub(super) fn open(folder: &Path, epoch: u64) -> io::Result<(Self, Kept)> {
        fs::create_dir_all(folder)?;
        let path = folder.join(FILE);
        let kept = read(&path).unwrap_or_else(|error| {
            if error.kind() != ErrorKind::NotFound {
                warn!(path = %path.display(), %error, "the purges of before can't be read: all that is stored counts as stale");
            }
            let (newest, set) = (0, Set::new());
            Kept { epoch, newest, set }
        });
        let epoch = kept.epoch;
        let file = write_whole(&path, epoch, kept.newest, &kept.set)?;
        let journal = Self {
            path,
            file,
            epoch,
            appended: 0,
            torn: false,
        };
        Ok((journal, kept))
    }

    /// Adds a purge that `set` has already; it is on disk at the return. After a failure the
    /// next one writes all anew, those that failed included.
    pub(super) fn append(&mut self, offset: u64, purge: &Purge, set: &Set) -> io::Result<()> {
        let written = if self.torn || self.appended >= APPENDED_MAX {
            self.rewrite(offset, set)
        } else {
            self.append_line(&Line::of(offset, purge))
        };
        self.torn = written.is_err();
        written
    }

    fn append_line(&mut self, line: &Line) -> io::Result<()> {
        let text = line::write(line)?;
        self.appended += text.len();
        self.file.write_all(&text)?;
        self.file.sync_data()
    }

    /// Writes all that is in force into a new file.
    pub(super) fn rewrite(&mut self, newest: u64, set: &Set) -> io::Result<()> {
        self.file = write_whole(&self.path, self.epoch, newest, set)?;
        self.appended = 0;
        Ok(())
    }
}

fn read(path: &Path) -> io::Result<Kept> {
    if fs::metadata(path)?.len() > LEN_MAX {
        return Err(io::Error::new(ErrorKind::InvalidData, "it is too long"));
    }
    let text = fs::read_to_string(path)?;
    // What stands behind the last line's end was never acknowledged.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let mut lines = whole.lines();
    let first = First::read(lines.next().unwrap_or_default())?;
    let mut set = Set::new();
    set.set_horizon(first.horizon());
    let (epoch, mut newest) = (first.epoch, first.newest);
    for line in lines {
        let line: Line = line::read(line)?;
        newest = newest.max(line.offset);
        line.add_to(&mut set);
    }
    Ok(Kept { epoch, newest, set })
}

/// Writes all that is remembered into a new file, in the place of the old one. Both the file
/// and its name are on disk at the return.
fn write_whole(path: &Path, epoch: u64, newest: u64, set: &Set) -> io::Result<File> {
    let temporary = path.with_extension("new");
    let mut file = File::create(&temporary)?;
    let mut text = line::write(&First::of(epoch, newest, set))?;
    for line in Line::all(set).values() {
        text.extend(line::write(line)?);
    }
    file.write_all(&text)?;
    file.sync_data()?;
    fs::rename(&temporary, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(file)
}
