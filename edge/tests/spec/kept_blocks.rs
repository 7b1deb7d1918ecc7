//! Blocks of large objects on disk: found after a restart, right, and never of two versions.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use bytesize::ByteSize;
use tempfile::TempDir;
use testkit::{Answer, FakeOrigin, Reply};
use tokio::time::Instant;

use crate::{
    blocks::{BLOCK, LEN, asked, object},
    setup::{Edge, bytes, cache_status},
};

async fn on(origin: &FakeOrigin, dir: &Path) -> Edge {
    Edge::start(origin, None, |config| {
        config.block = ByteSize::b(BLOCK as u64);
        config.cache_dir = Some(dir.to_owned());
        config.disk_wait = Duration::from_secs(20);
    })
    .await
}

async fn stop(mut edge: Edge) {
    edge.shutdown.cancel();
    (&mut edge.task).await.unwrap().unwrap();
}

async fn range(edge: &Edge, field: &str) -> Reply {
    edge.get("/x").header("range", field).send().await
}

fn version(tag: &str) -> Answer {
    Answer::ok(bytes(LEN))
        .cache("max-age=1000")
        .etag(tag)
        .ranges()
}

/// Other bytes everywhere.
fn other(tag: &str) -> Answer {
    let body: Vec<u8> = bytes(LEN).iter().map(|byte| !byte).collect();
    Answer::ok(body).cache("max-age=1000").etag(tag).ranges()
}

/// An origin, and a folder that an edge has left with the second and third block of its object,
/// each asked for twice.
async fn left() -> (FakeOrigin, TempDir) {
    let (origin, dir) = (FakeOrigin::start().await, TempDir::new().unwrap());
    origin.route("/x", version("1"));
    let edge = on(&origin, dir.path()).await;
    for _ in 0..2 {
        assert!(range(&edge, "bytes=4096-12287").await.body == bytes(LEN)[4096..12_288]);
    }
    stop(edge).await;
    assert_eq!(origin.fetches("/x"), 2);
    (origin, dir)
}

#[tokio::test]
async fn blocks_outlive_a_restart_and_only_the_missing_are_fetched() {
    let (origin, dir) = left().await;
    let edge = on(&origin, dir.path()).await;
    let reply = range(&edge, "bytes=5000-9999").await;
    assert!(reply.status == 206 && reply.body == bytes(LEN)[5000..10_000]);
    assert!(cache_status(&reply).starts_with("hit; ttl="));
    assert_eq!(
        reply.field("content-range"),
        format!("bytes 5000-9999/{LEN}")
    );
    assert_eq!(origin.fetches("/x"), 2);
    let more = range(&edge, "bytes=9000-12288").await;
    assert!(more.body == bytes(LEN)[9000..12_289]);
    assert_eq!(cache_status(&more), "fwd=partial; stored");
    assert_eq!(asked(&origin)[2..], ["bytes=12288-16383"]);
    assert_eq!(origin.requests("/x")[2].headers["if-match"], "\"1\"");
    let whole = edge.get("/x").send().await;
    assert!(whole.status == 200 && whole.body == bytes(LEN));
    assert_eq!(origin.fetches("/x"), 11);
    stop(edge).await;
}

#[tokio::test]
async fn what_leaves_memory_is_answered_from_disk() {
    let (origin, dir) = (FakeOrigin::start().await, TempDir::new().unwrap());
    let (block, len) = (1 << 20, 40 << 20);
    let body = bytes(len);
    let answer = Answer::ok(body.clone()).cache("max-age=1000").etag("1");
    origin.route("/x", answer.ranges());
    let edge = Edge::start(&origin, None, |config| {
        config.ram = ByteSize::mib(16);
        config.fill_ram = ByteSize::mib(4);
        config.cache_dir = Some(dir.path().to_owned());
        config.disk_wait = Duration::from_secs(20);
    })
    .await;
    for start in (0..len).step_by(block) {
        let field = format!("bytes={start}-{}", start + block - 1);
        let reply = range(&edge, &field).await;
        assert!(reply.body == body[start..start + block]);
    }
    assert_eq!(origin.fetches("/x"), 40);
    // A disk that is slower than the network here may have missed some.
    let mut hits = 0;
    for start in (0..len).step_by(block) {
        let before = origin.fetches("/x");
        let field = format!("bytes={}-{}", start + 5, start + 99);
        assert!(range(&edge, &field).await.body == body[start + 5..start + 100]);
        hits += 1 - (origin.fetches("/x") - before);
    }
    assert!(hits >= 20, "{hits}");
    stop(edge).await;
}

