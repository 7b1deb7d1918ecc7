//! Requests that two readers could read in two ways, and other odd heads.

use edge::Profile;
use testkit::{Answer, FakeOrigin};

use crate::setup::Edge;

async fn plain() -> (FakeOrigin, Edge) {
    let origin = FakeOrigin::start().await;
    origin.route("/x", Answer::ok("x").cache("max-age=60"));
    let edge = Edge::plain(&origin).await;
    (origin, edge)
}

/// Sends it, with another request behind that must not be seen; what came back.
async fn smuggle(edge: &Edge, head: &str, body: &str) -> String {
    let request = format!("{head}\r\n\r\n{body}GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n");
    testkit::raw(edge.addr, request.as_bytes()).await
}

#[tokio::test]
async fn a_body_with_two_ends_is_400_and_the_connection_closes() {
    let (origin, edge) = plain().await;
    for fields in [
        "content-length: 4\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 4",
        "content-length: 4\r\ntransfer-encoding: xchunked",
        "transfer-encoding: chunked, identity",
        "transfer-encoding: identity\r\ntransfer-encoding: chunked",
        "transfer-encoding:\x0bchunked",
        "transfer-encoding: chunked",
        "content-length: 4\r\ncontent-length: 5",
        "content-length: 4, 5",
        "content-length: +4",
        "content-length: -4",
        "content-length: 0x4",
        "content-length: 99999999999999999999",
    ] {
        for method in ["GET", "POST"] {
            let head = format!("{method} /x HTTP/1.1\r\nhost: a\r\n{fields}");
            let told = smuggle(&edge, &head, "0\r\n\r\n").await;
            assert!(
                told.starts_with("HTTP/1.1 400 "),
                "{method} {fields}: {told}"
            );
            assert_eq!(
                told.matches("HTTP/1.1").count(),
                1,
                "{method} {fields}: {told}"
            );
        }
    }
    let told = smuggle(&edge, "GET /x HTTP/1.0\r\ntransfer-encoding: chunked", "").await;
    assert!(
        told.starts_with("HTTP/1.0 400 ") || told.starts_with("HTTP/1.1 400 "),
        "{told}"
    );
    assert_eq!(origin.fetches("/smuggled") + origin.fetches("/x"), 0);
}

#[tokio::test]
async fn a_field_that_readers_disagree_about_is_400() {
    let (origin, edge) = plain().await;
    for field in [
        "x-a : b",
        "x-a: b\r\n folded",
        "x-a: b\r\n\tfolded",
        "x-a: b\0c",
        "x-a: b\rc",
        "x a: b",
        ": b",
        "no colon",
    ] {
        let told = smuggle(&edge, &format!("GET /x HTTP/1.1\r\nhost: a\r\n{field}"), "").await;
        assert!(told.starts_with("HTTP/1.1 400 "), "{field:?}: {told}");
    }
    assert_eq!(origin.fetches("/smuggled") + origin.fetches("/x"), 0);
}

#[tokio::test]
async fn a_request_for_no_one_host_is_400() {
    let (origin, edge) = plain().await;
    for head in [
        "GET /x HTTP/1.1",
        "GET /x HTTP/1.1\r\nhost: a\r\nhost: a",
        "GET /x HTTP/1.1\r\nhost: a\r\nhost: b",
        "GET /x HTTP/1.1\r\nhost: a/b",
        "GET /x HTTP/1.1\r\nhost: me@a",
        "GET /x HTTP/1.1\r\nhost: a b",
        "GET http://me@a/x HTTP/1.1\r\nhost: a",
        "GET ftp://a/x HTTP/1.1\r\nhost: a",
    ] {
        let told = smuggle(&edge, head, "").await;
        assert!(told.starts_with("HTTP/1.1 400 "), "{head:?}: {told}");
        assert_eq!(told.matches("HTTP/1.1").count(), 1, "{head:?}: {told}");
    }
    assert_eq!(origin.fetches("/smuggled") + origin.fetches("/x"), 0);
}

#[tokio::test]
async fn other_forms_of_one_request_are_one_request() {
    let (origin, edge) = plain().await;
    for request in [
        "GET /x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
        "GET http://a/x HTTP/1.1\r\nhost: elsewhere\r\nconnection: close\r\n\r\n",
        "GET /x HTTP/1.1\r\nhost: [2001:db8::1]:81\r\nconnection: close\r\n\r\n",
        "GET /x HTTP/1.1\r\nhost:\r\nconnection: close\r\n\r\n",
        "GET /x HTTP/1.0\r\n\r\n",
        // RFC 9112 §2.2 lets a line end so.
        "GET /x HTTP/1.1\nhost: a\nconnection: close\n\n",
        "\r\nGET /x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    ] {
        let told = testkit::raw(edge.addr, request.as_bytes()).await;
        assert!(
            told.contains(" 200 OK\r\n") && told.ends_with("\r\n\r\nx"),
            "{request:?}: {told}"
        );
    }
    assert_eq!(origin.fetches("/x"), 1);
}

#[tokio::test]
async fn where_bodies_go_up_one_with_two_ends_goes_up_once_and_ends_the_connection() {
    let origin = FakeOrigin::start().await;
    origin.route("/x", Answer::ok("x"));
    let edge = Edge::start(&origin, None, |config| {
        config.profile = Profile::Passthrough;
    })
    .await;
    let fields = "content-length: 40\r\ntransfer-encoding: chunked";
    let head = format!("POST /x HTTP/1.1\r\nhost: a\r\n{fields}");
    let told = smuggle(&edge, &head, "2\r\nhi\r\n0\r\n\r\n").await;
    assert!(told.starts_with("HTTP/1.1 200 "), "{told}");
    assert_eq!(told.matches("HTTP/1.1").count(), 1, "{told}");
    let sent = &origin.requests("/x")[0].headers;
    assert!(!sent.contains_key("content-length"));
    assert_eq!(sent["transfer-encoding"], "chunked");
    let head = "GET /x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked";
    let told = smuggle(&edge, head, "0\r\n\r\n").await;
    assert!(told.starts_with("HTTP/1.1 400 "), "{told}");
    assert_eq!((origin.fetches("/x"), origin.fetches("/smuggled")), (1, 0));
}

#[tokio::test]
async fn where_bodies_go_up_they_are_chunked_once_or_not_at_all() {
    let origin = FakeOrigin::start().await;
    origin.route("/x", Answer::ok("x"));
    let edge = Edge::start(&origin, None, |config| {
        config.profile = Profile::Passthrough;
    })
    .await;
    for coding in [
        "transfer-encoding: gzip, chunked",
        "transfer-encoding: chunked, chunked",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
        "transfer-encoding: ,chunked",
    ] {
        let head = format!("POST /x HTTP/1.1\r\nhost: a\r\n{coding}");
        let told = smuggle(&edge, &head, "0\r\n\r\n").await;
        assert!(told.starts_with("HTTP/1.1 400 "), "{coding}: {told}");
        assert_eq!(told.matches("HTTP/1.1").count(), 1, "{coding}: {told}");
    }
    assert_eq!(origin.fetches("/x") + origin.fetches("/smuggled"), 0);
}
