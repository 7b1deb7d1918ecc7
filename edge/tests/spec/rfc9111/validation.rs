//! §4.3, validation; the conditions are those of RFC 9110 §13.

use std::time::Duration;

use http::Method;
use testkit::{Answer, Still};

use super::Cache;

const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

fn tagged(control: &str) -> Answer {
    Answer::ok("x").cache(control).etag("a")
}

#[tokio::test]
async fn section_4_3_1_a_stale_answer_is_asked_about_by_both_its_validators() {
    let cache = Cache::new().await;
    let answer = tagged("max-age=0").header("last-modified", MODIFIED);
    cache.origin.route("/x", answer);
    cache.get("/x").await;
    assert_eq!(cache.get("/x").await.body, "x");
    let asked = &cache.origin.requests("/x")[1].headers;
    assert_eq!(asked["if-none-match"], "\"a\"");
    assert_eq!(asked["if-modified-since"], MODIFIED);
}

#[tokio::test]
async fn section_4_3_2_a_client_that_has_the_answer_gets_304() {
    let cache = Cache::new().await;
    let answer = tagged("max-age=60").header("last-modified", MODIFIED);
    cache.origin.route("/x", answer.header("x-a", "1"));
    let earlier = "Sun, 06 Nov 1994 08:49:36 GMT";
    for (field, value, status) in [
        ("if-none-match", "\"a\"", 304),
        ("if-none-match", "W/\"a\"", 304),
        ("if-none-match", "\"b\", \"a\"", 304),
        ("if-none-match", "*", 304),
        ("if-none-match", "\"b\"", 200),
        ("if-modified-since", MODIFIED, 304),
        ("if-modified-since", earlier, 200),
        ("if-modified-since", "no date", 200),
    ] {
        let reply = cache.ask(Method::GET, "/x", &[(field, value)]).await;
        assert_eq!(reply.status.as_u16(), status, "{field}: {value}");
        assert_eq!(reply.field("etag"), "\"a\"");
    }
    assert_eq!(cache.origin.fetches("/x"), 1);
}

#[tokio::test]
async fn section_4_3_3_what_is_stored_is_fresh_again_by_a_304_and_replaced_by_a_200() {
    let cache = Cache::new().await;
    let clock = Still::now();
    cache.origin.route("/x", tagged("max-age=1"));
    cache.get("/x").await;
    clock.advance(Duration::from_secs(2)).await;
    cache.origin.route("/x", tagged("max-age=60"));
    assert_eq!(cache.get("/x").await.body, "x");
    cache
        .origin
        .route("/x", Answer::ok("new").cache("max-age=60"));
    clock.advance(Duration::from_secs(50)).await;
    assert_eq!(cache.get("/x").await.body, "x");
    clock.advance(Duration::from_secs(10)).await;
    assert_eq!(cache.get("/x").await.body, "new");
    assert_eq!(cache.origin.fetches("/x"), 3);
}

#[tokio::test]
async fn section_4_3_3_an_error_is_passed_on_unless_the_answer_allows_stale() {
    for (control, body) in [("max-age=1", "503"), ("max-age=1, stale-if-error=9", "x")] {
        let cache = Cache::new().await;
        let clock = Still::now();
        cache.origin.route("/x", tagged(control));
        cache.get("/x").await;
        clock.advance(Duration::from_secs(2)).await;
        cache.origin.route("/x", Answer::status(503));
        assert_eq!(cache.get("/x").await.body, body, "{control}");
    }
}

#[tokio::test]
async fn section_4_3_4_a_304_updates_the_fields_that_it_has() {
    let cache = Cache::new().await;
    let clock = Still::now();
    let first = tagged("max-age=1").header("a", "1").header("b", "1");
    cache
        .origin
        .route("/x", first.header("content-type", "text/plain"));
    cache.get("/x").await;
    clock.advance(Duration::from_secs(2)).await;
    cache
        .origin
        .route("/x", tagged("max-age=60").header("a", "2"));
    for _ in 0..2 {
        let reply = cache.get("/x").await;
        let fields = ["a", "b", "content-length", "cache-control"].map(|name| reply.field(name));
        assert_eq!(fields, ["2", "1", "1", "max-age=60"]);
        assert_eq!(reply.field("content-type"), "text/plain");
    }
}

