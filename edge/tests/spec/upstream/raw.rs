//! An origin that writes the bytes it is told to, whatever they are.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// What is written for a request, and what follows.
#[derive(Clone)]
pub(crate) struct Said {
    bytes: Vec<u8>,
    close: bool,
}

/// These bytes; the connection waits for its next request.
pub(crate) fn said(bytes: impl AsRef<[u8]>) -> Said {
    Said {
        bytes: bytes.as_ref().to_vec(),
        close: false,
    }
}

/// These bytes, and the connection's end.
pub(crate) fn last_words(bytes: impl AsRef<[u8]>) -> Said {
    Said {
        close: true,
        ..said(bytes)
    }
}

/// A whole answer that may be stored.
pub(crate) fn fine(body: &str) -> Said {
    let head = "HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ncontent-length:";
    said(format!("{head} {}\r\n\r\n{body}", body.len()))
}

type Script = Arc<dyn Fn(usize) -> Said + Send + Sync>;

/// Stops when dropped.
pub(crate) struct Raw {
    pub(crate) addr: SocketAddr,
    shared: Arc<Shared>,
    _server: JoinSet<()>,
}

struct Shared {
    script: Script,
    heads: Mutex<Vec<String>>,
    connections: AtomicUsize,
}

impl Raw {
    /// Says the same to all.
    pub(crate) async fn saying(what: Said) -> Self {
        Self::start(move |_| what.clone()).await
    }

    /// Says to the n-th request, counted from 0, what the script says.
    pub(crate) async fn start(script: impl Fn(usize) -> Said + Send + Sync + 'static) -> Self {
        Self::wrapped(script, |stream| async { Some(stream) }).await
    }

    /// Behind something that is done to each connection first, such as TLS.
    pub(crate) async fn wrapped<S, F>(
        script: impl Fn(usize) -> Said + Send + Sync + 'static,
        wrap: impl Fn(TcpStream) -> F + Send + Sync + 'static,
    ) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
        F: Future<Output = Option<S>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            script: Arc::new(script),
            heads: Mutex::default(),
            connections: AtomicUsize::new(0),
        });
        let mut server = JoinSet::new();
        let served = shared.clone();
        server.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                served.connections.fetch_add(1, Ordering::Relaxed);
                let (wrapped, served) = (wrap(stream), served.clone());
                connections.spawn(async move {
                    if let Some(stream) = wrapped.await {
                        served.talk(stream).await;
                    }
                });
            }
        });
        Self {
            addr,
            shared,
            _server: server,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The heads of the requests so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.shared.heads.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }
}

impl Shared {
    async fn talk(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        let mut head = Vec::new();
        while let Ok(byte) = stream.read_u8().await {
            head.push(byte);
            if !head.ends_with(b"\r\n\r\n") {
                continue;
            }
            let asked = {
                let mut heads = self.heads.lock().unwrap();
                heads.push(String::from_utf8(std::mem::take(&mut head)).unwrap());
                heads.len() - 1
            };
            let said = (self.script)(asked);
            if stream.write_all(&said.bytes).await.is_err() || said.close {
                let _ = stream.shutdown().await;
                return;
            }
        }
    }
}
