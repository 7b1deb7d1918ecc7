//! Requests that the origin holds until there is something new.

use std::time::Duration;

use testkit::{Answer, FakeOrigin, Gate, Still};

use crate::setup::Edge;

const HELD: &str = "/live.m3u8?_HLS_msn=7&_HLS_part=1";

/// An origin that holds [`HELD`] at the gate.
async fn holding(gate: &Gate) -> FakeOrigin {
    let origin = FakeOrigin::start().await;
    origin.route(HELD, Answer::ok("news").held(gate));
    origin.route("/news?wait=30", Answer::ok("news").held(gate));
    origin.route("/x", Answer::ok("x"));
    origin
}

#[tokio::test]
async fn held_requests_take_no_place_of_a_fetch() {
    let gate = Gate::closed();
    let origin = holding(&gate).await;
    let edge = Edge::before(&[origin.url()], |config| {
        (config.fetches_max, config.origin_requests_max) = (1, 1);
    })
    .await;
    let held = [HELD, "/news?wait=30"].map(|target| tokio::spawn(edge.get(target).send()));
    origin.asked(HELD, 1).await;
    origin.asked("/news?wait=30", 1).await;
    assert_eq!(edge.get("/x").send().await.body, "x");
    gate.open();
    for held in held {
        assert_eq!(held.await.unwrap().body, "news");
    }
}

#[tokio::test]
async fn a_held_request_has_a_timeout_of_its_own_not_that_of_the_first_byte() {
    let gate = Gate::closed();
    let origin = holding(&gate).await;
    let edge = Edge::before(&[origin.url()], |config| {
        config.held_timeout = Duration::from_secs(12);
    })
    .await;
    let clock = Still::now();
    let held = tokio::spawn(edge.get(HELD).send());
    origin.asked(HELD, 1).await;
    clock.advance(Duration::from_millis(11_990)).await;
    edge.get("/healthz").send().await;
    assert!(!held.is_finished());
    clock.advance(Duration::from_millis(20)).await;
    assert_eq!(held.await.unwrap().status, 504);
}

#[tokio::test]
async fn more_held_requests_than_allowed_are_503() {
    let gate = Gate::closed();
    let origin = holding(&gate).await;
    let edge = Edge::before(&[origin.url()], |config| config.held_max = 1).await;
    let clock = Still::now();
    let held = tokio::spawn(edge.get(HELD).send());
    origin.asked(HELD, 1).await;
    let waiting = tokio::spawn(edge.get("/news?wait=30").send());
    edge.get("/healthz").send().await;
    clock.advance(Duration::from_secs(6)).await;
    assert_eq!(waiting.await.unwrap().status, 503);
    gate.open();
    assert_eq!(held.await.unwrap().body, "news");
}

#[tokio::test]
async fn a_held_request_is_no_trial_that_others_wait_for() {
    let (first, second) = (FakeOrigin::start().await, FakeOrigin::start().await);
    let gate = Gate::closed();
    let addr = first.addr();
    first.stop().await;
    second.route(HELD, Answer::ok("news").held(&gate));
    second.route("/x", Answer::ok("second"));
    let urls = [format!("http://{addr}"), second.url()];
    let edge = Edge::before(&urls, |_| {}).await;
    let clock = Still::now();
    assert_eq!(edge.get("/x").send().await.body, "second");
    let first = FakeOrigin::start_on(addr).await;
    first.route("/x", Answer::ok("first"));
    clock.advance(Duration::from_secs(1)).await;
    let held = tokio::spawn(edge.get(HELD).send());
    second.asked(HELD, 1).await;
    assert_eq!(edge.get("/x").send().await.body, "first");
    gate.open();
    assert_eq!(held.await.unwrap().body, "news");
}
