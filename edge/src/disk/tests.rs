//! The disk behind the memory, without a network.

mod faults;
mod zipf;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use bytes::Bytes;
use bytesize::ByteSize;
use http::{HeaderMap, HeaderValue};
use http_body_util::BodyExt as _;
use tempfile::TempDir;
use tokio::time::{Duration, Instant, sleep};

use crate::{
    Config, EdgeError,
    body::Body,
    fills::Budget,
    freshness::{Received, State as Fresh},
    head::{Content, Object},
    path::{CacheKey, Reading, Target},
    purge::Position,
    store::Store,
};

/// Longest wait for the writer. Chosen: far above what it takes.
const PATIENCE: Duration = Duration::from_secs(30);

fn key(path: &str) -> CacheKey {
    Target::parse(path, None, Reading::WEIR).unwrap().key
}

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n * 7 + n / 251) as u8).collect()
}

fn object(control: &'static str, body: &[u8]) -> Object {
    let fields = [
        ("cache-control", control),
        ("etag", "\"1\""),
        ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("x-a", "1"),
        ("x-a", "2"),
    ];
    let pieces = body.chunks(1 << 20).map(Bytes::copy_from_slice);
    Object::sample(&fields, pieces.collect())
}

const LONG: &str = "max-age=1000, stale-while-revalidate=7";

fn config(dir: &Path) -> Config {
    Config {
        cache_dir: Some(dir.to_owned()),
        disk: ByteSize::mib(64),
        // Only what a test is about may be slow.
        disk_wait: PATIENCE,
        ..Config::default()
    }
}

fn open(config: &Config) -> Store {
    Store::open(config, Budget::new(config.fill_ram.as_u64())).unwrap()
}

async fn find(store: &Store, path: &str) -> Option<Arc<Object>> {
    store.find(&key(path), HeaderMap::new).await
}

fn get(store: &Store, path: &str) -> Option<Arc<Object>> {
    store.get(&key(path), HeaderMap::new)
}

/// Stores an object and asks for it, so that it is written; then ends the store.
async fn leave(dir: &Path, path: &str, mut object: Object) {
    let store = open(&config(dir));
    object.head.position = store.purges().now();
    store.insert(key(path), object);
    get(&store, path).unwrap();
    store.close().await;
}

async fn read(object: &Object) -> Option<Vec<u8>> {
    let body = Body::of(&object.body, &(0..object.len()));
    Some(body.collect().await.ok()?.to_bytes().to_vec())
}

/// All files of objects.
fn files(dir: &Path) -> Vec<PathBuf> {
    let shelves = fs::read_dir(dir).unwrap().map(|shelf| shelf.unwrap());
    let shelves = shelves.filter(|shelf| shelf.file_name().len() == 2);
    let files = shelves.flat_map(|shelf| fs::read_dir(shelf.path()).unwrap());
    files.map(|file| file.unwrap().path()).collect()
}

