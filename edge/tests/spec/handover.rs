//! One edge takes over from another.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use edge::{Config, Listeners};
use testkit::{Answer, FakeOrigin, Gate};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, UnixStream},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use crate::{operator::Operator, setup::Edge};

fn place(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("edge.sock")
}

/// An edge that another may take over from.
async fn old(origin: &FakeOrigin, path: &Path) -> Edge {
    let path = path.to_owned();
    Edge::start(origin, None, |config| {
        config.pop = "old".to_owned();
        config.take_over = Some(path.clone());
    })
    .await
}

async fn take(path: &Path) -> Listeners {
    loop {
        // Until the other one offers them.
        if let Some(listeners) = edge::take_over(path).await.unwrap() {
            return listeners;
        }
        tokio::task::yield_now().await;
    }
}

/// Takes over.
async fn new(origin: &FakeOrigin, path: &Path) -> JoinHandle<()> {
    let config = Config {
        origin: origin.url(),
        pop: "new".to_owned(),
        take_over: Some(path.to_owned()),
        ..Config::default()
    };
    let listeners = take(path).await;
    tokio::spawn(async move {
        let served = edge::serve(listeners, config, None, CancellationToken::new());
        served.await.unwrap();
    })
}

fn served_by(reply: &testkit::Reply) -> String {
    let status = reply.field("cache-status");
    status.split(';').next().unwrap().to_owned()
}

/// Waits until the new one has answered.
async fn new_serves(edge: &Edge) {
    let asking = async { while served_by(&edge.get("/x").send().await) != "\"weir-new\"" {} };
    let served = tokio::time::timeout(Duration::from_secs(20), asking).await;
    served.expect("the new one serves");
}

#[tokio::test]
async fn no_request_fails_and_the_old_one_ends_what_it_answers() {
    let origin = FakeOrigin::start().await;
    let folder = tempfile::tempdir().unwrap();
    let path = place(&folder);
    let mut edge = old(&origin, &path).await;
    origin.route("/x", Answer::ok("x").cache("max-age=60"));
    let gate = Gate::closed();
    let slow = Answer::ok("first ").then_held(&gate).then("second");
    origin.route("/slow", slow.cache("max-age=60"));
    let mut running = edge.get("/slow").open().await;
    assert_eq!(running.piece().await.unwrap().unwrap(), "first ");
    let stop = Arc::new(AtomicBool::new(false));
    let asking = tokio::spawn({
        let (addr, stop) = (edge.addr, stop.clone());
        async move {
            let mut by = Vec::new();
            while !stop.load(Relaxed) {
                let reply = testkit::get(addr, "/x").send().await;
                assert_eq!(reply.body, "x");
                by.push(served_by(&reply));
            }
            by
        }
    });
    let taken = new(&origin, &path).await;
    new_serves(&edge).await;
    assert!(!edge.task.is_finished());
    gate.open();
    assert_eq!(running.piece().await.unwrap().unwrap(), "second");
    assert!(running.piece().await.is_none());
    (&mut edge.task).await.unwrap().unwrap();
    assert_eq!(served_by(&edge.get("/x").send().await), "\"weir-new\"");
    stop.store(true, Relaxed);
    let by = asking.await.unwrap();
    assert!(by.iter().any(|by| by == "\"weir-old\""));
    assert!(!taken.is_finished());
    taken.abort();
}

