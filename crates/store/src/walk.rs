//! Finding blobs that nobody names.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use crate::{BlobKey, Files, StoreError};

/// Some of a store's blobs, in the order of their keys' parts.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Blobs that were last written long enough ago.
    pub old: Vec<BlobKey>,
    /// Where the next round goes on; `None`: this one came to the end.
    pub next: Option<BlobKey>,
}

impl Files {
    /// Looks at up to `max` blobs behind `after`, and names those that were last written
    /// `age` ago or longer. Folders that have been empty as long are removed.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub async fn walk(
        &self,
        after: Option<BlobKey>,
        age: Duration,
        max: usize,
    ) -> Result<Round, StoreError> {
        let mut walk = Walk {
            root: self.root().to_owned(),
            after: after.map_or_else(Vec::new, |key| {
                key.as_str().split('/').map(str::to_owned).collect()
            }),
            written_before: SystemTime::now().checked_sub(age),
            left: max,
            round: Round::default(),
        };
        let walked = tokio::task::spawn_blocking(move || {
            let root = walk.root.clone();
            walk.folder(&root, 0).map(|_| walk.round)
        });
        let walked = walked.await.map_err(io::Error::other).flatten();
        walked.map_err(StoreError::io("walk through", "the store"))
    }
}

struct Walk {
    root: PathBuf,
    /// Parts of the key behind which to go on; emptied once passed.
    after: Vec<String>,
    written_before: Option<SystemTime>,
    left: usize,
    round: Round,
}

impl Walk {
    /// False: the round is full.
    fn folder(&mut self, folder: &Path, depth: usize) -> io::Result<bool> {
        let entries = match std::fs::read_dir(folder) {
            // Deleted meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            entries => entries?,
        };
        let mut names: Vec<OsString> = entries
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<io::Result<_>>()?;
        names.sort();
        if names.is_empty() {
            self.remove_if_old(folder, depth);
        }
        for name in names {
            let path = folder.join(&name);
            // Not a blob's: half-written, or a stranger's.
            let Some(name) = name.to_str().filter(|name| name.parse::<BlobKey>().is_ok()) else {
                continue;
            };
            if let Some(passed) = self.after.get(depth) {
                if name < passed.as_str() {
                    continue;
                }
                let same = name == passed;
                if !same {
                    self.after.clear();
                } else if self.after.len() == depth + 1 {
                    self.after.clear();
                    continue;
                }
            }
            let metadata = match std::fs::symlink_metadata(&path) {
                // Deleted meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                metadata => metadata?,
            };
            if metadata.is_dir() {
                if !self.folder(&path, depth + 1)? {
                    return Ok(false);
                }
            } else if !self.blob(&path, &metadata)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn blob(&mut self, path: &Path, metadata: &std::fs::Metadata) -> io::Result<bool> {
        let below = path.strip_prefix(&self.root).ok().and_then(Path::to_str);
        let Some(key) = below.and_then(|text| text.parse::<BlobKey>().ok()) else {
            return Ok(true);
        };
        let modified = metadata.modified()?;
        if self.written_before.is_some_and(|before| modified <= before) {
            self.round.old.push(key.clone());
        }
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            self.round.next = Some(key);
        }
        Ok(self.left > 0)
    }

    /// Folders at the top stay: writers take them for granted.
    fn remove_if_old(&self, folder: &Path, depth: usize) {
        let modified = std::fs::metadata(folder).and_then(|metadata| metadata.modified());
        let old = modified.is_ok_and(|at| self.written_before.is_some_and(|before| at <= before));
        if depth > 1 && old {
            // Fails where something came into it meanwhile: then it is not empty.
            let _ = std::fs::remove_dir(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn store_of(keys: &[&str]) -> (tempfile::TempDir, Files) {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::open(folder.path(), 0).await.unwrap();
        for key in keys {
            let body = futures_util::stream::iter([Ok::<_, io::Error>("x".into())]);
            files.put(&key.parse().unwrap(), body, 9).await.unwrap();
        }
        (folder, files)
    }

    fn names(round: &Round) -> Vec<&str> {
        round.old.iter().map(BlobKey::as_str).collect()
    }

    #[tokio::test]
    async fn rounds_find_every_blob_once() {
        let keys = ["a/b/1", "a/b/2", "a/c", "b", "media/v-1/t/0.mp4", "z/y"];
        let (_folder, files) = store_of(&keys).await;
        for max in 1..=7 {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let round = files.walk(after, Duration::ZERO, max).await.unwrap();
                found.extend(names(&round).into_iter().map(str::to_owned));
                after = round.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(found, keys, "{max}");
        }
    }

    #[tokio::test]
    async fn what_was_just_written_is_left_alone() {
        let (_folder, files) = store_of(&["a"]).await;
        let round = files.walk(None, Duration::from_secs(60), 9).await.unwrap();
        assert_eq!(round, Round::default());
    }

    #[tokio::test]
    async fn empty_folders_go_but_those_at_the_top_stay() {
        let (folder, files) = store_of(&["a/b/c"]).await;
        files.delete(&"a/b/c".parse().unwrap()).await.unwrap();
        files.walk(None, Duration::ZERO, 9).await.unwrap();
        assert!(!folder.path().join("a/b").exists());
        assert!(folder.path().join("a").exists());
    }
}
