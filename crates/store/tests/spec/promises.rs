//! What every store promises.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use store::{Checksum, Round, Store, StoreError};

use crate::{body, cut, is_there, key, large, listed, megabytes, read};

pub(crate) async fn what_was_put_is_read_back_whole_and_in_part(store: &Store) {
    let blob = key("a/b.m4s");
    assert_eq!(store.put(&blob, body(&["hel", "lo"]), 5).await.unwrap(), 5);
    assert_eq!(store.head(&blob).await.unwrap().len_bytes, 5);
    assert_eq!(read(store, &blob, 0..5).await, b"hello");
    assert_eq!(read(store, &blob, 1..3).await, b"el");
    assert_eq!(read(store, &blob, 4..5).await, b"o");
    assert_eq!(read(store, &blob, 2..2).await, b"");
}

pub(crate) async fn a_checksum_is_kept_with_a_blob(store: &Store) {
    store.put(&key("a"), body(&["hel", "lo"]), 5).await.unwrap();
    let sum = store.checksum(&key("a")).await.unwrap();
    assert_eq!(sum, Some(Checksum::of(b"hello")));
    let missing = store.checksum(&key("b")).await;
    assert!(
        matches!(missing, Err(StoreError::Missing(_))),
        "{missing:?}"
    );
}

pub(crate) async fn an_empty_blob_is_a_blob(store: &Store) {
    assert_eq!(store.put(&key("empty"), body(&[]), 0).await.unwrap(), 0);
    assert_eq!(store.head(&key("empty")).await.unwrap().len_bytes, 0);
    assert_eq!(read(store, &key("empty"), 0..0).await, b"");
}

pub(crate) async fn a_body_that_breaks_off_or_is_too_long_leaves_nothing(store: &Store) {
    let error = store.put(&key("a"), cut(&["x"]), 9).await.unwrap_err();
    let body_ended = |received| matches!(error, StoreError::Body { received_bytes, .. } if received_bytes == received);
    assert!(body_ended(1), "{error}");
    let error = store.put(&key("a"), body(&["hello"]), 4).await;
    let error = error.unwrap_err();
    assert!(
        matches!(error, StoreError::TooLarge { max_bytes: 4 }),
        "{error}"
    );
    assert!(!is_there(store, &key("a")).await);
    assert!(listed(store, None, 9).await.is_empty());
}

pub(crate) async fn what_breaks_off_leaves_the_blob_that_was_there(store: &Store) {
    store.put(&key("a"), body(&["old"]), 9).await.unwrap();
    store.put(&key("a"), cut(&["newer"]), 9).await.unwrap_err();
    assert_eq!(read(store, &key("a"), 0..3).await, b"old");
    store.put(&key("a"), body(&["newer"]), 9).await.unwrap();
    assert_eq!(read(store, &key("a"), 0..5).await, b"newer");
}

pub(crate) async fn a_put_that_is_dropped_leaves_nothing(store: &Store) {
    let endless = body(&["x"]).chain(stream::pending());
    let blob = key("a");
    let put = store.put(&blob, endless, 9);
    let stopped = tokio::time::timeout(Duration::from_millis(50), put).await;
    assert!(stopped.is_err());
    assert!(!is_there(store, &key("a")).await);
    assert!(listed(store, None, 9).await.is_empty());
}

pub(crate) async fn a_missing_blob_is_missing(store: &Store) {
    assert!(!is_there(store, &key("a/b")).await);
    let error = store.read(&key("a/b"), 0..1).await.unwrap_err();
    assert!(matches!(error, StoreError::Missing(_)), "{error}");
    store.put(&key("a/b/c"), body(&["x"]), 9).await.unwrap();
    store.delete(&key("a/b/c")).await.unwrap();
    assert!(!is_there(store, &key("a/b/c")).await);
    store.delete(&key("a/b/c")).await.unwrap();
}

