//! A running `weir demo` with a folder of its own.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde::Deserialize;
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

use crate::source;

/// The program under test.
const WEIR: &str = env!("CARGO_BIN_EXE_weir");

/// Longest wait for a state. Chosen: many times what an idle machine takes.
const STATE_WAIT: Duration = Duration::from_secs(150);
/// Longest wait for a command to end.
const COMMAND_WAIT: Duration = Duration::from_secs(60);
/// Longest wait for the demo to stop: twice the drain of its roles.
const STOP_WAIT: Duration = Duration::from_secs(20);
/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// `demo.json`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Facts {
    pub(crate) origin: String,
    pub(crate) edges: Vec<String>,
    pub(crate) asset: String,
    pub(crate) watch: String,
    pub(crate) hls: String,
    pub(crate) dash: String,
    pub(crate) state: String,
}

/// The running program. Dropping it ends the program and removes its folder.
#[derive(Debug)]
pub(crate) struct Demo {
    child: Child,
    folder: TempDir,
    facts: Option<Facts>,
}

impl Demo {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let video = source::video(folder.path()).await;
        let ffmpeg = source::slow_ffmpeg(folder.path());
        Self::of(folder, &video, Some(&ffmpeg), &[])
    }

    /// A demo of a video, with these settings.
    pub(crate) fn of(
        folder: TempDir,
        video: &Path,
        ffmpeg: Option<&Path>,
        settings: &[(&str, &str)],
    ) -> Self {
        let told = std::fs::File::create(folder.path().join("told")).expect("a file");
        let mut command = weir(folder.path());
        if let Some(ffmpeg) = ffmpeg {
            command.env("WEIR_WORKER__FFMPEG", ffmpeg);
        }
        let child = command
            .args(["demo", "--data-dir", "data"])
            .args(["--origin-port", "0", "--fra-port", "0", "--sin-port", "0"])
            .args(["--admin-port", "0", "--video"])
            .arg(video)
            // A script is no program that a jail would run.
            .env("WEIR_WORKER__JAIL", "off")
            .env("WEIR_WORKER__PRESET", "ultrafast")
            .envs(settings.iter().copied())
            .stdout(told.try_clone().expect("a second handle"))
            .stderr(told)
            .process_group(0)
            .spawn()
            .expect("weir starts");
        let facts = None;
        Self {
            child,
            folder,
            facts,
        }
    }

    /// Lets ffmpeg begin.
    pub(crate) fn let_it_encode(&self) {
        source::open_gate(self.folder.path());
    }

    /// Waits until `demo.json` tells this state.
    pub(crate) async fn until(&mut self, state: &str) -> Facts {
        let started = Instant::now();
        loop {
            let ended = self.child.try_wait().expect("the demo is our child");
            assert!(ended.is_none(), "the demo ended: {ended:?}");
            self.facts = self.read_facts();
            let now = self.facts.as_ref().map_or("", |facts| &facts.state);
            if now == state {
                println!("{:6.1} s  until {state}", started.elapsed().as_secs_f64());
                return self.facts().clone();
            }
            // States come in one order: what is past never comes.
            assert!(!past(now, state), "{state} was due, it is {now}");
            assert!(started.elapsed() < STATE_WAIT, "{now:?}, not {state}");
            sleep(LOOK_EVERY).await;
        }
    }

    fn read_facts(&self) -> Option<Facts> {
        let text = std::fs::read(self.data().join("demo.json")).ok()?;
        Some(serde_json::from_slice(&text).expect("demo.json is replaced as a whole"))
    }

    /// What was last read of `demo.json`.
    pub(crate) fn facts(&self) -> &Facts {
        self.facts.as_ref().expect("demo.json was waited for")
    }

    pub(crate) fn edge(&self, number: usize) -> SocketAddr {
        address_of(&self.facts().edges[number])
    }

    /// Path and query of the multivariant playlist, with this key.
    pub(crate) fn master_with(&self, key: &str) -> String {
        format!("/k/{key}/v/{}/master.m3u8", self.facts().asset)
    }

    pub(crate) fn watch_with(&self, key: &str) -> String {
        let Facts { edges, asset, .. } = self.facts();
        format!("{}/watch/{asset}#k={key}", edges[0])
    }

    /// A key that plays the asset for this long.
    pub(crate) async fn mint(&self, ttl: &str) -> String {
        let asset = &self.facts().asset;
        let told = self
            .operate(&["mint", "--asset", asset, "--ttl", ttl])
            .await;
        told.trim().to_owned()
    }

    pub(crate) async fn revoke(&self, key: &str) {
        self.operate(&["revoke", key]).await;
    }

    async fn operate(&self, args: &[&str]) -> String {
        let mut command = weir(self.folder.path());
        command.arg("key").args(args);
        command.args(["--origin", &self.facts().origin]);
        command
            .arg("--admin-file")
            .arg(self.data().join("admin-token"));
        String::from_utf8(done(command).await.stdout).expect("weir tells text")
    }

    /// Waits until both edges refuse this key as this kind of problem.
    pub(crate) async fn until_refused(&self, key: &str, kind: &str) {
        let started = Instant::now();
        for edge in [self.edge(0), self.edge(1)] {
            loop {
                let reply = testkit::get(edge, &self.master_with(key)).send().await;
                if reply.status == 401 {
                    assert_eq!(reply.problem(), kind);
                    break;
                }
                assert!(
                    started.elapsed() < COMMAND_WAIT,
                    "{} is served",
                    reply.status
                );
                sleep(LOOK_EVERY).await;
            }
        }
    }

    /// Asks it to stop, and sees that it does so well.
    pub(crate) async fn stop(mut self) {
        self.signal(Signal::TERM);
        let ended = timeout(STOP_WAIT, self.child.wait()).await;
        let status = ended
            .expect("the demo stops in time")
            .expect("it is our child");
        assert!(status.success(), "{status}");
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn pid(&self) -> Option<Pid> {
        Pid::from_raw(self.child.id()?.try_into().ok()?)
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid() {
            let _ = kill_process(pid, signal);
        }
    }
}

