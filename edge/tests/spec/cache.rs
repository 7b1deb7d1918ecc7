//! Freshness, revalidation, what is stored and what is not.

use std::time::{Duration, SystemTime};

use testkit::{Answer, FakeOrigin, Gate, Still};

use crate::setup::{Edge, SEGMENT, cache_status, is_hit, segment};

async fn plain() -> (FakeOrigin, Edge) {
    let origin = FakeOrigin::start().await;
    let edge = Edge::plain(&origin).await;
    (origin, edge)
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn the_second_request_is_served_from_memory() {
    let (origin, edge) = plain().await;
    origin.route(SEGMENT, segment());
    let first = edge.get(SEGMENT).send().await;
    let second = edge.get(SEGMENT).send().await;
    assert_eq!(first.body, second.body);
    assert_eq!(cache_status(&first), "fwd=miss; stored");
    assert!(is_hit(&second, 31_536_000), "{}", cache_status(&second));
    assert_eq!(origin.fetches(SEGMENT), 1);
}

#[tokio::test]
async fn an_answer_says_who_it_passed_and_how_old_it_is() {
    let (origin, edge) = plain().await;
    let clock = Still::now();
    let date = httpdate::fmt_http_date(SystemTime::now());
    let date = date.as_str();
    origin.route(SEGMENT, segment().header("date", date).header("age", "5"));
    edge.get(SEGMENT).send().await;
    clock.advance(SECOND * 7).await;
    let hit = edge.get(SEGMENT).send().await;
    assert_eq!((hit.field("age"), hit.field("date")), ("12", date));
    assert_eq!(hit.field("via"), "1.1 weir-fra");
    assert_eq!(hit.field("accept-ranges"), "bytes");
    assert_eq!(hit.field("content-length"), "50000");
    assert_eq!(hit.field("cache-control"), crate::setup::IMMUTABLE);
}

#[tokio::test]
async fn a_stale_object_is_fetched_again() {
    let (origin, edge) = plain().await;
    let clock = Still::now();
    origin.route("/x", Answer::ok("old").cache("max-age=2"));
    edge.get("/x").send().await;
    origin.route("/x", Answer::ok("new").cache("max-age=2"));
    clock.advance(Duration::from_millis(1999)).await;
    assert_eq!(edge.get("/x").send().await.body, "old");
    clock.advance(Duration::from_millis(1)).await;
    let reply = edge.get("/x").send().await;
    assert_eq!(reply.body, "new");
    assert_eq!(cache_status(&reply), "fwd=stale; fwd-status=200; stored");
}

#[tokio::test]
async fn a_stale_object_that_has_not_changed_is_kept() {
    let (origin, edge) = plain().await;
    let clock = Still::now();
    let answer = Answer::ok("same").etag("1");
    origin.route("/x", answer.clone().cache("max-age=2").header("x-n", "1"));
    edge.get("/x").send().await;
    clock.advance(SECOND * 2).await;
    origin.route("/x", answer.cache("max-age=9").header("x-n", "2"));
    let reply = edge.get("/x").send().await;
    assert_eq!(reply.body, "same");
    assert_eq!(cache_status(&reply), "fwd=stale; fwd-status=304; stored");
    assert_eq!(reply.field("x-n"), "2");
    clock.advance(SECOND * 8).await;
    assert_eq!(cache_status(&edge.get("/x").send().await), "hit; ttl=1");
    let asked = &origin.requests("/x")[1];
    assert_eq!(asked.headers["if-none-match"], "\"1\"");
}

#[tokio::test]
async fn a_stale_object_is_served_while_one_fetch_renews_it() {
    let (origin, edge) = plain().await;
    let clock = Still::now();
    let control = "max-age=2, stale-while-revalidate=10";
    origin.route("/x", Answer::ok("old").cache(control));
    edge.get("/x").send().await;
    clock.advance(SECOND * 3).await;
    let gate = Gate::closed();
    origin.route("/x", Answer::ok("new").cache(control).held(&gate));
    for _ in 0..3 {
        let reply = edge.get("/x").send().await;
        assert_eq!(reply.body, "old");
        assert_eq!(cache_status(&reply), "hit; detail=stale; ttl=-1");
    }
    origin.asked("/x", 2).await;
    gate.open();
    while edge.get("/x").send().await.body == "old" {}
    assert_eq!(origin.fetches("/x"), 2);
}

#[tokio::test]
async fn past_its_time_for_that_a_stale_object_is_not_served() {
    let (origin, edge) = plain().await;
    let clock = Still::now();
    origin.route(
        "/x",
        Answer::ok("old").cache("max-age=2, stale-while-revalidate=3"),
    );
    edge.get("/x").send().await;
    origin.route("/x", Answer::ok("new").cache("max-age=2"));
    clock.advance(SECOND * 5).await;
    assert_eq!(edge.get("/x").send().await.body, "new");
}

#[tokio::test]
async fn what_must_not_be_stored_is_fetched_each_time() {
    let (origin, edge) = plain().await;
    for answer in [
        Answer::ok("x").cache("no-store"),
        Answer::ok("x").cache("private, max-age=60"),
        Answer::ok("x")
            .cache("max-age=60")
            .header("set-cookie", "a=b"),
        Answer::ok("x").cache("max-age=60").header("vary", "*"),
        Answer::ok("x"),
        Answer::status(500),
    ] {
        let before = origin.fetches("/x");
        origin.route("/x", answer);
        for _ in 0..2 {
            let reply = edge.get("/x").send().await;
            assert_eq!(cache_status(&reply), "fwd=miss");
        }
        assert_eq!(origin.fetches("/x"), before + 2);
    }
}

#[tokio::test]
async fn a_404_is_kept_as_long_as_it_says() {
    let (origin, edge) = plain().await;
    let clock = Still::now();
    origin.route("/x", Answer::status(404).cache("public, max-age=1"));
    assert_eq!(edge.get("/x").send().await.status, 404);
    assert_eq!(edge.get("/x").send().await.status, 404);
    assert_eq!(origin.fetches("/x"), 1);
    origin.route("/x", Answer::ok("here now").cache("max-age=60"));
    clock.advance(SECOND).await;
    assert_eq!(edge.get("/x").send().await.body, "here now");
}

#[tokio::test]
async fn no_cache_is_stored_and_asked_about_each_time() {
    let (origin, edge) = plain().await;
    origin.route("/x", Answer::ok("x").cache("no-cache").etag("1"));
    edge.get("/x").send().await;
    let again = edge.get("/x").send().await;
    assert_eq!(again.body, "x");
    assert_eq!(cache_status(&again), "fwd=stale; fwd-status=304; stored");
}

#[tokio::test]
async fn fields_for_one_connection_end_at_the_edge() {
    let (origin, edge) = plain().await;
    let answer = Answer::ok("x").cache("max-age=60");
    let answer = answer.header("connection", "x-hop").header("x-hop", "1");
    let answer = answer
        .header("keep-alive", "timeout=5")
        .header("weir-access", "public");
    origin.route("/x", answer.header("x-end", "1"));
    for _ in 0..2 {
        let reply = edge.get("/x").send().await;
        for name in ["x-hop", "keep-alive", "weir-access"] {
            assert_eq!(reply.field(name), "", "{name}");
        }
        assert_eq!(reply.field("x-end"), "1");
    }
}

#[tokio::test]
async fn with_a_credential_of_the_client_nothing_is_shared() {
    let (origin, edge) = plain().await;
    origin.route("/x", Answer::ok("mine").cache("max-age=60"));
    for _ in 0..2 {
        let reply = edge
            .get("/x")
            .header("authorization", "Basic YTpi")
            .send()
            .await;
        assert_eq!(cache_status(&reply), "fwd=bypass");
    }
    assert_eq!(
        origin.requests("/x")[0].headers["authorization"],
        "Basic YTpi"
    );
    edge.get("/x").send().await;
    assert_eq!(origin.fetches("/x"), 3);
    assert!(
        !origin.requests("/x")[2]
            .headers
            .contains_key("authorization")
    );
}

#[tokio::test]
async fn two_queries_are_two_objects() {
    let (origin, edge) = plain().await;
    for target in ["/x?a=1", "/x?a=2"] {
        origin.route(target, Answer::ok(target).cache("max-age=60"));
        assert_eq!(edge.get(target).send().await.body, target);
    }
}