#[tokio::test]
async fn section_4_3_5_head_updates_what_it_describes_and_drops_what_it_does_not() {
    for (tag, body) in [("a", "x"), ("b", "new")] {
        let cache = Cache::new().await;
        let clock = Still::now();
        cache.origin.route("/x", tagged("max-age=5"));
        cache.get("/x").await;
        clock.advance(Duration::from_secs(6)).await;
        let news = Answer::ok("x").cache("max-age=60").etag(tag);
        cache.origin.route("/x", news);
        let head = cache.ask(Method::HEAD, "/x", &[]).await;
        assert_eq!(
            (&head.body[..], head.field("content-length")),
            (&b""[..], "1")
        );
        cache
            .origin
            .route("/x", Answer::ok("new").cache("max-age=60"));
        assert_eq!(cache.get("/x").await.body, body, "{tag}");
    }
}

#[tokio::test]
async fn section_4_3_4_a_304_about_another_version_renews_nothing() {
    let cache = Cache::new().await;
    let clock = Still::now();
    cache.origin.route("/x", tagged("max-age=1"));
    cache.get("/x").await;
    clock.advance(Duration::from_secs(2)).await;
    // To a question without a condition it is no answer.
    let other = Answer::status(304).cache("max-age=60");
    cache.origin.route("/x", other.header("etag", "\"b\""));
    assert_eq!(cache.get("/x").await.status, 502);
    let asked = cache.origin.requests("/x");
    assert!(!asked[2].headers.contains_key("if-none-match"));
    cache.origin.route("/x", Answer::ok("new"));
    assert_eq!(cache.get("/x").await.body, "new");
}

#[tokio::test]
async fn section_4_3_4_what_a_304_says_must_not_be_stored_is_stored_no_more() {
    for (field, value) in [
        ("cache-control", "no-store"),
        ("cache-control", "private"),
        ("set-cookie", "a=b"),
        ("vary", "foo"),
    ] {
        let cache = Cache::new().await;
        let clock = Still::now();
        cache.origin.route("/x", tagged("max-age=1"));
        cache.get("/x").await;
        clock.advance(Duration::from_secs(2)).await;
        let news = tagged("max-age=60").header(field, value);
        cache.origin.route("/x", news);
        assert_eq!(cache.get("/x").await.body, "x");
        cache.origin.route("/x", Answer::hang_up());
        assert_eq!(cache.get("/x").await.status, 502, "{field}: {value}");
    }
}

#[tokio::test]
async fn section_4_3_3_what_is_wrong_with_one_request_drops_nothing() {
    for (status, body) in [(400, "x"), (429, "x"), (404, "503"), (410, "503")] {
        let cache = Cache::new().await;
        let clock = Still::now();
        let answer = tagged("max-age=1, stale-if-error=60");
        cache.origin.route("/x", answer);
        cache.get("/x").await;
        clock.advance(Duration::from_secs(2)).await;
        cache.origin.route("/x", Answer::status(status));
        assert_eq!(cache.get("/x").await.status.as_u16(), status);
        cache.origin.route("/x", Answer::status(503));
        assert_eq!(cache.get("/x").await.body, body, "{status}");
    }
}

#[tokio::test]
async fn rfc_9110_section_13_what_is_asked_of_a_change_is_not_held_against_its_answer() {
    let cache = Cache::new().await;
    cache.origin.route("/x", tagged("no-store"));
    for (field, value) in [("if-none-match", "*"), ("range", "bytes=0-0")] {
        let reply = cache.ask(Method::POST, "/x", &[(field, value)]).await;
        assert_eq!(reply.status, 200, "{field}");
        let asked = cache.origin.requests("/x");
        assert_eq!(asked[asked.len() - 1].headers[field], value);
    }
}
