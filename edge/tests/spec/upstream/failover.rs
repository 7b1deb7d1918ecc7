//! Another origin is asked while nothing was sent to the client.

use std::time::Duration;

use edge::SiteConfig;
use testkit::{Answer, FakeOrigin, Gate, JOIN, Still};

use super::{
    nowhere,
    raw::{Raw, fine, last_words, said},
};
use crate::setup::{Edge, SEGMENT, bytes, heard, segment};

/// Two origins that have `/x`, of which the first is as a test makes it.
async fn pair() -> (FakeOrigin, FakeOrigin, Vec<String>) {
    let (first, second) = (FakeOrigin::start().await, FakeOrigin::start().await);
    first.route("/x", Answer::ok("first"));
    second.route("/x", Answer::ok("second"));
    let urls = vec![first.url(), second.url()];
    (first, second, urls)
}

#[tokio::test]
async fn the_first_origin_gets_all_while_it_is_well() {
    let (first, second, urls) = pair().await;
    let edge = Edge::before(&urls, |_| {}).await;
    for _ in 0..10 {
        assert_eq!(edge.get("/x").send().await.body, "first");
    }
    assert_eq!((first.fetches("/x"), second.fetches("/x")), (10, 0));
}

#[tokio::test]
async fn weights_share_the_requests() {
    let (first, second, urls) = pair().await;
    let edge = Edge::before(&urls, |config| config.origin_weights = vec![0, 1]).await;
    for _ in 0..10 {
        assert_eq!(edge.get("/x").send().await.body, "second");
    }
    second.stop().await;
    assert_eq!(edge.get("/x").send().await.body, "first");
    assert_eq!(first.fetches("/x"), 1);
}

#[tokio::test]
async fn where_nobody_listens_the_next_is_asked_and_the_first_left_alone() {
    let live = Raw::saying(fine("fine")).await;
    let edge = Edge::before(&[nowhere().await, live.url()], |_| {}).await;
    for n in 0..20 {
        assert_eq!(edge.get(&format!("/{n}")).send().await.body, "fine");
    }
}

#[tokio::test]
async fn an_origin_that_talks_nonsense_or_closes_is_not_the_last_word() {
    for what in [
        said("nonsense\r\n\r\n"),
        last_words(""),
        said("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx"),
    ] {
        let (bad, good) = (Raw::saying(what).await, Raw::saying(fine("fine")).await);
        let edge = Edge::before(&[bad.url(), good.url()], |_| {}).await;
        assert_eq!(edge.get("/x").send().await.body, "fine");
        assert_eq!((bad.heads().len(), good.heads().len()), (1, 1));
    }
}

#[tokio::test]
async fn an_origin_that_cannot_answer_now_is_not_the_last_word_unless_it_is_the_last() {
    for status in [502, 503, 504] {
        let (first, second, urls) = pair().await;
        first.route("/x", Answer::status(status));
        let edge = Edge::before(&urls, |_| {}).await;
        assert_eq!(edge.get("/x").send().await.body, "second");
        second.stop().await;
        let reply = edge.get("/x").send().await;
        assert_eq!(
            (reply.status.as_u16(), &reply.body[..]),
            (status, status.to_string().as_bytes())
        );
    }
}

#[tokio::test]
async fn what_an_origin_means_is_passed_on() {
    for status in [404, 410, 500, 501] {
        let (first, second, urls) = pair().await;
        first.route("/x", Answer::status(status));
        let edge = Edge::before(&urls, |_| {}).await;
        assert_eq!(edge.get("/x").send().await.status, status);
        assert_eq!(second.fetches("/x"), 0);
    }
}

#[tokio::test]
async fn a_silent_origin_has_half_of_the_time() {
    let (first, second, urls) = pair().await;
    let gate = Gate::closed();
    first.route("/x", Answer::ok("late").held(&gate));
    let edge = Edge::before(&urls, |_| {}).await;
    let clock = Still::now();
    let asking = tokio::spawn(edge.get("/x").send());
    first.asked("/x", 1).await;
    clock.advance(Duration::from_millis(3_990)).await;
    edge.get("/healthz").send().await;
    assert_eq!(second.fetches("/x"), 0);
    clock.advance(Duration::from_millis(20)).await;
    assert_eq!(asking.await.unwrap().body, "second");
}