#[tokio::test]
async fn a_version_found_on_disk_is_never_joined_with_the_origin_s_next_one() {
    let (origin, dir) = left().await;
    origin.route("/x", other("2"));
    let edge = on(&origin, dir.path()).await;
    // What is whole on disk is of the old one, as long as that is fresh.
    assert!(range(&edge, "bytes=4096-4105").await.body == bytes(LEN)[4096..4106]);
    let cut = range(&edge, "bytes=8192-12300").await;
    assert!(cut.cut && cut.body == bytes(LEN)[8192..8192 + cut.body.len()]);
    for _ in 0..2 {
        let new = range(&edge, "bytes=4096-4105").await;
        assert_eq!(new.field("etag"), "\"2\"");
        assert!(
            new.body
                .iter()
                .zip(&bytes(LEN)[4096..])
                .all(|(new, old)| *new == !old)
        );
    }
    stop(edge).await;
    // Nor is the old one there after the next start.
    let edge = on(&origin, dir.path()).await;
    assert_eq!(range(&edge, "bytes=8192-8200").await.field("etag"), "\"2\"");
    stop(edge).await;
}

#[tokio::test]
async fn a_damaged_block_is_fetched_again() {
    let (origin, dir) = left().await;
    for file in files(dir.path()) {
        let mut file_bytes = fs::read(&file).unwrap();
        if file_bytes.len() > BLOCK {
            *file_bytes.last_mut().unwrap() ^= 1;
            fs::write(&file, file_bytes).unwrap();
        }
    }
    let edge = on(&origin, dir.path()).await;
    let reply = range(&edge, "bytes=4096-12287").await;
    assert!(!reply.cut && reply.body == bytes(LEN)[4096..12_288]);
    assert_eq!(origin.fetches("/x"), 4);
    stop(edge).await;
}

#[tokio::test]
async fn without_its_record_or_with_another_length_of_blocks_it_is_fetched() {
    let (origin, dir) = left().await;
    let edge = Edge::start(&origin, None, |config| {
        config.block = ByteSize::b(2 * BLOCK as u64);
        config.cache_dir = Some(dir.path().to_owned());
    })
    .await;
    assert!(range(&edge, "bytes=4096-4105").await.body == bytes(LEN)[4096..4106]);
    assert_eq!(asked(&origin)[2..], ["bytes=0-8191"]);
    stop(edge).await;
    let record = files(dir.path()).into_iter();
    let record = record.filter(|file| fs::metadata(file).unwrap().len() < 1000);
    record.for_each(|file| fs::remove_file(file).unwrap());
    let edge = on(&origin, dir.path()).await;
    assert!(range(&edge, "bytes=4096-8200").await.body == bytes(LEN)[4096..8201]);
    stop(edge).await;
}

#[tokio::test]
async fn stale_blocks_on_disk_are_asked_about_and_kept() {
    let (origin, dir) = (FakeOrigin::start().await, TempDir::new().unwrap());
    origin.route("/x", object("1").cache("max-age=0, must-revalidate"));
    let edge = on(&origin, dir.path()).await;
    for _ in 0..3 {
        assert!(range(&edge, "bytes=0-9").await.body == bytes(LEN)[..10]);
    }
    stop(edge).await;
    let edge = on(&origin, dir.path()).await;
    let reply = range(&edge, "bytes=0-9").await;
    assert_eq!(cache_status(&reply), "fwd=stale; fwd-status=304; stored");
    assert!(reply.body == bytes(LEN)[..10]);
    stop(edge).await;
}

#[tokio::test]
async fn what_a_post_changed_is_gone_from_disk_when_its_answer_comes() {
    let (origin, dir) = (FakeOrigin::start().await, TempDir::new().unwrap());
    origin.route("/x", version("1"));
    origin.route("/y", Answer::ok("y").cache("max-age=1000"));
    let edge = Edge::start(&origin, None, |config| {
        config.block = ByteSize::b(BLOCK as u64);
        config.cache_dir = Some(dir.path().to_owned());
        config.disk_wait = Duration::from_secs(20);
        config.profile = edge::Profile::Passthrough;
    })
    .await;
    for _ in 0..2 {
        range(&edge, "bytes=0-4095").await;
        edge.get("/y").send().await;
    }
    let began = Instant::now();
    while files(dir.path()).len() < 3 {
        assert!(began.elapsed() < Duration::from_secs(20), "never written");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    origin.route("/x", Answer::ok("changed"));
    origin.route("/y", Answer::ok("changed"));
    for target in ["/x", "/y"] {
        let post = testkit::request(edge.addr, http::Method::POST, target);
        assert_eq!(post.send().await.status, 200);
    }
    assert_eq!(files(dir.path()), Vec::<PathBuf>::new());
    stop(edge).await;
}

/// All files of objects.
fn files(dir: &Path) -> Vec<PathBuf> {
    let shelves = fs::read_dir(dir).unwrap().map(|shelf| shelf.unwrap());
    let shelves = shelves.filter(|shelf| shelf.file_name().len() == 2);
    let files = shelves.flat_map(|shelf| fs::read_dir(shelf.path()).unwrap());
    files.map(|file| file.unwrap().path()).collect()
}