#[tokio::test]
async fn a_kept_connection_is_answered_once_more_and_closed() {
    let origin = FakeOrigin::start().await;
    let folder = tempfile::tempdir().unwrap();
    let path = place(&folder);
    let mut edge = old(&origin, &path).await;
    origin.route("/x", Answer::ok("x").cache("max-age=60"));
    let stream = tokio::net::TcpStream::connect(edge.addr).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let (mut kept, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let ask = || {
        let request = http::Request::get("/x").header("host", "a");
        request
            .body(http_body_util::Empty::<bytes::Bytes>::new())
            .unwrap()
    };
    let first = kept.send_request(ask()).await.unwrap();
    assert!(!first.headers().contains_key("connection"));
    drop(first);
    let taken = new(&origin, &path).await;
    new_serves(&edge).await;
    kept.ready().await.unwrap();
    let last = kept.send_request(ask()).await.unwrap();
    assert_eq!(
        (last.status().as_u16(), &last.headers()["connection"]),
        (200, &"close".parse().unwrap())
    );
    drop(last);
    (&mut edge.task).await.unwrap().unwrap();
    taken.abort();
}

#[tokio::test]
async fn who_takes_and_does_not_serve_changes_nothing() {
    let origin = FakeOrigin::start().await;
    let folder = tempfile::tempdir().unwrap();
    let path = place(&folder);
    let edge = old(&origin, &path).await;
    origin.route("/x", Answer::ok("x").cache("max-age=60"));
    drop(take(&path).await);
    let mut odd = UnixStream::connect(&path).await.unwrap();
    odd.write_all(b"nonsense\n").await.unwrap();
    drop(odd);
    let reply = edge.get("/x").send().await;
    assert_eq!(served_by(&reply), "\"weir-old\"");
    let taken = new(&origin, &path).await;
    new_serves(&edge).await;
    taken.abort();
}

#[tokio::test]
async fn with_nobody_there_nothing_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let path = place(&folder);
    assert!(edge::take_over(&path).await.unwrap().is_none());
    // What a killed process leaves.
    drop(tokio::net::UnixListener::bind(&path).unwrap());
    assert!(edge::take_over(&path).await.unwrap().is_none());
    let origin = FakeOrigin::start().await;
    let edge = old(&origin, &path).await;
    assert_eq!(edge.get("/healthz").send().await.status, 200);
    let elsewhere = edge::take_over(Path::new("/dev/null")).await;
    assert!(elsewhere.is_err() || elsewhere.unwrap().is_none());
}

#[tokio::test]
async fn a_place_that_cannot_be_offered_is_named() {
    let origin = FakeOrigin::start().await;
    let config = Config {
        origin: origin.url(),
        take_over: Some("/nowhere/edge.sock".into()),
        ..Config::default()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refused = edge::serve(listener, config, None, CancellationToken::new()).await;
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("/nowhere/edge.sock")
    );
}

#[tokio::test]
async fn what_is_no_socket_stays_where_it_is() {
    let origin = FakeOrigin::start().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("precious");
    std::fs::write(&path, "words").unwrap();
    let config = Config {
        origin: origin.url(),
        take_over: Some(path.clone()),
        ..Config::default()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refused = edge::serve(listener, config, None, CancellationToken::new()).await;
    let told = refused.unwrap_err().to_string();
    assert!(told.contains("other than a socket"), "{told}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "words");
}

/// An edge with an admin listener that another may take over.
async fn offering(origin: &FakeOrigin, path: &Path) -> Operator {
    let offer = |config: &mut Config| config.take_over = Some(path.to_owned());
    Operator::start(origin, None, offer).await
}

#[tokio::test]
async fn no_purge_is_told_to_an_edge_that_is_being_taken_over() {
    let origin = FakeOrigin::start().await;
    let folder = tempfile::tempdir().unwrap();
    let path = place(&folder);
    let operator = offering(&origin, &path).await;
    let listeners = take(&path).await;
    let all = r#"{"prefixes":["/"]}"#;
    let (status, told) = operator.ask("POST /purge", all).await;
    assert!(status == 503 && told["detail"].as_str().unwrap().contains("taking over"));
    // It gives up.
    drop(listeners);
    while operator.ask("POST /purge", all).await.0 != 200 {}
}

#[tokio::test]
async fn the_admin_listener_is_taken_over_too() {
    let origin = FakeOrigin::start().await;
    let folder = tempfile::tempdir().unwrap();
    let path = place(&folder);
    let operator = offering(&origin, &path).await;
    let config = Config {
        origin: origin.url(),
        pop: "new".to_owned(),
        take_over: Some(path.clone()),
        admin_listen: operator.admin.to_string(),
        admin_token_file: operator.folder.join("token"),
        ..Config::default()
    };
    let listeners = take(&path).await;
    tokio::spawn(edge::serve(
        listeners,
        config,
        None,
        CancellationToken::new(),
    ));
    new_serves(&operator.edge).await;
    // Whoever holds the socket now answers: nobody is told that nobody listens.
    let (status, _) = operator.ask("GET /explain?url=/x", "").await;
    assert_eq!(status, 200);
    assert_eq!(operator.purge(r#"{"prefixes":["/"]}"#).await, 0);
}
