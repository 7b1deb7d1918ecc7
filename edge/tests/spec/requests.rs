//! What may be asked, and how.

use http::Method;
use testkit::{Answer, FakeOrigin, Reply};

use crate::setup::{Edge, SEGMENT, segment};

async fn weir() -> (FakeOrigin, Edge) {
    let origin = FakeOrigin::start().await;
    let edge = Edge::weir(&origin).await;
    (origin, edge)
}

fn has_cors(reply: &Reply) {
    let allowed: Vec<_> = reply
        .headers
        .get_all("access-control-allow-origin")
        .iter()
        .collect();
    assert_eq!(allowed, ["*"]);
    let exposed = reply.field("access-control-expose-headers");
    for name in [
        "Content-Length",
        "Content-Range",
        "Date",
        "Age",
        "ETag",
        "Retry-After",
        "Cache-Status",
        "CMSD-Static",
        "CMSD-Dynamic",
    ] {
        assert!(exposed.split(", ").any(|other| other == name), "{name}");
    }
    assert_eq!(reply.field("timing-allow-origin"), "*");
}

#[tokio::test]
async fn a_preflight_is_answered_here_without_a_key() {
    let (origin, edge) = weir().await;
    let asked = testkit::request(edge.addr, Method::OPTIONS, SEGMENT);
    let reply = asked.header("origin", "https://page.test").send().await;
    assert_eq!((reply.status.as_u16(), reply.body.len()), (204, 0));
    has_cors(&reply);
    assert_eq!(
        reply.field("access-control-allow-methods"),
        "GET, HEAD, OPTIONS"
    );
    assert_eq!(
        reply.field("access-control-allow-headers"),
        "Authorization, Range, Content-Type, CMCD-Object, CMCD-Request, CMCD-Session, CMCD-Status"
    );
    assert_eq!(reply.field("access-control-max-age"), "86400");
    assert_eq!(origin.fetches(SEGMENT), 0);
}

#[tokio::test]
async fn every_answer_has_cors_once() {
    let (origin, edge) = weir().await;
    let own = segment()
        .public()
        .header("access-control-allow-origin", "https://x.test");
    origin.route(
        SEGMENT,
        own.header("access-control-allow-credentials", "true"),
    );
    origin.route("/v/b/e.m3u8", Answer::status(500));
    let targets = [
        SEGMENT,
        SEGMENT,
        "/v/b/e.m3u8",
        "/v/b/none.m3u8",
        "/k/x/v/a/b.m3u8",
        "/api/x",
        "/a//b",
        "/healthz",
        "/readyz",
        "/none",
    ];
    for target in targets {
        let reply = edge
            .get(target)
            .header("origin", "https://page.test")
            .send()
            .await;
        has_cors(&reply);
        assert_eq!(reply.field("access-control-allow-credentials"), "");
    }
}

#[tokio::test]
async fn other_methods_are_refused_with_those_that_work() {
    let (_origin, edge) = weir().await;
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::TRACE] {
        let reply = testkit::request(edge.addr, method, SEGMENT).send().await;
        assert_eq!(
            (reply.status.as_u16(), reply.field("allow")),
            (405, "GET, HEAD, OPTIONS")
        );
        has_cors(&reply);
    }
}

#[tokio::test]
async fn the_api_is_at_the_origin() {
    let (origin, edge) = weir().await;
    origin.route("/api/assets", Answer::ok("secret"));
    for target in ["/api/assets", "/api", "/%61pi/assets"] {
        let reply = edge.get(target).send().await;
        assert_eq!(
            (reply.status.as_u16(), reply.problem().as_str()),
            (404, "not-found")
        );
    }
    assert_eq!(origin.fetches("/api/assets"), 0);
}

