//! Many requests for one object are one fetch, streamed to all.

use futures_util::future::join_all;
use testkit::{Answer, FakeOrigin, Gate};

use crate::setup::{Edge, SEGMENT, bytes, cache_status, segment};

async fn plain() -> (FakeOrigin, Edge) {
    let origin = FakeOrigin::start().await;
    let edge = Edge::plain(&origin).await;
    (origin, edge)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_cold_requests_are_one_fetch() {
    let (origin, edge) = plain().await;
    let body = bytes(3_000_000);
    let answer = Answer::ok(body[..1_000_000].to_vec()).then(body[1_000_000..].to_vec());
    origin.route(SEGMENT, answer.cache("max-age=60"));
    let replies = join_all((0..200).map(|_| edge.get(SEGMENT).send())).await;
    assert_eq!(origin.fetches(SEGMENT), 1);
    assert!(replies.iter().all(|reply| reply.body == body && !reply.cut));
    let led = |reply: &&testkit::Reply| cache_status(reply) == "fwd=miss; stored";
    assert_eq!(replies.iter().filter(led).count(), 1);
}

#[tokio::test]
async fn waiters_say_that_they_were_collapsed() {
    let (origin, edge) = plain().await;
    let gate = Gate::closed();
    origin.route(SEGMENT, segment().held(&gate));
    let first = tokio::spawn(edge.get(SEGMENT).send());
    origin.asked(SEGMENT, 1).await;
    let second = tokio::spawn(edge.get(SEGMENT).send());
    // Whoever asks for another path after it is answered after it was taken in.
    edge.get("/other").send().await;
    gate.open();
    assert_eq!(cache_status(&first.await.unwrap()), "fwd=miss; stored");
    assert_eq!(
        cache_status(&second.await.unwrap()),
        "fwd=miss; stored; collapsed"
    );
    assert_eq!(origin.fetches(SEGMENT), 1);
}

#[tokio::test]
async fn bytes_are_passed_on_before_the_origin_has_finished() {
    let (origin, edge) = plain().await;
    let gate = Gate::closed();
    let answer = Answer::ok("first ").then_held(&gate).then("second");
    origin.route("/x", answer.cache("max-age=60"));
    let mut leader = edge.get("/x").open().await;
    assert_eq!(leader.piece().await.unwrap().unwrap(), "first ");
    let mut late = edge.get("/x").open().await;
    assert_eq!(late.piece().await.unwrap().unwrap(), "first ");
    gate.open();
    for stream in [&mut leader, &mut late] {
        assert_eq!(stream.piece().await.unwrap().unwrap(), "second");
        assert!(stream.piece().await.is_none());
    }
    assert_eq!(origin.fetches("/x"), 1);
}

#[tokio::test]
async fn a_slow_reader_delays_nobody() {
    let (origin, edge) = plain().await;
    let body = bytes(20_000_000);
    origin.route("/x", Answer::ok(body.clone()).cache("max-age=60"));
    let mut slow = edge.get("/x").open().await;
    let fast = edge.get("/x").send().await;
    assert!(fast.body == body);
    let mut read = 0;
    while let Some(piece) = slow.piece().await {
        let piece = piece.unwrap();
        assert!(piece == body[read..read + piece.len()]);
        read += piece.len();
    }
    assert_eq!(read, body.len());
}

#[tokio::test]
async fn the_first_client_may_leave() {
    let (origin, edge) = plain().await;
    let gate = Gate::closed();
    let answer = Answer::ok("first ").then_held(&gate).then("second");
    origin.route("/x", answer.cache("max-age=60"));
    let mut leader = edge.get("/x").open().await;
    leader.piece().await.unwrap().unwrap();
    let follower = tokio::spawn(edge.get("/x").send());
    drop(leader);
    gate.open();
    assert_eq!(follower.await.unwrap().body, "first second");
    assert_eq!(origin.fetches("/x"), 1);
}

#[tokio::test]
async fn what_all_clients_left_is_stored_all_the_same() {
    let (origin, edge) = plain().await;
    let gate = Gate::closed();
    let answer = Answer::ok("first ").then_held(&gate).then("second");
    origin.route("/x", answer.cache("max-age=60"));
    drop(edge.get("/x").open().await);
    gate.open();
    assert_eq!(edge.get("/x").send().await.body, "first second");
    assert_eq!(origin.fetches("/x"), 1);
}

#[tokio::test]
async fn an_answer_for_one_client_is_given_to_no_other() {
    let (origin, edge) = plain().await;
    let gate = Gate::closed();
    origin.route("/x", Answer::ok("mine").cache("private").held(&gate));
    let first = tokio::spawn(edge.get("/x").send());
    origin.asked("/x", 1).await;
    let second = tokio::spawn(edge.get("/x").send());
    edge.get("/other").send().await;
    origin.route("/x", Answer::ok("yours").cache("private"));
    gate.open();
    assert_eq!(first.await.unwrap().body, "mine");
    assert_eq!(second.await.unwrap().body, "yours");
    assert_eq!(origin.fetches("/x"), 2);
}

#[tokio::test]
async fn an_error_is_shared_by_those_who_waited_for_it_only() {
    let (origin, edge) = plain().await;
    let gate = Gate::closed();
    origin.route("/x", Answer::status(500).held(&gate));
    let asking: Vec<_> = (0..20)
        .map(|_| tokio::spawn(edge.get("/x").send()))
        .collect();
    origin.asked("/x", 1).await;
    edge.get("/other").send().await;
    gate.open();
    for reply in join_all(asking).await {
        assert_eq!(reply.unwrap().status, 500);
    }
    assert_eq!(origin.fetches("/x"), 1);
    edge.get("/x").send().await;
    assert_eq!(origin.fetches("/x"), 2);
}

#[tokio::test]
async fn a_head_request_joins_and_fills() {
    let (origin, edge) = plain().await;
    origin.route(SEGMENT, segment());
    let head = edge.head(SEGMENT).send().await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(head.field("content-length"), "50000");
    assert_eq!(edge.get(SEGMENT).send().await.body, bytes(50_000));
    assert_eq!(origin.fetches(SEGMENT), 1);
    assert_eq!(origin.requests(SEGMENT)[0].method, "GET");
}
