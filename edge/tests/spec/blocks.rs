//! Large objects in blocks: what a range fetches, keeps and combines.

use bytesize::ByteSize;
use futures_util::future::join_all;
use testkit::{Answer, FakeOrigin, Gate, Reply};

use crate::setup::{Edge, bytes, cache_status, is_hit};

/// Length of a block in these tests, bytes.
pub(crate) const BLOCK: usize = 4096;
/// Of the object: ten blocks and a bit.
pub(crate) const LEN: usize = 10 * BLOCK + 100;

/// An edge with small blocks before an origin that has a large object at `/x`.
pub(crate) async fn spread() -> (FakeOrigin, Edge) {
    let origin = FakeOrigin::start().await;
    let edge = Edge::start(&origin, None, |config| {
        config.block = ByteSize::b(BLOCK as u64);
    })
    .await;
    origin.route("/x", object("1"));
    (origin, edge)
}

pub(crate) fn object(tag: &str) -> Answer {
    Answer::ok(bytes(LEN))
        .cache("max-age=60")
        .etag(tag)
        .ranges()
}

pub(crate) async fn range(edge: &Edge, range: &str) -> Reply {
    edge.get("/x").header("range", range).send().await
}

/// The ranges that the origin was asked for, in order; empty for the whole.
pub(crate) fn asked(origin: &FakeOrigin) -> Vec<String> {
    let requests = origin.requests("/x");
    let field = |name: &str, of: &http::HeaderMap| {
        of.get(name)
            .map_or("", |field| field.to_str().unwrap())
            .to_owned()
    };
    requests
        .iter()
        .map(|asked| field("range", &asked.headers))
        .collect()
}

#[tokio::test]
async fn a_range_on_a_miss_fetches_its_block_and_serves_it_again() {
    let (origin, edge) = spread().await;
    let first = range(&edge, "bytes=10000-10009").await;
    assert_eq!(
        (first.status.as_u16(), &first.body[..]),
        (206, &bytes(LEN)[10_000..10_010])
    );
    assert_eq!(
        first.field("content-range"),
        format!("bytes 10000-10009/{LEN}")
    );
    assert_eq!(first.field("content-length"), "10");
    assert_eq!(cache_status(&first), "fwd=miss; stored");
    let second = range(&edge, "bytes=8192-12287").await;
    assert_eq!(second.body, bytes(LEN)[8192..12_288]);
    assert!(is_hit(&second, 60), "{}", cache_status(&second));
    assert_eq!(asked(&origin), ["bytes=8192-12287"]);
}

#[tokio::test]
async fn blocks_combine_and_only_what_is_missing_is_fetched() {
    let (origin, edge) = spread().await;
    range(&edge, "bytes=0-0").await;
    range(&edge, "bytes=8192-8192").await;
    let reply = range(&edge, "bytes=100-12000").await;
    assert_eq!(reply.body, bytes(LEN)[100..=12_000]);
    assert_eq!(cache_status(&reply), "fwd=partial; stored");
    assert_eq!(
        asked(&origin),
        ["bytes=0-4095", "bytes=8192-12287", "bytes=4096-8191"]
    );
    let versions = origin.requests("/x");
    assert!(!versions[0].headers.contains_key("if-match"));
    assert!(
        versions[1..]
            .iter()
            .all(|asked| asked.headers["if-match"] == "\"1\"")
    );
}

#[tokio::test]
async fn the_whole_is_answered_from_blocks_and_the_missing_ones_are_fetched() {
    let (origin, edge) = spread().await;
    range(&edge, "bytes=20000-20000").await;
    let whole = edge.get("/x").send().await;
    assert_eq!((whole.status.as_u16(), whole.cut), (200, false));
    assert!(whole.body == bytes(LEN));
    assert_eq!(whole.field("content-length"), LEN.to_string());
    assert_eq!(whole.field("content-range"), "");
    assert_eq!(origin.fetches("/x"), 11);
    let again = edge.get("/x").send().await;
    assert!(again.body == bytes(LEN));
    assert!(is_hit(&again, 60), "{}", cache_status(&again));
    assert_eq!(origin.fetches("/x"), 11);
}

#[tokio::test]
async fn every_form_of_range_gets_its_bytes() {
    let (_origin, edge) = spread().await;
    let body = bytes(LEN);
    for (field, part) in [
        ("bytes=-10", LEN - 10..LEN),
        ("bytes=-99999999", 0..LEN),
        ("bytes=4096-", BLOCK..LEN),
        ("bytes=0-", 0..LEN),
        ("bytes=4095-4096", BLOCK - 1..BLOCK + 1),
        ("bytes=40960-41059", LEN - 100..LEN),
        ("bytes=0-99, 50-199,200-299", 0..300),
    ] {
        let reply = range(&edge, field).await;
        assert_eq!(reply.status, 206, "{field}");
        assert!(reply.body == body[part.clone()], "{field}");
        let content = format!("bytes {}-{}/{LEN}", part.start, part.end - 1);
        assert_eq!(reply.field("content-range"), content);
    }
}

