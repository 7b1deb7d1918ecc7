//! The thread that writes.

use std::{
    fs::{self, File},
    io::{self, Stdout, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{Receiver, TryRecvError},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use metrics::Counter;
use tokio::time::Instant;
use tracing::warn;

use super::{Format, Signals, entry::Entry, names::Names};

/// Pause between two looks at the queue. Whoever pushes must not have to wake the writer:
/// that would be a system call for each request.
const PAUSE: Duration = Duration::from_millis(10);
/// How often it looks whether the file is still in its place.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Bytes that are written at once.
const BATCH_LEN: usize = 64 << 10;
/// Standard output's name.
const STDOUT: &str = "-";

/// See the module.
pub(super) struct Writer {
    path: PathBuf,
    format: Format,
    names: Names,
    out: Out,
    dropped: Counter,
    batch: Vec<u8>,
    /// Entries in it.
    count: u64,
    faulty: bool,
    /// Its file is gone, and can't be opened.
    lost: bool,
    looked: Instant,
}

enum Out {
    File { file: File, id: (u64, u64) },
    Stdout(Stdout),
}

impl Writer {
    pub(super) fn open(path: &Path, format: Format, dropped: Counter) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            format,
            names: Names::default(),
            out: open(path)?,
            dropped,
            batch: Vec::with_capacity(2 * BATCH_LEN),
            count: 0,
            faulty: false,
            lost: false,
            looked: Instant::now(),
        })
    }

    /// Runs until it is told to end, or nobody can push any more.
    pub(super) fn start(
        mut self,
        entries: Receiver<Box<Entry>>,
        signals: Arc<Signals>,
    ) -> io::Result<JoinHandle<()>> {
        let named = thread::Builder::new().name("access-log".to_owned());
        named.spawn(move || {
            loop {
                // Read first: what was pushed before the end was told is written.
                let end = signals.end.load(Ordering::Acquire);
                let alive = self.drain(&entries);
                self.write();
                if end || !alive {
                    return;
                }
                self.look(signals.reopen.swap(false, Ordering::Relaxed));
                thread::sleep(PAUSE);
            }
        })
    }

    /// `false` once nobody can push any more.
    fn drain(&mut self, entries: &Receiver<Box<Entry>>) -> bool {
        loop {
            match entries.try_recv() {
                Ok(entry) => {
                    self.format.write(&entry, &mut self.names, &mut self.batch);
                    self.count += 1;
                    if self.batch.len() >= BATCH_LEN {
                        self.write();
                    }
                }
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn write(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        if self.faulty {
            // What was written last may have ended within a line.
            self.batch.insert(0, b'\n');
        }
        let written = match &mut self.out {
            Out::File { file, .. } => file.write_all(&self.batch),
            Out::Stdout(out) => out.write_all(&self.batch).and_then(|()| out.flush()),
        };
        if let Err(error) = &written {
            self.dropped.increment(self.count);
            if !self.faulty {
                let path = self.path.display();
                warn!(%path, %error, "the access log can't be written; lines are lost");
            }
        }
        self.faulty = written.is_err();
        self.batch.clear();
        self.count = 0;
    }

    /// Opens the file anew if that was asked for, or it was moved, or can't be written.
    fn look(&mut self, asked: bool) {
        let due = self.looked.elapsed() >= LOOK_EVERY;
        let Out::File { id, .. } = &self.out else {
            return;
        };
        if !asked && !due {
            return;
        }
        self.looked = Instant::now();
        let there = fs::metadata(&self.path).ok().map(|it| (it.dev(), it.ino()));
        if !asked && !self.faulty && there == Some(*id) {
            return;
        }
        let opened = open(&self.path);
        if let Err(error) = &opened
            && !self.lost
        {
            // The old one is still open, and takes what comes.
            let path = self.path.display();
            warn!(%path, %error, "the access log can't be opened anew; going on with the old file");
        }
        self.lost = opened.is_err();
        if let Ok(out) = opened {
            self.out = out;
        }
    }
}

fn open(path: &Path) -> io::Result<Out> {
    if path == Path::new(STDOUT) {
        return Ok(Out::Stdout(io::stdout()));
    }
    let file = File::options().create(true).append(true).open(path)?;
    let found = file.metadata()?;
    let id = (found.dev(), found.ino());
    Ok(Out::File { file, id })
}
