//! An origin that fails is left alone, and asked again when it may be well.

use std::time::Duration;

use futures_util::future::join_all;
use testkit::{Answer, FakeOrigin, Gate, Still};

use crate::setup::Edge;

async fn pair() -> (FakeOrigin, FakeOrigin, Vec<String>) {
    let (first, second) = (FakeOrigin::start().await, FakeOrigin::start().await);
    first.route("/x", Answer::ok("first"));
    second.route("/x", Answer::ok("second"));
    let urls = vec![first.url(), second.url()];
    (first, second, urls)
}

#[tokio::test]
async fn five_failures_in_a_row_and_it_is_asked_no_more() {
    let (first, _second, urls) = pair().await;
    first.route("/x", Answer::status(503));
    let edge = Edge::before(&urls, |_| {}).await;
    let _clock = Still::now();
    for _ in 0..20 {
        assert_eq!(edge.get("/x").send().await.body, "second");
    }
    assert_eq!(first.fetches("/x"), 5);
}

#[tokio::test]
async fn half_of_the_answers_failed_and_it_is_asked_no_more() {
    let (first, _second, urls) = pair().await;
    first.route("/bad", Answer::hang_up());
    // A connection that was used before is no failure when it closes.
    let edge = Edge::before(&urls, |config| config.pool_idle_max = 0).await;
    let _clock = Still::now();
    for _ in 0..20 {
        edge.get("/x").send().await;
        edge.get("/bad").send().await;
    }
    assert_eq!((first.fetches("/x"), first.fetches("/bad")), (10, 10));
}

#[tokio::test]
async fn after_its_time_one_request_finds_out_and_the_others_go_elsewhere() {
    let (first, second, urls) = pair().await;
    first.route("/x", Answer::status(503));
    let edge = Edge::before(&urls, |_| {}).await;
    let clock = Still::now();
    for _ in 0..5 {
        assert_eq!(edge.get("/x").send().await.body, "second");
    }
    let gate = Gate::closed();
    first.route("/x", Answer::ok("first").held(&gate));
    first.route("/y", Answer::ok("first"));
    second.route("/y", Answer::ok("second"));
    clock.advance(Duration::from_secs(1)).await;
    let trial = tokio::spawn(edge.get("/x").send());
    first.asked("/x", 6).await;
    let others = join_all((0..10).map(|_| edge.get("/y").send())).await;
    assert!(others.iter().all(|reply| reply.body == "second"));
    // The fetch goes on without its client, and lets the origin in.
    trial.abort();
    gate.open();
    while edge.get("/y").send().await.body != "first" {}
}

#[tokio::test]
async fn one_that_was_gone_is_in_again_as_soon_as_a_connection_came_about() {
    let (first, second, urls) = pair().await;
    let addr = first.addr();
    first.stop().await;
    let edge = Edge::before(&urls, |_| {}).await;
    let clock = Still::now();
    assert_eq!(edge.get("/x").send().await.body, "second");
    let first = FakeOrigin::start_on(addr).await;
    let gate = Gate::closed();
    first.route("/slow", Answer::ok("slow").held(&gate));
    first.route("/x", Answer::ok("first"));
    assert_eq!(edge.get("/x").send().await.body, "second");
    clock.advance(Duration::from_secs(1)).await;
    let slow = tokio::spawn(edge.get("/slow").send());
    first.asked("/slow", 1).await;
    assert_eq!(edge.get("/x").send().await.body, "first");
    gate.open();
    assert_eq!(slow.await.unwrap().body, "slow");
    assert_eq!(second.fetches("/slow"), 0);
}

#[tokio::test]
async fn a_path_that_fails_does_not_close_a_site_with_one_origin() {
    for answer in [Answer::status(503), Answer::hang_up()] {
        let origin = FakeOrigin::start().await;
        origin.route("/x", answer);
        origin.route("/y", Answer::ok("fine"));
        let edge = Edge::before(&[origin.url()], |_| {}).await;
        for _ in 0..50 {
            assert!(edge.get("/x").send().await.status.is_server_error());
        }
        assert_eq!(edge.get("/y").send().await.body, "fine");
    }
}

#[tokio::test]
async fn checks_keep_an_origin_out_until_it_answers_them() {
    let (first, second, urls) = pair().await;
    first.route("/up", Answer::status(500));
    second.route("/up", Answer::ok("up"));
    let edge = Edge::before(&urls, |config| config.health_path = "/up".to_owned()).await;
    let clock = Still::now();
    assert_eq!(edge.get("/x").send().await.body, "first");
    let checked = async |times: usize| {
        while first.fetches("/up") < times {
            clock.advance(Duration::from_secs(6)).await;
            edge.get("/healthz").send().await;
        }
    };
    // The third begins when the second has been judged.
    checked(3).await;
    assert_eq!(edge.get("/x").send().await.body, "second");
    first.route("/up", Answer::ok("up"));
    let so_far = first.fetches("/up");
    checked(so_far + 2).await;
    assert_eq!(edge.get("/x").send().await.body, "first");
    assert!(second.fetches("/up") > 0);
}

#[tokio::test]
async fn checks_that_fail_everywhere_keep_nobody_from_being_asked() {
    let (first, second, urls) = pair().await;
    let edge = Edge::before(&urls, |config| config.health_path = "/up".to_owned()).await;
    let clock = Still::now();
    edge.get("/healthz").send().await;
    while first.fetches("/up") < 3 || second.fetches("/up") < 3 {
        clock.advance(Duration::from_secs(6)).await;
        edge.get("/healthz").send().await;
    }
    assert_eq!(edge.get("/x").send().await.body, "first");
}