#[tokio::test]
async fn paths_that_readers_disagree_about_are_400() {
    let (_origin, edge) = weir().await;
    for path in [
        "/v/a/../b",
        "/v/a/%2e%2e/b",
        "/v/./a",
        "/v//a",
        "/v/a%2fb",
        "/v/a%5Cb",
        "/v/a%00",
        "/v/a%zz",
    ] {
        let reply = edge.get(path).send().await;
        assert_eq!(
            (reply.status.as_u16(), reply.problem().as_str()),
            (400, "bad-request"),
            "{path}"
        );
    }
    for path in ["/v/a\\b", "/v/a\0b"] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let reply = testkit::raw(edge.addr, request.as_bytes()).await;
        assert!(reply.starts_with("HTTP/1.1 400 "), "{path:?}: {reply}");
    }
}

#[tokio::test]
async fn a_query_under_v_counts_once_sorted_and_allowed() {
    let (origin, edge) = weir().await;
    let canonical = "/v/a/master.m3u8?end=9&max_height=720&start=5";
    origin.route(canonical, Answer::ok("x").cache("max-age=60").public());
    for query in [
        "start=5&end=9&max_height=720",
        "CMCD=br%3D1&max_height=720&end=9&start=5&_=1",
    ] {
        let reply = edge.get(&format!("/v/a/master.m3u8?{query}")).send().await;
        assert_eq!(reply.body, "x", "{query}");
    }
    assert_eq!(origin.fetches(canonical), 1);
}

#[tokio::test]
async fn a_query_under_v_that_is_doubled_or_malformed_is_400() {
    let (_origin, edge) = weir().await;
    for query in [
        "start=1&start=1",
        "start=",
        "_HLS_msn=x",
        "end=%zz",
        "max_height=-2",
    ] {
        let reply = edge.get(&format!("/v/a/master.m3u8?{query}")).send().await;
        assert_eq!(
            (reply.status.as_u16(), reply.problem().as_str()),
            (400, "bad-request"),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_segment_has_no_query() {
    let (origin, edge) = weir().await;
    origin.route(SEGMENT, segment().public());
    for query in ["?x=1", "?start=1&start=2", "?CMCD=%zz", ""] {
        let reply = edge.get(&format!("{SEGMENT}{query}")).send().await;
        assert_eq!(reply.status, 200, "{query}");
    }
    assert_eq!(origin.fetches(SEGMENT), 1);
}

#[tokio::test]
async fn on_a_plain_site_media_paths_mean_nothing() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::plain(&origin).await;
    let targets = [
        "/v/a/0.m4s?b=1&a=2",
        "/k/x/v/a/0.m4s",
        "/api/x",
        "/v/a/m.m3u8?start=1&start=1",
    ];
    for target in targets {
        origin.route(target, Answer::ok(target).cache("max-age=60"));
        for _ in 0..2 {
            let reply = edge.get(target).send().await;
            assert_eq!(reply.body, target);
            assert_eq!(reply.field("cache-control"), "max-age=60");
        }
        assert_eq!(origin.fetches(target), 1);
    }
    assert_eq!(edge.get("/readyz").send().await.status, 200);
}

#[tokio::test]
async fn nothing_of_a_client_s_fields_goes_up() {
    let (origin, edge) = weir().await;
    origin.route("/x", Answer::ok("x").cache("max-age=60"));
    let mut asked = edge.get("/x").header("accept-encoding", "gzip");
    for name in [
        "x-forwarded-host",
        "forwarded",
        "x-http-method-override",
        "weir-log",
        "cookie",
        "range",
        "if-none-match",
        "x-original-url",
        "accept-language",
    ] {
        asked = asked.header(name, "bytes=0-1");
    }
    asked.send().await;
    let sent = &origin.requests("/x")[0].headers;
    let mut names: Vec<_> = sent.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["cdn-loop", "host", "range", "via"]);
    // The block that it is in, not the client's own.
    assert_eq!(sent["range"], "bytes=0-1048575");
    assert_eq!(sent["host"], origin.addr().to_string());
    assert_eq!(sent["via"], "1.1 weir-fra");
}
