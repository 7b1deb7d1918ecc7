//! An origin that is slow, broken or gone.

use std::time::Duration;

use futures_util::future::join_all;
use testkit::{Answer, FakeOrigin, Gate, Still};

use crate::setup::{Edge, SEGMENT, bytes, cache_status, segment};

async fn plain() -> (FakeOrigin, Edge) {
    let origin = FakeOrigin::start().await;
    let edge = Edge::plain(&origin).await;
    (origin, edge)
}

#[tokio::test]
async fn a_cut_body_is_cut_for_clients_and_never_stored() {
    let (origin, edge) = plain().await;
    let cut = [
        Answer::ok(bytes(1000)).then_cut().claiming(2000),
        Answer::ok(bytes(1000)).then_cut().chunked(),
        Answer::ok(bytes(1000)).claiming(1001),
    ];
    for answer in cut {
        origin.route("/x", answer.cache("max-age=60"));
        let reply = edge.get("/x").send().await;
        assert!(reply.cut && reply.status == 200 && reply.body.len() <= 1000);
    }
    origin.route("/x", Answer::ok("whole").cache("max-age=60"));
    let reply = edge.get("/x").send().await;
    assert_eq!((reply.cut, &reply.body[..]), (false, &b"whole"[..]));
    assert_eq!(origin.fetches("/x"), 4);
}

#[tokio::test]
async fn a_cut_body_is_cut_for_all_who_share_it() {
    let (origin, edge) = plain().await;
    let gate = Gate::closed();
    let answer = Answer::ok("some").then_held(&gate).then_cut();
    origin.route("/x", answer.claiming(9).cache("max-age=60"));
    let first = tokio::spawn(edge.get("/x").send());
    origin.asked("/x", 1).await;
    let mut second = edge.get("/x").open().await;
    second.piece().await.unwrap().unwrap();
    gate.open();
    assert!(first.await.unwrap().cut);
    assert!(second.piece().await.unwrap().is_err());
    assert_eq!(origin.fetches("/x"), 1);
}

#[tokio::test]
async fn a_failed_connection_is_tried_once_more() {
    let (origin, edge) = plain().await;
    origin.route("/x", Answer::hang_up());
    let reply = edge.get("/x").send().await;
    assert_eq!(
        (reply.status.as_u16(), reply.problem().as_str()),
        (502, "origin-unreachable")
    );
    assert_eq!(reply.field("retry-after"), "1");
    assert_eq!(reply.field("cache-control"), "no-store");
    assert_eq!(reply.field("access-control-allow-origin"), "*");
    assert_eq!(origin.fetches("/x"), 2);
}

#[tokio::test]
async fn an_origin_that_is_gone_is_502_and_what_is_stored_goes_on() {
    let (origin, edge) = plain().await;
    origin.route(SEGMENT, segment());
    edge.get(SEGMENT).send().await;
    origin.stop().await;
    let replies = join_all((0..50).map(|_| edge.get("/x").send())).await;
    assert!(replies.iter().all(|reply| reply.status == 502));
    assert_eq!(edge.get(SEGMENT).send().await.body, bytes(50_000));
}

#[tokio::test]
async fn an_origin_that_says_nothing_is_504() {
    let (origin, edge) = plain().await;
    let clock = Still::now();
    let gate = Gate::closed();
    origin.route("/x", Answer::ok("late").held(&gate));
    let asking = tokio::spawn(edge.get("/x").send());
    origin.asked("/x", 1).await;
    clock.advance(Duration::from_secs(9)).await;
    let reply = asking.await.unwrap();
    assert_eq!(
        (reply.status.as_u16(), reply.problem().as_str()),
        (504, "origin-unreachable")
    );
    assert_eq!(reply.field("retry-after"), "1");
}

#[tokio::test]
async fn a_body_that_stops_coming_is_cut() {
    let (origin, edge) = plain().await;
    let clock = Still::now();
    let gate = Gate::closed();
    let answer = Answer::ok("some").then_held(&gate).then("more");
    origin.route("/x", answer.cache("max-age=60"));
    let mut stream = edge.get("/x").open().await;
    stream.piece().await.unwrap().unwrap();
    clock.advance(Duration::from_secs(11)).await;
    assert!(stream.piece().await.unwrap().is_err());
}

#[tokio::test]
async fn stale_is_served_instead_of_an_error_if_the_answer_allows_it() {
    let (origin, edge) = plain().await;
    let clock = Still::now();
    origin.route(
        "/may",
        Answer::ok("old").cache("max-age=1, stale-if-error=60"),
    );
    origin.route("/not", Answer::ok("old").cache("max-age=1"));
    for target in ["/may", "/not"] {
        edge.get(target).send().await;
        origin.route(target, Answer::status(503));
    }
    clock.advance(Duration::from_secs(2)).await;
    let reply = edge.get("/may").send().await;
    assert_eq!(
        (cache_status(&reply), &reply.body[..]),
        (
            "fwd=stale; detail=stale; fwd-status=503; ttl=-1",
            &b"old"[..]
        )
    );
    assert_eq!(edge.get("/not").send().await.status, 503);
}

#[tokio::test]
async fn stale_is_served_while_the_origin_is_gone_unless_forbidden() {
    let (origin, edge) = plain().await;
    let clock = Still::now();
    origin.route("/sealed", Answer::ok("old").cache("max-age=1"));
    origin.route(
        "/growing",
        Answer::ok("old").cache("max-age=1, must-revalidate"),
    );
    for target in ["/sealed", "/growing"] {
        edge.get(target).send().await;
    }
    origin.stop().await;
    clock.advance(Duration::from_secs(2)).await;
    assert_eq!(edge.get("/sealed").send().await.body, "old");
    assert_eq!(edge.get("/growing").send().await.status, 502);
    clock.advance(Duration::from_secs(600)).await;
    assert_eq!(edge.get("/sealed").send().await.status, 502);
}

#[tokio::test]
async fn an_origin_that_comes_back_is_used_again_after_a_second() {
    let (origin, edge) = plain().await;
    let clock = Still::now();
    let addr = origin.addr();
    origin.stop().await;
    assert_eq!(edge.get("/x").send().await.status, 502);
    let origin = FakeOrigin::start_on(addr).await;
    origin.route("/x", Answer::ok("back"));
    assert_eq!(edge.get("/x").send().await.status, 502);
    assert_eq!(origin.fetches("/x"), 0);
    clock.advance(Duration::from_secs(1)).await;
    assert_eq!(edge.get("/x").send().await.body, "back");
}
