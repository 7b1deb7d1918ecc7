//! Objects in parts: our own, and those that others send with presigned requests.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use store::{Store, StoreError};

use super::server::{Server, send};
use crate::{is_there, key, large, megabytes, read};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn parts_of_a_body_that_broke_off_are_deleted() {
    let server = Server::start().await;
    let store = Store::S3(server.open(&server.config()).await.unwrap());
    let cut = stream::iter([Err(std::io::Error::other("cut"))]);
    let error = store
        .put(&key("a"), megabytes(20).chain(cut), 64 << 20)
        .await;
    assert!(matches!(error, Err(StoreError::Body { .. })), "{error:?}");
    server.has_no_parts().await;
    assert!(!is_there(&store, &key("a")).await);
}

#[tokio::test]
async fn parts_of_a_put_that_is_dropped_are_deleted() {
    let server = Server::start().await;
    let store = Store::S3(server.open(&server.config()).await.unwrap());
    let blob = key("a");
    let endless = megabytes(20).chain(stream::pending());
    let put = store.put(&blob, endless, 64 << 20);
    let stopped = tokio::time::timeout(Duration::from_secs(2), put).await;
    assert!(stopped.is_err());
    server.has_no_parts().await;
    assert!(!is_there(&store, &blob).await);
}

#[tokio::test]
async fn others_send_parts_by_addresses_that_open_one_part_each() {
    let server = Server::start().await;
    let s3 = server.open(&server.config()).await.unwrap();
    let (blob, whole) = (key("a"), Bytes::from(large(7)));
    let upload = s3.begin_parts(&blob).await.unwrap();
    // Two parts, sent in any order.
    let border = 5 << 20;
    for (number, part) in [(2, whole.slice(border..)), (1, whole.slice(..border))] {
        let place = (number, part.len() as u64);
        let request = s3.presign_part(&blob, &upload, place, MINUTE).await;
        let (status, _) = send(&request.unwrap(), part).await;
        assert_eq!(status, 200);
    }
    let parts = s3.parts(&blob, &upload).await.unwrap();
    let had: Vec<_> = parts.iter().map(|it| (it.number, it.len_bytes)).collect();
    assert_eq!(had, [(1, 5 << 20), (2, 2 << 20)]);
    let store = Store::S3(s3.clone());
    assert!(!is_there(&store, &blob).await);
    s3.complete_parts(&blob, &upload, parts).await.unwrap();
    assert!(read(&store, &blob, 0..7 << 20).await == whole);
}

#[tokio::test]
async fn a_presigned_part_takes_no_other_length_and_no_other_number() {
    let server = Server::start().await;
    let s3 = server.open(&server.config()).await.unwrap();
    let upload = s3.begin_parts(&key("a")).await.unwrap();
    let request = s3.presign_part(&key("a"), &upload, (1, 5), MINUTE).await;
    let mut request = request.unwrap();
    let signed = request.url.to_lowercase();
    assert!(signed.contains("content-length"), "{signed}");
    assert!(!signed.contains("checksum"), "{signed}");
    assert_eq!(send(&request, "longer".into()).await.0, 403);
    request.url = request.url.replace("partNumber=1", "partNumber=2");
    assert_eq!(send(&request, "12345".into()).await.0, 403);
    assert!(s3.parts(&key("a"), &upload).await.unwrap().is_empty());
    s3.abort_parts(&key("a"), &upload).await.unwrap();
    server.has_no_parts().await;
}
