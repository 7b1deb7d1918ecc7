//! §4, constructing responses from caches: freshness (§4.2) and age (§4.2.3).

use std::time::{Duration, SystemTime};

use http::Method;
use testkit::{Answer, Still};

use super::Cache;

fn ago(secs: u64) -> String {
    httpdate::fmt_http_date(SystemTime::now() - Duration::from_secs(secs))
}

fn ahead(secs: u64) -> String {
    httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(secs))
}

fn with(control: &str) -> Answer {
    Answer::ok("x").cache(control)
}

#[tokio::test]
async fn section_4_2_1_the_lifetime_is_the_first_that_is_said_of_four() {
    let cache = Cache::new().await;
    let (past, future) = (ago(100), ahead(100));
    for (fields, reused) in [
        (vec![("cache-control", "s-maxage=60, max-age=0")], true),
        (vec![("cache-control", "s-maxage=0, max-age=60")], false),
        (
            vec![("cache-control", "max-age=60"), ("expires", &past)],
            true,
        ),
        (
            vec![("cache-control", "max-age=0"), ("expires", &future)],
            false,
        ),
        (vec![("expires", &future)], true),
        (vec![("expires", &past)], false),
        (vec![("expires", "0")], false),
        (vec![("expires", "Thu, 18 Aug 2050 02:01:18 UTC")], false),
        (vec![("cache-control", "max-age=2147483648")], true),
        (
            vec![("cache-control", "max-age=99999999999999999999")],
            true,
        ),
        (vec![("cache-control", "max-age=-60")], false),
        (
            vec![("cache-control", "max-age=1, max-age=60"), ("age", "2")],
            false,
        ),
        (
            vec![("pragma", "no-cache"), ("cache-control", "max-age=60")],
            true,
        ),
    ] {
        let answer = fields
            .iter()
            .fold(Answer::ok("x"), |answer, (name, value)| {
                answer.header(name, value)
            });
        assert_eq!(cache.reuses(answer).await, reused, "{fields:?}");
    }
}

#[tokio::test]
async fn section_4_2_2_a_lifetime_is_guessed_only_for_a_status_that_allows_it() {
    let cache = Cache::guessing(10).await;
    let long_ago = ago(1000);
    for (status, control, reused) in [
        (200, "x", true),
        (404, "x", true),
        (410, "x", true),
        (201, "x", false),
        (403, "x", false),
        (599, "x", false),
        (403, "public", true),
        (200, "no-store", false),
        (200, "max-age=0", false),
    ] {
        let answer = Answer::status(status).cache(control);
        let answer = answer.header("last-modified", &long_ago);
        assert_eq!(cache.reuses(answer).await, reused, "{status} {control}");
    }
}

#[tokio::test]
async fn section_4_2_3_age_is_the_larger_of_what_is_said_and_what_the_date_says() {
    let cache = Cache::new().await;
    let clock = Still::now();
    for (age, date, least) in [("7", ago(3), 7), ("1", ago(9), 9), ("x", ago(0), 0)] {
        let answer = with("max-age=60").header("age", age).header("date", &date);
        cache.origin.route("/x", answer);
        cache.get("/x").await;
        clock.advance(Duration::from_secs(2)).await;
        let said: u64 = cache.get("/x").await.field("age").parse().unwrap();
        // The clock that stamps dates goes on meanwhile.
        assert!(
            (least + 2..least + 5).contains(&said),
            "{age} {date}: {said}"
        );
        cache.ask(Method::DELETE, "/x", &[]).await;
    }
}

#[tokio::test]
async fn section_4_2_3_the_time_an_answer_took_counts_as_age() {
    let cache = Cache::new().await;
    let gate = testkit::Gate::closed();
    let clock = Still::now();
    cache.origin.route("/x", with("max-age=60").held(&gate));
    let (reply, ()) = tokio::join!(cache.get("/x"), async {
        cache.origin.asked("/x", 1).await;
        clock.advance(Duration::from_secs(3)).await;
        gate.open();
    });
    assert_eq!(reply.body, "x");
    assert_eq!(cache.get("/x").await.field("age"), "3");
}

#[tokio::test]
async fn section_4_2_4_what_must_not_be_used_stale_is_not_even_while_the_origin_is_gone() {
    for (control, stale) in [
        ("max-age=1", true),
        ("max-age=1, must-revalidate", false),
        ("max-age=1, proxy-revalidate", false),
        ("s-maxage=1", false),
        ("no-cache", false),
    ] {
        let cache = Cache::new().await;
        let clock = Still::now();
        cache.origin.route("/x", with(control).etag("a"));
        cache.get("/x").await;
        clock.advance(Duration::from_secs(2)).await;
        cache.origin.route("/x", Answer::hang_up());
        let reply = cache.get("/x").await;
        assert_eq!(reply.status == 200, stale, "{control}");
    }
}

#[tokio::test]
async fn section_5_2_1_7_only_if_cached_is_answered_from_the_cache_or_not_at_all() {
    let cache = Cache::new().await;
    let only = [("cache-control", "only-if-cached")];
    cache.origin.route("/x", with("max-age=60"));
    let nothing = cache.ask(Method::GET, "/x", &only).await;
    assert_eq!(
        (nothing.status.as_u16(), cache.origin.fetches("/x")),
        (504, 0)
    );
    cache.get("/x").await;
    assert_eq!(cache.ask(Method::GET, "/x", &only).await.body, "x");
}
