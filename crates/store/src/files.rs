//! Blobs as files below one folder.

use std::{
    io::{self, SeekFrom},
    ops::Range,
    path::{Path, PathBuf},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use rustix::{
    fs::{XattrFlags, fsetxattr, getxattr},
    io::Errno,
};
use tokio::{
    fs::{self, File},
    io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt},
};
use tokio_util::io::ReaderStream;

use crate::{
    Appender, BlobKey, Checksum, Head, StoreError, Summing, append::Health, error::is_absent,
};

/// Folder of half-written blobs; emptied when the store opens. No [`BlobKey`] starts
/// with a dot.
const TEMPORARY: &str = ".tmp";

/// Extended attribute of a file that has its checksum, and more than its length, bytes.
const CHECKSUM: &str = "user.weir.xxh3";
const CHECKSUM_MAX: usize = 64;

/// How often free space is asked for, in bytes written. Chosen.
const FLOOR_CHECK_EVERY: u64 = 8 << 20;

/// Size of one read, bytes. Chosen: a segment of 1 MiB is four of them.
const READ_BYTES: usize = 256 << 10;

/// Bytes of a blob, in order.
pub type FileReader = ReaderStream<tokio::io::Take<File>>;

/// Blobs as files below one folder. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Files {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    root: PathBuf,
    floor_bytes: u64,
    temporaries: AtomicU64,
}

