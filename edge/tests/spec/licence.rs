//! Licences: asked by POST, answered as by GET, kept by no cache.

use testkit::{Answer, FakeOrigin, raw};

use crate::setup::{Edge, cache_status};

const LICENCE: &str = "/v/a/license";
const KEYS: &str = r#"{"keys":[]}"#;

async fn weir() -> (FakeOrigin, Edge) {
    let origin = FakeOrigin::start().await;
    let edge = Edge::weir(&origin).await;
    let answer = Answer::ok(KEYS).header("content-type", "application/json");
    origin.route(LICENCE, answer.cache("no-store").keyed());
    (origin, edge)
}

/// A browser's question, on a connection of its own; its answer's head and body.
async fn post(edge: &Edge, target: &str, body: &str) -> String {
    let len = body.len();
    let request = format!(
        "POST {target} HTTP/1.1\r\nhost: x\r\norigin: https://page.test\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {len}\r\n\r\n{body}"
    );
    raw(edge.addr, request.as_bytes()).await
}

#[tokio::test]
async fn a_licence_is_given_to_who_shows_a_key_and_never_stored() {
    let (origin, edge) = weir().await;
    let target = format!("/k/{}{LICENCE}", origin.key("a"));
    for asked in 1..=2 {
        let answer = post(&edge, &target, r#"{"kids":["AA"],"type":"temporary"}"#).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.ends_with(KEYS), "{answer}");
        assert!(answer.contains("cache-control: no-store\r\n"), "{answer}");
        assert!(
            answer.contains("access-control-allow-origin: *\r\n"),
            "{answer}"
        );
        assert_eq!(origin.fetches(LICENCE), asked);
    }
    assert_eq!(origin.requests(LICENCE)[0].method, "GET");
    let reply = edge.get(&target).send().await;
    assert_eq!(
        (reply.status.as_u16(), &reply.body[..]),
        (200, KEYS.as_bytes())
    );
    let status = cache_status(&reply);
    assert!(
        !status.contains("hit") && !status.contains("stored"),
        "{status}"
    );
}

#[tokio::test]
async fn without_a_good_key_there_is_none() {
    let (origin, edge) = weir().await;
    let foreign = format!("/k/{}{LICENCE}", origin.key("b"));
    for (target, status) in [
        (LICENCE, "401"),
        (&foreign, "403"),
        ("/k/x/v/a/license", "401"),
    ] {
        let answer = post(&edge, target, "{}").await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
        assert!(!answer.contains(KEYS), "{answer}");
    }
}

#[tokio::test]
async fn a_long_question_is_answered_too_and_no_other_path_is_asked_so() {
    let (origin, edge) = weir().await;
    let target = format!("/k/{}{LICENCE}", origin.key("a"));
    let answer = post(&edge, &target, &"x".repeat(7000)).await;
    assert!(answer.ends_with(KEYS), "{answer}");
    for other in ["/license", "/watch/license", "/v/a/license.json"] {
        let answer = post(&edge, other, "{}").await;
        assert!(answer.starts_with("HTTP/1.1 405"), "{other}: {answer}");
    }
    let origin = FakeOrigin::start().await;
    let plain = Edge::plain(&origin).await;
    origin.route(LICENCE, Answer::ok(KEYS));
    let answer = post(&plain, LICENCE, "{}").await;
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
}
