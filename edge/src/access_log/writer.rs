//! The thread that writes.

use std::{
    fs::{self, File},
    io::{self, Stdout, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    thread::{self, JoinHandle},
    time::Duration,
};

use metrics::Counter;
use tokio::time::Instant;
use tracing::warn;

use super::{
    Signals,
    lines::{Batch, Lines, Share},
};

/// Pause between two looks at what waits. Whoever pushes must not have to wake the writer:
/// that would be a system call for each request.
const PAUSE: Duration = Duration::from_millis(10);
/// How often it looks whether the file is still in its place.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Standard output's name.
const STDOUT: &str = "-";

/// See the module.
pub(super) struct Writer {
    path: PathBuf,
    out: Out,
    dropped: Counter,
    batch: Batch,
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
    pub(super) fn open(path: &Path, dropped: Counter) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            out: open(path)?,
            dropped,
            batch: Batch::default(),
            faulty: false,
            lost: false,
            looked: Instant::now(),
        })
    }

    /// Runs until it is told to end.
    pub(super) fn start(
        mut self,
        lines: Arc<Lines>,
        signals: Arc<Signals>,
    ) -> io::Result<JoinHandle<()>> {
        let named = thread::Builder::new().name("access-log".to_owned());
        named.spawn(move || {
            loop {
                let end = signals.end.load(Ordering::Acquire);
                if end {
                    // First: what is not written below is counted as dropped.
                    lines.shares().for_each(Share::close);
                }
                for share in lines.shares() {
                    share.take(&mut self.batch);
                    self.write();
                }
                if end {
                    return;
                }
                self.look(signals.reopen.swap(false, Ordering::Relaxed));
                thread::sleep(PAUSE);
            }
        })
    }

    fn write(&mut self) {
        let Batch { text, count } = &mut self.batch;
        if text.is_empty() {
            return;
        }
        if self.faulty {
            // What was written last may have ended within a line.
            text.insert(0, b'\n');
        }
        let written = match &mut self.out {
            Out::File { file, .. } => file.write_all(text),
            Out::Stdout(out) => out.write_all(text).and_then(|()| out.flush()),
        };
        if let Err(error) = &written {
            self.dropped.increment(*count);
            if !self.faulty {
                let path = self.path.display();
                warn!(%path, %error, "the access log can't be written; lines are lost");
            }
        }
        self.faulty = written.is_err();
        self.batch.clear();
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