async fn until(what: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !what().await {
        assert!(begun.elapsed() < PATIENCE, "it does not happen");
        sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn an_object_comes_back_as_it_was_and_older() {
    for len in [0, 1, 300_000, 3_000_000] {
        let dir = TempDir::new().unwrap();
        let body = bytes(len);
        // One is older than what is left there, one younger.
        let [before, left, younger] = [(); 3].map(|()| object(LONG, &body));
        leave(dir.path(), "/x", left).await;
        let after = find(&open(&config(dir.path())), "/x").await.unwrap();
        assert_eq!(read(&after).await.unwrap(), bytes(len));
        assert_eq!(after.head.headers, before.head.headers);
        assert_eq!(after.head.length, Some(len as u64));
        let now = Instant::now();
        let facts = |of: &Object| of.head.freshness.facts(now);
        let (mut was, mut is, least) = (facts(&before), facts(&after), facts(&younger).age);
        let slack = Duration::from_secs(1);
        assert!(least <= is.age + slack && is.age <= was.age + slack);
        (was.age, is.age) = Default::default();
        assert_eq!(was, is);
        assert_eq!(after.head.freshness.state(now), Fresh::Fresh);
    }
}

#[tokio::test]
async fn two_edges_in_one_folder_are_refused_and_one_after_another_are_not() {
    let dir = TempDir::new().unwrap();
    let config = config(dir.path());
    let first = open(&config);
    let second = Store::open(&config, Budget::new(0));
    let refused = second.err().unwrap();
    assert!(matches!(refused, EdgeError::CacheInUse(_)));
    assert!(refused.to_string().contains("in use by another edge"));
    first.close().await;
    open(&config);
}

#[tokio::test]
async fn a_folder_that_was_given_up_can_be_taken_again() {
    let dir = TempDir::new().unwrap();
    let config = config(dir.path());
    let old = open(&config);
    old.close().await;
    let new = open(&config);
    old.reopen().await;
    new.close().await;
    // It finds out by itself.
    let n = std::cell::Cell::new(0);
    until(async || {
        let path = format!("/{}", n.replace(n.get() + 1));
        old.insert(key(&path), object(LONG, b"x"));
        assert!(get(&old, &path).is_some());
        !files(dir.path()).is_empty()
    })
    .await;
}

#[tokio::test]
async fn what_is_asked_for_once_is_not_written_while_memory_has_room() {
    let dir = TempDir::new().unwrap();
    let store = open(&config(dir.path()));
    for path in ["/once", "/twice", "/short"] {
        let control = if path == "/short" { "max-age=2" } else { LONG };
        store.insert(key(path), object(control, b"x"));
        (path != "/once").then(|| get(&store, path).unwrap());
    }
    store.close().await;
    assert_eq!(files(dir.path()).len(), 1);
}

#[tokio::test]
async fn a_second_answer_from_disk_brings_an_object_back_to_memory() {
    for len in [1000, 3_000_000] {
        let dir = TempDir::new().unwrap();
        leave(dir.path(), "/x", object(LONG, &bytes(len))).await;
        let store = open(&config(dir.path()));
        find(&store, "/x").await.unwrap();
        assert!(get(&store, "/x").is_none());
        find(&store, "/x").await.unwrap();
        until(async || get(&store, "/x").is_some()).await;
        let promoted = get(&store, "/x").unwrap();
        assert!(matches!(promoted.body, Content::Ram(_)));
        assert_eq!(read(&promoted).await.unwrap(), bytes(len));
    }
}

#[tokio::test]
async fn what_is_replaced_or_removed_is_never_found_again() {
    for len in [1000, 3_000_000] {
        let dir = TempDir::new().unwrap();
        leave(dir.path(), "/old", object(LONG, &bytes(len))).await;
        leave(dir.path(), "/gone", object(LONG, &bytes(len))).await;
        let store = open(&config(dir.path()));
        store.remove(&key("/gone"));
        store.insert(key("/old"), object(LONG, b"new"));
        assert!(find(&store, "/gone").await.is_none());
        get(&store, "/old").unwrap();
        store.close().await;
        let store = open(&config(dir.path()));
        assert!(find(&store, "/gone").await.is_none());
        let new = find(&store, "/old").await.unwrap();
        assert_eq!(read(&new).await.unwrap(), b"new");
    }
}

#[tokio::test]
async fn a_renewed_head_is_kept_with_the_body_on_disk() {
    let dir = TempDir::new().unwrap();
    leave(dir.path(), "/x", object("max-age=100", &bytes(3_000_000))).await;
    let store = open(&config(dir.path()));
    let old = find(&store, "/x").await.unwrap();
    assert!(matches!(old.body, Content::Disk(_)));
    let mut news = HeaderMap::new();
    news.insert("cache-control", HeaderValue::from_static("max-age=999"));
    let received = Received {
        at: Instant::now(),
        wall: SystemTime::now(),
        delay: Duration::ZERO,
        position: Position::default(),
    };
    store.insert(key("/x"), old.refreshed(&news, received));
    store.close().await;
    let new = find(&open(&config(dir.path())), "/x").await.unwrap();
    assert_eq!(new.head.headers["cache-control"], "max-age=999");
    assert_eq!(read(&new).await.unwrap(), bytes(3_000_000));
}

#[tokio::test]
async fn a_file_cut_or_changed_anywhere_is_a_miss_and_deleted() {
    let dir = TempDir::new().unwrap();
    let body = bytes(600_000);
    leave(dir.path(), "/x", object(LONG, &body)).await;
    let [file] = &files(dir.path())[..] else {
        panic!("one object is one file");
    };
    let good = fs::read(file).unwrap();
    let header_len = good.len() - body.len();
    let places = [0, 8, 12, 13, 16, 17, 24, 31, 32, 40, header_len / 2];
    let ends = [
        header_len - 1,
        header_len,
        header_len + 262_144,
        good.len() - 1,
    ];
    let damage = |file: &Path, at: usize, cut: bool| {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        if cut {
            bad.truncate(at);
        }
        fs::write(file, bad).unwrap();
    };
    for at in places.into_iter().chain(ends) {
        for cut in [false, true] {
            damage(file, at, cut);
            let store = open(&config(dir.path()));
            assert!(find(&store, "/x").await.is_none(), "{at} {cut}");
            store.close().await;
            assert!(!file.exists(), "{at} {cut}");
        }
    }
    fs::write(file, [&good[..], b"more"].concat()).unwrap();
    let store = open(&config(dir.path()));
    assert!(find(&store, "/x").await.is_none());
    store.close().await;
    fs::write(file, &good).unwrap();
    let store = open(&config(dir.path()));
    assert_eq!(
        read(&find(&store, "/x").await.unwrap()).await.unwrap(),
        body
    );
}

#[tokio::test]
async fn a_wrong_piece_of_a_long_body_cuts_the_answer_and_the_rest_is_right() {
    let dir = TempDir::new().unwrap();
    let body = bytes(9_000_000);
    leave(dir.path(), "/x", object(LONG, &body)).await;
    let file = files(dir.path()).remove(0);
    let mut bad = fs::read(&file).unwrap();
    let at = bad.len() - body.len() + 5_000_000;
    bad[at] ^= 1;
    fs::write(&file, bad).unwrap();
    let store = open(&config(dir.path()));
    let found = find(&store, "/x").await.unwrap();
    for (part, right) in [
        (5..4_000_000_u64, true),
        (7_000_000..9_000_000, true),
        (4_999_000..5_001_000, false),
        (0..9_000_000, false),
    ] {
        let sent = Body::of(&found.body, &part).collect().await;
        let sent = sent.ok().map(|sent| sent.to_bytes());
        let whole = sent.is_some_and(|sent| sent == body[part.start as usize..part.end as usize]);
        assert_eq!(whole, right, "{part:?}");
    }
    assert!(find(&store, "/x").await.is_none());
    until(async || !file.exists()).await;
}
