//! What files promise besides.

use bytes::Bytes;
use futures_util::StreamExt;
use store::{BlobKey, Files, Store, StoreError};

use crate::{body, cut, kept_by, key};

async fn opened() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let files = open(&folder).await;
    (folder, Store::Files(files))
}

kept_by!(opened);

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
async fn a_file_that_is_half_written_goes_with_its_body() {
    let folder = tempfile::tempdir().unwrap();
    let files = open(&folder).await;
    files.put(&key("a"), cut(&["x"]), 9).await.unwrap_err();
    let left = std::fs::read_dir(folder.path().join(".tmp")).unwrap();
    assert_eq!(left.count(), 0);
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
    assert_eq!(files.head(&key("whole")).await.unwrap().len_bytes, 1);
    assert!(!folder.path().join(".tmp/7").exists());
}

#[tokio::test]
async fn a_folder_is_no_blob() {
    let (_folder, store) = opened().await;
    store.put(&key("a/b"), body(&["x"]), 9).await.unwrap();
    for none in ["a", "a/b/c"] {
        let missing = store.head(&key(none)).await.unwrap_err();
        assert!(matches!(missing, StoreError::Missing(_)), "{missing}");
    }
}

#[tokio::test]
async fn files_have_no_address_of_their_own() {
    let (_folder, store) = opened().await;
    store.put(&key("a"), body(&["x"]), 9).await.unwrap();
    let minute = std::time::Duration::from_secs(60);
    let address = store.presign_read(&key("a"), minute).await.unwrap();
    assert_eq!(address, None);
}
