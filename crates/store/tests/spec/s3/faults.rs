//! Servers and connections that fail.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use futures_util::{StreamExt, stream};
use store::{Config, Store, StoreError};
use tokio::time::Instant;

use super::server::Server;
use crate::{Chunk, body, is_there, key, large, read};

async fn opened(attempts_max: u32) -> (Server, Store) {
    let server = Server::start().await;
    let config = Config {
        attempts_max,
        ..server.config()
    };
    let s3 = server.open(&config).await.unwrap();
    (server, Store::S3(s3))
}

#[tokio::test]
async fn what_is_answered_503_twice_is_asked_a_third_time() {
    let (server, store) = opened(3).await;
    for step in 0..4 {
        server.faults.refusals.store(2, SeqCst);
        let before = server.faults.requests.load(SeqCst);
        match step {
            0 => assert_eq!(store.put(&key("a"), body(&["hello"]), 9).await.unwrap(), 5),
            1 => assert_eq!(read(&store, &key("a"), 1..3).await, b"el"),
            2 => assert_eq!(crate::listed(&store, None, 9).await, ["a"]),
            _ => store.delete(&key("a")).await.unwrap(),
        }
        assert_eq!(server.faults.requests.load(SeqCst) - before, 3, "{step}");
    }
    assert!(!is_there(&store, &key("a")).await);
}

#[tokio::test]
async fn parts_are_sent_again_too() {
    let (server, store) = opened(3).await;
    let whole = large(20);
    let puts = whole
        .chunks(1 << 20)
        .map(|chunk| Chunk::Ok(chunk.to_vec().into()));
    // The first part is there before the second begins to fail.
    let failing = stream::iter(puts.collect::<Vec<_>>())
        .enumerate()
        .map(|(n, chunk)| {
            if n == 12 {
                server.faults.refusals.store(2, SeqCst);
            }
            chunk
        });
    store.put(&key("a"), failing, 64 << 20).await.unwrap();
    assert!(read(&store, &key("a"), 0..20 << 20).await == whole);
    assert_eq!(server.faults.refusals.load(SeqCst), 0);
    server.has_no_parts().await;
}

#[tokio::test]
async fn a_server_that_stays_busy_is_unreachable_after_so_many_attempts() {
    let (server, store) = opened(3).await;
    server.faults.refusals.store(u32::MAX, SeqCst);
    let before = server.faults.requests.load(SeqCst);
    let error = store.put(&key("a"), body(&["x"]), 9).await.unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
    assert_eq!(server.faults.requests.load(SeqCst) - before, 3);
    server.faults.refusals.store(0, SeqCst);
    assert!(!is_there(&store, &key("a")).await);
}

#[tokio::test]
async fn a_read_goes_on_where_its_answer_broke_off() {
    let (server, store) = opened(3).await;
    let whole = large(3);
    let chunk = Chunk::Ok(whole.clone().into());
    store
        .put(&key("a"), stream::iter([chunk]), 9 << 20)
        .await
        .unwrap();
    server.faults.cuts.store(2, SeqCst);
    assert!(read(&store, &key("a"), 5..3 << 20).await == whole[5..]);
    assert_eq!(server.faults.cuts.load(SeqCst), 0);
}

#[tokio::test]
async fn a_read_that_breaks_off_again_and_again_ends_with_an_error() {
    let (server, store) = opened(3).await;
    let whole = large(3);
    let chunk = Chunk::Ok(whole.clone().into());
    let stored = store.put(&key("a"), stream::iter([chunk]), 9 << 20).await;
    stored.unwrap();
    server.faults.cuts.store(u32::MAX, SeqCst);
    let mut reader = store.read(&key("a"), 0..3 << 20).await.unwrap();
    let mut received = Vec::new();
    let failed = loop {
        match reader.next().await {
            Some(Ok(chunk)) => received.extend_from_slice(&chunk),
            other => break other,
        }
    };
    assert!(matches!(failed, Some(Err(_))), "{failed:?}");
    assert!(received.len() < whole.len() && whole.starts_with(&received));
}

#[tokio::test]
async fn a_server_that_says_nothing_is_not_waited_for_long() {
    // It takes connections, and answers none.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = Config {
        bucket: "b".to_owned(),
        endpoint: format!("http://{}", silent.local_addr().unwrap()),
        path_style: true,
        answer_timeout: Duration::from_millis(200),
        attempts_max: 2,
        ..Config::default()
    };
    let began = Instant::now();
    let error = store::S3::open_as(&config, "a", "b").await.unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(5));
}
