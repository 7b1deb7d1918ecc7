//! Bounds, and what happens at them.

use std::time::Duration;

use bytesize::ByteSize;
use testkit::{Answer, FakeOrigin, Gate, Still};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::setup::{Edge, SEGMENT, bytes, cache_status, segment};

#[tokio::test]
async fn a_body_over_the_limit_is_passed_on_and_not_stored() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::start(&origin, None, |config| {
        config.object_max = ByteSize::kib(100);
    })
    .await;
    let body = bytes(3_000_000);
    for (target, answer) in [
        ("/known", Answer::ok(body.clone())),
        ("/unknown", Answer::ok(body.clone()).chunked()),
    ] {
        origin.route(target, answer.cache("max-age=60"));
        for _ in 0..2 {
            assert!(edge.get(target).send().await.body == body);
        }
        assert_eq!(origin.fetches(target), 2, "{target}");
    }
}

#[tokio::test]
async fn without_memory_for_fills_bodies_are_passed_on() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::start(&origin, None, |config| config.fill_ram = ByteSize::kib(100)).await;
    let body = bytes(1_000_000);
    origin.route("/x", Answer::ok(body.clone()).cache("max-age=60"));
    let reply = edge.get("/x").send().await;
    assert!(reply.body == body);
    assert_eq!(cache_status(&reply), "fwd=miss");
    origin.route("/y", Answer::ok(bytes(90_000)).cache("max-age=60"));
    assert_eq!(
        cache_status(&edge.get("/y").send().await),
        "fwd=miss; stored"
    );
}

#[tokio::test]
async fn more_waiters_than_allowed_get_503() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::start(&origin, None, |config| config.waiters_max = 1).await;
    let gate = Gate::closed();
    origin.route("/x", Answer::ok("x").cache("max-age=60").held(&gate));
    let first = tokio::spawn(edge.get("/x").send());
    origin.asked("/x", 1).await;
    let reply = edge.get("/x").send().await;
    assert_eq!(
        (reply.status.as_u16(), reply.problem().as_str()),
        (503, "overloaded")
    );
    assert_eq!(reply.field("retry-after"), "1");
    gate.open();
    assert_eq!(first.await.unwrap().body, "x");
}

#[tokio::test]
async fn more_fetches_than_allowed_wait_and_then_get_503() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::start(&origin, None, |config| config.fetches_max = 1).await;
    let clock = Still::now();
    let gate = Gate::closed();
    origin.route("/held", Answer::ok("x").held(&gate));
    let held = tokio::spawn(edge.get("/held").send());
    origin.asked("/held", 1).await;
    let waiting = tokio::spawn(edge.get("/x").send());
    edge.get("/healthz").send().await;
    clock.advance(Duration::from_secs(6)).await;
    assert_eq!(waiting.await.unwrap().status, 503);
    gate.open();
    assert_eq!(held.await.unwrap().status, 200);
    assert_eq!(edge.get("/x").send().await.status, 404);
}

#[tokio::test]
async fn a_connection_too_many_is_told_so() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::start(&origin, None, |config| config.connections_max = 1).await;
    let first = edge.get("/healthz").open().await;
    let told = testkit::raw(edge.addr, b"").await;
    assert!(told.starts_with("HTTP/1.1 503 "), "{told}");
    drop(first);
}

#[tokio::test]
async fn long_targets_and_headers_are_refused() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::plain(&origin).await;
    let long = format!("/{}", "x".repeat(5000));
    assert_eq!(edge.get(&long).send().await.status, 414);
    let field = "x".repeat(20_000);
    assert_eq!(
        edge.get("/x").header("x-long", &field).send().await.status,
        431
    );
    let many = (0..100).fold(edge.get("/x"), |asked, n| {
        asked.header(&format!("x-{n}"), "1")
    });
    assert_eq!(many.send().await.status, 431);
}

#[tokio::test]
async fn a_header_that_does_not_come_ends_the_connection() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::plain(&origin).await;
    let clock = Still::now();
    let mut slow = TcpStream::connect(edge.addr).await.unwrap();
    slow.write_all(b"GET /x HTTP/1.1\r\nho").await.unwrap();
    edge.get("/healthz").send().await;
    clock.advance(Duration::from_secs(31)).await;
    let mut rest = Vec::new();
    let _ = slow.read_to_end(&mut rest).await;
    assert!(!rest.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::plain(&origin).await;
    let body = bytes(30_000_000);
    origin.route("/x", Answer::ok(body.clone()).cache("max-age=60"));
    assert!(edge.get("/x").send().await.body == body);
    let clock = Still::now();
    let mut idle = edge.get("/x").open().await;
    idle.piece().await.unwrap().unwrap();
    // Another whole answer passes in the meantime: the first one's write waits by then.
    assert_eq!(edge.get("/x").send().await.body.len(), body.len());
    // What the kernel took after that is seen at the first look.
    clock.advance(Duration::from_secs(6)).await;
    assert_eq!(edge.get("/x").send().await.body.len(), body.len());
    clock.advance(Duration::from_secs(31)).await;
    let cut = loop {
        match idle.piece().await {
            Some(Ok(_)) => {}
            end => break end,
        }
    };
    assert!(matches!(cut, Some(Err(()))));
}

#[tokio::test]
async fn who_waits_for_events_keeps_nobody_from_a_segment() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::start(&origin, None, |config| config.fetches_max = 1).await;
    let gate = Gate::closed();
    origin.route("/events", events(&gate));
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let mut stream = edge.get("/events").open().await;
        assert_eq!(stream.piece().await.unwrap().unwrap(), "data: 1\n\n");
        waiting.push(stream);
    }
    origin.route(SEGMENT, segment());
    assert_eq!(edge.get(SEGMENT).send().await.status, 200);
    gate.open();
    for mut stream in waiting {
        assert_eq!(stream.piece().await.unwrap().unwrap(), "data: 2\n\n");
        assert!(stream.piece().await.is_none());
    }
}

/// One event, and another behind the gate, as Weir's origin serves them.
fn events(gate: &Gate) -> Answer {
    let first = Answer::ok("data: 1\n\n")
        .then_held(gate)
        .then("data: 2\n\n");
    let events = first.header("content-type", "text/event-stream");
    events.cache("no-store").chunked()
}
