//! What went wrong has the name that RFC 9209 gives it; what is counted.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use ::metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    with_local_recorder,
};
use http_body_util::BodyExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_util::task::AbortOnDropHandle;

use super::*;

fn origin(url: &str, change: impl FnOnce(&mut Config)) -> Origin {
    let mut config = Config {
        origin: url.to_owned(),
        ..Config::default()
    };
    change(&mut config);
    Origin::new(&config, None, &Names::new("x").unwrap()).unwrap()
}

/// Says this to whoever asks, and closes the connection if told so.
async fn listening(what: impl Into<String>, close: bool) -> (String, AbortOnDropHandle<()>) {
    let what = what.into();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(what.as_bytes()).await;
            if !close {
                open.push(stream);
            }
        }
    });
    (url, AbortOnDropHandle::new(server))
}

/// The name of what goes wrong, head and body.
async fn named(origin: &Origin) -> &'static str {
    let ask = origin.plain("/x").unwrap();
    let patience = Patience::of(origin.first_byte, false);
    let error = match origin.ask(&origin.group, &ask, patience).await {
        Err(error) => error,
        Ok((response, _)) => response.into_body().collect().await.unwrap_err(),
    };
    error.proxy_error()
}

#[tokio::test]
async fn each_fault_of_an_answer_has_its_name() {
    for (what, name) in [
        ("", "connection_terminated"),
        ("nonsense\r\n\r\n", "http_protocol_error"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx",
            "http_protocol_error",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nx",
            "http_response_transfer_coding",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
            "http_response_transfer_coding",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel",
            "http_response_incomplete",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel",
            "http_response_incomplete",
        ),
    ] {
        let (url, _server) = listening(what, true).await;
        assert_eq!(named(&origin(&url, |_| {})).await, name, "{what:?}");
    }
}

#[tokio::test]
async fn a_head_without_end_has_its_name() {
    let flood = "x: y\r\n".repeat(300);
    let answer = format!("HTTP/1.1 200 OK\r\n{flood}\r\n");
    let (url, _server) = listening(answer, true).await;
    let name = named(&origin(&url, |_| {})).await;
    assert_eq!(name, "http_response_header_section_size");
}

#[tokio::test]
async fn silence_has_its_name() {
    let (url, _server) = listening("", false).await;
    let quick = |config: &mut Config| config.first_byte_timeout = Duration::from_millis(20);
    assert_eq!(named(&origin(&url, quick)).await, "http_response_timeout");
}

#[tokio::test]
async fn an_origin_that_is_gone_is_so_by_two_names() {
    let (url, server) = listening("", true).await;
    drop(server);
    tokio::task::yield_now().await;
    let origin = origin(&url, |_| {});
    assert_eq!(named(&origin).await, "connection_refused");
    assert_eq!(named(&origin).await, "destination_unavailable");
}

#[tokio::test]
async fn an_origin_that_is_full_has_its_name() {
    let (url, _server) = listening("", false).await;
    let origin = origin(&url, |config| {
        (config.origin_requests_max, config.origin_wait) = (1, Duration::from_millis(5));
    });
    let name = tokio::select! {
        biased;
        name = named(&origin) => panic!("{name}: nobody answers"),
        name = named(&origin) => name,
    };
    assert_eq!(name, "connection_limit_reached");
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn faults_of_tls_have_their_names() {
    let (url, _server) = listening("no TLS\r\n", true).await;
    let url = url.replace("http:", "https:");
    assert_eq!(named(&origin(&url, |_| {})).await, "tls_protocol_error");
}

/// Remembers counters by name and labels.
#[derive(Default)]
struct Ledger(Mutex<Vec<(String, Arc<AtomicU64>)>>);

impl Ledger {
    fn register(&self, key: &Key) -> Arc<AtomicU64> {
        let count = Arc::new(AtomicU64::new(0));
        let mut counts = self.0.lock().unwrap();
        counts.push((key.to_string(), count.clone()));
        count
    }

    /// What the counters of this name are, in order of their origins.
    fn read(&self, name: &str) -> Vec<u64> {
        let counts = self.0.lock().unwrap();
        let named = counts.iter().filter(|(key, _)| key.contains(name));
        named
            .map(|(_, count)| count.load(Ordering::Relaxed))
            .collect()
    }
}

impl Recorder for Ledger {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.register(key))
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.register(key))
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[tokio::test]
async fn requests_failures_and_retries_are_counted_for_each_origin() {
    let (bad, _bad) = listening("", true).await;
    let (good, _good) = listening("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", false).await;
    let ledger = Ledger::default();
    let urls = vec![bad, good];
    let make = || {
        origin("", |config| {
            (config.origins, config.pool_idle_max) = (urls, 0);
        })
    };
    let origin = with_local_recorder(&ledger, make);
    let ask = origin.plain("/x").unwrap();
    for _ in 0..7 {
        let patience = Patience::of(origin.first_byte, false);
        assert!(origin.ask(&origin.group, &ask, patience).await.is_ok());
    }
    assert_eq!(ledger.read("origin_requests_total"), [5, 7]);
    assert_eq!(ledger.read("origin_failures_total"), [5, 0]);
    assert_eq!(ledger.read("origin_retries_total"), [5]);
    let ejected: Vec<_> = ledger
        .read("origin_ejected")
        .into_iter()
        .map(f64::from_bits)
        .collect();
    assert_eq!(ejected, [1.0, 0.0]);
}
