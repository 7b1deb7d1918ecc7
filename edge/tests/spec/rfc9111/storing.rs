//! §3, storing responses in caches.

use http::Method;
use testkit::Answer;

use super::Cache;

fn with(control: &str) -> Answer {
    Answer::ok("x").cache(control)
}

#[tokio::test]
async fn section_3_a_fresh_answer_is_used_again_whatever_its_final_status() {
    let cache = Cache::new().await;
    for status in [
        200, 203, 299, 300, 301, 302, 307, 308, 400, 404, 410, 451, 500, 503, 599,
    ] {
        let answer = Answer::status(status).cache("max-age=60");
        assert!(cache.reuses(answer).await, "{status}");
        assert!(!cache.reuses(Answer::status(status)).await, "{status}");
    }
}

#[tokio::test]
async fn section_3_what_is_forbidden_to_be_stored_is_not() {
    let cache = Cache::new().await;
    for (control, reused) in [
        ("max-age=60", true),
        ("max-age=60, no-store", false),
        ("No-Store, max-age=60", false),
        ("max-age=60, private", false),
        ("max-age=60, private=\"set-cookie\"", false),
        ("max-age=60, no-cache", false),
        ("max-age=60, x-unknown, x-other=\"no-store, private\"", true),
        ("no-store, must-understand, max-age=60", true),
    ] {
        assert_eq!(cache.reuses(with(control)).await, reused, "{control}");
    }
}

#[tokio::test]
async fn section_3_only_the_answer_to_get_is_stored() {
    let cache = Cache::new().await;
    cache.origin.route("/x", with("max-age=60"));
    for method in [Method::POST, Method::PUT, Method::OPTIONS, Method::DELETE] {
        for _ in 0..2 {
            assert_eq!(cache.ask(method.clone(), "/x", &[]).await.body, "x");
        }
    }
    assert_eq!(cache.origin.fetches("/x"), 8);
}

#[tokio::test]
async fn section_3_1_fields_for_one_connection_are_not_stored() {
    let cache = Cache::new().await;
    let answer = with("max-age=60")
        .header("connection", "a, B")
        .header("a", "1");
    let answer = answer
        .header("b", "2")
        .header("proxy-authenticate", "Basic");
    cache.origin.route("/x", answer.header("c", "3"));
    for _ in 0..2 {
        let reply = cache.get("/x").await;
        for gone in ["a", "b", "proxy-authenticate"] {
            assert_eq!(reply.field(gone), "", "{gone}");
        }
        assert_eq!(reply.field("c"), "3");
    }
}

#[tokio::test]
async fn section_3_3_an_incomplete_answer_is_not_used_again() {
    let cache = Cache::new().await;
    let short = Answer::ok("half").cache("max-age=60").claiming(8);
    assert!(!cache.reuses(short).await);
}

#[tokio::test]
async fn section_3_5_what_was_fetched_with_a_credential_is_shared_by_word_only() {
    let cache = Cache::new().await;
    let credential = [("authorization", "Basic YTpi")];
    for (control, reused) in [
        ("max-age=60", false),
        ("max-age=60, public", true),
        ("max-age=60, must-revalidate", true),
        ("max-age=60, proxy-revalidate", false),
        ("s-maxage=60", true),
    ] {
        let shared = cache.reuses_for(with(control), &credential, &[]).await;
        assert_eq!(shared, reused, "{control}");
    }
}

#[tokio::test]
async fn a_cookie_is_never_shared() {
    let cache = Cache::new().await;
    let answer = with("max-age=60, public").header("set-cookie", "a=b");
    assert!(!cache.reuses(answer).await);
}

#[tokio::test]
async fn rfc_9110_section_9_3_3_what_a_post_says_is_the_object_now_is_stored() {
    for (location, control, body) in [
        ("/x", "max-age=60", "posted"),
        ("/y", "max-age=60", "got"),
        ("/x", "no-store", "got"),
    ] {
        let cache = Cache::new().await;
        let answer = Answer::ok("posted").cache(control);
        cache
            .origin
            .route("/x", answer.header("content-location", location));
        cache.ask(Method::POST, "/x", &[]).await;
        cache.origin.route("/x", Answer::ok("got"));
        assert_eq!(cache.get("/x").await.body, body, "{location} {control}");
    }
}

#[tokio::test]
async fn section_3_what_answers_one_request_s_part_or_condition_is_not_used_for_the_whole() {
    let cache = Cache::new().await;
    for status in [206, 412, 416] {
        let answer = Answer::status(status).cache("public, max-age=60");
        assert!(!cache.reuses(answer).await, "{status}");
    }
}
