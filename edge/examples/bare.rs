//! A bare hyper server: one runtime a core, one answer. What an edge can cost at best.
//!
//! `cargo run --release -p edge --example bare -- 127.0.0.1:8082 1200` answers all requests
//! with so many bytes. `bench/edge cost` runs it.

#![allow(clippy::unwrap_used, missing_docs, reason = "a tool of ours")]

use std::{convert::Infallible, net::SocketAddr, thread};

use bytes::Bytes;
use http::{Request, Response, header::CONTENT_TYPE};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpSocket, runtime, task::LocalSet};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4096;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [address, len] = &arguments[..] else {
        panic!("bare ADDRESS BYTES");
    };
    let address: SocketAddr = address.parse().expect("an address and port");
    let body = Bytes::from(vec![7; len.parse().expect("a number of bytes")]);
    let cores = thread::available_parallelism().unwrap().get();
    let threads: Vec<_> = (0..cores)
        .map(|_| {
            let body = body.clone();
            thread::spawn(move || {
                let runtime = runtime::Builder::new_current_thread().enable_all().build();
                LocalSet::new().block_on(&runtime.unwrap(), serve(address, body));
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
}

async fn serve(address: SocketAddr, body: Bytes) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.set_reuseport(true).unwrap();
    socket.bind(address).unwrap();
    let listener = socket.listen(BACKLOG).unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let body = body.clone();
        let service = service_fn(move |_: Request<Incoming>| {
            let response = Response::builder()
                .header(CONTENT_TYPE, "application/octet-stream")
                .body(Full::new(body.clone()));
            async move { Ok::<_, Infallible>(response.unwrap()) }
        });
        tokio::task::spawn_local(async move {
            // Whoever leaves is no fault here.
            let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            let _ = served.await;
        });
    }
}