#[tokio::test]
async fn a_range_past_the_end_is_416_and_costs_one_block() {
    let (origin, edge) = spread().await;
    for field in ["bytes=99999999-", "bytes=18446744073709551615-", "bytes=-0"] {
        let reply = range(&edge, field).await;
        assert_eq!(reply.status, 416, "{field}");
        assert_eq!(reply.field("content-range"), format!("bytes */{LEN}"));
        assert!(reply.body.is_empty());
    }
    assert_eq!(asked(&origin), ["bytes=99999744-100003839", "bytes=0-4095"]);
}

#[tokio::test]
async fn ranges_that_do_not_meet_get_the_whole_and_too_many_too() {
    let (_origin, edge) = spread().await;
    range(&edge, "bytes=0-0").await;
    let many = vec!["0-0"; 17].join(",");
    for field in ["bytes=0-0,9-9", &format!("bytes={many}")] {
        let reply = range(&edge, field).await;
        assert_eq!(
            (reply.status.as_u16(), reply.body.len()),
            (200, LEN),
            "{field}"
        );
    }
}

#[tokio::test]
async fn many_requests_for_one_block_are_one_fetch_and_for_two_are_two() {
    let (origin, edge) = spread().await;
    let gate = Gate::closed();
    origin.route("/x#bytes=0-4095", object("1").held(&gate));
    let ask = |n: usize| {
        let first = (n % 2) * BLOCK + n;
        let asked = edge
            .get("/x")
            .header("range", &format!("bytes={first}-{}", first + 9));
        async move { (first, asked.send().await) }
    };
    let replies = tokio::spawn(join_all((0..100).map(ask).collect::<Vec<_>>()));
    origin.asked("/x", 1).await;
    gate.open();
    for (first, reply) in replies.await.unwrap() {
        assert!(reply.body == bytes(LEN)[first..first + 10]);
    }
    assert_eq!(origin.fetches("/x"), 2);
}

#[tokio::test]
async fn a_far_range_does_not_wait_for_a_whole_fill() {
    let (origin, edge) = spread().await;
    let (gate, body) = (Gate::closed(), bytes(LEN));
    let slow = Answer::ok(body[..100].to_vec())
        .then_held(&gate)
        .then(body[100..].to_vec());
    origin.route("/x", slow.cache("max-age=60").etag("1").ranges());
    let mut whole = edge.get("/x").open().await;
    assert_eq!(whole.piece().await.unwrap().unwrap().len(), 100);
    let far = range(&edge, "bytes=30000-30009").await;
    assert!(far.status == 206 && far.body == body[30_000..30_010]);
    gate.open();
    let mut read = 100;
    while let Some(piece) = whole.piece().await {
        read += piece.unwrap().len();
    }
    assert_eq!((read, origin.fetches("/x")), (LEN, 2));
}

#[tokio::test]
async fn a_short_object_comes_whole_with_its_first_block() {
    let (origin, edge) = spread().await;
    let short = Answer::ok(bytes(100)).cache("max-age=60").ranges();
    origin.route("/short", short);
    let part = edge
        .get("/short")
        .header("range", "bytes=50-59")
        .send()
        .await;
    assert_eq!(
        (part.status.as_u16(), &part.body[..]),
        (206, &bytes(100)[50..60])
    );
    let whole = edge.get("/short").send().await;
    assert_eq!(
        (whole.status.as_u16(), &whole.body[..]),
        (200, &bytes(100)[..])
    );
    assert!(is_hit(&whole, 60), "{}", cache_status(&whole));
    assert_eq!(origin.fetches("/short"), 1);
}

#[tokio::test]
async fn what_names_no_version_or_is_encoded_is_taken_whole() {
    let (origin, edge) = spread().await;
    let plain = || Answer::ok(bytes(LEN)).cache("max-age=60").ranges();
    for (path, answer) in [
        ("/none", plain()),
        ("/weak", plain().header("etag", "W/\"1\"")),
        (
            "/coded",
            plain().etag("1").header("content-encoding", "gzip"),
        ),
    ] {
        origin.route(path, answer);
        let part = edge
            .get(path)
            .header("range", "bytes=5000-5009")
            .send()
            .await;
        assert!(part.status == 206 && part.body == bytes(LEN)[5000..5010]);
        let whole = edge.get(path).send().await;
        assert!(whole.body == bytes(LEN), "{path}");
        assert!(is_hit(&whole, 60), "{path} {}", cache_status(&whole));
        assert_eq!(origin.fetches(path), 2, "{path}");
    }
}