impl Files {
    /// Opens the folder, making it where needed, and drops half-written blobs.
    /// `floor_bytes` stay free on the file system.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the folder can't be made or written.
    pub async fn open(root: &Path, floor_bytes: u64) -> Result<Self, StoreError> {
        let temporary = root.join(TEMPORARY);
        match fs::remove_dir_all(&temporary).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StoreError::io("empty", temporary.display())(error));
            }
            _ => {}
        }
        let made = fs::create_dir_all(&temporary).await;
        made.map_err(StoreError::io("make", temporary.display()))?;
        Ok(Self::of(root, floor_bytes))
    }

    /// A folder that another process has opened: nothing in it is touched by that.
    #[must_use]
    pub fn of(root: &Path, floor_bytes: u64) -> Self {
        let shared = Shared {
            root: root.to_owned(),
            floor_bytes,
            temporaries: AtomicU64::new(0),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Stores a whole blob: it is on disk under its name when this returns, and absent
    /// on any error. Returns its length, bytes. An existing blob is replaced.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`], [`StoreError::Body`], [`StoreError::Full`],
    /// [`StoreError::Io`].
    pub async fn put<S, E>(&self, key: &BlobKey, body: S, max_bytes: u64) -> Result<u64, StoreError>
    where
        S: Stream<Item = Result<Bytes, E>>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let temporary = self.temporary();
        let written = self.write_whole(&temporary, key, body, max_bytes).await;
        if written.is_err() {
            // Best effort: what stays is dropped when the store opens next.
            let _ = fs::remove_file(&temporary).await;
        }
        written
    }

    async fn write_whole<S, E>(
        &self,
        temporary: &Path,
        key: &BlobKey,
        body: S,
        max_bytes: u64,
    ) -> Result<u64, StoreError>
    where
        S: Stream<Item = Result<Bytes, E>>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let created = File::create_new(temporary).await;
        let mut file = created.map_err(StoreError::io("create", key))?;
        let mut body = pin!(body);
        let mut len_bytes = 0;
        let mut unchecked_bytes = FLOOR_CHECK_EVERY;
        let mut summing = Summing::default();
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|source| StoreError::Body {
                received_bytes: len_bytes,
                source: source.into(),
            })?;
            len_bytes += chunk.len() as u64;
            if len_bytes > max_bytes {
                return Err(StoreError::TooLarge { max_bytes });
            }
            self.check_floor(&mut unchecked_bytes, chunk.len() as u64)?;
            summing.update(&chunk);
            let write = file.write_all(&chunk).await;
            write.map_err(StoreError::io("write", key))?;
        }
        // Not every file system has a place for it: a blob without one is a blob.
        let sum = summing.checksum().to_string();
        let _ = fsetxattr(&file, CHECKSUM, sum.as_bytes(), XattrFlags::empty());
        file.flush().await.map_err(StoreError::io("write", key))?;
        file.sync_all().await.map_err(StoreError::io("sync", key))?;
        self.rename_into_place(temporary, key).await?;
        Ok(len_bytes)
    }

    async fn rename_into_place(&self, temporary: &Path, key: &BlobKey) -> Result<(), StoreError> {
        let path = self.path(key);
        let parent = path.parent().expect("a key is below the root");
        fs::create_dir_all(parent)
            .await
            .map_err(StoreError::io("make folder of", key))?;
        fs::rename(temporary, &path)
            .await
            .map_err(StoreError::io("rename", key))?;
        // The name itself must survive a power cut, not only the bytes.
        let folder = File::open(parent)
            .await
            .map_err(StoreError::io("open folder of", key))?;
        folder
            .sync_all()
            .await
            .map_err(StoreError::io("sync folder of", key))
    }

    /// Opens a growing blob at `len_bytes`, dropping what lies beyond: bytes that were
    /// written and never [synced](Appender::sync). Makes it when `len_bytes` is 0.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when less than `len_bytes` is there, [`StoreError::Io`].
    pub async fn append(&self, key: &BlobKey, len_bytes: u64) -> Result<Appender, StoreError> {
        let path = self.path(key);
        let parent = path.parent().expect("a key is below the root");
        fs::create_dir_all(parent)
            .await
            .map_err(StoreError::io("make folder of", key))?;
        let opened = File::options()
            .write(true)
            .create(len_bytes == 0)
            .truncate(false)
            .open(&path)
            .await;
        let mut file = opened.map_err(|error| missing_or("open", key, error))?;
        let metadata = file.metadata().await.map_err(StoreError::io("open", key))?;
        if metadata.len() < len_bytes {
            return Err(StoreError::Missing(key.clone()));
        }
        file.set_len(len_bytes)
            .await
            .map_err(StoreError::io("shorten", key))?;
        let sought = file.seek(SeekFrom::Start(len_bytes)).await;
        sought.map_err(StoreError::io("seek in", key))?;
        Ok(Appender {
            key: key.clone(),
            file,
            len_bytes,
            files: self.clone(),
            unchecked_bytes: FLOOR_CHECK_EVERY,
            health: Health::Good,
        })
    }

    /// What is known of a blob without its bytes.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Io`].
    pub async fn head(&self, key: &BlobKey) -> Result<Head, StoreError> {
        let fault = |error| missing_or("look at", key, error);
        let metadata = fs::metadata(self.path(key)).await.map_err(fault)?;
        if !metadata.is_file() {
            return Err(StoreError::Missing(key.clone()));
        }
        Ok(Head {
            len_bytes: metadata.len(),
            modified: metadata.modified().map_err(fault)?,
        })
    }

    /// What was summed when the blob was stored, if that was kept with it.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Io`].
    pub async fn checksum(&self, key: &BlobKey) -> Result<Option<Checksum>, StoreError> {
        let mut text = [0; CHECKSUM_MAX];
        let read = match getxattr(self.path(key), CHECKSUM, &mut text) {
            Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::RANGE) => return Ok(None),
            read => read.map_err(|error| missing_or("look at", key, error.into()))?,
        };
        let text = text.get(..read).and_then(|it| std::str::from_utf8(it).ok());
        Ok(text.and_then(|text| text.parse().ok()))
    }

    /// Reads the bytes in `range`, which must lie inside the blob.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Io`].
    pub async fn read(&self, key: &BlobKey, range: Range<u64>) -> Result<FileReader, StoreError> {
        let opened = File::open(self.path(key)).await;
        let mut file = opened.map_err(|error| missing_or("open", key, error))?;
        if range.start > 0 {
            let sought = file.seek(SeekFrom::Start(range.start)).await;
            sought.map_err(StoreError::io("seek in", key))?;
        }
        let len_bytes = range.end - range.start;
        Ok(ReaderStream::with_capacity(
            file.take(len_bytes),
            READ_BYTES,
        ))
    }

    /// Deletes a blob; one that is not there is deleted already.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub async fn delete(&self, key: &BlobKey) -> Result<(), StoreError> {
        match fs::remove_file(self.path(key)).await {
            Err(error) if !is_absent(&error) => Err(StoreError::io("delete", key)(error)),
            _ => Ok(()),
        }
    }

    /// Deletes every blob whose key starts with `prefix` and `/`.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub async fn delete_below(&self, prefix: &BlobKey) -> Result<(), StoreError> {
        match fs::remove_dir_all(self.path(prefix)).await {
            Err(error) if !is_absent(&error) => {
                Err(StoreError::io("delete all below", prefix)(error))
            }
            _ => Ok(()),
        }
    }

    /// Free space above the floor, bytes.
    ///
    /// # Errors
    /// [`StoreError::Full`] when there is none, [`StoreError::Io`].
    pub fn room_bytes(&self) -> Result<u64, StoreError> {
        let stat = rustix::fs::statvfs(&self.shared.root)
            .map_err(|error| StoreError::io("ask free space of", "the store")(error.into()))?;
        let free_bytes = stat.f_bavail * stat.f_frsize;
        let floor_bytes = self.shared.floor_bytes;
        match free_bytes.checked_sub(floor_bytes) {
            Some(room) if room > 0 => Ok(room),
            _ => Err(StoreError::Full {
                free_bytes,
                floor_bytes,
            }),
        }
    }

    /// Counts `writing_bytes` and, every few mebibytes, asks for free space.
    pub(crate) fn check_floor(
        &self,
        unchecked_bytes: &mut u64,
        writing_bytes: u64,
    ) -> Result<(), StoreError> {
        *unchecked_bytes += writing_bytes;
        if *unchecked_bytes >= FLOOR_CHECK_EVERY {
            self.room_bytes()?;
            *unchecked_bytes = 0;
        }
        Ok(())
    }

    pub(crate) fn root(&self) -> &Path {
        &self.shared.root
    }

    fn path(&self, key: &BlobKey) -> PathBuf {
        self.shared.root.join(key.as_str())
    }

    fn temporary(&self) -> PathBuf {
        let number = self.shared.temporaries.fetch_add(1, Ordering::Relaxed);
        self.shared.root.join(TEMPORARY).join(number.to_string())
    }
}

fn missing_or(action: &'static str, key: &BlobKey, error: io::Error) -> StoreError {
    match is_absent(&error) {
        true => StoreError::Missing(key.clone()),
        false => StoreError::io(action, key)(error),
    }
}
