//! How long a connection of HTTP/1 lives, and for what.

use std::time::Duration;

use bytesize::ByteSize;
use testkit::{Answer, FakeOrigin, Still};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::setup::{Edge, bytes};

const ASK: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: edge.test\r\n\r\n";

async fn connect(edge: &Edge) -> TcpStream {
    TcpStream::connect(edge.addr).await.unwrap()
}

/// Asks for `/healthz`; `None` if the connection is closed instead of an answer.
async fn ask(stream: &mut TcpStream) -> Option<String> {
    stream.write_all(ASK).await.ok()?;
    answer(stream).await
}

async fn answer(stream: &mut TcpStream) -> Option<String> {
    let mut said = Vec::new();
    while !said.ends_with(b"\r\n\r\nok\n") {
        let byte = stream.read_u8().await.ok()?;
        said.push(byte);
    }
    Some(String::from_utf8(said).unwrap())
}

#[tokio::test]
async fn one_that_was_parked_goes_on() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::plain(&origin).await;
    let clock = Still::now();
    let mut stream = connect(&edge).await;
    for _ in 0..3 {
        assert!(ask(&mut stream).await.is_some());
        // The edge looks at it once more before time goes on.
        edge.get("/healthz").send().await;
        clock.advance(Duration::from_secs(20)).await;
        edge.get("/healthz").send().await;
    }
}

#[tokio::test]
async fn an_idle_one_may_stay_longer_than_a_header_may_take() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::start(&origin, None, |config| {
        config.header_read_timeout = Duration::from_secs(5);
        config.keep_alive_idle = Duration::from_secs(60);
    })
    .await;
    let clock = Still::now();
    let mut stream = connect(&edge).await;
    assert!(ask(&mut stream).await.is_some());
    edge.get("/healthz").send().await;
    clock.advance(Duration::from_secs(30)).await;
    assert!(ask(&mut stream).await.is_some());
    edge.get("/healthz").send().await;
    // To the park, and then to its end.
    for secs in [2, 61] {
        clock.advance(Duration::from_secs(secs)).await;
        edge.get("/healthz").send().await;
    }
    assert!(ask(&mut stream).await.is_none());
}

#[tokio::test]
async fn a_header_that_stops_coming_on_a_used_one_ends_it() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::start(&origin, None, |config| {
        config.header_read_timeout = Duration::from_secs(5);
    })
    .await;
    let clock = Still::now();
    let mut stream = connect(&edge).await;
    assert!(ask(&mut stream).await.is_some());
    stream.write_all(b"GET /healthz HT").await.unwrap();
    edge.get("/healthz").send().await;
    clock.advance(Duration::from_secs(6)).await;
    assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn one_that_sends_nothing_is_closed() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::plain(&origin).await;
    let clock = Still::now();
    let mut stream = connect(&edge).await;
    edge.get("/healthz").send().await;
    clock.advance(Duration::from_secs(31)).await;
    assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn its_last_request_says_so() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::start(&origin, None, |config| config.connection_requests_max = 2).await;
    let mut stream = connect(&edge).await;
    let first = ask(&mut stream).await.unwrap();
    assert!(!first.contains("connection: close"), "{first}");
    let second = ask(&mut stream).await.unwrap();
    assert!(second.contains("connection: close"), "{second}");
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn requests_sent_at_once_are_answered_one_after_another() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::plain(&origin).await;
    let mut stream = connect(&edge).await;
    stream.write_all(&ASK.repeat(100)).await.unwrap();
    for _ in 0..100 {
        assert!(answer(&mut stream).await.is_some());
    }
}

/// Takes of a large answer what the socket holds, and then some every few seconds, for so
/// many seconds; whether the connection is cut meanwhile.
async fn is_cut_reading_slowly(rate_min: ByteSize, seconds: u64) -> bool {
    let origin = FakeOrigin::start().await;
    let edge = Edge::start(&origin, None, |config| {
        config.client_rate_min = rate_min;
        config.client_rate_window = Duration::from_secs(20);
    })
    .await;
    let body = bytes(20_000_000);
    origin.route("/x", Answer::ok(body).cache("max-age=60"));
    edge.get("/x").send().await;
    let clock = Still::now();
    let mut stream = connect(&edge).await;
    let request = b"GET /x HTTP/1.1\r\nhost: edge.test\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut some = vec![0; 256 << 10];
    for _ in 0..seconds / 5 {
        edge.get("/healthz").send().await;
        clock.advance(Duration::from_secs(5)).await;
        edge.get("/healthz").send().await;
        if stream.read_exact(&mut some).await.is_err() {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn who_takes_less_than_the_least_rate_is_cut_though_never_still() {
    assert!(is_cut_reading_slowly(ByteSize::mib(1), 250).await);
}

#[tokio::test]
async fn who_takes_more_than_the_least_rate_is_not_cut() {
    assert!(!is_cut_reading_slowly(ByteSize::kib(10), 250).await);
}
