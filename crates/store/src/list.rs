//! Which blobs there are.

use std::{
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use crate::{BlobKey, Files, StoreError, error::is_absent};

/// What is known of a blob without its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Length, bytes.
    pub len_bytes: u64,
    /// When it was last written, by the store's clock.
    pub modified: SystemTime,
}

/// A blob in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub key: BlobKey,
    /// What is known of it.
    pub head: Head,
}

/// A blob that is being sent in parts, or was once and never came to an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// The name that it would have.
    pub key: BlobKey,
    /// What the store calls the attempt.
    pub upload: String,
}

/// Some of a store's blobs, in the order of their keys' bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The blobs.
    pub entries: Vec<Entry>,
    /// Behind which the next page begins; `None`: this one came to the end.
    pub next: Option<BlobKey>,
}

/// A page's blobs that were last written long enough ago.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Their names.
    pub old: Vec<BlobKey>,
    /// Behind which the next round begins; `None`: this one came to the end.
    pub next: Option<BlobKey>,
}

impl Page {
    /// Those last written before then; of the beginning of time, none.
    pub(crate) fn written_before(self, before: Option<SystemTime>) -> Round {
        let is_old = |entry: &Entry| before.is_some_and(|before| entry.head.modified <= before);
        let old = self.entries.into_iter().filter(is_old);
        Round {
            old: old.map(|entry| entry.key).collect(),
            next: self.next,
        }
    }
}

impl Files {
    /// Up to `max` blobs behind `after`; those alone whose key starts with `below` and `/`,
    /// if that is given.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub async fn list(
        &self,
        below: Option<&BlobKey>,
        after: Option<&BlobKey>,
        max: usize,
    ) -> Result<Page, StoreError> {
        self.walk_through(below, after, max, None).await
    }

    /// Looks at up to `max` blobs behind `after`, and names those that were last written
    /// `age` ago or longer. Folders that have been empty as long are removed.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub async fn walk(
        &self,
        after: Option<&BlobKey>,
        age: Duration,
        max: usize,
    ) -> Result<Round, StoreError> {
        let before = SystemTime::now().checked_sub(age);
        let page = self.walk_through(None, after, max, before).await?;
        Ok(page.written_before(before))
    }

    async fn walk_through(
        &self,
        below: Option<&BlobKey>,
        after: Option<&BlobKey>,
        max: usize,
        empty_since: Option<SystemTime>,
    ) -> Result<Page, StoreError> {
        let mut walk = Walk {
            root: self.root().to_owned(),
            after: after.map(|key| key.as_str().to_owned()),
            empty_since,
            left: max,
            page: Page::default(),
        };
        let below = below.map_or_else(String::new, |key| format!("{key}/"));
        let walked =
            tokio::task::spawn_blocking(move || walk.folder(&below).map(|_| walk.page)).await;
        let walked = walked.map_err(io::Error::other).flatten();
        walked.map_err(StoreError::io("walk through", "the store"))
    }
}

struct Walk {
    root: PathBuf,
    /// What is up to here has been seen.
    after: Option<String>,
    /// Folders that have been empty since then are removed.
    empty_since: Option<SystemTime>,
    left: usize,
    page: Page,
}

impl Walk {
    /// Walks a folder, which is `""` or ends in `/`. False: the page is full.
    fn folder(&mut self, folder: &str) -> io::Result<bool> {
        let path = self.root.join(folder);
        let names = match names(&path) {
            // None, or deleted meanwhile.
            Err(error) if is_absent(&error) => return Ok(true),
            names => names?,
        };
        if names.is_empty() {
            self.remove_if_old(folder, &path);
        }
        for name in names {
            let name = format!("{folder}{name}");
            if self.has_passed(&name) {
                continue;
            }
            let has_room = match name.ends_with('/') {
                true => self.folder(&name)?,
                false => self.blob(&name)?,
            };
            if !has_room {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// All that has this name, or is in the folder of this name, was seen.
    fn has_passed(&self, name: &str) -> bool {
        let Some(after) = self.after.as_deref() else {
            return false;
        };
        match name.ends_with('/') {
            true => name < after && !after.starts_with(name),
            false => name <= after,
        }
    }

    fn blob(&mut self, name: &str) -> io::Result<bool> {
        // Longer than a key may be: a stranger's.
        let Ok(key) = name.parse::<BlobKey>() else {
            return Ok(true);
        };
        let metadata = match std::fs::symlink_metadata(self.root.join(name)) {
            // Deleted meanwhile.
            Err(error) if is_absent(&error) => return Ok(true),
            metadata => metadata?,
        };
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            self.page.next = Some(key.clone());
        }
        self.page.entries.push(Entry {
            key,
            head: Head {
                len_bytes: metadata.len(),
                modified: metadata.modified()?,
            },
        });
        Ok(self.left > 0)
    }

    /// Folders at the top stay: writers take them for granted.
    fn remove_if_old(&self, folder: &str, path: &Path) {
        let modified = std::fs::metadata(path).and_then(|metadata| metadata.modified());
        let old = modified.is_ok_and(|at| self.empty_since.is_some_and(|before| at <= before));
        if folder.matches('/').count() > 1 && old {
            // Fails where something came into it meanwhile: then it is not empty.
            let _ = std::fs::remove_dir(path);
        }
    }
}

/// What is in a folder, those of folders with `/` at their end, in the order of bytes. A
/// name that is no part of a key is not a blob's: half-written, or a stranger's.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let is_folder = entry.file_type()?.is_dir();
        let Ok(mut name) = entry.file_name().into_string() else {
            continue;
        };
        if name.parse::<BlobKey>().is_err() {
            continue;
        }
        if is_folder {
            name.push('/');
        }
        names.push(name);
    }
    names.sort_unstable();
    Ok(names)
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
        files.list(None, None, 9).await.unwrap();
        assert!(folder.path().join("a/b").exists(), "a list changes nothing");
        files.walk(None, Duration::ZERO, 9).await.unwrap();
        assert!(!folder.path().join("a/b").exists());
        assert!(folder.path().join("a").exists());
    }
}
