//! A disk that is slow, full, broken or gone.

use rustix::fs::{CWD, Mode, mkfifoat};

use super::{
    super::{Disk, Find, name::Name},
    *,
};
use crate::held::Held;

/// Opening it waits until somebody writes to it: as a disk does that hangs.
fn hang(file: &Path) {
    fs::remove_file(file).unwrap();
    // Not by a program: between fork and exec it would have the locks of other tests' folders.
    mkfifoat(CWD, file, Mode::RUSR | Mode::WUSR).unwrap();
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
    // What was asked for before may still be on its way there.
    until(async || fs::remove_dir(&tmp).is_ok()).await;
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
async fn a_full_disk_drops_what_is_needed_least_for_what_is_needed_now() {
    let dir = TempDir::new().unwrap();
    for n in 0..12 {
        leave(dir.path(), &format!("/{n}"), object(LONG, b"x")).await;
    }
    let store = open(&config(dir.path()));
    until(async || store.is_idle()).await;
    let name = Name::of("/full");
    let tmp = dir.path().join("tmp").join(name.to_string());
    std::os::unix::fs::symlink("/dev/full", &tmp).unwrap();
    store.insert(key("/full"), object(LONG, b"full"));
    assert!(get(&store, "/full").is_some());
    until(async || name.path(dir.path()).exists()).await;
    until(async || files(dir.path()).len() <= 11).await;
    // The next ones know that there is no more room.
    for n in 0..20 {
        until(async || is_written_as(&store, dir.path(), &format!("/next/{n}")).await).await;
    }
    until(async || files(dir.path()).len() <= 11).await;
}

async fn is_written_as(store: &Store, dir: &Path, path: &str) -> bool {
    store.insert(key(path), object(LONG, path.as_bytes()));
    assert!(get(store, path).is_some());
    until(async || store.is_idle()).await;
    Name::of(path).path(dir).exists()
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

#[tokio::test]
async fn a_file_cut_at_any_byte_or_with_any_byte_wrong_is_never_served() {
    let dir = TempDir::new().unwrap();
    leave(dir.path(), "/x", object(LONG, &bytes(200))).await;
    let file = files(dir.path()).remove(0);
    let good = fs::read(&file).unwrap();
    let disk = Disk::open(&config(dir.path()), &Held::default()).unwrap();
    let (disk, name) = (disk.unwrap(), Name::of("/x"));
    until(async || disk.is_idle()).await;
    let is_found = async |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        disk.state().index.insert(name, 1, 0);
        let found = matches!(disk.find(&key("/x")).await, Find::Found(..));
        disk.settled().await;
        found
    };
    for at in 0..good.len() {
        assert!(!is_found(&good[..at]).await, "cut at {at}");
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        assert!(!is_found(&bad).await, "wrong at {at}");
    }
    assert!(is_found(&good).await);
}

/// Files here that this process has open.
fn open_files(dir: &Path) -> usize {
    let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
    let places = open.filter_map(|fd| fs::read_link(fd.path()).ok());
    places
        .filter(|place| place.starts_with(dir) && place.to_string_lossy().contains("(deleted)"))
        .count()
}

#[tokio::test]
async fn the_last_reader_of_a_deleted_file_does_not_wait_for_its_end() {
    let dir = TempDir::new().unwrap();
    leave(dir.path(), "/x", object(LONG, &bytes(3_000_000))).await;
    let disk = Disk::open(&config(dir.path()), &Held::default())
        .unwrap()
        .unwrap();
    let Find::Found(found, _) = disk.find(&key("/x")).await else {
        panic!("it is there");
    };
    disk.remove(&key("/x"));
    until(async || disk.is_idle()).await;
    assert_eq!(open_files(dir.path()), 1);
    // All threads that may wait do so.
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let held = Arc::new(std::sync::Mutex::new(held));
    for _ in 0..8 {
        let held = held.clone();
        assert!(disk.run_if_idle(move || {
            let _ = held.lock().unwrap().recv();
        }));
    }
    drop(found);
    assert_eq!(open_files(dir.path()), 1, "closed by who dropped it");
    drop(hold);
    until(async || open_files(dir.path()) == 0).await;
}

#[tokio::test]
async fn a_folder_that_can_not_be_used_is_refused_and_says_what_to_do() {
    let refused = |dir: &Path| {
        let refused = Store::open(&config(dir), Budget::new(0)).err();
        refused.map_or_else(String::new, |error| error.to_string())
    };
    let dir = TempDir::new().unwrap();
    let (place, format) = (dir.path().join("x"), dir.path().join("format"));
    fs::write(&place, "a file").unwrap();
    assert!(refused(&place).contains("a file is in its place"));
    assert!(refused(&place.join("y")).contains("name a folder"));
    open(&config(dir.path())).close().await;
    assert_eq!(fs::read_to_string(&format).unwrap(), "weir-cache 2\n");
    fs::write(&format, "weir-cache 3\n").unwrap();
    assert!(refused(dir.path()).contains("written by a later version of weir"));
    // A full disk, and one that can't be written to.
    fs::remove_file(&format).unwrap();
    std::os::unix::fs::symlink("/dev/full", dir.path().join("purges.new")).unwrap();
    assert!(refused(dir.path()).contains("free some of its disk"));
    assert!(refused(Path::new("/proc/cache")).contains("name a folder"));
}

#[tokio::test]
async fn what_an_earlier_version_wrote_goes_and_is_no_damage() {
    let dir = TempDir::new().unwrap();
    leave(dir.path(), "/x", object(LONG, b"x")).await;
    fs::write(dir.path().join("format"), "weir-cache 1\n").unwrap();
    let store = open(&config(dir.path()));
    assert!(find(&store, "/x").await.is_none());
    until(async || files(dir.path()).is_empty()).await;
}

#[tokio::test]
async fn what_is_removed_while_memory_evicts_never_comes_back() {
    let dir = TempDir::new().unwrap();
    let config = Config {
        ram: ByteSize::kib(400),
        block: ByteSize(0),
        ..config(dir.path())
    };
    let store = Arc::new(open(&config));
    let crowd = std::thread::spawn({
        let store = store.clone();
        move || {
            for n in 0..20_000 {
                let path = format!("/crowd/{}", n % 50);
                store.insert(key(&path), object(LONG, &bytes(9000)));
            }
        }
    });
    let mut n = 0;
    while !crowd.is_finished() {
        n += 1;
        let path = format!("/{n}");
        store.insert(key(&path), object(LONG, &bytes(9000)));
        get(&store, &path);
        store.remove(&key(&path));
        assert!(get(&store, &path).is_none(), "{n}");
        std::thread::yield_now();
        assert_ne!(store.is_on_disk(&key(&path)), Some(true), "{n}");
    }
    crowd.join().unwrap();
}
