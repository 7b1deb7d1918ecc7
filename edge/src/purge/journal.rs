//! Purges on disk, beside the objects they are about: a purge holds after a restart, before
//! any index is rebuilt.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tracing::warn;

use super::{Purge, Selector, set::Set};

/// Its name in the cache folder.
const FILE: &str = "purges.jsonl";
/// In its first line, so that no other file is taken for one.
const KIND: &str = "weir-purges-1";
/// Longest journal that is read, bytes. Chosen: twice what one grows to.
const LEN_MAX: u64 = 64 << 20;
/// It is written anew when so many bytes were appended. Chosen.
const APPENDED_MAX: usize = 16 << 20;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct First {
    kind: String,
    epoch: u64,
    /// All before it is stale.
    horizon: u64,
    newest: u64,
}

/// Each other line.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Line {
    offset: u64,
    soft: bool,
    /// Milliseconds since 1970.
    at: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    urls: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    prefixes: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
}

/// See the module.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    epoch: u64,
    appended: usize,
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
        };
        Ok((journal, kept))
    }

    /// Adds a purge that `set` has already; it is on disk at the return.
    pub(super) fn append(&mut self, offset: u64, purge: &Purge, set: &Set) -> io::Result<()> {
        if self.appended >= APPENDED_MAX {
            return self.rewrite(offset, set);
        }
        let mut line = Line {
            offset,
            soft: purge.soft,
            at: unix_millis(Instant::now()),
            ..Line::default()
        };
        purge.selectors.iter().for_each(|one| line.add(one));
        let text = to_line(&line)?;
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

impl Line {
    fn add(&mut self, selector: &Selector) {
        let list = match selector {
            Selector::Url(_) => &mut self.urls,
            Selector::Prefix(_) => &mut self.prefixes,
            Selector::Tag(_) => &mut self.tags,
        };
        list.push(selector.text().to_string());
    }

    fn selectors(self) -> Vec<Selector> {
        let urls = self.urls.into_iter().map(|it| Selector::Url(it.into()));
        let prefixes = self.prefixes.into_iter();
        let prefixes = prefixes.map(|it| Selector::Prefix(it.into()));
        let tags = self.tags.into_iter().map(|it| Selector::Tag(it.into()));
        urls.chain(prefixes).chain(tags).collect()
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
    let first: First = serde_json::from_str(lines.next().unwrap_or_default())?;
    if first.kind != KIND {
        return Err(io::Error::new(
            ErrorKind::InvalidData,
            "it is no journal of purges",
        ));
    }
    let mut set = Set::new();
    set.set_horizon(first.horizon, Instant::now());
    let mut newest = first.newest;
    for line in lines {
        let line: Line = serde_json::from_str(line)?;
        let (offset, soft) = (line.offset, line.soft.then(|| instant(line.at)));
        set.add(&line.selectors(), offset, soft);
        newest = newest.max(offset);
    }
    let epoch = first.epoch;
    Ok(Kept { epoch, newest, set })
}

/// Writes all that is remembered into a new file, in the place of the old one.
fn write_whole(path: &Path, epoch: u64, newest: u64, set: &Set) -> io::Result<File> {
    let temporary = path.with_extension("new");
    let mut file = File::create(&temporary)?;
    let first = First {
        kind: KIND.to_owned(),
        epoch,
        horizon: set.horizon(),
        newest,
    };
    let mut text = to_line(&first)?;
    for line in lines(set).values() {
        text.extend(to_line(line)?);
    }
    file.write_all(&text)?;
    file.sync_data()?;
    fs::rename(&temporary, path)?;
    Ok(file)
}

/// By offset: each is of one purge, hence of one kind.
fn lines(set: &Set) -> BTreeMap<u64, Line> {
    let mut lines = BTreeMap::new();
    for (selector, latest) in set.selectors() {
        for (offset, soft_at) in [(latest.hard, None), (latest.soft, latest.soft_at)] {
            if offset == 0 {
                continue;
            }
            let line: &mut Line = lines.entry(offset).or_default();
            line.offset = offset;
            line.soft = soft_at.is_some();
            line.at = unix_millis(soft_at.unwrap_or_else(Instant::now));
            line.add(selector);
        }
    }
    lines
}

fn to_line(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec(value)?;
    text.push(b'\n');
    Ok(text)
}

fn unix_millis(at: Instant) -> u64 {
    let wall = SystemTime::now().checked_sub(at.elapsed());
    let since = wall.and_then(|wall| wall.duration_since(UNIX_EPOCH).ok());
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

/// When that was; now, if it lies ahead or before the machine's start.
fn instant(millis: u64) -> Instant {
    let now = Instant::now();
    let then = UNIX_EPOCH.checked_add(Duration::from_millis(millis));
    let ago = then.and_then(|then| SystemTime::now().duration_since(then).ok());
    ago.and_then(|ago| now.checked_sub(ago)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::purge::{Judgement, Purges, Subject, Tags};

    fn folder(name: &str) -> PathBuf {
        let process = std::process::id();
        let folder = std::env::temp_dir().join(format!("weir-purges-{process}-{name}"));
        let _ = fs::remove_dir_all(&folder);
        folder
    }

    fn hard(url: &str) -> Purge {
        Purge {
            selectors: vec![Selector::Url(url.into())],
            soft: false,
        }
    }

    fn judge(purges: &Purges, key: &str, position: super::super::Position) -> Judgement {
        let none = Tags::These([].into());
        let tags = Some(&none);
        purges.judge(Subject { key, tags }, position)
    }

    #[test]
    fn purges_hold_after_a_restart() {
        let folder = folder("restart");
        let purges = Purges::open(&folder).unwrap();
        let before = purges.now();
        let soft = Purge {
            selectors: vec![Selector::Prefix("/s/".into())],
            soft: true,
        };
        for purge in [&hard("/a"), &soft] {
            purges.add(purge).1.unwrap();
        }
        let after = purges.now();
        for _ in 0..2 {
            let again = Purges::open(&folder).unwrap();
            assert_eq!(again.now(), after);
            assert_eq!(judge(&again, "/a", before), Judgement::Dead);
            assert!(matches!(judge(&again, "/s/x", before), Judgement::Stale(_)));
            assert_eq!(judge(&again, "/a", after), Judgement::Alive);
        }
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_line_torn_by_a_crash_was_never_acknowledged() {
        let folder = folder("torn");
        let purges = Purges::open(&folder).unwrap();
        let before = purges.now();
        purges.add(&hard("/a")).1.unwrap();
        purges.add(&hard("/b")).1.unwrap();
        let path = folder.join(FILE);
        let text = fs::read(&path).unwrap();
        fs::write(&path, &text[..text.len() - 5]).unwrap();
        let again = Purges::open(&folder).unwrap();
        assert_eq!(judge(&again, "/a", before), Judgement::Dead);
        assert_eq!(judge(&again, "/b", before), Judgement::Alive);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn without_its_journal_all_that_is_stored_is_stale() {
        let folder = folder("lost");
        fs::create_dir_all(&folder).unwrap();
        let first = r#"{"kind":"weir-purges-1","epoch":1,"horizon":0,"newest":7}"#;
        fs::write(folder.join(FILE), format!("{first}\n")).unwrap();
        let before = Purges::open(&folder).unwrap().now();
        assert_eq!(before.to_string(), "1.7");
        fs::write(folder.join(FILE), format!("{first}\nnonsense\n")).unwrap();
        let again = Purges::open(&folder).unwrap();
        assert!(matches!(judge(&again, "/a", before), Judgement::Stale(_)));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_journal_that_has_grown_is_written_anew() {
        let folder = folder("grown");
        let (mut journal, kept) = Journal::open(&folder, 1).unwrap();
        let mut set = kept.set;
        for offset in 1..=3 {
            let purge = hard("/a");
            set.add(&purge.selectors, offset, None);
            journal.appended = if offset == 3 { APPENDED_MAX } else { 0 };
            journal.append(offset, &purge, &set).unwrap();
        }
        let text = fs::read_to_string(folder.join(FILE)).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert_eq!(read(&folder.join(FILE)).unwrap().newest, 3);
        fs::remove_dir_all(&folder).unwrap();
    }
}
