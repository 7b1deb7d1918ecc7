//! Answers that outlive the process.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use futures_util::future::join_all;
use tempfile::TempDir;
use testkit::{Answer, FakeOrigin, JOIN, Still};
use tokio::time::{Instant, sleep};

use crate::setup::{Edge, SEGMENT, bytes, cache_status, segment};

async fn on(origin: &FakeOrigin, dir: &Path) -> Edge {
    Edge::start(origin, None, |config| {
        config.cache_dir = Some(dir.to_owned());
        // No test here is about a slow disk.
        config.disk_wait = Duration::from_secs(20);
    })
    .await
}

async fn stop(mut edge: Edge) {
    edge.shutdown.cancel();
    (&mut edge.task).await.unwrap().unwrap();
}

/// An edge that has answered twice for each target, and has ended.
async fn leave(origin: &FakeOrigin, dir: &Path, targets: &[&str]) {
    let edge = on(origin, dir).await;
    for target in targets.iter().chain(targets) {
        assert_eq!(edge.get(target).send().await.status, 200);
    }
    stop(edge).await;
}

#[tokio::test]
async fn what_was_asked_for_twice_outlives_a_restart() {
    let (origin, dir) = (FakeOrigin::start().await, TempDir::new().unwrap());
    let lens = [0, 50_000, 1_500_000];
    let targets = lens.map(|len| format!("/{len}"));
    for (target, len) in targets.iter().zip(lens) {
        let answer = Answer::ok(bytes(len)).cache("max-age=1000").etag("e");
        origin.route(target, answer.header("x-a", "1").header("age", "5"));
    }
    leave(&origin, dir.path(), &targets.each_ref().map(|it| &**it)).await;
    let edge = on(&origin, dir.path()).await;
    for (target, len) in targets.iter().zip(lens) {
        let reply = edge.get(target).send().await;
        assert!(reply.body == bytes(len) && cache_status(&reply).starts_with("hit; ttl=9"));
        assert_eq!(reply.field("x-a"), "1");
        assert!((5..60).contains(&reply.field("age").parse::<u32>().unwrap()));
        assert_eq!(
            edge.head(target).send().await.field("content-length"),
            len.to_string()
        );
        assert_eq!(origin.fetches(target), 1);
    }
    stop(edge).await;
}

#[tokio::test]
async fn any_part_comes_from_disk() {
    let (origin, dir) = (FakeOrigin::start().await, TempDir::new().unwrap());
    let body = bytes(1_200_000);
    origin.route(
        "/x",
        Answer::ok(body.clone()).cache("max-age=1000").etag("e"),
    );
    leave(&origin, dir.path(), &["/x"]).await;
    for part in [
        0..1,
        262_143..262_145,
        262_144..524_288,
        5..1_199_999,
        1_199_999..1_200_000,
    ] {
        let edge = on(&origin, dir.path()).await;
        let field = format!("bytes={}-{}", part.start, part.end - 1);
        let reply = edge.get("/x").header("range", &field).send().await;
        assert_eq!(reply.status, 206);
        assert!(reply.body == body[part.clone()], "{part:?}");
        let known = edge.get("/x").header("if-none-match", "\"e\"").send().await;
        assert_eq!(known.status, 304);
        stop(edge).await;
    }
    assert_eq!(origin.fetches("/x"), 1);
}

#[tokio::test]
async fn many_at_once_for_one_object_on_disk_get_it_all() {
    let (origin, dir) = (FakeOrigin::start().await, TempDir::new().unwrap());
    for (target, len) in [("/short", 300_000), ("/long", 1_200_000)] {
        origin.route(target, Answer::ok(bytes(len)).cache("max-age=1000"));
    }
    leave(&origin, dir.path(), &["/short", "/long"]).await;
    let edge = on(&origin, dir.path()).await;
    for (target, len) in [("/short", 300_000), ("/long", 1_200_000)] {
        let replies = join_all((0..8).map(|_| edge.get(target).send())).await;
        assert!(replies.iter().all(|reply| reply.body == bytes(len)));
        assert_eq!(origin.fetches(target), 1);
    }
    stop(edge).await;
}

#[tokio::test]
async fn what_is_stale_on_disk_is_asked_about_and_not_fetched_again() {
    let (origin, dir) = (FakeOrigin::start().await, TempDir::new().unwrap());
    let answer = || Answer::ok(bytes(1_200_000)).cache("max-age=100").etag("e");
    origin.route("/x", answer());
    leave(&origin, dir.path(), &["/x"]).await;
    let edge = on(&origin, dir.path()).await;
    edge.get("/healthz").send().await;
    let clock = Still::now();
    clock.advance(Duration::from_secs(101)).await;
    let asked = edge.get("/x").send().await;
    assert!(asked.body == bytes(1_200_000));
    assert_eq!(cache_status(&asked), "fwd=stale; fwd-status=304; stored");
    let again = edge.get("/x").send().await;
    assert!(again.body == bytes(1_200_000));
    assert!(
        cache_status(&again).starts_with("hit"),
        "{}",
        cache_status(&again)
    );
    drop(clock);
    stop(edge).await;
}

