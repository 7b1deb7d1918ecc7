//! What a store of files promises.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use store::{BlobKey, Files, StoreError};

type Chunk = Result<Bytes, std::io::Error>;

fn key(text: &str) -> BlobKey {
    text.parse().unwrap()
}

fn body(chunks: &[&'static str]) -> impl futures_util::Stream<Item = Chunk> + use<> {
    let chunks: Vec<Chunk> = chunks
        .iter()
        .map(|c| Ok(Bytes::from_static(c.as_bytes())))
        .collect();
    stream::iter(chunks)
}

async fn open(folder: &tempfile::TempDir) -> Files {
    Files::open(folder.path(), 0).await.unwrap()
}

async fn read(files: &Files, key: &BlobKey, range: std::ops::Range<u64>) -> String {
    let mut reader = files.read(key, range).await.unwrap();
    let mut text = String::new();
    while let Some(chunk) = reader.next().await {
        text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
    }
    text
}

#[tokio::test]
async fn what_was_put_is_read_back_whole_and_in_part() {
    let folder = tempfile::tempdir().unwrap();
    let files = open(&folder).await;
    assert_eq!(
        files
            .put(&key("a/b.m4s"), body(&["hel", "lo"]), 5)
            .await
            .unwrap(),
        5
    );
    assert_eq!(files.len_bytes(&key("a/b.m4s")).await.unwrap(), 5);
    assert_eq!(read(&files, &key("a/b.m4s"), 0..5).await, "hello");
    assert_eq!(read(&files, &key("a/b.m4s"), 1..3).await, "el");
}

#[tokio::test]
async fn a_body_that_breaks_off_or_is_too_long_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let files = open(&folder).await;
    let broken = stream::iter([
        Ok(Bytes::from_static(b"x")),
        Err(std::io::Error::other("cut")),
    ]);
    let error = files.put(&key("a"), broken, 9).await.unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::Body {
                received_bytes: 1,
                ..
            }
        ),
        "{error}"
    );
    let error = files.put(&key("a"), body(&["hello"]), 4).await.unwrap_err();
    assert!(
        matches!(error, StoreError::TooLarge { max_bytes: 4 }),
        "{error}"
    );
    assert!(matches!(
        files.len_bytes(&key("a")).await,
        Err(StoreError::Missing(_))
    ));
    assert_eq!(
        std::fs::read_dir(folder.path().join(".tmp"))
            .unwrap()
            .count(),
        0
    );
}

#[tokio::test]
async fn an_upload_goes_on_from_what_was_synced() {
    let folder = tempfile::tempdir().unwrap();
    let files = open(&folder).await;
    let mut upload = files.append(&key("u"), 0).await.unwrap();
    upload.write(&Bytes::from_static(b"safe")).await.unwrap();
    assert_eq!(upload.sync().await.unwrap(), 4);
    upload.write(&Bytes::from_static(b"lost")).await.unwrap();
    upload.sync().await.unwrap();

    let mut again = files.append(&key("u"), 4).await.unwrap();
    again.write(&Bytes::from_static(b"!")).await.unwrap();
    assert_eq!(again.sync().await.unwrap(), 5);
    assert_eq!(read(&files, &key("u"), 0..5).await, "safe!");
}

#[tokio::test]
async fn an_upload_shorter_than_it_should_be_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let files = open(&folder).await;
    assert!(matches!(
        files.append(&key("u"), 3).await,
        Err(StoreError::Missing(_))
    ));
    files.append(&key("u"), 0).await.unwrap();
    assert!(matches!(
        files.append(&key("u"), 3).await,
        Err(StoreError::Missing(_))
    ));
}

#[tokio::test]
async fn the_floor_of_free_space_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::open(folder.path(), u64::MAX).await.unwrap();
    let error = files.put(&key("a"), body(&["x"]), 9).await.unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    let mut upload = files.append(&key("u"), 0).await.unwrap();
    let error = upload.write(&Bytes::from_static(b"x")).await.unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
}

#[tokio::test]
async fn opening_drops_half_written_blobs_and_keeps_whole_ones() {
    let folder = tempfile::tempdir().unwrap();
    let files = open(&folder).await;
    files.put(&key("whole"), body(&["x"]), 9).await.unwrap();
    std::fs::write(folder.path().join(".tmp/7"), "half").unwrap();
    let files = open(&folder).await;
    assert_eq!(files.len_bytes(&key("whole")).await.unwrap(), 1);
    assert!(!folder.path().join(".tmp/7").exists());
}

#[tokio::test]
async fn deleting_below_a_prefix_spares_its_neighbours() {
    let folder = tempfile::tempdir().unwrap();
    let files = open(&folder).await;
    for name in ["m/a/1", "m/a/2", "m/ab/1"] {
        files.put(&key(name), body(&["x"]), 9).await.unwrap();
    }
    files.delete_below(&key("m/a")).await.unwrap();
    files.delete(&key("never-there")).await.unwrap();
    assert!(files.len_bytes(&key("m/a/1")).await.is_err());
    assert!(files.len_bytes(&key("m/ab/1")).await.is_ok());
}
