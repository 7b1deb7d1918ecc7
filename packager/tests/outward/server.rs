//! A server that says what it is told to, and counts who comes.

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::AbortHandle,
};

/// What is said on a connection, in pieces with a pause before each.
pub(crate) type Says = Vec<(Duration, Vec<u8>)>;

pub(crate) struct Server {
    pub(crate) port: u16,
    came: Arc<AtomicUsize>,
    heard: Arc<Mutex<Vec<String>>>,
    task: AbortHandle,
}

impl Server {
    /// Says on each connection what `says` makes of the request, then waits for its end.
    pub(crate) async fn at(
        ip: IpAddr,
        says: impl Fn(&str) -> Says + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (came, heard) = (Arc::default(), Arc::default());
        let (counter, log) = (Arc::clone(&came), Arc::clone(&heard));
        let says = Arc::new(says);
        let task = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                AtomicUsize::fetch_add(&counter, 1, SeqCst);
                let (says, log): (_, Arc<Mutex<Vec<String>>>) = (says.clone(), Arc::clone(&log));
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
                        if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
                            return;
                        }
                    }
                    let head = String::from_utf8(head).unwrap();
                    log.lock().unwrap().push(head.clone());
                    for (pause, bytes) in says(&head) {
                        tokio::time::sleep(pause).await;
                        if stream.write_all(&bytes).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self {
            port,
            came,
            heard,
            task: task.abort_handle(),
        }
    }

    pub(crate) async fn saying(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::at([127, 0, 0, 1].into(), move |_| {
            vec![(Duration::ZERO, answer.clone())]
        })
        .await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Connections that were made to it.
    pub(crate) fn came(&self) -> usize {
        self.came.load(SeqCst)
    }

    /// Heads of requests.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An answer with a body.
pub(crate) fn answer(status: &str, fields: &str, body: &str) -> Vec<u8> {
    let len = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {len}\r\n{fields}\r\n{body}").into_bytes()
}
