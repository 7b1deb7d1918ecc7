//! One address before two edges, as DNS would give it.

use std::net::SocketAddr;

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

/// Passes connections on to one edge; when turned to another, cuts what is open.
#[derive(Debug)]
pub(crate) struct Front {
    address: SocketAddr,
    edge: watch::Sender<SocketAddr>,
    accepting: JoinHandle<()>,
}

impl Front {
    pub(crate) async fn to(edge: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let (edge, edges) = watch::channel(edge);
        let accepting = tokio::spawn(accept(listener, edges));
        Self {
            address,
            edge,
            accepting,
        }
    }

    /// The same address here, instead of at the edge that it names.
    pub(crate) fn url_of(&self, url: &str) -> String {
        let (_, path) = url.split_once("/watch/").expect("a watch page");
        format!("http://{}/watch/{path}", self.address)
    }

    /// The edge so far is gone from here on.
    pub(crate) fn turn_to(&self, edge: SocketAddr) {
        self.edge.send_replace(edge);
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, edges: watch::Receiver<SocketAddr>) {
    let mut connections = JoinSet::new();
    while let Ok((viewer, _)) = listener.accept().await {
        connections.spawn(pass(viewer, edges.clone()));
    }
}

async fn pass(mut viewer: TcpStream, mut edges: watch::Receiver<SocketAddr>) {
    let address = *edges.borrow_and_update();
    let Ok(mut edge) = TcpStream::connect(address).await else {
        return;
    };
    tokio::select! {
        _ = copy_bidirectional(&mut viewer, &mut edge) => {}
        _ = edges.changed() => {}
    }
}
