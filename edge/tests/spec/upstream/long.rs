//! Bodies so long that they are read to where they stay.

use std::time::Duration;

use super::raw::{Raw, Said, fine, last_words, said};
use crate::setup::{Edge, cache_status};

const LEN: usize = 3 << 20;

/// Letters, of which no two stretches are alike.
fn body() -> String {
    let mut chance = fastrand::Rng::with_seed(4);
    (0..LEN).map(|_| chance.lowercase()).collect()
}

/// An answer of [`LEN`] bytes that are these.
fn answer(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ncontent-length: {LEN}\r\n\r\n{body}")
}

/// Says this once and then what is fine.
async fn before(first: Said) -> (Raw, Edge) {
    let origin = Raw::start(move |n| if n == 0 { first.clone() } else { fine("fine") }).await;
    let idle = Duration::from_millis(100);
    let edge = Edge::before(&[origin.url()], |config| config.body_idle_timeout = idle).await;
    (origin, edge)
}

#[tokio::test]
async fn it_is_whole_and_stored_and_its_connection_used_again() {
    let body = body();
    let (origin, edge) = before(said(answer(&body))).await;
    assert!(edge.get("/x").send().await.body == body);
    let again = edge.get("/x").send().await;
    assert!(cache_status(&again).starts_with("hit") && again.body == body);
    assert_eq!(edge.get("/y").send().await.body, "fine");
    assert_eq!((origin.heads().len(), origin.connections()), (2, 1));
}

#[tokio::test]
async fn one_that_is_cut_or_stops_is_cut_and_not_stored() {
    let body = body();
    let part = answer(&body[..LEN - 1]);
    for first in [last_words(&part), said(&part)] {
        let (_origin, edge) = before(first).await;
        let reply = edge.get("/x").send().await;
        assert!(reply.cut && body.as_bytes().starts_with(&reply.body));
        assert_eq!(edge.get("/x").send().await.body, "fine");
    }
}

#[tokio::test]
async fn bytes_after_it_are_nobodys_and_end_its_connection() {
    let body = body();
    let (origin, edge) = before(said(answer(&body) + &answer("evil"))).await;
    assert!(edge.get("/x").send().await.body == body);
    assert_eq!(edge.get("/y").send().await.body, "fine");
    assert_eq!(origin.connections(), 2);
}
