//! Blocks are for the same readers as the whole.

use bytesize::ByteSize;
use edge::{Config, Profile, SiteConfig};
use http::Method;
use testkit::{Answer, FakeOrigin, JOIN, Reply};

use crate::{
    blocks::{BLOCK, LEN, object, range, spread},
    setup::{Edge, SEGMENT, bytes, cache_status, heard, is_hit},
};

async fn with(change: impl FnOnce(&mut Config, &FakeOrigin)) -> (FakeOrigin, Edge) {
    let origin = FakeOrigin::start().await;
    let edge = Edge::start(&origin, None, |config| {
        config.block = ByteSize::b(BLOCK as u64);
        change(config, &origin);
    })
    .await;
    origin.route("/x", object("1"));
    (origin, edge)
}

#[tokio::test]
async fn blocks_of_a_keyed_asset_are_read_with_a_key_only() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::start(&origin, Some(JOIN), |config| {
        config.block = ByteSize::b(BLOCK as u64);
    })
    .await;
    heard(&origin, 1).await;
    origin.route(SEGMENT, object("1").keyed());
    let ask = |path: &str| {
        let asked = edge.get(path).header("range", "bytes=5000-5009");
        asked.send()
    };
    let opened = format!("/k/{}{SEGMENT}", origin.key("a"));
    for hit in [false, true] {
        let reply = ask(&opened).await;
        assert!(reply.status == 206 && reply.body == bytes(LEN)[5000..5010]);
        assert_eq!(is_hit(&reply, 60), hit, "{}", cache_status(&reply));
        assert_eq!(reply.field("cache-control"), "private, max-age=60");
    }
    assert_eq!(ask(SEGMENT).await.problem(), "key-missing");
    let asked = &origin.requests(SEGMENT)[0].headers;
    assert_eq!(asked["authorization"], format!("Bearer {JOIN}"));
    assert!(
        !origin.requests(SEGMENT)[1]
            .headers
            .contains_key("authorization")
    );
}

#[tokio::test]
async fn blocks_are_of_one_variant_and_others_are_taken_whole() {
    let (origin, edge) = with(|config, origin| {
        config.site = vec![SiteConfig {
            host: "*".to_owned(),
            origins: vec![origin.url()],
            pass: vec!["x-tongue".to_owned()],
            ..SiteConfig::default()
        }];
    })
    .await;
    let other: Vec<u8> = bytes(LEN).iter().map(|byte| !byte).collect();
    let variant = |body: Vec<u8>, tag: &str| {
        let answer = Answer::ok(body).cache("max-age=60").etag(tag).ranges();
        origin.route("/x", answer.header("vary", "x-tongue"));
    };
    let ask = |tongue: &str| {
        let asked = edge.get("/x").header("range", "bytes=5000-5009");
        asked.header("x-tongue", tongue).send()
    };
    for _ in 0..2 {
        variant(bytes(LEN), "en");
        assert!(ask("en").await.body == bytes(LEN)[5000..5010]);
        variant(other.clone(), "de");
        assert!(ask("de").await.body == other[5000..5010]);
    }
    assert!(is_hit(&ask("en").await, 60));
    // A block of one, a block of the other, which says that it is another, and its whole.
    assert_eq!(origin.fetches("/x"), 3);
}

#[tokio::test]
async fn what_is_changed_through_the_edge_is_fetched_anew() {
    let (origin, edge) = with(|config, _| config.profile = Profile::Passthrough).await;
    range(&edge, "bytes=0-0").await;
    origin.route("/x", object("2"));
    testkit::request(edge.addr, Method::DELETE, "/x")
        .send()
        .await;
    let reply = range(&edge, "bytes=0-0").await;
    assert_eq!(
        (reply.field("etag"), cache_status(&reply)),
        ("\"2\"", "fwd=miss; stored")
    );
}

#[tokio::test]
async fn who_has_a_credential_of_their_own_gets_no_block_of_others() {
    let (origin, edge) = spread().await;
    range(&edge, "bytes=0-0").await;
    let asked = edge.get("/x").header("range", "bytes=0-9");
    let reply: Reply = asked.header("authorization", "Basic YTpi").send().await;
    assert_eq!(reply.body, bytes(LEN)[..10]);
    assert_eq!(cache_status(&reply), "fwd=bypass");
    assert_eq!(origin.fetches("/x"), 2);
    assert!(is_hit(&range(&edge, "bytes=0-9").await, 60));
}
