//! A disk that is slow, full, broken or gone.

use std::process::Command;

use super::{super::name::Name, *};

/// Opening it waits until somebody writes to it: as a disk does that hangs.
fn hang(file: &Path) {
    fs::remove_file(file).unwrap();
    let made = Command::new("mkfifo").arg(file).status();
    assert!(made.unwrap().success());
}

#[tokio::test]
async fn a_disk_that_hangs_is_waited_for_briefly_and_then_not_at_all() {
    let dir = TempDir::new().unwrap();
    leave(dir.path(), "/x", object(LONG, b"x")).await;
    leave(dir.path(), "/y", object(LONG, b"y")).await;
    let [file, other] = &files(dir.path())[..] else {
        panic!("two objects are two files");
    };
    let x_is_first = fs::read(file).unwrap().ends_with(b"x");
    let (hung, good) = if x_is_first {
        ("/x", "/y")
    } else {
        ("/y", "/x")
    };
    hang(file);
    let config = Config {
        disk_wait: Duration::from_millis(20),
        ..config(dir.path())
    };
    let store = open(&config);
    until(async || {
        let began = Instant::now();
        assert!(find(&store, hung).await.is_none());
        began.elapsed() < config.disk_wait
    })
    .await;
    // The disk wakes up: what it holds was not thrown away.
    drop(fs::OpenOptions::new().write(true).open(file).unwrap());
    until(async || find(&store, good).await.is_some()).await;
    assert!(other.exists());
}

#[tokio::test]
async fn what_can_not_be_read_is_a_miss() {
    let dir = TempDir::new().unwrap();
    leave(dir.path(), "/x", object(LONG, b"x")).await;
    let file = files(dir.path()).remove(0);
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let store = open(&config(dir.path()));
    for _ in 0..5 {
        assert!(find(&store, "/x").await.is_none());
    }
}

/// Asks for an object twice, and whether it is on disk soon.
async fn is_written(store: &Store, dir: &Path, path: &str) -> bool {
    let before = files(dir).len();
    store.insert(key(path), object(LONG, path.as_bytes()));
    assert!(get(store, path).is_some());
    for _ in 0..10 {
        if files(dir).len() > before {
            return true;
        }
        sleep(Duration::from_millis(2)).await;
    }
    false
}

#[tokio::test]
async fn a_disk_that_takes_nothing_is_tried_again_later() {
    let dir = TempDir::new().unwrap();
    let store = open(&config(dir.path()));
    let (tmp, count) = (dir.path().join("tmp"), std::cell::Cell::new(0));
    let next = || {
        count.set(count.get() + 1);
        format!("/{}", count.get())
    };
    until(async || is_written(&store, dir.path(), &next()).await).await;
    fs::remove_dir(&tmp).unwrap();
    fs::write(&tmp, "not a folder").unwrap();
    assert!(!is_written(&store, dir.path(), "/x").await);
    assert!(find(&store, "/x").await.is_some(), "memory still has it");
    fs::remove_file(&tmp).unwrap();
    fs::create_dir(&tmp).unwrap();
    until(async || is_written(&store, dir.path(), &next()).await).await;
}

#[tokio::test]
async fn a_full_disk_keeps_what_it_has() {
    let dir = TempDir::new().unwrap();
    leave(dir.path(), "/x", object(LONG, b"x")).await;
    let store = open(&config(dir.path()));
    // Every write there says that no space is left.
    let tmp = dir.path().join("tmp").join(Name::of("/full").to_string());
    std::os::unix::fs::symlink("/dev/full", &tmp).unwrap();
    store.insert(key("/full"), object(LONG, b"full"));
    assert!(get(&store, "/full").is_some());
    // It is tried, and cleared away.
    until(async || fs::symlink_metadata(&tmp).is_err()).await;
    assert_eq!(files(dir.path()).len(), 1);
    assert!(find(&store, "/x").await.is_some());
    let mut n = 0;
    while !is_written(&store, dir.path(), &format!("/{n}")).await {
        n += 1;
        assert!(n < 1000);
    }
}

#[tokio::test]
async fn a_folder_that_is_removed_is_used_again_once_it_is_back() {
    let dir = TempDir::new().unwrap();
    let config = config(&dir.path().join("cache"));
    let cache = config.cache_dir.as_deref().unwrap();
    leave(cache, "/x", object(LONG, b"x")).await;
    let store = open(&config);
    assert!(find(&store, "/x").await.is_some());
    let elsewhere = dir.path().join("elsewhere");
    fs::rename(cache, &elsewhere).unwrap();
    assert!(find(&store, "/x").await.is_none());
    store.insert(key("/y"), object(LONG, b"y"));
    assert!(get(&store, "/y").is_some());
    fs::create_dir(cache).unwrap();
    let mut n = 0;
    while files(cache).is_empty() {
        n += 1;
        is_written(&store, cache, &format!("/{n}")).await;
        assert!(n < 1000);
    }
    assert!(matches!(
        Store::open(&config, Budget::new(0)).err(),
        Some(EdgeError::CacheInUse(_))
    ));
}
