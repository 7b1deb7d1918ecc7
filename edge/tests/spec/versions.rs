//! Two versions of an object are never in one body.

use std::time::Duration;

use testkit::{Answer, Asking, FakeOrigin, Gate, Still};

use crate::{
    blocks::{BLOCK, LEN, asked, object, range, spread},
    setup::{Edge, bytes, cache_status, is_hit},
};

/// The next version: other bytes everywhere.
fn next(len: usize) -> Vec<u8> {
    bytes(len).iter().map(|byte| !byte).collect()
}

fn next_object(tag: &str) -> Answer {
    Answer::ok(next(LEN)).cache("max-age=60").etag(tag).ranges()
}

/// A range whose second block is asked for while the first is sent, and what comes of it.
async fn cut_by(second: Answer) -> (FakeOrigin, Edge) {
    let (origin, edge) = spread().await;
    range(&edge, "bytes=0-0").await;
    origin.route("/x#bytes=4096-8191", second);
    let reply = range(&edge, "bytes=0-8191").await;
    assert_eq!(reply.status, 206);
    assert!(reply.cut && reply.body == bytes(LEN)[..reply.body.len()]);
    assert!(reply.body.len() <= BLOCK);
    (origin, edge)
}

#[tokio::test]
async fn whatever_shows_another_version_cuts_answers_and_drops_all_blocks() {
    let part = |tag: &str| {
        let part = Answer::part(next(BLOCK), BLOCK, LEN);
        part.cache("max-age=60").etag(tag)
    };
    for second in [
        next_object("2"),
        Answer::status(412),
        Answer::status(404),
        Answer::status(416),
        Answer::ok(next(LEN)).cache("max-age=60").etag("2"),
        part("2"),
        Answer::part(next(BLOCK), BLOCK, LEN + 1)
            .cache("max-age=60")
            .etag("1"),
        Answer::part(next(BLOCK), BLOCK + 1, LEN)
            .cache("max-age=60")
            .etag("1"),
        Answer::part(next(BLOCK - 1), BLOCK, LEN)
            .cache("max-age=60")
            .etag("1"),
        part("1").header("content-range", "bytes 4096-8191/*"),
        part("1").header("content-encoding", "gzip"),
        part("1").header("cache-control", "no-store"),
        Answer::part(next(BLOCK), BLOCK, LEN)
            .cache("max-age=60")
            .header("etag", "W/\"1\""),
    ] {
        let (origin, edge) = cut_by(second).await;
        origin.route("/x", next_object("3"));
        let first = range(&edge, "bytes=0-9").await;
        assert!(first.body == next(LEN)[..10]);
    }
}

#[tokio::test]
async fn an_answer_that_has_not_begun_is_of_the_new_version() {
    let (origin, edge) = spread().await;
    range(&edge, "bytes=0-0").await;
    origin.route("/x", next_object("2"));
    let reply = range(&edge, "bytes=4096-4105").await;
    assert_eq!((reply.status.as_u16(), reply.cut), (206, false));
    assert!(reply.body == next(LEN)[4096..4106]);
    assert_eq!(reply.field("etag"), "\"2\"");
    assert!(range(&edge, "bytes=0-9").await.body == next(LEN)[..10]);
    let whole = "bytes=4096-8191";
    assert_eq!(
        asked(&origin),
        ["bytes=0-4095", whole, whole, "bytes=0-4095"]
    );
}

#[tokio::test]
async fn all_who_wait_for_a_block_that_is_gone_get_the_new_version() {
    let (origin, edge) = spread().await;
    range(&edge, "bytes=0-0").await;
    let gate = Gate::closed();
    origin.route("/x#bytes=4096-8191", next_object("2").held(&gate));
    origin.route("/x", next_object("2"));
    let asking: Vec<_> = (0..20)
        .map(|_| tokio::spawn(edge.get("/x").header("range", "bytes=4096-4099").send()))
        .collect();
    origin.asked("/x", 2).await;
    edge.get("/other").send().await;
    gate.open();
    for reply in asking {
        assert!(reply.await.unwrap().body == next(LEN)[4096..4100]);
    }
    assert_eq!(origin.fetches("/x"), 3);
}

