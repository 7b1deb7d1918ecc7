//! The driver's process, its port and its profile folder.

use std::{
    io::{
        ErrorKind::{AlreadyExists, NotFound},
        Read, Write,
    },
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStdout, Command},
    task::JoinHandle,
    time::timeout,
};

use super::BrowserError;

/// Longest wait for the driver to say its port. Chosen.
const START_WAIT: Duration = Duration::from_secs(20);
/// How often a driver that ended at once is started anew: it takes a free port of `::1`
/// and ends if the same port of 127.0.0.1 is not free too. Chosen.
const START_TRIES: u32 = 20;
/// Most of what a driver prints that an error repeats, in lines. Chosen.
const SAID_MAX: usize = 20;
/// Longest wait for a browser to close when its owner is dropped. Chosen.
const CLOSE_WAIT: Duration = Duration::from_secs(5);
/// How often removing the folder is tried while the processes that write there end, and
/// the pause between. Chosen.
const REMOVE_TRIES: u32 = 50;
const REMOVE_PAUSE: Duration = Duration::from_millis(10);
/// Most folders left behind by processes of our id that are passed over. Chosen.
const FOLDERS_MAX: u32 = 1000;

/// A running chromedriver, alone in its process group with the browsers it starts.
#[derive(Debug)]
pub(super) struct Driver {
    child: Child,
    port: u16,
    folder: Folder,
    /// Reads what the driver prints, so that it never waits for a reader.
    drain: JoinHandle<()>,
    /// The session to end before the process.
    pub(super) session: Option<String>,
}

impl Driver {
    pub(super) async fn start(program: &Path) -> Result<Self, BrowserError> {
        let refuse = |reason: String| BrowserError::Start {
            driver: program.to_owned(),
            reason,
        };
        let mut said = Vec::new();
        for _ in 0..START_TRIES {
            match timeout(START_WAIT, Self::try_start(program)).await {
                Ok(Ok(Ok(driver))) => return Ok(driver),
                Ok(Ok(Err(lines))) => said = lines,
                Ok(Err(reason)) => return Err(refuse(reason)),
                Err(_) => return Err(refuse("it did not say its port".to_owned())),
            }
        }
        let said = said.join("; ");
        Err(refuse(format!("it ended {START_TRIES} times: {said}")))
    }

    /// `Ok(Err(_))` is what a driver said that ended before it had a port.
    async fn try_start(program: &Path) -> Result<Result<Self, Vec<String>>, String> {
        let folder = Folder::new().map_err(|error| format!("no folder: {error}"))?;
        let mut child = Command::new(program)
            .arg("--port=0")
            .env("TMPDIR", &folder.0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("{error}; on Debian: apt install chromium-driver"))?;
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        let port = match port(&mut lines).await {
            Ok(port) => port,
            Err(said) => return Ok(Err(said)),
        };
        let drain = tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Ok(Self {
            child,
            port,
            folder,
            drain,
            session: None,
        }))
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder.0
    }

    /// Asks for the session's end by hand: `Drop` cannot await.
    fn end_session(&self, session: &str) -> std::io::Result<()> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let mut stream = TcpStream::connect_timeout(&address, CLOSE_WAIT)?;
        stream.set_read_timeout(Some(CLOSE_WAIT))?;
        stream.set_write_timeout(Some(CLOSE_WAIT))?;
        let host = format!("127.0.0.1:{}", self.port);
        write!(
            stream,
            "DELETE /session/{session} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n"
        )?;
        stream.read_exact(&mut [0])
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            // In vain if the driver is gone; the signal below ends what is left.
            let _ = self.end_session(&session);
        }
        if let Some(group) = self
            .child
            .id()
            .and_then(|id| Pid::from_raw(id.try_into().ok()?))
        {
            let _ = kill_process_group(group, Signal::KILL);
        }
        self.drain.abort();
    }
}

/// The port that the driver says it has, or else what it said.
async fn port(lines: &mut tokio::io::Lines<BufReader<ChildStdout>>) -> Result<u16, Vec<String>> {
    let mut said = Vec::new();
    while let Ok(Some(line)) = lines.next_line().await {
        if line.contains("started successfully") {
            let mut words = line.trim_end_matches('.').split_whitespace();
            if let Some(port) = words.next_back().and_then(|word| word.parse().ok()) {
                return Ok(port);
            }
        }
        if said.len() < SAID_MAX {
            said.push(line);
        }
    }
    Err(said)
}

/// A folder of our own for all that driver and browser write; goes with its owner.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn new() -> std::io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        loop {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = format!("weir-browser-{}-{number}", std::process::id());
            let path = std::env::temp_dir().join(name);
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() != AlreadyExists || number >= FOLDERS_MAX => {
                    return Err(error);
                }
                Err(_) => {}
            }
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        for _ in 0..REMOVE_TRIES {
            match std::fs::remove_dir_all(&self.0) {
                Err(error) if error.kind() != NotFound => std::thread::sleep(REMOVE_PAUSE),
                _ => return,
            }
        }
    }
}
