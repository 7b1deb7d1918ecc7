//! Who waits for a fetch: woken at once, and never held up by what is not for them.

use std::time::Duration;

use futures_util::future::join_all;
use testkit::{Answer, FakeOrigin, Gate, Still};

use crate::setup::{Edge, bytes};

async fn plain() -> (FakeOrigin, Edge) {
    let origin = FakeOrigin::start().await;
    let edge = Edge::plain(&origin).await;
    (origin, edge)
}

/// Waiters are woken by the bytes themselves, not by a timer: none fires here.
#[tokio::test]
async fn a_hundred_waiters_have_their_first_byte_when_the_leader_has() {
    let (origin, edge) = plain().await;
    let _clock = Still::now();
    let (head, rest) = (Gate::closed(), Gate::closed());
    let answer = Answer::ok(bytes(1000)).then_held(&rest).then("end");
    origin.route("/x", answer.cache("max-age=60").held(&head));
    let first_byte = || {
        let asked = edge.get("/x");
        tokio::spawn(async move {
            let mut stream = asked.open().await;
            stream.piece().await.unwrap().unwrap();
            stream
        })
    };
    let waiting: Vec<_> = (0..101).map(|_| first_byte()).collect();
    origin.asked("/x", 1).await;
    edge.get("/other").send().await;
    head.open();
    let streams = join_all(waiting).await;
    assert!(streams.iter().all(Result::is_ok));
    rest.open();
    assert_eq!(origin.fetches("/x"), 1);
}

#[tokio::test]
async fn a_failed_fetch_fails_for_all_who_wait_and_is_not_repeated_by_each() {
    let (origin, edge) = plain().await;
    let gate = Gate::closed();
    origin.route("/x", Answer::hang_up().held(&gate));
    let waiting: Vec<_> = (0..50)
        .map(|_| tokio::spawn(edge.get("/x").send()))
        .collect();
    origin.asked("/x", 1).await;
    edge.get("/other").send().await;
    gate.open();
    for reply in join_all(waiting).await {
        assert_eq!(reply.unwrap().status, 502);
    }
    // A GET is sent again twice, for all of them; and those of who came when it had failed.
    assert!(origin.fetches("/x") < 10);
}

/// A second request that comes while the first one's answer is held at the origin, and the
/// first, both of whose answers are for one reader each.
async fn apart(edge: &Edge, origin: &FakeOrigin, control: &str) {
    let gate = Gate::closed();
    let answer = || Answer::ok("mine").cache(control);
    origin.route("/x", answer().held(&gate));
    let before = origin.fetches("/x");
    let first = tokio::spawn(edge.get("/x").send());
    origin.asked("/x", before + 1).await;
    origin.route("/x", answer());
    let second = edge.get("/x").send().await;
    assert_eq!(second.body, "mine");
    gate.open();
    assert_eq!(first.await.unwrap().body, "mine");
}

#[tokio::test]
async fn after_an_answer_for_one_reader_nobody_waits_for_another_one_s() {
    let (origin, edge) = plain().await;
    origin.route("/x", Answer::ok("mine").cache("private"));
    edge.get("/x").send().await;
    // The second would wait for the gate for ever, were it not apart.
    apart(&edge, &origin, "private").await;
    assert_eq!(origin.fetches("/x"), 3);
}

#[tokio::test]
async fn an_answer_for_all_is_shared_and_stored_again() {
    let (origin, edge) = plain().await;
    origin.route("/x", Answer::ok("mine").cache("no-store"));
    edge.get("/x").send().await;
    origin.route("/x", Answer::ok("ours").cache("max-age=60"));
    for _ in 0..3 {
        assert_eq!(edge.get("/x").send().await.body, "ours");
    }
    assert_eq!(origin.fetches("/x"), 2);
}

#[tokio::test]
async fn what_was_for_one_reader_is_asked_for_together_again_after_two_minutes() {
    let (origin, edge) = plain().await;
    let clock = Still::now();
    origin.route("/x", Answer::ok("mine").cache("private"));
    edge.get("/x").send().await;
    clock.advance(Duration::from_secs(121)).await;
    let gate = Gate::closed();
    origin.route("/x", Answer::ok("ours").cache("max-age=60").held(&gate));
    let waiting: Vec<_> = (0..5)
        .map(|_| tokio::spawn(edge.get("/x").send()))
        .collect();
    origin.asked("/x", 2).await;
    edge.get("/other").send().await;
    gate.open();
    for reply in join_all(waiting).await {
        assert_eq!(reply.unwrap().body, "ours");
    }
    assert_eq!(origin.fetches("/x"), 2);
}

#[tokio::test]
async fn a_range_of_what_is_not_kept_is_asked_for_as_it_is() {
    let (origin, edge) = plain().await;
    let body = bytes(3 << 20);
    for (path, control) in [("/private", "private"), ("/unsaid", "x")] {
        let answer = Answer::ok(body.clone()).cache(control).etag("1");
        origin.route(path, answer.ranges());
        for (field, part) in [
            ("bytes=2000000-2000009", 2_000_000..2_000_010),
            ("bytes=3145000-", 3_145_000..body.len()),
        ] {
            let reply = edge.get(path).header("range", field).send().await;
            assert!(reply.status == 206 && reply.body == body[part.clone()]);
            let content = format!("bytes {}-{}/{}", part.start, part.end - 1, body.len());
            assert_eq!(reply.field("content-range"), content);
        }
        let asked = origin.requests(path).into_iter();
        let ranges: Vec<_> = asked.map(|asked| asked.headers["range"].clone()).collect();
        assert_eq!(
            ranges,
            [
                "bytes=1048576-2097151",
                "bytes=2000000-2000009",
                "bytes=3145000-"
            ]
        );
    }
}
