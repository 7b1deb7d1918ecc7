use std::{net::SocketAddr, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request, StatusCode, header::HOST};
use http_body_util::{BodyExt, Empty};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Longest wait for anything here. Chosen: far above what any takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A request to be sent on a connection of its own.
#[derive(Debug)]
pub struct Asking {
    addr: SocketAddr,
    request: http::request::Builder,
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its fields.
    pub headers: HeaderMap,
    /// What came of its body.
    pub body: Bytes,
    /// The body ended before its end.
    pub cut: bool,
}

/// An answer whose body is read piece by piece. Dropping it closes the connection.
#[derive(Debug)]
pub struct Stream {
    /// Its status.
    pub status: StatusCode,
    /// Its fields.
    pub headers: HeaderMap,
    body: Incoming,
    connection: tokio::task::JoinHandle<()>,
}

/// A GET, ready to be sent.
#[must_use]
pub fn get(addr: SocketAddr, target: &str) -> Asking {
    request(addr, Method::GET, target)
}

/// Any request, ready to be sent.
#[must_use]
pub fn request(addr: SocketAddr, method: Method, target: &str) -> Asking {
    let request = Request::builder().method(method).uri(target);
    Asking {
        addr,
        request: request.header(HOST, "edge.test"),
    }
}

impl Asking {
    /// Adds a field.
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        Self {
            request: self.request.header(name, value),
            ..self
        }
    }

    /// Sends it and reads the whole answer.
    pub async fn send(self) -> Reply {
        let waited = timeout(PATIENCE, async {
            let mut stream = self.open().await;
            let mut body = BytesMut::new();
            let cut = loop {
                match stream.piece().await {
                    Some(Ok(piece)) => body.extend_from_slice(&piece),
                    Some(Err(())) => break true,
                    None => break false,
                }
            };
            Reply {
                status: stream.status,
                headers: stream.headers.clone(),
                body: body.freeze(),
                cut,
            }
        });
        waited.await.expect("the answer ends in time")
    }

    /// Sends it and reads the answer's head.
    pub async fn open(self) -> Stream {
        let stream = TcpStream::connect(self.addr)
            .await
            .expect("the server listens");
        let connected = http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = connected.expect("a connection is ready");
        let connection = tokio::spawn(async move {
            let _ = connection.await;
        });
        let request = self.request.body(Empty::<Bytes>::new());
        let sent = sender.send_request(request.expect("a test sends a real request"));
        let answered = timeout(PATIENCE, sent)
            .await
            .expect("an answer begins in time");
        let (head, body) = answered.expect("an answer begins").into_parts();
        Stream {
            status: head.status,
            headers: head.headers,
            body,
            connection,
        }
    }
}

impl Reply {
    /// A field as text; empty if it is not there.
    #[must_use]
    pub fn field(&self, name: &str) -> &str {
        let value = self.headers.get(name).map(|value| value.to_str());
        value.map_or("", |text| text.expect("fields of tests are ASCII"))
    }

    /// The kind of the problem in the body.
    ///
    /// # Panics
    /// If the body is none.
    #[must_use]
    pub fn problem(&self) -> String {
        let problem: wire::Problem =
            serde_json::from_slice(&self.body).expect("the body is problem+json");
        problem.kind().to_owned()
    }
}

impl Stream {
    /// The next piece; an error if the body was cut, `None` at its end.
    pub async fn piece(&mut self) -> Option<Result<Bytes, ()>> {
        loop {
            let frame = timeout(PATIENCE, self.body.frame()).await;
            match frame.expect("the next piece comes in time")? {
                Ok(frame) => match frame.into_data() {
                    Ok(piece) => return Some(Ok(piece)),
                    Err(_) => continue,
                },
                Err(_) => return Some(Err(())),
            }
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// Sends bytes as they are, and reads until the server closes the connection.
pub async fn raw(addr: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(addr).await.expect("the server listens");
    stream.write_all(bytes).await.expect("the server reads");
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    // A server that closes with our bytes unread resets: what came before it counts.
    let _ = read.expect("the server closes in time");
    String::from_utf8_lossy(&answer).into_owned()
}
