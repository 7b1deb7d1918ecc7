//! Processes of the real binary that end with the test that started them.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{sleep, timeout};

/// Longest wait for anything in a test: a bound, not a measure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// How often it is looked whether something is so.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Last bytes of a log that a failing test shows.
const LOG_TAIL: usize = 4000;

/// Environment variables: name and value.
pub(crate) type Settings<'a> = [(&'a str, &'a str)];

/// The binary, run in `home` with these settings and none of the caller's.
pub(crate) fn weir(home: &Path, settings: &Settings<'_>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    let names = std::env::vars_os().map(|(name, _)| name);
    names
        .filter(|name| name.to_string_lossy().starts_with("WEIR_"))
        .for_each(|name| _ = command.env_remove(name));
    command
        .current_dir(home)
        .env("XDG_STATE_HOME", home.join("state"))
        .envs(settings.iter().copied())
        .stdin(Stdio::null());
    command
}

/// How a command ended, and what it printed.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs a command to its end.
pub(crate) async fn run(home: &Path, args: &[&str]) -> Ended {
    let mut command = tokio::process::Command::from(weir(home, &[]));
    command.args(args).kill_on_drop(true);
    let output = timeout(PATIENCE, command.output()).await;
    let output = output
        .unwrap_or_else(|_| panic!("weir {args:?} does not end"))
        .unwrap();
    Ended {
        code: output.status.code().expect("no signal ended it"),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A process that runs beside the test. Dropped, it is killed.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts it; what it says goes to `log`.
    pub(crate) fn start(mut command: Command, log: PathBuf) -> Self {
        let said = File::options().create(true).append(true).open(&log);
        let said = said.unwrap();
        command.stdout(said.try_clone().unwrap()).stderr(said);
        Self {
            child: command.spawn().unwrap(),
            log,
        }
    }

    /// `kill -9`: returns when it is gone.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop, by SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Lets it stand still, by SIGSTOP, until [`go_on`](Self::go_on).
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    pub(crate) fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        eventually("the process ends", async || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        })
        .await;
        status.expect("just seen")
    }

    /// # Panics
    /// If it has ended by itself.
    pub(crate) fn must_run(&mut self) {
        let ended = self.child.try_wait().unwrap();
        assert!(ended.is_none(), "{ended:?}: {}", self.log_tail());
    }

    pub(crate) fn log_tail(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&log[log.len().saturating_sub(LOG_TAIL)..]).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- {}\n{}", self.log.display(), self.log_tail());
        }
    }
}

/// A folder for one test. Dropped, it goes, and so does every process whose command line
/// names it: an encoder that outlived its killed worker, say.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// A path in it, as an argument.
    pub(crate) fn join(&self, name: &str) -> String {
        self.path().join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        for process in at_work_in(self.path()) {
            // It may end at this very moment.
            let _ = kill_process(process, Signal::KILL);
        }
    }
}

/// Processes whose command line names this folder or something in it.
pub(crate) fn at_work_in(folder: &Path) -> Vec<Pid> {
    let folder = folder.to_str().unwrap();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|entry| {
            let id: i32 = entry.file_name().to_str()?.parse().ok()?;
            let line = std::fs::read(entry.path().join("cmdline")).ok()?;
            let named = String::from_utf8_lossy(&line).contains(folder);
            named.then(|| Pid::from_raw(id))?
        })
        .collect()
}

/// Waits until something is so.
pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let polling = async {
        while !is_so().await {
            sleep(LOOK_EVERY).await;
        }
    };
    let waited = timeout(PATIENCE, polling).await;
    waited.unwrap_or_else(|_| panic!("never so: {what}"));
}