/// SIGTERM first: the worker then ends its ffmpeg, which is in a group of its own.
impl Drop for Demo {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for name in ["told", "data/weir.log"] {
                let text = std::fs::read_to_string(self.folder.path().join(name));
                eprintln!("{name}:\n{}", tail(&text.unwrap_or_default(), 40));
            }
        }
        let Some(group) = self.pid() else { return };
        self.signal(Signal::TERM);
        let started = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && started.elapsed() < STOP_WAIT {
            std::thread::sleep(LOOK_EVERY);
        }
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// The program, with nothing of this machine's settings.
fn weir(folder: &Path) -> Command {
    let mut command = Command::new(WEIR);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("WEIR_") {
            command.env_remove(name);
        }
    }
    command
        .current_dir(folder)
        .env_remove("VIDEO")
        .env("XDG_STATE_HOME", folder.join("state"))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// What a command printed, once it has ended well.
pub(crate) async fn done(mut command: Command) -> Output {
    let output = timeout(COMMAND_WAIT, command.output()).await;
    let output = output
        .expect("the command ends in time")
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    output
}

/// Whether an asset in state `now` has been through `state`.
fn past(now: &str, state: &str) -> bool {
    let place = |state| {
        ["", "packaging", "playable", "ready", "failed"]
            .iter()
            .position(|known| *known == state)
            .expect("a state of demo.json")
    };
    place(now) > place(state)
}

/// The address of a base URL.
pub(crate) fn address_of(base: &str) -> SocketAddr {
    let address = base.strip_prefix("http://").expect("edges speak HTTP");
    address.parse().expect("a base URL is an address")
}

fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