pub(crate) async fn a_list_names_what_is_below_a_prefix_in_order(store: &Store) {
    for name in ["m/b", "m/a/2", "m/a-b", "m/a.c", "m/a/1", "n"] {
        store.put(&key(name), body(&["xy"]), 9).await.unwrap();
    }
    // The bytes' order: '-' and '.' before '/'.
    let all = ["m/a-b", "m/a.c", "m/a/1", "m/a/2", "m/b", "n"];
    assert_eq!(listed(store, None, 99).await, all);
    assert_eq!(listed(store, Some(&key("m")), 99).await, all[..5]);
    assert_eq!(listed(store, Some(&key("m/a")), 99).await, all[2..4]);
    assert!(listed(store, Some(&key("m/b")), 99).await.is_empty());
    assert!(listed(store, Some(&key("x")), 99).await.is_empty());
    let page = store.list(None, Some(&key("m/a/1")), 1).await.unwrap();
    assert_eq!(page.entries[0].key, key("m/a/2"));
    assert_eq!(
        page.entries[0].head,
        store.head(&key("m/a/2")).await.unwrap()
    );
}

pub(crate) async fn pages_of_any_length_name_every_blob_once(store: &Store) {
    let names = ["a/b-1", "a/b/1", "a/b/2", "a/c", "b", "media/v-1/t/0.mp4"];
    for name in names {
        store.put(&key(name), body(&["x"]), 9).await.unwrap();
    }
    for max in 1..=7 {
        assert_eq!(listed(store, None, max).await, names, "{max}");
    }
}

pub(crate) async fn deleting_below_a_prefix_spares_its_neighbours(store: &Store) {
    for name in ["m/a/1", "m/a/2/3", "m/ab/1", "m/a.b"] {
        store.put(&key(name), body(&["x"]), 9).await.unwrap();
    }
    store.delete_below(&key("m/a")).await.unwrap();
    store.delete_below(&key("never-there")).await.unwrap();
    assert_eq!(listed(store, None, 9).await, ["m/a.b", "m/ab/1"]);
}

pub(crate) async fn a_walk_names_what_is_old(store: &Store) {
    store.put(&key("a"), body(&["x"]), 9).await.unwrap();
    store.put(&key("b"), body(&["x"]), 9).await.unwrap();
    let hour = Duration::from_secs(3600);
    let round = store.walk(None, hour, 9).await.unwrap();
    assert_eq!(round, Round::default());
    let round = store.walk(None, Duration::ZERO, 1).await.unwrap();
    assert_eq!((round.old, round.next), (vec![key("a")], Some(key("a"))));
    let round = store.walk(Some(&key("a")), Duration::ZERO, 9).await;
    assert_eq!(round.unwrap().old, [key("b")]);
}

pub(crate) async fn a_long_blob_is_read_back_across_its_parts(store: &Store) {
    let (blob, whole, mib) = (key("long"), large(20), 1 << 20);
    let put = store.put(&blob, megabytes(20), 64 * mib).await;
    assert_eq!(put.unwrap(), 20 * mib);
    assert_eq!(store.head(&blob).await.unwrap().len_bytes, 20 * mib);
    assert!(read(store, &blob, 0..20 * mib).await == whole);
    let (from, to) = (8 * mib - 3, 16 * mib + 5);
    let part = &whole[(8 << 20) - 3..(16 << 20) + 5];
    assert!(read(store, &blob, from..to).await == part);
}

pub(crate) async fn a_long_body_that_breaks_off_leaves_nothing(store: &Store) {
    let cut = stream::iter([Err(std::io::Error::other("cut"))]);
    let long = megabytes(20).chain(cut);
    let error = store.put(&key("long"), long, 64 << 20).await.unwrap_err();
    assert!(matches!(error, StoreError::Body { .. }), "{error}");
    let error = store.put(&key("long"), megabytes(20), 19 << 20).await;
    assert!(matches!(error, Err(StoreError::TooLarge { .. })));
    assert!(!is_there(store, &key("long")).await);
    assert!(listed(store, None, 9).await.is_empty());
}

pub(crate) async fn a_list_of_more_than_a_thousand_is_whole(store: &Store) {
    let names: Vec<String> = (0..1050).map(|n| format!("many/{n:04}")).collect();
    let puts = stream::iter(&names).map(async |name| {
        store.put(&key(name), body(&["x"]), 9).await.unwrap();
    });
    puts.buffer_unordered(16).collect::<Vec<()>>().await;
    store.put(&key("other"), body(&["x"]), 9).await.unwrap();
    assert!(listed(store, Some(&key("many")), 2000).await == names);
    assert!(listed(store, Some(&key("many")), 400).await == names);
    store.delete_below(&key("many")).await.unwrap();
    assert_eq!(listed(store, None, 2000).await, ["other"]);
}
