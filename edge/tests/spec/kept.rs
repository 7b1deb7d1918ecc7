//! What is stored in blocks: HEAD, conditions, freshness.

use std::time::Duration;

use bytesize::ByteSize;
use testkit::{Answer, FakeOrigin, Gate, Still};

use crate::{
    blocks::{BLOCK, LEN, asked, object, range, spread},
    setup::{Edge, bytes, cache_status},
};

#[tokio::test]
async fn head_and_conditions_hold_on_what_is_stored_in_part() {
    let (origin, edge) = spread().await;
    range(&edge, "bytes=0-0").await;
    let head = edge.head("/x").header("range", "bytes=0-1").send().await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(head.field("content-length"), LEN.to_string());
    assert_eq!(head.field("accept-ranges"), "bytes");
    let known = edge.get("/x").header("if-none-match", "\"1\"").send().await;
    assert_eq!(
        (known.status.as_u16(), known.field("content-range")),
        (304, "")
    );
    for (field, status) in [("bytes=0-4095", 206), ("bytes=0-4096", 504)] {
        let asked = edge.get("/x").header("cache-control", "only-if-cached");
        assert_eq!(asked.header("range", field).send().await.status, status);
    }
    assert_eq!(origin.fetches("/x"), 1);
    for (tag, status, len) in [("\"1\"", 206, 10), ("\"0\"", 200, LEN)] {
        let asked = edge.get("/x").header("range", "bytes=0-9");
        let reply = asked.header("if-range", tag).send().await;
        assert_eq!(
            (reply.status.as_u16(), reply.body.len()),
            (status, len),
            "{tag}"
        );
    }
}

#[tokio::test]
async fn a_stale_spread_is_asked_about_once_and_all_its_blocks_are_fresh_then() {
    let (origin, edge) = spread().await;
    let clock = Still::now();
    for field in ["bytes=0-0", "bytes=8192-8192"] {
        range(&edge, field).await;
    }
    clock.advance(Duration::from_secs(61)).await;
    let reply = range(&edge, "bytes=0-9").await;
    assert_eq!(
        (reply.status.as_u16(), &reply.body[..]),
        (206, &bytes(LEN)[..10])
    );
    assert_eq!(cache_status(&reply), "fwd=stale; fwd-status=304; stored");
    assert_eq!(
        cache_status(&range(&edge, "bytes=8192-8199").await),
        "hit; ttl=60"
    );
    assert_eq!(origin.fetches("/x"), 3);
    assert_eq!(origin.requests("/x")[2].headers["if-none-match"], "\"1\"");
}

#[tokio::test]
async fn the_block_that_is_stale_first_decides_for_all() {
    let (origin, edge) = spread().await;
    let clock = Still::now();
    range(&edge, "bytes=0-0").await;
    origin.route("/x", object("1").header("age", "50"));
    range(&edge, "bytes=4096-4096").await;
    clock.advance(Duration::from_secs(11)).await;
    let reply = range(&edge, "bytes=0-0").await;
    assert_eq!(cache_status(&reply), "fwd=stale; fwd-status=304; stored");
}

#[tokio::test]
async fn stale_blocks_are_served_while_one_request_asks_about_them() {
    let (origin, edge) = spread().await;
    let clock = Still::now();
    let answer = Answer::ok(bytes(LEN)).etag("1").ranges();
    let answer = answer.cache("max-age=2, stale-while-revalidate=10");
    origin.route("/x", answer.clone());
    range(&edge, "bytes=0-0").await;
    clock.advance(Duration::from_secs(3)).await;
    let gate = Gate::closed();
    origin.route("/x", answer.held(&gate));
    for _ in 0..3 {
        let reply = range(&edge, "bytes=0-9").await;
        assert_eq!(cache_status(&reply), "hit; detail=stale; ttl=-1");
    }
    origin.asked("/x", 2).await;
    gate.open();
    while cache_status(&range(&edge, "bytes=0-9").await) != "hit; ttl=2" {}
    assert_eq!(origin.fetches("/x"), 2);
}

#[tokio::test]
async fn what_can_be_kept_neither_whole_nor_in_blocks_is_asked_for_as_it_is() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::start(&origin, None, |config| {
        config.block = ByteSize::b(BLOCK as u64);
        config.object_max = ByteSize::b(LEN as u64 - 1);
    })
    .await;
    let untagged = Answer::ok(bytes(LEN)).cache("max-age=60");
    origin.route("/x", untagged.ranges());
    for first in [9000, 30_000] {
        let reply = range(&edge, &format!("bytes={first}-{}", first + 9)).await;
        assert!(reply.status == 206 && reply.body == bytes(LEN)[first..first + 10]);
    }
    let ranges = ["bytes=8192-12287", "bytes=9000-9009", "bytes=30000-30009"];
    assert_eq!(asked(&origin), ranges);
}
