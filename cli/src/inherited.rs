//! Listening sockets that whoever started this process has opened for it (systemd's socket
//! activation, sd_listen_fds(3)): while the program is started anew, they go on listening.

use std::sync::{Mutex, OnceLock};

use listenfd::ListenFd;
use tokio::net::TcpListener;

use crate::exit::{Exit, error};

/// The names of `LISTEN_FDNAMES`, and the order where there are none: by flag.
const NAMES: [(&str, &str); 3] = [
    ("http", "--listen"),
    ("tls", "--tls-listen"),
    ("admin", "--admin"),
];

static SOCKETS: OnceLock<Mutex<Sockets>> = OnceLock::new();

struct Sockets {
    names: Vec<String>,
    fds: ListenFd,
}

/// Notes what there is. Before any thread: it takes variables out of the environment.
pub(crate) fn note() {
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let names = names.split(':').map(str::to_owned).collect();
    let fds = ListenFd::from_env();
    let _ = SOCKETS.set(Mutex::new(Sockets { names, fds }));
}

/// The one for what a flag names, if there is one.
pub(crate) fn take(flag: &str) -> anyhow::Result<Option<TcpListener>> {
    let Some(sockets) = SOCKETS.get() else {
        return Ok(None);
    };
    let mut sockets = sockets.lock().expect("no holder panics");
    let Some(index) = sockets.index(flag) else {
        return Ok(None);
    };
    let taken = sockets.fds.take_tcp_listener(index).and_then(|taken| {
        let Some(listener) = taken else {
            return Ok(None);
        };
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener).map(Some)
    });
    taken.map_err(|fault| {
        let what = format!("the inherited socket {index} (LISTEN_FDS) can't serve {flag}: {fault}");
        error(Exit::Listen, what)
    })
}

impl Sockets {
    fn index(&self, flag: &str) -> Option<usize> {
        let place = NAMES.iter().position(|(_, other)| *other == flag)?;
        let is_named = NAMES.iter().any(|(name, _)| self.has(name));
        let index = match is_named {
            true => self.names.iter().position(|name| name == NAMES[place].0)?,
            false => place,
        };
        (index < self.fds.len()).then_some(index)
    }

    fn has(&self, name: &str) -> bool {
        self.names.iter().any(|other| other == name)
    }
}
