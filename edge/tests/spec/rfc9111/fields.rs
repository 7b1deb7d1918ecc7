//! §5 and what proxies say of themselves: RFC 9213, RFC 8586, RFC 9110 §7.6.

use std::time::Duration;

use http::Method;
use testkit::{Answer, Still};

use super::Cache;

#[tokio::test]
async fn rfc_9213_cdn_cache_control_stands_for_cache_control() {
    let cache = Cache::new().await;
    for (targeted, public, reused) in [
        ("max-age=60", "no-store", true),
        ("no-store", "max-age=60", false),
        ("private", "max-age=60", false),
        ("max-age=0", "max-age=60", false),
        ("max-age=60;x", "no-store", true),
        ("max-age=60, &&&", "no-store", false),
        ("&&&", "max-age=60", true),
        ("", "max-age=60", true),
    ] {
        let answer = Answer::ok("x")
            .cache(public)
            .header("cdn-cache-control", targeted);
        assert_eq!(cache.reuses(answer).await, reused, "{targeted} / {public}");
    }
}

#[tokio::test]
async fn rfc_5861_stale_while_revalidate_and_if_error_hold_for_a_plain_site() {
    let cache = Cache::new().await;
    let clock = Still::now();
    let control = "max-age=1, stale-while-revalidate=5";
    cache.origin.route("/x", Answer::ok("old").cache(control));
    cache.get("/x").await;
    clock.advance(Duration::from_secs(2)).await;
    cache
        .origin
        .route("/x", Answer::ok("new").cache("max-age=60"));
    assert_eq!(cache.get("/x").await.body, "old");
    cache.origin.asked("/x", 2).await;
    while cache.get("/x").await.body == "old" {}
}

#[tokio::test]
async fn a_condition_of_a_change_is_the_origin_s_to_judge() {
    let cache = Cache::new().await;
    cache.origin.route("/x", Answer::status(412));
    let condition = [("if-match", "\"a\"")];
    let reply = cache.ask(Method::PUT, "/x", &condition).await;
    assert_eq!(reply.status, 412);
    assert_eq!(cache.origin.requests("/x")[0].headers["if-match"], "\"a\"");
}

#[tokio::test]
async fn trace_and_connect_end_here() {
    let cache = Cache::new().await;
    for method in [Method::TRACE, Method::CONNECT] {
        let asking = testkit::request(cache.edge.addr, method, "edge.test:80");
        assert_eq!(asking.send().await.status, 405);
    }
}

#[tokio::test]
async fn rfc_9209_an_error_says_what_went_wrong_behind_the_edge() {
    let cache = Cache::new().await;
    cache.origin.route("/x", Answer::hang_up());
    let reply = cache.get("/x").await;
    let said = "\"weir-fra\"; error=connection_terminated";
    assert_eq!(
        (reply.status.as_u16(), reply.field("proxy-status")),
        (502, said)
    );
    let Cache { origin, edge } = cache;
    origin.stop().await;
    let reply = edge.get("/y").send().await;
    let said = "\"weir-fra\"; error=connection_refused";
    assert_eq!(
        (reply.status.as_u16(), reply.field("proxy-status")),
        (502, said)
    );
}

#[tokio::test]
async fn rfc_8586_a_request_that_was_here_before_ends_here() {
    let cache = Cache::new().await;
    cache.origin.route("/x", Answer::ok("x"));
    cache.ask(Method::GET, "/x", &[("cdn-loop", "other")]).await;
    let sent = cache.origin.requests("/x")[0].headers["cdn-loop"].clone();
    let sent = sent.to_str().unwrap();
    assert!(sent.starts_with("other, weir-fra;id="), "{sent}");
    let again = cache.ask(Method::GET, "/x", &[("cdn-loop", sent)]).await;
    assert_eq!(again.status.as_u16(), 508);
    let forged = "weir-fra, weir-fra;id=0";
    let passed = cache.ask(Method::GET, "/x", &[("cdn-loop", forged)]).await;
    assert_eq!(passed.status.as_u16(), 200);
    let many = ["x"; 17].join(",");
    let endless = cache.ask(Method::GET, "/x", &[("cdn-loop", &many)]).await;
    assert_eq!(endless.status.as_u16(), 508);
    assert_eq!(cache.origin.fetches("/x"), 2);
}

#[tokio::test]
async fn rfc_9110_section_7_6_what_ends_at_a_proxy_and_what_can_be_forged_stays_here() {
    let cache = Cache::new().await;
    cache.origin.route("/x", Answer::ok("x"));
    let fields = [
        ("connection", "x-hop"),
        ("x-hop", "1"),
        ("te", "trailers"),
        ("proxy-authorization", "Basic x"),
        ("x-forwarded-host", "evil.test"),
        ("forwarded", "for=1"),
        ("x-original-url", "/admin"),
        ("x-http-method-override", "DELETE"),
        ("x_forwarded_host", "evil.test"),
        ("proxy", "http://evil.test"),
        ("x-own", "1"),
        ("via", "1.0 a"),
    ];
    cache.ask(Method::GET, "/x", &fields).await;
    let sent = &cache.origin.requests("/x")[0].headers;
    for (name, _) in &fields[1..10] {
        assert!(!sent.contains_key(*name), "{name}");
    }
    assert_eq!(sent["x-own"], "1");
    assert_eq!(sent["via"], "1.0 a, 1.1 weir-fra");
}

#[tokio::test]
async fn rfc_8586_all_that_others_said_goes_on() {
    let cache = Cache::new().await;
    cache.origin.route("/x", Answer::ok("x"));
    let fields = [
        ("cdn-loop", "a"),
        ("cdn-loop", "b"),
        ("connection", "cdn-loop"),
    ];
    cache.ask(Method::GET, "/x", &fields).await;
    let sent = cache.origin.requests("/x")[0].headers["cdn-loop"].clone();
    let mut hops: Vec<_> = sent.to_str().unwrap().split(", ").collect();
    let ours = hops.pop().unwrap();
    hops.sort_unstable();
    assert_eq!(hops, ["a", "b"]);
    assert!(ours.starts_with("weir-fra;id="));
}

#[tokio::test]
async fn rfc_9110_section_7_6_2_options_goes_as_far_as_it_may() {
    let cache = Cache::new().await;
    cache.origin.route("/x", Answer::ok("x"));
    let hops = |text| [("max-forwards", text)];
    let here = cache.ask(Method::OPTIONS, "/x", &hops("0")).await;
    assert_eq!((here.status.as_u16(), cache.origin.fetches("/x")), (204, 0));
    cache.ask(Method::OPTIONS, "/x", &hops("5")).await;
    cache.ask(Method::POST, "/x", &hops("5")).await;
    let asked = cache.origin.requests("/x");
    let left = [0, 1].map(|n: usize| asked[n].headers["max-forwards"].clone());
    assert_eq!(left, ["4", "5"]);
}
