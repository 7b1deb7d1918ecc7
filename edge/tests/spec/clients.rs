//! What one address may take.

use edge::Config;
use testkit::{FakeOrigin, JOIN, Still};

use crate::setup::{Edge, SEGMENT, heard, segment};

async fn limited(change: impl FnOnce(&mut Config)) -> (FakeOrigin, Edge) {
    let origin = FakeOrigin::start().await;
    let edge = Edge::start(&origin, None, |config| {
        config.client_limits_loopback = true;
        change(config);
    })
    .await;
    (origin, edge)
}

#[tokio::test]
async fn a_client_has_so_many_connections() {
    let (_origin, edge) = limited(|config| config.client_connections_max = 1).await;
    let first = edge.get("/healthz").open().await;
    let told = testkit::raw(edge.addr, b"").await;
    assert!(told.starts_with("HTTP/1.1 429 "), "{told}");
    assert!(told.contains("\r\nretry-after: 1\r\n"), "{told}");
    drop(first);
    // Its place is free as soon as the edge has seen the end.
    while testkit::raw(edge.addr, b"GET /healthz HTTP/1.0\r\n\r\n")
        .await
        .contains(" 429 ")
    {}
}

#[tokio::test]
async fn a_client_opens_so_many_connections_a_second() {
    let (_origin, edge) = limited(|config| config.client_connection_rate = 1).await;
    let _clock = Still::now();
    let mut told = Vec::new();
    for _ in 0..6 {
        told.push(testkit::raw(edge.addr, b"GET /healthz HTTP/1.0\r\n\r\n").await);
    }
    let refused = told.iter().filter(|told| told.contains(" 429 ")).count();
    assert_eq!(refused, 2, "{told:?}");
}

#[tokio::test]
async fn a_client_asks_so_often_a_second_on_whatever_connection() {
    let (_origin, edge) = limited(|config| config.client_request_rate = 1).await;
    let clock = Still::now();
    for _ in 0..4 {
        assert_eq!(edge.get("/healthz").send().await.status, 200);
    }
    let reply = edge.get("/healthz").send().await;
    assert_eq!(
        (reply.status.as_u16(), reply.problem().as_str()),
        (429, "overloaded")
    );
    assert_eq!(reply.field("retry-after"), "1");
    assert_eq!(reply.field("access-control-allow-origin"), "*");
    clock.advance(std::time::Duration::from_secs(1)).await;
    assert_eq!(edge.get("/healthz").send().await.status, 200);
}

#[tokio::test]
async fn loopback_is_not_limited_by_default() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::start(&origin, None, |config| {
        config.client_connections_max = 1;
        config.client_connection_rate = 1;
        config.client_request_rate = 1;
    })
    .await;
    let _clock = Still::now();
    let _first = edge.get("/healthz").open().await;
    for _ in 0..20 {
        assert_eq!(edge.get("/healthz").send().await.status, 200);
    }
}

#[tokio::test]
async fn a_client_is_told_so_often_that_its_key_is_refused_and_a_good_key_opens_meanwhile() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::start(&origin, Some(JOIN), |config| {
        config.client_limits_loopback = true;
        config.client_refusal_rate = 2;
    })
    .await;
    heard(&origin, 1).await;
    origin.route(SEGMENT, segment().keyed());
    let (good, other) = (origin.key("a"), origin.key("b"));
    let clock = Still::now();
    let with = async |key: &str| edge.get(&format!("/k/{key}{SEGMENT}")).send().await;
    for key in ["x", &other].repeat(4) {
        let status = with(key).await.status.as_u16();
        assert!([401, 403].contains(&status), "{status}");
    }
    for key in ["x", other.as_str()] {
        let reply = with(key).await;
        assert_eq!(
            (reply.status.as_u16(), &*reply.problem()),
            (429, "overloaded")
        );
        assert_eq!(reply.field("retry-after"), "1");
        assert_eq!(reply.field("cache-control"), "no-store");
    }
    assert_eq!(origin.fetches(SEGMENT), 0);
    assert_eq!(with(&good).await.status, 200);
    clock.advance(std::time::Duration::from_millis(500)).await;
    assert_eq!(
        (
            with("x").await.status.as_u16(),
            with("x").await.status.as_u16()
        ),
        (401, 429)
    );
}
