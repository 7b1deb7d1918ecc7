//! §4.1, calculating cache keys with the Vary header field.

use http::Method;
use testkit::Answer;

use super::Cache;
use crate::setup::cache_status;

fn varying(by: &str) -> Answer {
    Answer::ok("x").cache("max-age=60").header("vary", by)
}

#[tokio::test]
async fn section_4_1_an_answer_is_for_requests_with_the_same_fields() {
    let cache = Cache::new().await;
    let one = [("foo", "1")];
    for (by, first, second, reused) in [
        ("foo", &one[..], &[("foo", "1")][..], true),
        ("Foo", &one, &[("foo", "1"), ("bar", "2")], true),
        ("foo", &one, &[("foo", "2")], false),
        ("foo", &one, &[], false),
        ("foo", &[], &one, false),
        ("foo", &[], &[], true),
        ("foo, bar", &one, &[("foo", "1"), ("bar", "2")], false),
        ("foo", &[("foo", "1, 2")], &[("foo", "1,2")], true),
        (
            "foo",
            &[("foo", "1"), ("foo", "2")],
            &[("foo", "1, 2")],
            true,
        ),
        ("*", &[], &[], false),
        ("foo, *", &one, &one, false),
        (", foo", &one, &[("foo", "2")], false),
    ] {
        let answer = varying(by);
        let same = cache.reuses_for(answer, first, second).await;
        assert_eq!(same, reused, "{by}: {first:?}, {second:?}");
    }
}

#[tokio::test]
async fn section_4_1_variants_are_stored_beside_each_other() {
    let cache = Cache::new().await;
    for (language, body) in [("de", "Ja"), ("en", "Yes")] {
        let answer = Answer::ok(body).cache("max-age=60");
        cache
            .origin
            .route("/x", answer.header("vary", "accept-language"));
        cache
            .ask(Method::GET, "/x", &[("accept-language", language)])
            .await;
    }
    for (language, body) in [("de", "Ja"), ("en", "Yes"), ("de", "Ja")] {
        let reply = cache
            .ask(Method::GET, "/x", &[("accept-language", language)])
            .await;
        assert_eq!(reply.body, body);
        assert!(cache_status(&reply).starts_with("hit"), "{language}");
    }
    assert_eq!(cache.origin.fetches("/x"), 2);
}

#[tokio::test]
async fn section_4_1_who_waits_for_another_variant_s_fetch_gets_their_own() {
    let cache = Cache::new().await;
    let gate = testkit::Gate::closed();
    cache.origin.route("/x", varying("foo").held(&gate));
    let one = cache.ask(Method::GET, "/x", &[("foo", "1")]);
    let two = async {
        cache.origin.asked("/x", 1).await;
        let two = cache.ask(Method::GET, "/x", &[("foo", "2")]);
        let open = async {
            tokio::task::yield_now().await;
            gate.open();
        };
        tokio::join!(two, open).0
    };
    let (one, two) = tokio::join!(one, two);
    assert_eq!((&one.body[..], &two.body[..]), (&b"x"[..], &b"x"[..]));
    let asked = cache.origin.requests("/x");
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[1].headers["foo"], "2");
}
