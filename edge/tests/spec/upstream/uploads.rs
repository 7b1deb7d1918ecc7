//! Bodies that go up, from clients that send them slowly or not at all.

use std::time::Duration;

use edge::{Config, Profile};
use http::Method;
use testkit::{Answer, FakeOrigin, Gate, Still};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::setup::Edge;

async fn passing(change: impl FnOnce(&mut Config)) -> (FakeOrigin, Edge) {
    let origin = FakeOrigin::start().await;
    origin.route("/x", Answer::ok("x"));
    origin.route("/up", Answer::ok("never").held(&Gate::closed()));
    let edge = Edge::before(&[origin.url()], |config| {
        config.profile = Profile::Passthrough;
        change(config);
    })
    .await;
    (origin, edge)
}

/// Has sent one byte of ten.
async fn begun(edge: &Edge) -> TcpStream {
    let mut stream = TcpStream::connect(edge.addr).await.unwrap();
    let head = b"POST /up HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n1";
    stream.write_all(head).await.unwrap();
    stream
}

async fn answer(stream: &mut TcpStream) -> String {
    let mut told = Vec::new();
    let _ = stream.read_to_end(&mut told).await;
    String::from_utf8(told).unwrap()
}

#[tokio::test]
async fn bodies_that_do_not_come_take_no_place_of_a_fetch() {
    let (origin, edge) = passing(|config| {
        (config.fetches_max, config.origin_requests_max) = (1, 1);
        config.uploads_max = 2;
    })
    .await;
    let _slow = [begun(&edge).await, begun(&edge).await];
    origin.asked("/up", 2).await;
    assert_eq!(edge.get("/x").send().await.body, "x");
}

#[tokio::test]
async fn more_bodies_than_allowed_are_503() {
    let (origin, edge) = passing(|config| config.uploads_max = 1).await;
    let clock = Still::now();
    let _first = begun(&edge).await;
    origin.asked("/up", 1).await;
    let mut second = begun(&edge).await;
    edge.get("/healthz").send().await;
    clock.advance(Duration::from_secs(6)).await;
    let told = answer(&mut second).await;
    assert!(told.starts_with("HTTP/1.1 503 "), "{told}");
}

#[tokio::test]
async fn a_body_that_stops_coming_is_408_and_frees_its_place() {
    let (origin, edge) = passing(|config| config.uploads_max = 1).await;
    let clock = Still::now();
    let mut slow = begun(&edge).await;
    origin.asked("/up", 1).await;
    clock.advance(Duration::from_secs(31)).await;
    let told = answer(&mut slow).await;
    assert!(told.starts_with("HTTP/1.1 408 "), "{told}");
    assert!(told.contains("too slowly"), "{told}");
    let _next = begun(&edge).await;
    origin.asked("/up", 2).await;
}

#[tokio::test]
async fn an_origin_that_says_nothing_to_a_change_has_the_time_of_the_first_byte() {
    let (origin, edge) = passing(|_| {}).await;
    let clock = Still::now();
    let asked = testkit::request(edge.addr, Method::DELETE, "/up").send();
    let asked = tokio::spawn(asked);
    origin.asked("/up", 1).await;
    clock.advance(Duration::from_secs(9)).await;
    assert_eq!(asked.await.unwrap().status, 504);
}
