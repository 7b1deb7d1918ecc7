//! Who touches what.

use std::{
    collections::BTreeMap,
    mem::MaybeUninit,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use rustix::{
    fs::inotify::{CreateFlags, Reader, WatchFlags, add_watch, init},
    io::Errno,
};
use tokio::time::{Instant, interval};

/// Longest wait for killed processes to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(5);
/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Notices whoever opens a file.
pub(crate) struct Watch(OwnedFd);

impl Watch {
    pub(crate) fn reads(file: &Path) -> Self {
        let kernel = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap();
        add_watch(&kernel, file, WatchFlags::OPEN | WatchFlags::ACCESS).unwrap();
        let watch = Self(kernel);
        // It works, before nothing is seen.
        std::fs::read(file).unwrap();
        assert!(watch.seen() > 0);
        watch
    }

    /// How often since it was asked last.
    pub(crate) fn seen(&self) -> usize {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(&self.0, &mut buffer);
        let mut count = 0;
        loop {
            match reader.next() {
                Ok(_) => count += 1,
                Err(Errno::AGAIN) => return count,
                Err(fault) => panic!("{fault}"),
            }
        }
    }
}

/// What is in a folder.
pub(crate) fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Length and age of all files in a folder.
pub(crate) fn contents(folder: &Path) -> BTreeMap<PathBuf, (u64, SystemTime)> {
    let about = |path: PathBuf| {
        let about = std::fs::metadata(&path).unwrap();
        (path, (about.len(), about.modified().unwrap()))
    };
    entries(folder).into_iter().map(about).collect()
}

/// No process names this file any more.
pub(crate) async fn nobody_works_on(file: &Path) -> Result<(), String> {
    let (began, mut ticks) = (Instant::now(), interval(LOOK_EVERY));
    loop {
        ticks.tick().await;
        let Some(process) = works_on(file) else {
            return Ok(());
        };
        if began.elapsed() > GONE_WITHIN {
            return Err(format!("still runs: {process}"));
        }
    }
}

/// The command line of a process that has the file among its arguments.
fn works_on(file: &Path) -> Option<String> {
    let file = file.to_str().unwrap().as_bytes();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|p| std::fs::read(p.path().join("cmdline")).ok());
    let mut named = lines.filter(|line| line.split(|b| *b == 0).any(|arg| arg == file));
    named
        .next()
        .map(|line| String::from_utf8_lossy(&line).into_owned())
}
