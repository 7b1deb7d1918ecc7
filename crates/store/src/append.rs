//! Writing a blob that grows: an upload.

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
}

impl Appender {
    /// Length so far, bytes, safe on disk or not.
    #[must_use]
    pub fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    /// Appends, unless that would cut into the floor of free space.
    ///
    /// # Errors
    /// [`StoreError::Full`] and [`StoreError::Io`]; what came before is kept.
    pub async fn write(&mut self, bytes: &Bytes) -> Result<(), StoreError> {
        self.files
            .check_floor(&mut self.unchecked_bytes, bytes.len() as u64)?;
        let write = self.file.write_all(bytes).await;
        write.map_err(StoreError::io("append to", &self.key))?;
        self.len_bytes += bytes.len() as u64;
        Ok(())
    }

    /// Returns once everything written is on disk; gives the length, bytes.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub async fn sync(&mut self) -> Result<u64, StoreError> {
        let flushed = self.file.flush().await;
        flushed.map_err(StoreError::io("append to", &self.key))?;
        let synced = self.file.sync_data().await;
        synced.map_err(StoreError::io("sync", &self.key))?;
        Ok(self.len_bytes)
    }
}