#[tokio::test]
async fn once_the_body_began_nothing_is_tried_again() {
    let (first, second, urls) = pair().await;
    let answer = Answer::ok(bytes(1000)).then_cut().claiming(2000);
    first.route("/x", answer.cache("max-age=60"));
    let edge = Edge::before(&urls, |_| {}).await;
    assert!(edge.get("/x").send().await.cut);
    assert_eq!((first.fetches("/x"), second.fetches("/x")), (1, 0));
}

#[tokio::test]
async fn a_full_origin_is_waited_for_a_while_and_then_the_next_is_asked() {
    let (first, second, urls) = pair().await;
    let gate = Gate::closed();
    first.route("/held", Answer::ok("held").held(&gate));
    let edge = Edge::before(&urls, |config| config.origin_requests_max = 1).await;
    let clock = Still::now();
    let held = tokio::spawn(edge.get("/held").send());
    first.asked("/held", 1).await;
    let waiting = tokio::spawn(edge.get("/x").send());
    edge.get("/healthz").send().await;
    assert_eq!(second.fetches("/x"), 0);
    clock.advance(Duration::from_millis(1_100)).await;
    assert_eq!(waiting.await.unwrap().body, "second");
    gate.open();
    assert_eq!(held.await.unwrap().body, "held");
    assert_eq!(edge.get("/x").send().await.body, "first");
}

#[tokio::test]
async fn a_full_origin_that_is_the_only_one_is_503() {
    let origin = FakeOrigin::start().await;
    let gate = Gate::closed();
    origin.route("/held", Answer::ok("held").held(&gate));
    let edge = Edge::before(&[origin.url()], |config| config.origin_requests_max = 1).await;
    let clock = Still::now();
    let held = tokio::spawn(edge.get("/held").send());
    origin.asked("/held", 1).await;
    let waiting = tokio::spawn(edge.get("/x").send());
    edge.get("/healthz").send().await;
    clock.advance(Duration::from_millis(1_100)).await;
    let reply = waiting.await.unwrap();
    assert_eq!(
        (reply.status.as_u16(), reply.problem().as_str()),
        (503, "overloaded")
    );
    gate.open();
    assert_eq!(held.await.unwrap().status, 200);
}

#[tokio::test]
async fn retries_are_a_fifth_of_the_requests_and_a_few() {
    let script = |n| if n == 0 { fine("fine") } else { last_words("") };
    let origin = Raw::start(script).await;
    // Never kept out, so that the budget alone bounds it.
    let edge = Edge::before(&[origin.url()], |config| {
        config.eject_failures = u32::MAX;
        config.eject_ratio = 1.0;
        config.pool_idle_max = 0;
    })
    .await;
    assert_eq!(edge.get("/fine").send().await.status, 200);
    for n in 0..99 {
        assert_eq!(edge.get(&format!("/{n}")).send().await.status, 502);
    }
    assert_eq!(origin.heads().len(), 100 + 10 + 100 / 5);
}

#[tokio::test]
async fn each_site_has_origins_of_its_own() {
    let origin = FakeOrigin::start().await;
    origin.route("/x", Answer::ok("own"));
    let site = SiteConfig {
        host: "edge.test".to_owned(),
        origins: vec![nowhere().await, origin.url()],
        origin_weights: vec![1, 1],
        ..SiteConfig::default()
    };
    let edge = Edge::before(&[nowhere().await], |config| config.site = vec![site]).await;
    for _ in 0..10 {
        assert_eq!(edge.get("/x").send().await.body, "own");
    }
}

#[tokio::test]
async fn keys_are_heard_from_whichever_origin_is_there() {
    let origin = FakeOrigin::start().await;
    origin.route(SEGMENT, segment().keyed());
    let urls = vec![nowhere().await, origin.url()];
    let edge = Edge::start(&origin, Some(JOIN), |config| config.origins = urls).await;
    heard(&origin, 1).await;
    let path = format!("/k/{}{SEGMENT}", origin.key("a"));
    assert_eq!(edge.get(&path).send().await.body, bytes(50_000));
}
