//! Blocks at each reader's pace: read ahead by one, held by none, within the memory.

use bytesize::ByteSize;
use futures_util::future::join_all;
use testkit::{Answer, FakeOrigin, Gate, Stream};

use crate::{
    blocks::{BLOCK, LEN, asked, object, range, spread},
    setup::{Edge, bytes},
};

async fn read(stream: &mut Stream, len: usize) -> Vec<u8> {
    let mut came = Vec::new();
    while came.len() < len {
        came.extend_from_slice(&stream.piece().await.unwrap().unwrap());
    }
    came
}

#[tokio::test]
async fn the_next_block_is_fetched_while_the_present_one_is_sent_and_no_other() {
    let (origin, edge) = spread().await;
    let (gate, body) = (Gate::closed(), bytes(LEN));
    let half = Answer::ok(body[..2000].to_vec()).then_held(&gate);
    let half = half.then(body[2000..BLOCK].to_vec()).partial(0, LEN);
    origin.route("/x#bytes=0-4095", half.cache("max-age=60").etag("1"));
    let mut stream = edge.get("/x").header("range", "bytes=0-16383").open().await;
    assert!(read(&mut stream, 2000).await == body[..2000]);
    // The rest of the first block has not come yet.
    origin.asked("/x", 2).await;
    edge.get("/other").send().await;
    assert_eq!(asked(&origin), ["bytes=0-4095", "bytes=4096-8191"]);
    gate.open();
    assert!(read(&mut stream, 16_384 - 2000).await == body[2000..16_384]);
    assert_eq!(origin.fetches("/x"), 4);
}

#[tokio::test]
async fn who_leaves_stops_the_reading_ahead() {
    let (origin, edge) = spread().await;
    let gate = Gate::closed();
    origin.route("/x#bytes=4096-8191", object("1").held(&gate));
    let mut stream = edge.get("/x").header("range", "bytes=0-").open().await;
    read(&mut stream, BLOCK).await;
    origin.asked("/x", 2).await;
    drop(stream);
    edge.get("/other").send().await;
    gate.open();
    // What was begun is stored all the same.
    assert!(range(&edge, "bytes=4096-8191").await.body == bytes(LEN)[BLOCK..2 * BLOCK]);
    assert_eq!(origin.fetches("/x"), 2);
}

#[tokio::test]
async fn the_first_to_ask_for_a_block_may_leave() {
    let (origin, edge) = spread().await;
    range(&edge, "bytes=0-0").await;
    let gate = Gate::closed();
    origin.route("/x#bytes=4096-8191", object("1").held(&gate));
    let leader = tokio::spawn(edge.get("/x").header("range", "bytes=5000-5009").send());
    origin.asked("/x", 2).await;
    let follower = tokio::spawn(edge.get("/x").header("range", "bytes=6000-6009").send());
    edge.get("/other").send().await;
    leader.abort();
    gate.open();
    assert!(follower.await.unwrap().body == bytes(LEN)[6000..6010]);
    assert_eq!(origin.fetches("/x"), 2);
}

#[tokio::test]
async fn a_slow_reader_of_blocks_delays_nobody() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::plain(&origin).await;
    let body = bytes(20 << 20);
    let large = Answer::ok(body.clone()).cache("max-age=60").etag("1");
    origin.route("/x", large.ranges());
    let mut slow = edge.get("/x").header("range", "bytes=0-").open().await;
    let fast = range(&edge, "bytes=0-").await;
    assert!(fast.body == body && !fast.cut);
    assert!(read(&mut slow, body.len()).await == body);
    assert_eq!(origin.fetches("/x"), 20);
}

#[tokio::test]
async fn without_memory_blocks_are_passed_on_to_all_who_wait() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::start(&origin, None, |config| {
        config.block = ByteSize::mib(1);
        config.fill_ram = ByteSize::kib(100);
    })
    .await;
    let body = bytes((3 << 20) + 1);
    let large = Answer::ok(body.clone()).cache("max-age=60").etag("1");
    origin.route("/x", large.ranges());
    for field in ["bytes=1048570-3145728", "bytes=10-19"] {
        let replies = join_all((0..5).map(|_| range(&edge, field))).await;
        let (from, to) = field[6..].split_once('-').unwrap();
        let part = from.parse::<usize>().unwrap()..=to.parse::<usize>().unwrap();
        assert!(
            replies
                .iter()
                .all(|reply| reply.body == body[part.clone()] && !reply.cut)
        );
    }
}

#[tokio::test]
async fn blocks_that_the_store_has_dropped_are_fetched_again() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::start(&origin, None, |config| {
        config.block = ByteSize::kib(64);
        config.ram = ByteSize::kib(256);
    })
    .await;
    let body = bytes(1 << 20);
    let large = Answer::ok(body.clone()).cache("max-age=60").etag("1");
    origin.route("/x", large.ranges());
    for _ in 0..3 {
        let reply = range(&edge, "bytes=0-").await;
        assert!(reply.body == body && !reply.cut);
    }
    assert!(origin.fetches("/x") > 16);
}