#[tokio::test]
async fn an_access_class_outlives_a_restart() {
    let (origin, dir) = (FakeOrigin::start().await, TempDir::new().unwrap());
    origin.route(SEGMENT, segment().keyed());
    let target = format!("/k/{}{SEGMENT}", origin.key("a"));
    for start in [1, 2] {
        let edge = Edge::start(&origin, Some(JOIN), |config| {
            config.cache_dir = Some(dir.path().to_owned());
            config.disk_wait = Duration::from_secs(20);
        });
        let edge = edge.await;
        origin.asked("/api/keys?after=1&wait=30", start).await;
        for _ in 0..2 {
            assert!(edge.get(&target).send().await.body == bytes(50_000));
        }
        assert_eq!(origin.fetches(SEGMENT), start);
        assert_eq!(edge.get(SEGMENT).send().await.status, 401);
        stop(edge).await;
    }
    // One for the body, and one at each start in nobody's name.
    assert_eq!(origin.fetches(SEGMENT), 3);
}

#[tokio::test]
async fn a_second_edge_in_the_folder_is_refused() {
    let (origin, dir) = (FakeOrigin::start().await, TempDir::new().unwrap());
    let first = on(&origin, dir.path()).await;
    assert_eq!(first.get("/healthz").send().await.status, 200);
    let mut second = on(&origin, dir.path()).await;
    let refused = (&mut second.task).await.unwrap().unwrap_err();
    assert!(refused.to_string().contains("in use by another edge"));
    stop(first).await;
}

/// Set for the process that is killed: where it stores.
const KILLED: &str = "EDGE_TEST_KILLED_IN";
const OBJECTS: usize = 24;

fn body_of(n: usize) -> Vec<u8> {
    bytes(100_000 + n * 20_011)
}

async fn origin_of_many() -> FakeOrigin {
    let origin = FakeOrigin::start().await;
    for n in 0..OBJECTS {
        let answer = Answer::ok(body_of(n)).cache("max-age=1000");
        origin.route(&format!("/{n}"), answer);
    }
    origin
}

#[tokio::test]
async fn what_a_killed_process_was_writing_is_never_served() {
    if let Some(dir) = std::env::var_os(KILLED) {
        return write_until_killed(Path::new(&dir)).await;
    }
    let dir = TempDir::new().unwrap();
    let mut found = 0;
    for round in 0..3 {
        let before = files(dir.path()).len();
        let mut child = start_writer(dir.path());
        while files(dir.path()).len() < (before + 4).min(OBJECTS) {
            assert!(child.try_wait().unwrap().is_none(), "it has ended");
            sleep(Duration::from_millis(1)).await;
        }
        sleep(Duration::from_micros(700 * round)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        found = check(dir.path()).await;
    }
    assert!(found >= 8, "{found}");
}

fn start_writer(dir: &Path) -> Child {
    let name = "disk::what_a_killed_process_was_writing_is_never_served";
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name]).env(KILLED, dir);
    command.stdout(Stdio::null()).spawn().unwrap()
}

async fn write_until_killed(dir: &Path) {
    let origin = origin_of_many().await;
    let edge = on(&origin, dir).await;
    // Were it not killed, it would end.
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(20) {
        for n in (0..OBJECTS).flat_map(|n| [n, n]) {
            edge.get(&format!("/{n}")).send().await;
        }
    }
}

/// How many objects come from disk; all are right.
async fn check(dir: &Path) -> usize {
    let origin = origin_of_many().await;
    let edge = on(&origin, dir).await;
    let mut found = 0;
    for n in 0..OBJECTS {
        let target = format!("/{n}");
        let reply = edge.get(&target).send().await;
        assert!(reply.body == body_of(n), "{n}");
        found += 1 - origin.fetches(&target);
    }
    stop(edge).await;
    assert_eq!(fs::read_dir(dir.join("tmp")).unwrap().count(), 0);
    found
}

/// All files of objects.
fn files(dir: &Path) -> Vec<PathBuf> {
    let shelves = fs::read_dir(dir).unwrap().map(|shelf| shelf.unwrap());
    let shelves = shelves.filter(|shelf| shelf.file_name().len() == 2);
    let files = shelves.flat_map(|shelf| fs::read_dir(shelf.path()).unwrap());
    files.map(|file| file.unwrap().path()).collect()
}
