//! A worker against an origin in memory, with clips that ffmpeg makes.
#![allow(
    dead_code,
    unused_imports,
    clippy::unwrap_used,
    reason = "each test file uses its own part; a helper that fails is a test that fails"
)]

mod board;
mod clip;
mod folder;
mod numbered;
mod origin;
mod published;

use std::{path::PathBuf, time::Duration};

use packager::{Config, PackagerError};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) use clip::{Clip, LONG_GOP, SOUND};
pub(crate) use folder::Packager;
pub(crate) use numbered::{OPEN_GOP, numbered, numbers};
pub(crate) use origin::{Ended, Faults, JOIN, Origin};
pub(crate) use published::{Published, Track, times as published_times};

/// Longest wait for anything in a test: a bound, not a measure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A worker in this process.
pub(crate) struct Worker {
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), PackagerError>>,
    pub(crate) work_dir: tempfile::TempDir,
}

impl Worker {
    pub(crate) fn start(origin: &Origin) -> Self {
        Self::with(origin, |_| {})
    }

    pub(crate) fn with(origin: &Origin, change: impl FnOnce(&mut Config)) -> Self {
        let work_dir = tempfile::tempdir().unwrap();
        let mut config = config(origin.url(), work_dir.path().to_owned());
        change(&mut config);
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(packager::run(config, JOIN.to_owned(), shutdown.clone()));
        Self {
            shutdown,
            task,
            work_dir,
        }
    }

    /// How it ends by itself.
    pub(crate) async fn ended(self) -> Result<(), PackagerError> {
        tokio::time::timeout(PATIENCE, self.task)
            .await
            .expect("it ends")
            .unwrap()
    }

    /// Ends it; gives the folder that it worked in.
    pub(crate) async fn stop(mut self) -> tempfile::TempDir {
        self.shutdown.cancel();
        let empty = tempfile::tempdir().unwrap();
        let work_dir = std::mem::replace(&mut self.work_dir, empty);
        self.ended().await.unwrap();
        work_dir
    }
}

/// The settings of tests: quick, and small repeats.
pub(crate) fn config(origin: String, work_dir: PathBuf) -> Config {
    Config {
        origin,
        work_dir,
        // A test program is no launcher; the whole binary is tested jailed, in cli/tests.
        jail: packager::jail::Mode::Off,
        preset: "ultrafast".to_owned(),
        lease_wait: Duration::from_secs(1),
        progress_every: Duration::from_millis(200),
        ..Config::default()
    }
}

/// Packages the source that the origin has, and gives what was published.
pub(crate) async fn package(origin: &Origin) -> (Ended, Published) {
    let worker = Worker::start(origin);
    let ended = origin.ended().await;
    worker.stop().await;
    (ended, origin.published())
}

/// Packages a clip with a ladder, expecting that it works without a warning.
pub(crate) async fn published(clip: &Clip, ladder: &[u32]) -> Published {
    let origin = Origin::start(clip.bytes()).await;
    origin.offer(ladder);
    let (ended, published) = package(&origin).await;
    assert_eq!(ended, Ended::Complete(vec![]));
    published
}

/// Packages bytes as they are, expecting a failure: its reason, and if it is for good.
pub(crate) async fn refused(source: Vec<u8>) -> (String, bool) {
    let origin = Origin::start(source).await;
    origin.offer(&[360]);
    match package(&origin).await.0 {
        Ended::Failed { reason, permanent } => (reason, permanent),
        other => panic!("expected a failure, got {other:?}"),
    }
}

/// A shell script that can be run in place of a program.
pub(crate) fn program(dir: &std::path::Path, name: &str, script: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = dir.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// Some ffmpeg works on a file in this folder.
pub(crate) fn ffmpeg_runs_in(dir: &std::path::Path) -> bool {
    let dir = dir.to_str().unwrap();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|process| std::fs::read(process.path().join("cmdline")).ok())
        .any(|line| line.starts_with(b"ffmpeg") && String::from_utf8_lossy(&line).contains(dir))
}

/// Waits until something outside of this process is so.
pub(crate) async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let polling = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, polling)
        .await
        .unwrap_or_else(|_| panic!("never {what}"));
}
