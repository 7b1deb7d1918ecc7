//! How an edge ends, and what keeps it from beginning.

use std::{
    fmt::Debug,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use edge::{Config, EdgeError};
use testkit::{Answer, FakeOrigin, Gate, JOIN, Still};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;
use tracing::{
    Event, Metadata, Subscriber,
    field::Field,
    span::{Attributes, Id, Record},
};

use crate::setup::Edge;

/// An edge that is in the middle of an answer.
async fn busy(gate: &Gate) -> (FakeOrigin, Edge, testkit::Stream) {
    let origin = FakeOrigin::start().await;
    let edge = Edge::start(&origin, Some(JOIN), |config| {
        config.body_idle_timeout = Duration::from_secs(3600);
    })
    .await;
    let answer = Answer::ok("first ").then_held(gate).then("second");
    origin.route("/x", answer.cache("max-age=60"));
    let mut stream = edge.get("/x").open().await;
    stream.piece().await.unwrap().unwrap();
    (origin, edge, stream)
}

#[tokio::test]
async fn running_answers_end_and_no_new_connection_is_taken() {
    let gate = Gate::closed();
    let (_origin, mut edge, mut stream) = busy(&gate).await;
    let idle = edge.get("/healthz").open().await;
    edge.shutdown.cancel();
    while TcpStream::connect(edge.addr).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!edge.task.is_finished());
    gate.open();
    assert_eq!(stream.piece().await.unwrap().unwrap(), "second");
    assert!(stream.piece().await.is_none());
    (&mut edge.task).await.unwrap().unwrap();
    drop(idle);
}

#[tokio::test]
async fn what_runs_longer_than_the_drain_is_cut() {
    let gate = Gate::closed();
    let (_origin, mut edge, mut stream) = busy(&gate).await;
    let clock = Still::now();
    edge.shutdown.cancel();
    while TcpStream::connect(edge.addr).await.is_ok() {
        tokio::task::yield_now().await;
    }
    clock.advance(Duration::from_secs(11)).await;
    assert!(stream.piece().await.unwrap().is_err());
    (&mut edge.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn who_never_says_what_is_spoken_holds_up_the_end_no_longer_than_the_drain() {
    let origin = FakeOrigin::start().await;
    let mut edge = Edge::plain(&origin).await;
    let mut client = TcpStream::connect(edge.addr).await.unwrap();
    // HTTP/2's first word, or a method that begins so.
    client.write_all(b"PR").await.unwrap();
    edge.get("/healthz").send().await;
    let clock = Still::now();
    edge.shutdown.cancel();
    while TcpStream::connect(edge.addr).await.is_ok() {
        tokio::task::yield_now().await;
    }
    clock.advance(Duration::from_secs(11)).await;
    for _ in 0..10_000 {
        tokio::task::yield_now().await;
    }
    assert!(edge.task.is_finished());
    (&mut edge.task).await.unwrap().unwrap();
}

/// Counts what is logged under this name.
struct Said(&'static str, Arc<AtomicUsize>);

impl Subscriber for Said {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut |field: &Field, value: &dyn Debug| {
            if field.name() == "message" && format!("{value:?}") == self.0 {
                self.1.fetch_add(1, Ordering::Relaxed);
            }
        });
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn an_edge_says_once_that_it_serves() {
    let said = Arc::new(AtomicUsize::new(0));
    let _logged = tracing::subscriber::set_default(Said("edge serves", said.clone()));
    let origin = FakeOrigin::start().await;
    let edge = Edge::plain(&origin).await;
    edge.get("/healthz").send().await;
    assert_eq!(said.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_idle_edge_ends_at_once() {
    let origin = FakeOrigin::start().await;
    let mut edge = Edge::weir(&origin).await;
    let clock = Still::now();
    edge.shutdown.cancel();
    (&mut edge.task).await.unwrap().unwrap();
    drop(clock);
}

#[tokio::test]
async fn a_wrong_config_is_said_before_anything_is_served() {
    let serve = |origin: &str, join: Option<&str>| {
        let config = Config {
            origin: origin.to_owned(),
            ..Config::default()
        };
        let join = join.map(str::to_owned);
        async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            edge::serve(listener, config, join, CancellationToken::new()).await
        }
    };
    let refused = serve("ftp://x", None).await;
    assert!(matches!(refused, Err(EdgeError::Origin { .. })));
    let refused = serve("http://x", Some("a b\n")).await;
    assert!(matches!(refused, Err(EdgeError::JoinToken)));
}
