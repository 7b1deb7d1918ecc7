//! The edge: a real process, killed now and then.

use std::{net::SocketAddr, process::Stdio, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    time::sleep,
};

/// How often a connection is tried after a start, and the pause between.
const TRIES: u32 = 200;
const PAUSE: Duration = Duration::from_millis(50);

pub(crate) struct Process {
    weir: String,
    origin: SocketAddr,
    more: Vec<String>,
    child: Child,
    pub(crate) addr: SocketAddr,
    pub(crate) kills: u64,
}

impl Process {
    pub(crate) async fn start(weir: String, origin: SocketAddr, more: Vec<String>) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = free.local_addr().unwrap();
        drop(free);
        let child = spawn(&weir, addr, origin, &more).await;
        Self {
            weir,
            origin,
            more,
            child,
            addr,
            kills: 0,
        }
    }

    pub(crate) async fn kill_and_restart(&mut self) {
        self.child.kill().await.unwrap();
        self.kills += 1;
        self.child = spawn(&self.weir, self.addr, self.origin, &self.more).await;
    }

    /// Its memory, 0 if that can't be read.
    pub(crate) fn resident_mib(&self) -> u64 {
        let id = self.child.id().unwrap_or(0);
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        kib.unwrap_or(0) >> 10
    }
}

async fn spawn(weir: &str, addr: SocketAddr, origin: SocketAddr, more: &[String]) -> Child {
    let mut child = Command::new(weir)
        .args(["edge", "--listen", &addr.to_string(), "--admin", "off"])
        .args(["--origin", &format!("http://{origin}")])
        .args(more)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("weir starts");
    for _ in 0..TRIES {
        if TcpStream::connect(addr).await.is_ok() {
            return child;
        }
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "the edge ended: {ended:?}; try it by hand");
        sleep(PAUSE).await;
    }
    panic!("the edge does not listen on {addr}");
}