#[tokio::test]
async fn a_whole_answer_of_another_version_ends_the_blocks() {
    let (origin, edge) = spread().await;
    let clock = Still::now();
    range(&edge, "bytes=0-0").await;
    clock.advance(Duration::from_secs(61)).await;
    origin.route(
        "/x",
        Answer::ok("short now")
            .cache("max-age=60")
            .etag("2")
            .ranges(),
    );
    let reply = edge.get("/x").send().await;
    assert_eq!(
        (reply.status.as_u16(), &reply.body[..]),
        (200, &b"short now"[..])
    );
    let again = range(&edge, "bytes=0-4").await;
    assert_eq!(
        (cache_status(&again), &again.body[..]),
        ("hit; ttl=60", &b"short"[..])
    );
}

#[tokio::test]
async fn a_block_that_is_cut_is_cut_for_clients_and_never_stored() {
    let (origin, edge) = spread().await;
    range(&edge, "bytes=0-0").await;
    let cut = object("1").then_cut();
    origin.route("/x#bytes=4096-8191", cut);
    let reply = range(&edge, "bytes=4000-8191").await;
    assert!(reply.cut && reply.body.len() < 4192);
    origin.route("/x#bytes=4096-8191", object("1"));
    assert!(range(&edge, "bytes=4000-8191").await.body == bytes(LEN)[4000..8192]);
    assert_eq!(origin.fetches("/x"), 3);
}

#[tokio::test]
async fn an_origin_in_trouble_keeps_the_blocks_that_are_stored() {
    let (origin, edge) = spread().await;
    range(&edge, "bytes=0-0").await;
    origin.route("/x", Answer::status(503));
    let missing = range(&edge, "bytes=4096-4096").await;
    assert_eq!(
        (missing.status.as_u16(), missing.field("retry-after")),
        (502, "1")
    );
    assert!(is_hit(&range(&edge, "bytes=0-9").await, 60));
}

#[tokio::test]
async fn stale_blocks_are_served_while_the_origin_is_gone_if_they_are_all_there() {
    let (origin, edge) = spread().await;
    let clock = Still::now();
    range(&edge, "bytes=0-0").await;
    origin.stop().await;
    clock.advance(Duration::from_secs(61)).await;
    let reply = range(&edge, "bytes=0-9").await;
    assert_eq!(
        (cache_status(&reply), reply.body.len()),
        ("fwd=stale; detail=stale; ttl=-1", 10)
    );
    assert_eq!(range(&edge, "bytes=0-5000").await.status, 502);
}

/// Numbers that look random and are the same in each run (xorshift).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

/// The bytes of a version whose tag is its number: no two versions agree at any offset.
fn version(number: usize) -> Vec<u8> {
    let bytes = bytes(LEN + number % 3 * BLOCK);
    bytes
        .iter()
        .map(|byte| byte.wrapping_add(number as u8))
        .collect()
}

#[tokio::test]
async fn under_chance_every_body_is_of_the_one_version_that_its_tag_names() {
    let (origin, edge) = spread().await;
    let mut chance = Chance(7);
    let (mut whole, mut cut) = (0, 0);
    let publish = |number: usize| {
        let answer = Answer::ok(version(number)).cache("max-age=60");
        origin.route("/x", answer.etag(&number.to_string()).ranges());
    };
    for number in 0..40 {
        publish(2 * number);
        let ask = |_| {
            let first = chance.below(LEN);
            let last = first + chance.below(3 * BLOCK);
            let asked = edge.get("/x");
            match chance.below(8) {
                0 => asked,
                1 => asked.header("range", &format!("bytes=-{}", 1 + chance.below(LEN))),
                _ => asked.header("range", &format!("bytes={first}-{last}")),
            }
        };
        let send = |asked: Asking| tokio::spawn(asked.send());
        let asking: Vec<_> = (0..10).map(ask).map(send).collect();
        // Another version comes while they are answered.
        edge.get("/other").send().await;
        publish(2 * number + 1);
        for reply in asking {
            let reply = reply.await.unwrap();
            if reply.status == 502 || reply.status == 416 {
                continue;
            }
            let body = version(reply.field("etag").trim_matches('"').parse().unwrap());
            let first = reply.field("content-range").split(['-', ' ']).nth(1);
            let first: usize = first.map_or(0, |first| first.parse().unwrap());
            assert!(body[first..].starts_with(&reply.body));
            let len: usize = reply.field("content-length").parse().unwrap();
            assert_eq!(reply.cut, reply.body.len() < len);
            (whole, cut) = (whole + 1, cut + usize::from(reply.cut));
        }
    }
    assert!(
        whole > 250 && cut > 0 && cut < whole / 2,
        "{whole} answers, {cut} cut"
    );
}
