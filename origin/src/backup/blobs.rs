//! The blobs of a backup: copied once, checked each time they are read.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::BlobKey;

use super::{Progress, beside, fault, write_private};
use crate::OriginError;

/// Read at once, bytes.
const PIECE_LEN: usize = 1 << 20;

/// A line of the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Listed {
    pub(super) blob: String,
    /// Bytes.
    pub(super) len: u64,
    pub(super) sha256: String,
}

/// Copies blobs that are not there yet.
pub(super) struct Copier {
    from: PathBuf,
    to: PathBuf,
    /// SHA-256 of those that are.
    known: HashMap<BlobKey, (u64, String)>,
    missing: Vec<BlobKey>,
}

impl Copier {
    pub(super) fn new(from: &Path, to: &Path, old: Vec<Listed>) -> Self {
        let known = old.into_iter().filter_map(|it| {
            let key: BlobKey = it.blob.parse().ok()?;
            let there = fs::metadata(to.join(key.as_str())).ok()?;
            (there.len() == it.len).then_some((key, (it.len, it.sha256)))
        });
        Self {
            from: from.to_owned(),
            to: to.to_owned(),
            known: known.collect(),
            missing: Vec::new(),
        }
    }

    /// Copies what is named and not there yet. False: some of it is gone, and a later
    /// catalogue may name it no more.
    pub(super) fn copy(
        &mut self,
        named: &BTreeMap<BlobKey, u64>,
        progress: Progress<'_>,
    ) -> Result<bool, OriginError> {
        let (mut done, all) = (0, named.values().sum());
        self.missing.clear();
        for (key, len) in named {
            if self.known.get(key).is_none_or(|(known, _)| known != len) {
                let (from, to) = (self.from.join(key.as_str()), self.to.join(key.as_str()));
                match copy(&from, &to)? {
                    Some((copied, sha256)) if copied == *len => {
                        self.known.insert(key.clone(), (copied, sha256));
                    }
                    _ => self.missing.push(key.clone()),
                }
            }
            done += len;
            progress(done, all);
        }
        Ok(self.missing.is_empty())
    }

    /// How many of the last were not there, and one of them.
    pub(super) fn missing(&self) -> (usize, String) {
        let first = self.missing.first().map(ToString::to_string);
        (self.missing.len(), first.unwrap_or_default())
    }

    pub(super) fn listed(&self, named: &BTreeMap<BlobKey, u64>) -> Vec<Listed> {
        let listed = named.keys().filter_map(|key| {
            let (len, sha256) = self.known.get(key)?;
            Some(Listed {
                blob: key.to_string(),
                len: *len,
                sha256: sha256.clone(),
            })
        });
        listed.collect()
    }
}

/// Copies a file whole: its length, bytes, and SHA-256; none if it is not there.
pub(super) fn copy(from: &Path, to: &Path) -> Result<Option<(u64, String)>, OriginError> {
    let mut source = match File::open(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(fault("open", from))?,
    };
    let parent = to.parent().expect("a blob is below its folder");
    fs::create_dir_all(parent).map_err(fault("make", parent))?;
    let new = beside(to);
    let mut target = File::create(&new).map_err(fault("make", &new))?;
    let copied = digest(&mut source, |piece| {
        target.write_all(piece).map_err(fault("write", &new))
    });
    let (len, sha256) = copied.map_err(|error| error.unwrap_or_else(fault("read", from)))?;
    fs::rename(&new, to).map_err(fault("rename", to))?;
    Ok(Some((len, sha256)))
}

/// SHA-256 of a file.
pub(super) fn sha256_of(path: &Path) -> Result<String, OriginError> {
    let mut file = File::open(path).map_err(fault("open", path))?;
    let read = digest(&mut file, |_| Ok(()));
    let (_, sha256) = read.map_err(|error| error.unwrap_or_else(fault("read", path)))?;
    Ok(sha256)
}

/// What reading, or what was done with it, came to.
enum Broken {
    Read(io::Error),
    Done(OriginError),
}

impl Broken {
    fn unwrap_or_else(self, read: impl FnOnce(io::Error) -> OriginError) -> OriginError {
        match self {
            Self::Read(error) => read(error),
            Self::Done(error) => error,
        }
    }
}

/// Reads to the end: length and SHA-256.
fn digest(
    file: &mut File,
    mut each: impl FnMut(&[u8]) -> Result<(), OriginError>,
) -> Result<(u64, String), Broken> {
    let (mut hash, mut len, mut piece) = (Sha256::new(), 0, vec![0; PIECE_LEN]);
    loop {
        let read = match file.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Broken::Read(error)),
        };
        hash.update(&piece[..read]);
        each(&piece[..read]).map_err(Broken::Done)?;
        len += read as u64;
    }
    let sha256 = hash.finalize();
    let sha256 = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((len, sha256))
}

/// What a manifest lists; nothing where there is none.
pub(super) fn read_manifest(path: &Path) -> Result<Vec<Listed>, OriginError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened.map_err(fault("open", path))?,
    };
    let lines = BufReader::new(file).lines();
    let listed = lines.map(|line| Ok(serde_json::from_str(&line?)?));
    listed
        .collect::<io::Result<_>>()
        .map_err(fault("read", path))
}

pub(super) fn write_manifest(path: &Path, listed: &[Listed]) -> Result<(), OriginError> {
    let mut text = Vec::new();
    for line in listed {
        serde_json::to_writer(&mut text, line)
            .map_err(|error| fault("write", path)(error.into()))?;
        text.push(b'\n');
    }
    write_private(path, &text)
}

/// Deletes what an earlier backup named, and this one does not. Folders stay.
pub(super) fn drop_others(root: &Path, named: &BTreeMap<BlobKey, u64>) -> Result<(), OriginError> {
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.map_err(fault("read", &folder))?,
        };
        for entry in entries {
            let path = entry.map_err(fault("read", &folder))?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let below = path.strip_prefix(root).ok().and_then(Path::to_str);
            let key = below.and_then(|text| text.trim_end_matches('~').parse::<BlobKey>().ok());
            // What is no blob's name is a stranger's, and stays.
            if key.is_some_and(|key| {
                beside(&root.join(key.as_str())) == path || !named.contains_key(&key)
            }) {
                fs::remove_file(&path).map_err(fault("delete", &path))?;
            }
        }
    }
    Ok(())
}
