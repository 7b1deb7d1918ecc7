//! Writing a blob that grows: an upload.

use std::io;

use bytes::Bytes;
use tokio::{fs::File, io::AsyncWriteExt};

use crate::{BlobKey, Files, StoreError};

/// Open end of a growing blob. Dropping it keeps what was written.
#[derive(Debug)]
pub struct Appender {
    pub(crate) key: BlobKey,
    pub(crate) file: File,
    pub(crate) len_bytes: u64,
    pub(crate) files: Files,
    pub(crate) unchecked_bytes: u64,
    pub(crate) health: Health,
}

/// What an earlier fault still allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    /// The file ends where the length says.
    Good,
    /// A write failed or was dropped half-way: the file may hold a part of it, so nothing
    /// may follow. What came before can still be synced.
    TornEnd,
    /// A sync failed or was dropped. The kernel tells a lost page once, so a later sync
    /// that succeeds says nothing.
    Unknown,
}

impl Appender {
    /// Length so far, bytes, safe on disk or not.
    #[must_use]
    pub fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    /// Appends, unless that would cut into the floor of free space. After an error, or
    /// when dropped before it ends, no later write is taken.
    ///
    /// # Errors
    /// [`StoreError::Full`] and [`StoreError::Io`]; what came before is kept.
    pub async fn write(&mut self, bytes: &Bytes) -> Result<(), StoreError> {
        if self.health != Health::Good {
            return Err(self.broken("append to"));
        }
        self.files
            .check_floor(&mut self.unchecked_bytes, bytes.len() as u64)?;
        self.health = Health::TornEnd;
        let write = self.file.write_all(bytes).await;
        write.map_err(StoreError::io("append to", &self.key))?;
        // A tokio file tells a write's error at the next call: bytes count after that one.
        let flushed = self.file.flush().await;
        flushed.map_err(StoreError::io("append to", &self.key))?;
        self.health = Health::Good;
        self.len_bytes += bytes.len() as u64;
        Ok(())
    }

    /// Returns once every write that succeeded is on disk; gives the length up to there,
    /// bytes. After an error no later sync succeeds.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub async fn sync(&mut self) -> Result<u64, StoreError> {
        if self.health == Health::Unknown {
            return Err(self.broken("sync"));
        }
        let health = std::mem::replace(&mut self.health, Health::Unknown);
        let synced = self.file.sync_data().await;
        synced.map_err(StoreError::io("sync", &self.key))?;
        self.health = health;
        Ok(self.len_bytes)
    }

    fn broken(&self, action: &'static str) -> StoreError {
        let earlier = io::Error::other("an earlier write or sync failed");
        StoreError::io(action, &self.key)(earlier)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tokio::fs::File;

    use super::*;

    /// Of a file opened by the test, into which `len_bytes` went before.
    async fn appender(folder: &Path, file: File, len_bytes: u64) -> Appender {
        Appender {
            key: "u".parse().unwrap(),
            file,
            len_bytes,
            files: Files::open(folder, 0).await.unwrap(),
            unchecked_bytes: 0,
            health: Health::Good,
        }
    }

    /// Every write to it fails, and every sync succeeds.
    async fn read_only(folder: &Path) -> File {
        let path = folder.join("u");
        std::fs::write(&path, "safe").unwrap();
        File::open(path).await.unwrap()
    }

    #[tokio::test]
    async fn bytes_of_a_write_that_failed_are_not_counted_as_safe() {
        let folder = tempfile::tempdir().unwrap();
        let file = read_only(folder.path()).await;
        let mut upload = appender(folder.path(), file, 4).await;
        let lost = upload.write(&Bytes::from_static(b"lost")).await;
        assert!(matches!(lost, Err(StoreError::Io { .. })), "{lost:?}");
        assert_eq!(upload.len_bytes(), 4);
        assert_eq!(upload.sync().await.unwrap(), 4);
        assert_eq!(upload.sync().await.unwrap(), 4);
    }

    #[tokio::test]
    async fn nothing_is_appended_behind_a_write_that_failed() {
        let folder = tempfile::tempdir().unwrap();
        let file = read_only(folder.path()).await;
        let mut upload = appender(folder.path(), file, 4).await;
        upload
            .write(&Bytes::from_static(b"lost"))
            .await
            .unwrap_err();
        let path = folder.path().join("u");
        upload.file = File::options().append(true).open(&path).await.unwrap();
        upload.write(&Bytes::from_static(b"gap")).await.unwrap_err();
        assert_eq!(std::fs::read(path).unwrap(), b"safe");
    }

    #[tokio::test]
    async fn a_full_disk_is_told_by_the_write_that_meets_it() {
        let folder = tempfile::tempdir().unwrap();
        let full = File::options().write(true).open("/dev/full").await.unwrap();
        let mut upload = appender(folder.path(), full, 0).await;
        let refused = upload.write(&Bytes::from_static(b"lost")).await;
        assert!(
            matches!(refused, Err(StoreError::Full { .. })),
            "{refused:?}"
        );
    }

    #[tokio::test]
    async fn no_sync_succeeds_after_one_that_failed() {
        let folder = tempfile::tempdir().unwrap();
        // A device can't be synced.
        let device = File::options().write(true).open("/dev/full").await.unwrap();
        let mut upload = appender(folder.path(), device, 0).await;
        upload.sync().await.unwrap_err();
        upload.file = read_only(folder.path()).await;
        upload.sync().await.unwrap_err();
    }
}
