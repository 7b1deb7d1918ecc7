//! A wire to a server that can be held up in the middle of a transfer.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use crate::process::eventually;

/// Passes connections on. Towards the server it lets so many bytes through, over all
/// connections, and then holds them until it is [opened](Self::open).
pub(crate) struct Link {
    address: SocketAddr,
    gauge: Arc<Gauge>,
    task: JoinHandle<()>,
}

struct Gauge {
    allowed: watch::Sender<u64>,
    passed: watch::Sender<u64>,
}

impl Link {
    pub(crate) async fn to(server: SocketAddr, allowed_bytes: u64) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let gauge = Arc::new(Gauge {
            allowed: watch::Sender::new(allowed_bytes),
            passed: watch::Sender::new(0),
        });
        let task = tokio::spawn(accept(listener, server, gauge.clone()));
        Self {
            address,
            gauge,
            task,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Bytes that went to the server so far.
    pub(crate) fn passed_bytes(&self) -> u64 {
        *self.gauge.passed.borrow()
    }

    /// Waits until it holds something up.
    pub(crate) async fn holds(&self) {
        let allowed = *self.gauge.allowed.borrow();
        eventually("the link is full", async || self.passed_bytes() >= allowed).await;
    }

    pub(crate) fn open(&self) {
        self.gauge.allowed.send_replace(u64::MAX);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, gauge: Arc<Gauge>) {
    let mut connections = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let gauge = gauge.clone();
        connections.spawn(async move {
            // Without a server the client is hung up on.
            let Ok(server) = TcpStream::connect(server).await else {
                return;
            };
            let (client_reads, mut client_writes) = client.into_split();
            let (mut server_reads, server_writes) = server.into_split();
            // When either direction ends, so does the other.
            tokio::select! {
                _ = pass(client_reads, server_writes, &gauge) => {}
                _ = copy(&mut server_reads, &mut client_writes) => {}
            }
        });
    }
}

async fn pass(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    gauge: &Gauge,
) -> std::io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    let mut allowed = gauge.allowed.subscribe();
    loop {
        let passed = *gauge.passed.borrow();
        let room = allowed.wait_for(|allowed| *allowed > passed).await;
        let room = *room.expect("the gauge lives") - passed;
        let most = buffer
            .len()
            .min(usize::try_from(room).unwrap_or(usize::MAX));
        let len = from.read(&mut buffer[..most]).await?;
        if len == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..len]).await?;
        gauge.passed.send_modify(|passed| *passed += len as u64);
    }
}
