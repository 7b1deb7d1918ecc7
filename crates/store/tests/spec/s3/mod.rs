//! What S3 promises besides. The promises of all stores are held on a server of the test's
//! own or, where `WEIR_TEST_S3` is set to `endpoint bucket key secret`, on that one.

mod faults;
mod parts;
mod server;

use std::sync::atomic::{AtomicU32, Ordering};

use store::{Config, S3, Store, StoreError};

use self::server::Server;
use crate::{body, is_there, kept_by, key, read};

async fn opened() -> (Option<Server>, Store) {
    if let Ok(given) = std::env::var("WEIR_TEST_S3") {
        return (None, Store::S3(given_server(&given).await));
    }
    let server = Server::start().await;
    let s3 = server.open(&server.config()).await.unwrap();
    (Some(server), Store::S3(s3))
}

kept_by!(opened);

/// A place of the test's own in the bucket.
async fn given_server(given: &str) -> S3 {
    static TESTS: AtomicU32 = AtomicU32::new(0);
    let words: Vec<&str> = given.split(' ').collect();
    let [endpoint, bucket, id, secret] = words[..] else {
        panic!("WEIR_TEST_S3 is `endpoint bucket key secret`");
    };
    let test = TESTS.fetch_add(1, Ordering::Relaxed);
    let config = Config {
        bucket: bucket.to_owned(),
        endpoint: endpoint.to_owned(),
        prefix: format!("test-{}-{test}", std::process::id()),
        path_style: true,
        ..Config::default()
    };
    S3::open_as(&config, id, secret).await.unwrap()
}

#[tokio::test]
async fn objects_stand_below_the_prefix_and_strangers_are_passed_over() {
    let server = Server::start().await;
    let store = Store::S3(server.open(&server.config()).await.unwrap());
    store.put(&key("a/b"), body(&["x"]), 9).await.unwrap();
    assert!(server.bucket().join("some/where/a/b").is_file());
    for stranger in ["a", "some/where/A.txt", "some/where/z z"] {
        std::fs::write(server.bucket().join(stranger), "y").unwrap();
    }
    assert_eq!(crate::listed(&store, None, 1).await, ["a/b"]);
    let whole = Config {
        prefix: String::new(),
        ..server.config()
    };
    let whole = Store::S3(server.open(&whole).await.unwrap());
    assert_eq!(
        crate::listed(&whole, None, 9).await,
        ["a", "some/where/a/b"]
    );
}

#[tokio::test]
async fn a_wrong_bucket_or_secret_is_told_at_once_and_a_silent_server_soon() {
    let server = Server::start().await;
    let config = Config {
        bucket: "elsewhere".to_owned(),
        ..server.config()
    };
    let refused = server.open(&config).await.unwrap_err();
    assert!(
        refused.to_string().contains("404 NoSuchBucket"),
        "{refused}"
    );
    let refused = S3::open_as(&server.config(), testkit::s3::KEY, "wrong").await;
    let refused = refused.unwrap_err();
    assert!(
        refused.to_string().contains("403 SignatureDoesNotMatch"),
        "{refused}"
    );
    let config = Config {
        attempts_max: 2,
        ..server.config()
    };
    drop(server);
    let silent = S3::open_as(&config, "a", "b").await.unwrap_err();
    assert!(
        matches!(silent, StoreError::Unreachable { .. }),
        "{silent:?}"
    );
}

#[tokio::test]
async fn an_address_opens_one_blob_for_a_while() {
    let server = Server::start().await;
    let s3 = server.open(&server.config()).await.unwrap();
    let store = Store::S3(s3.clone());
    store.put(&key("a"), body(&["hello"]), 9).await.unwrap();
    let minute = std::time::Duration::from_secs(60);
    let mut request = s3.presign_read(&key("a"), minute).await.unwrap();
    let (status, bytes) = server::send(&request, "".into()).await;
    assert_eq!((status.as_u16(), &*bytes), (200, &b"hello"[..]));
    store.put(&key("b"), body(&["other"]), 9).await.unwrap();
    request.url = request.url.replace("/where/a?", "/where/b?");
    let (status, _) = server::send(&request, "".into()).await;
    assert_eq!(status, 403);
    assert!(!format!("{request:?}").contains("Signature"));
    let week = 7 * 24 * 60 * minute + minute;
    let refused = s3.presign_read(&key("a"), week).await.unwrap_err();
    assert!(refused.to_string().contains("week"), "{refused}");
    assert!(is_there(&store, &key("b")).await);
    assert_eq!(read(&store, &key("b"), 0..5).await, b"other");
}
