//! The source, read by ranges where it is: at the origin, or in a file.

use std::{
    fs::File,
    io,
    ops::Range,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;

use crate::{PackagerError, worker::api::Job};

/// So little of a file of this machine is read at once, without handing it to another
/// thread. Chosen: one wakes up in the time that this takes.
const SHORT_LEN: u64 = 64 << 10;

/// What can be read by ranges.
pub(crate) trait Reads {
    /// Length, bytes.
    fn len(&self) -> u64;

    /// All bytes of `range`, which must lie within [`Self::len`].
    fn read(&self, range: Range<u64>) -> impl Future<Output = Result<Bytes, PackagerError>> + Send;
}

impl Reads for Input {
    fn len(&self) -> u64 {
        self.len()
    }

    async fn read(&self, range: Range<u64>) -> Result<Bytes, PackagerError> {
        self.read(range).await
    }
}

/// A source that is not downloaded. Cheap to clone.
#[derive(Clone)]
pub(crate) enum Input {
    /// At the origin that lent the task.
    Origin {
        /// Opens it.
        job: Box<Job>,
        /// Its length, bytes.
        len: u64,
    },
    /// A file of this machine.
    File {
        /// Open.
        file: Arc<File>,
        /// Where, for messages.
        path: PathBuf,
        /// Its length, bytes.
        len: u64,
    },
}

impl Input {
    /// A file of this machine.
    pub(crate) fn open(path: &Path) -> Result<Self, PackagerError> {
        let unread = |e: io::Error| PackagerError::Source(format!("the file cannot be read: {e}"));
        let file = File::open(path).map_err(unread)?;
        let about = file.metadata().map_err(unread)?;
        if !about.is_file() {
            return Err(PackagerError::Source("it is not a file".to_owned()));
        }
        if about.len() == 0 {
            return Err(PackagerError::Source("the file is empty".to_owned()));
        }
        Ok(Self::File {
            file: Arc::new(file),
            path: path.to_owned(),
            len: about.len(),
        })
    }

    /// Length, bytes.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Origin { len, .. } | Self::File { len, .. } => *len,
        }
    }

    /// All bytes of `range`, which must lie within [`Self::len`].
    pub(crate) async fn read(&self, range: Range<u64>) -> Result<Bytes, PackagerError> {
        match self {
            Self::Origin { job, .. } => job.source_range(range).await,
            Self::File { file, path, .. } => {
                let (file, path) = (Arc::clone(file), path.clone());
                let short = range.end.saturating_sub(range.start) <= SHORT_LEN;
                let read = move || read_at(&file, &range);
                let read = match short {
                    true => read(),
                    false => (tokio::task::spawn_blocking(read).await)
                        .unwrap_or_else(|e| Err(io::Error::other(e))),
                };
                read.map_err(|source| PackagerError::WorkDir { path, source })
            }
        }
    }
}

fn read_at(file: &File, range: &Range<u64>) -> io::Result<Bytes> {
    let len = usize::try_from(range.end.saturating_sub(range.start))
        .map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut bytes = vec![0; len];
    file.read_exact_at(&mut bytes, range.start)?;
    Ok(Bytes::from(bytes))
}
