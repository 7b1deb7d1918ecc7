//! The way to a server: it passes as many bytes up as a test allows, and can be cut.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream, tcp},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

/// Read at once, bytes.
const PIECE: usize = 64 << 10;

/// The way to a server.
pub(crate) struct Link {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    to: SocketAddr,
    /// Bytes that went up, of all connections.
    passed: AtomicU64,
    /// How many may.
    allowed: watch::Sender<u64>,
    cuts: watch::Sender<u32>,
}

impl Link {
    pub(crate) async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared {
            to: server,
            passed: AtomicU64::new(0),
            allowed: watch::Sender::new(u64::MAX),
            cuts: watch::Sender::new(0),
        });
        let accepting = tokio::spawn(accept(listener, shared.clone()));
        Self {
            address,
            shared,
            accepting,
        }
    }

    /// So many bytes may go up from the beginning on; what is more waits.
    pub(crate) fn allow(&self, bytes: u64) {
        self.shared.allowed.send_replace(bytes);
    }

    pub(crate) fn passed(&self) -> u64 {
        self.shared.passed.load(SeqCst)
    }

    /// Cuts every connection that is open.
    pub(crate) fn cut(&self) {
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(pass(client, shared.clone()));
    }
}

async fn pass(client: TcpStream, shared: Arc<Shared>) {
    let mut cuts = shared.cuts.subscribe();
    let Ok(server) = TcpStream::connect(shared.to).await else {
        return;
    };
    let (from_client, mut to_client) = client.into_split();
    let (mut from_server, to_server) = server.into_split();
    tokio::select! {
        () = up(from_client, to_server, &shared) => {}
        _ = copy(&mut from_server, &mut to_client) => {}
        _ = cuts.changed() => {}
    }
}

async fn up(mut client: tcp::OwnedReadHalf, mut server: tcp::OwnedWriteHalf, shared: &Shared) {
    let mut allowed = shared.allowed.subscribe();
    let mut piece = vec![0; PIECE];
    while let Ok(read @ 1..) = client.read(&mut piece).await {
        let read_bytes = u64::try_from(read).unwrap_or(0);
        let before = shared.passed.fetch_add(read_bytes, SeqCst);
        if allowed.wait_for(|allowed| before < *allowed).await.is_err()
            || server.write_all(&piece[..read]).await.is_err()
        {
            return;
        }
    }
}
