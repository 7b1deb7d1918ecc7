//! HTTP/2, in the clear.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Method, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Empty};
use hyper::{
    body::Incoming,
    client::conn::http2::{self, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use testkit::{Answer, FakeOrigin, Gate, Still};
use tokio::net::TcpStream;

use crate::setup::{Edge, SEGMENT, bytes, segment};

type Client = SendRequest<Empty<Bytes>>;

async fn connect(edge: &Edge) -> Client {
    let stream = TcpStream::connect(edge.addr).await.unwrap();
    let connected = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (client, connection) = connected.unwrap();
    tokio::spawn(connection);
    client
}

async fn send(client: &mut Client, request: http::request::Builder) -> Response<Incoming> {
    let request = request.version(Version::HTTP_2).body(Empty::new());
    client.send_request(request.unwrap()).await.unwrap()
}

fn get(target: &str) -> http::request::Builder {
    Request::get(format!("http://edge.test{target}"))
}

async fn body(response: Response<Incoming>) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

#[tokio::test]
async fn answers_are_those_of_http_1() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::plain(&origin).await;
    origin.route(SEGMENT, segment());
    let mut client = connect(&edge).await;
    for outcome in ["fwd=miss", "hit"] {
        let response = send(&mut client, get(SEGMENT)).await;
        assert_eq!(response.version(), Version::HTTP_2);
        let status = response.headers()["cache-status"].to_str().unwrap();
        assert!(status.contains(outcome), "{status}");
        assert_eq!(body(response).await, bytes(50_000));
    }
    let part = send(&mut client, get(SEGMENT).header("range", "bytes=7-11")).await;
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(body(part).await, bytes(50_000)[7..12]);
    let head = send(&mut client, get(SEGMENT).method(Method::HEAD)).await;
    assert_eq!(head.headers()["content-length"], "50000");
    assert_eq!(body(head).await, "");
    assert_eq!(origin.fetches(SEGMENT), 1);
}

#[tokio::test]
async fn streams_of_one_connection_share_a_fetch() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::plain(&origin).await;
    let gate = Gate::closed();
    origin.route(SEGMENT, segment().held(&gate));
    let client = connect(&edge).await;
    let all = join_all((0..50).map(|_| {
        let mut client = client.clone();
        async move { body(send(&mut client, get(SEGMENT)).await).await }
    }));
    let all = tokio::spawn(all);
    origin.asked(SEGMENT, 1).await;
    gate.open();
    assert!(all.await.unwrap().iter().all(|body| *body == bytes(50_000)));
    assert_eq!(origin.fetches(SEGMENT), 1);
}

#[tokio::test]
async fn a_host_that_is_not_the_authority_is_400() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::plain(&origin).await;
    let mut client = connect(&edge).await;
    for (host, status) in [("edge.test", 200), ("other.test", 400)] {
        let response = send(&mut client, get("/healthz").header("host", host)).await;
        assert_eq!(response.status(), status);
    }
}

#[tokio::test]
async fn too_many_fields_are_431() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::plain(&origin).await;
    let mut client = connect(&edge).await;
    let many = (0..100).fold(get("/healthz"), |asked, n| {
        asked.header(format!("x-{n}"), "1")
    });
    assert_eq!(send(&mut client, many).await.status(), 431);
    let long = get("/healthz").header("x-long", "x".repeat(20_000));
    let refused = client.send_request(long.body(Empty::new()).unwrap()).await;
    assert!(refused.is_err() || refused.unwrap().status() == 431);
    assert_eq!(send(&mut client, get("/healthz")).await.status(), 200);
}

#[tokio::test]
async fn who_resets_stream_after_stream_loses_the_connection() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::start(&origin, None, |config| config.h2_resets_max = 3).await;
    let gate = Gate::closed();
    let mut client = connect(&edge).await;
    for n in 0..20 {
        let target = format!("/{n}");
        origin.route(&target, Answer::ok("x").held(&gate));
        if client.ready().await.is_err() {
            assert!(n > 3, "{n}");
            return;
        }
        let request = get(&target).body(Empty::new()).unwrap();
        let asking = tokio::spawn(client.send_request(request));
        tokio::select! {
            () = origin.asked(&target, 1) => {}
            () = async { while !client.is_closed() { tokio::task::yield_now().await } } => {}
        }
        asking.abort();
        let _ = asking.await;
    }
    panic!("20 resets were taken");
}

#[tokio::test]
async fn running_streams_end_whole_at_the_drain() {
    let origin = FakeOrigin::start().await;
    let mut edge = Edge::plain(&origin).await;
    let gate = Gate::closed();
    let answer = Answer::ok("first ").then_held(&gate).then("second");
    origin.route("/x", answer.cache("max-age=60"));
    let mut client = connect(&edge).await;
    let response = send(&mut client, get("/x")).await;
    edge.shutdown.cancel();
    while TcpStream::connect(edge.addr).await.is_ok() {
        tokio::task::yield_now().await;
    }
    gate.open();
    assert_eq!(body(response).await, "first second");
    (&mut edge.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stream_whose_window_never_opens_ends_the_connection() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::start(&origin, None, |config| {
        config.h2_ping_interval = Duration::ZERO;
    })
    .await;
    origin.route("/x", Answer::ok(bytes(3_000_000)).cache("max-age=60"));
    edge.get("/x").send().await;
    let clock = Still::now();
    let mut client = connect(&edge).await;
    // Unread, its window fills up and stays so.
    let response = send(&mut client, get("/x")).await;
    for _ in 0..10 {
        edge.get("/healthz").send().await;
    }
    clock.advance(Duration::from_secs(31)).await;
    let rest = response.into_body().collect();
    // The clock stands: only bytes or an end can come.
    let rest = tokio::task::spawn(rest);
    for _ in 0..1_000 {
        edge.get("/healthz").send().await;
        if rest.is_finished() {
            break;
        }
    }
    assert!(rest.is_finished() && rest.await.unwrap().is_err());
}

#[tokio::test]
async fn a_slow_stream_that_goes_on_is_not_cut() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::plain(&origin).await;
    origin.route("/x", Answer::ok(bytes(400_000)).cache("max-age=60"));
    edge.get("/x").send().await;
    let clock = Still::now();
    let mut client = connect(&edge).await;
    let mut slow = send(&mut client, get("/x")).await.into_body();
    let mut len = 0;
    while let Some(frame) = slow.frame().await {
        len += frame.unwrap().into_data().unwrap().len();
        edge.get("/healthz").send().await;
        clock.advance(Duration::from_secs(10)).await;
    }
    assert_eq!(len, 400_000);
}

#[tokio::test]
async fn a_stream_that_stands_still_while_another_goes_on_ends_the_connection() {
    let origin = FakeOrigin::start().await;
    let edge = Edge::plain(&origin).await;
    for (target, len) in [("/still", 3_000_000), ("/on", 30_000_000)] {
        origin.route(target, Answer::ok(bytes(len)).cache("max-age=60"));
        edge.get(target).send().await;
    }
    let clock = Still::now();
    let mut client = connect(&edge).await;
    let _still = send(&mut client, get("/still")).await;
    let mut on = send(&mut client, get("/on")).await.into_body();
    let mut secs = 0;
    let ended = loop {
        let Some(frame) = on.frame().await else {
            break "whole";
        };
        if frame.is_err() {
            break "cut";
        }
        edge.get("/healthz").send().await;
        clock.advance(Duration::from_secs(10)).await;
        secs += 10;
    };
    assert_eq!(ended, "cut");
    // A piece of 1 MiB, at 1 KiB/s; what came before that is read after it.
    assert!(secs >= 1024, "{secs}");
}
