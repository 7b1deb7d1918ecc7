//! Connections are spread over threads that share nothing but what is stored and fetched.

use futures_util::future::join_all;
use testkit::{Answer, FakeOrigin, Gate};
use tokio::net::TcpStream;

use crate::setup::{Edge, SEGMENT, bytes};

async fn three_lanes() -> (FakeOrigin, Edge) {
    let origin = FakeOrigin::start().await;
    let edge = Edge::start(&origin, None, |config| config.threads = 3).await;
    (origin, edge)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_wait_on_several_threads_share_one_fetch() {
    let (origin, edge) = three_lanes().await;
    let (body, gate) = (bytes(300_000), Gate::closed());
    let answer = Answer::ok(body[..1000].to_vec())
        .then_held(&gate)
        .then(body[1000..].to_vec());
    origin.route(SEGMENT, answer.cache("max-age=60"));
    let mut streams = join_all((0..9).map(|_| edge.get(SEGMENT).open())).await;
    for stream in &mut streams {
        assert_eq!(stream.piece().await.unwrap().unwrap(), body[..1000]);
    }
    gate.open();
    for stream in &mut streams {
        let mut len = 1000;
        while let Some(piece) = stream.piece().await {
            let piece = piece.unwrap();
            assert_eq!(piece, body[len..len + piece.len()]);
            len += piece.len();
        }
        assert_eq!(len, body.len());
    }
    assert_eq!(origin.fetches(SEGMENT), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_drain_waits_for_answers_on_every_thread() {
    let (origin, mut edge) = three_lanes().await;
    let gate = Gate::closed();
    let answer = Answer::ok("first ").then_held(&gate).then("second");
    origin.route("/x", answer.cache("max-age=60"));
    let mut streams = join_all((0..3).map(|_| edge.get("/x").open())).await;
    for stream in &mut streams {
        assert_eq!(stream.piece().await.unwrap().unwrap(), "first ");
    }
    edge.shutdown.cancel();
    while TcpStream::connect(edge.addr).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!edge.task.is_finished());
    gate.open();
    for stream in &mut streams {
        assert_eq!(stream.piece().await.unwrap().unwrap(), "second");
        assert!(stream.piece().await.is_none());
    }
    (&mut edge.task).await.unwrap().unwrap();
}
