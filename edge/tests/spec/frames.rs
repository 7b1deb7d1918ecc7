//! HTTP/2 as no client should speak it, in bare frames (RFC 9113 §4).

use std::time::Duration;

use testkit::{FakeOrigin, Still};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::setup::Edge;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PRIORITY: u8 = 2;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// `GET http://x/`, in HPACK's static table.
const FIELDS: &[u8] = &[0x82, 0x86, 0x84, 0x41, 1, b'x'];

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u32).to_be_bytes();
    [&len[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A connection on which both sides have sent their settings.
async fn connect(edge: &Edge) -> TcpStream {
    let mut stream = TcpStream::connect(edge.addr).await.unwrap();
    stream.write_all(PREFACE).await.unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
    stream
}

/// The kind and payload of the next frame; `None` at the end.
async fn next(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.ok()?;
    let len = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; len as usize];
    stream.read_exact(&mut payload).await.ok()?;
    Some((head[3], payload))
}

/// Sends until the edge has closed, or all is sent; whether it closed.
async fn is_closed_by(edge: &Edge, flood: impl Iterator<Item = Vec<u8>>) -> bool {
    let (mut read, mut write) = connect(edge).await.into_split();
    let closed = tokio::spawn(async move {
        let mut rest = Vec::new();
        let _ = read.read_to_end(&mut rest).await;
    });
    for frames in flood {
        if write.write_all(&frames).await.is_err() {
            break;
        }
    }
    timeout(Duration::from_secs(5), closed).await.is_ok()
}

async fn plain() -> (FakeOrigin, Edge) {
    let origin = FakeOrigin::start().await;
    let edge = Edge::plain(&origin).await;
    (origin, edge)
}

#[tokio::test]
async fn limits_are_told() {
    let (_origin, edge) = plain().await;
    let (kind, settings) = next(&mut connect(&edge).await).await.unwrap();
    assert_eq!(kind, SETTINGS);
    let of = |id: u8| {
        let found = settings.chunks(6).find(|it| it[..2] == [0, id]);
        found.map(|it| u32::from_be_bytes([it[2], it[3], it[4], it[5]]))
    };
    // RFC 9113 §6.5.2: concurrent streams, length of a header.
    assert_eq!((of(3), of(6)), (Some(100), Some(16 << 10)));
}

#[tokio::test]
async fn streams_opened_and_reset_at_once_end_the_connection() {
    let (_origin, edge) = plain().await;
    let pair = |n: u32| {
        let stream = 2 * n + 1;
        let open = frame(HEADERS, END_STREAM | END_HEADERS, stream, FIELDS);
        [open, frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])].concat()
    };
    assert!(is_closed_by(&edge, (0..2_000).map(pair)).await);
}

#[tokio::test]
async fn a_header_without_end_ends_the_connection() {
    let (_origin, edge) = plain().await;
    let more = |_| frame(CONTINUATION, 0, 1, &[]);
    let begin = std::iter::once(frame(HEADERS, END_STREAM, 1, FIELDS));
    assert!(is_closed_by(&edge, begin.chain((0..10_000).map(more))).await);
    let field = [&[0, 1, b'a', 100][..], &[b'x'; 100]].concat();
    let more = |_| frame(CONTINUATION, 0, 1, &field);
    let begin = std::iter::once(frame(HEADERS, END_STREAM, 1, FIELDS));
    assert!(is_closed_by(&edge, begin.chain((0..10_000).map(more))).await);
}

#[tokio::test]
async fn frames_that_ask_for_nothing_end_the_connection() {
    let (_origin, edge) = plain().await;
    let ping = frame(PING, 0, 0, &[0; 8]);
    let window = frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]);
    let priority = frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 16]);
    for kind in [ping, window, priority, frame(0x77, 0, 0, &[])] {
        let many = kind.repeat(1_000);
        let count = (2 << 20) / many.len();
        assert!(is_closed_by(&edge, std::iter::repeat_n(many, count)).await);
    }
}

#[tokio::test]
async fn an_idle_connection_is_told_to_go_and_closed() {
    let (_origin, edge) = plain().await;
    let clock = Still::now();
    let mut stream = connect(&edge).await;
    assert!(next(&mut stream).await.is_some());
    edge.get("/healthz").send().await;
    clock.advance(Duration::from_secs(61)).await;
    let goaway = loop {
        match next(&mut stream).await {
            Some((GOAWAY, _)) => break true,
            Some(_) => {}
            None => break false,
        }
    };
    assert!(goaway);
    edge.get("/healthz").send().await;
    clock.advance(Duration::from_secs(6)).await;
    while next(&mut stream).await.is_some() {}
}

#[tokio::test]
async fn the_first_bytes_may_come_one_by_one() {
    let (_origin, edge) = plain().await;
    let mut stream = TcpStream::connect(edge.addr).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in PREFACE {
        stream.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
    let open = frame(HEADERS, END_STREAM | END_HEADERS, 1, FIELDS);
    stream.write_all(&open).await.unwrap();
    while next(&mut stream).await.expect("an answer").0 != HEADERS {}
}
