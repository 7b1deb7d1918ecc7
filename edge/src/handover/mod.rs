//! A later process takes over the listening sockets, without a moment in which nobody
//! listens: the sockets themselves are passed (SCM_RIGHTS), so that no connection that
//! waits in them is lost, as a second bind with SO_REUSEPORT would lose it.
//!
//! They meet at a unix socket:
//!
//! | new | old |
//! |---|---|
//! | connects | stops storing, so that a cache folder has one writer, and purging |
//! | | sends what each socket is for, and the sockets |
//! | opens its store, starts to accept | still accepts |
//! | sends `ready` | stops accepting, ends what runs, exits |
//! | or ends without it | stores again, and goes on |

mod passing;

use std::{
    fs::Permissions,
    io::{self, ErrorKind},
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, UnixListener, UnixStream},
    sync::OwnedRwLockWriteGuard,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{EdgeError, Listeners, node::Node};

const READY: &[u8] = b"ready\n";
/// Longest wait for the new process to serve, and for the old one's sockets. Chosen: a
/// cache folder is opened within it.
const READY_WAIT: Duration = Duration::from_secs(60);
const SOCKETS_WAIT: Duration = Duration::from_secs(5);
/// Pause after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The old process, which waits to hear that the new one serves.
#[derive(Debug)]
pub(crate) struct Old(UnixStream);

impl Old {
    pub(crate) async fn retire(mut self) {
        if let Err(error) = self.0.write_all(READY).await {
            warn!(%error, "can't tell the old process to end");
        }
    }
}

/// The sockets of the process that offers them at `path`; `None` if there is none.
///
/// # Errors
/// There is one, and it can't be done.
pub async fn take_over(path: &Path) -> Result<Option<Listeners>, EdgeError> {
    let stream = match UnixStream::connect(path).await {
        Ok(stream) => stream,
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::ConnectionRefused
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(bad(path, &error)),
    };
    let sockets = timeout(SOCKETS_WAIT, passing::receive(&stream));
    let sockets = sockets.await.unwrap_or_else(|_| {
        let late = "the process there does not hand over its sockets";
        Err(io::Error::new(ErrorKind::TimedOut, late))
    });
    let sockets = sockets.map_err(|error| bad(path, &error))?;
    let mut listeners = Listeners::from(sockets.http);
    listeners.tls = sockets.tls;
    listeners.admin = sockets.admin;
    listeners.old = Some(Old(stream));
    Ok(Some(listeners))
}

/// Copies of a node's listening sockets, and where they are offered.
pub(crate) struct Offer {
    socket: UnixListener,
    path: PathBuf,
    sockets: passing::Copies,
}

impl Offer {
    /// Takes the place of whoever was there.
    pub(crate) fn new(
        path: &Path,
        listeners: &Listeners,
        admin: Option<&TcpListener>,
    ) -> Result<Self, EdgeError> {
        let open = || {
            remove(path)?;
            let socket = UnixListener::bind(path)?;
            std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
            Ok(Self {
                socket,
                path: path.to_owned(),
                sockets: passing::Copies::of(listeners, admin)?,
            })
        };
        open().map_err(|error| bad(path, &error))
    }

    /// Until one has taken them: then the node is told to end by `taken`. Runs until
    /// dropped otherwise.
    pub(crate) async fn run(self, node: Arc<Node>, taken: CancellationToken) {
        loop {
            let asked = match self.socket.accept().await {
                Ok((stream, _)) => self.hand_over(&node, stream).await,
                Err(error) => Err(error),
            };
            match asked {
                Ok(no_purges) => {
                    info!(path = %self.path.display(), "another process took over");
                    taken.cancel();
                    // From here on the other process is told.
                    std::mem::forget(no_purges);
                    return;
                }
                Err(error) => {
                    warn!(%error, "the sockets were not taken over; going on");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Gives what keeps purges out: they go on when it is dropped.
    async fn hand_over(
        &self,
        node: &Node,
        mut stream: UnixStream,
    ) -> io::Result<OwnedRwLockWriteGuard<()>> {
        // The file's mode says the same; between bind and chmod it did not.
        let user = stream.peer_cred()?.uid();
        let own = rustix::process::geteuid().as_raw();
        if user != own && user != 0 {
            let why = format!("user {user} may not have them");
            return Err(io::Error::new(ErrorKind::PermissionDenied, why));
        }
        let no_purges = node.purging.clone().write_owned().await;
        node.set_storing(false);
        node.store.close().await;
        let taken = self.pass(&mut stream).await;
        if taken.is_err() {
            // Purges wait for the folder as well: what it has of them is to be ours again.
            node.store.reopen().await;
            node.set_storing(true);
        }
        taken.map(|()| no_purges)
    }

    /// Gives the sockets away, and hears that they are served.
    async fn pass(&self, stream: &mut UnixStream) -> io::Result<()> {
        self.sockets.send(stream).await?;
        let mut said = [0; READY.len()];
        let heard = timeout(READY_WAIT, stream.read_exact(&mut said)).await;
        heard.map_err(|_| io::Error::new(ErrorKind::TimedOut, "it does not serve"))??;
        if said == READY {
            return Ok(());
        }
        Err(io::Error::new(
            ErrorKind::InvalidData,
            "it says something else",
        ))
    }
}

/// Takes away the socket that an earlier process left, and nothing else.
fn remove(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(there) if there.file_type().is_socket() => std::fs::remove_file(path),
        Ok(_) => Err(io::Error::new(
            ErrorKind::AlreadyExists,
            "something other than a socket is there; it stays",
        )),
    }
}

fn bad(path: &Path, error: &io::Error) -> EdgeError {
    EdgeError::TakeOver {
        path: path.to_owned(),
        why: error.to_string(),
    }
}
