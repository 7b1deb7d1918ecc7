//! What is refused before it is a request is in the access log too.

use edge::Config;
use serde_json::Value;
use testkit::{FakeOrigin, Still};

use crate::access_log::Logged;

async fn logged(change: impl FnOnce(&mut Config)) -> (FakeOrigin, Logged) {
    let origin = FakeOrigin::start().await;
    let logged = Logged::changed(&origin, change).await;
    (origin, logged)
}

/// Method, path and status of each line, once there are so many.
async fn told(logged: &Logged, count: usize) -> Vec<String> {
    let lines = logged.lines_of("log", count).await;
    let text = |line: &String| {
        let line: Value = serde_json::from_str(line).unwrap();
        let of = |field: &str| line[field].as_str().unwrap().to_owned();
        assert_eq!(line["client"], "127.0.0.1");
        let (method, path, outcome) = (of("method"), of("path"), of("outcome"));
        format!("{method} {path} {} {outcome}", line["status"])
    };
    lines.iter().map(text).collect()
}

#[tokio::test]
async fn what_is_no_request_has_a_line() {
    let (_origin, logged) = logged(|_| {}).await;
    let addr = logged.edge.addr;
    let long = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(20_000));
    for bytes in [
        "nonsense\r\n\r\n",
        &long,
        "GET /two HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
    ] {
        testkit::raw(addr, bytes.as_bytes()).await;
    }
    let lines = told(&logged, 3).await;
    assert_eq!(
        lines,
        ["- * 400 refused", "- * 431 refused", "GET /two 400 refused"]
    );
}

#[tokio::test]
async fn who_asks_too_often_has_a_line() {
    let (_origin, logged) = logged(|config| {
        config.client_limits_loopback = true;
        config.client_request_rate = 1;
    })
    .await;
    let clock = Still::now();
    for _ in 0..5 {
        logged.edge.get("/healthz").send().await;
    }
    drop(clock);
    let lines = told(&logged, 5).await;
    assert_eq!(lines[4], "GET /healthz 429 overloaded");
}

#[tokio::test]
async fn who_is_one_connection_too_many_has_a_line() {
    let (_origin, logged) = logged(|config| config.connections_max = 1).await;
    let _first = logged.edge.get("/healthz").open().await;
    testkit::raw(logged.edge.addr, b"").await;
    let lines = told(&logged, 2).await;
    assert!(
        lines.contains(&"- * 503 overloaded".to_owned()),
        "{lines:?}"
    );
}

#[tokio::test]
async fn a_flood_of_refusals_has_so_many_lines_and_no_more() {
    let (_origin, logged) = logged(|_| {}).await;
    let clock = Still::now();
    let addr = logged.edge.addr;
    for _ in 0..500 {
        testkit::raw(addr, b"nonsense\r\n\r\n").await;
    }
    logged.edge.get("/last").send().await;
    drop(clock);
    let lines = told(&logged, 401).await;
    assert_eq!(
        (lines.len(), lines[400].as_str()),
        (401, "GET /last 404 miss")
    );
}
