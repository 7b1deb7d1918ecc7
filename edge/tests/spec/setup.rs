//! An edge before a fake origin.

use std::{net::SocketAddr, time::Duration};

use edge::{Config, EdgeError};
use http::Method;
use testkit::{Answer, Asking, FakeOrigin, JOIN, Reply};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// Not compressible to a pattern shorter than itself by any off-by-one: every byte
/// differs from its neighbours.
pub(crate) fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n * 7 + n / 251) as u8).collect()
}

pub(crate) const SEGMENT: &str = "/v/a/1/v720/0.m4s";
pub(crate) const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// A segment as Weir's origin serves it.
pub(crate) fn segment() -> Answer {
    Answer::ok(bytes(50_000)).cache(IMMUTABLE).etag("seg")
}

/// Stopped when dropped.
pub(crate) struct Edge {
    pub(crate) addr: SocketAddr,
    pub(crate) shutdown: CancellationToken,
    pub(crate) task: JoinHandle<Result<(), EdgeError>>,
}

impl Edge {
    /// Before any web site.
    pub(crate) async fn plain(origin: &FakeOrigin) -> Self {
        Self::start(origin, None, |_| {}).await
    }

    /// Before Weir's origin, with its keys.
    pub(crate) async fn weir(origin: &FakeOrigin) -> Self {
        let edge = Self::start(origin, Some(JOIN), |_| {}).await;
        heard(origin, 1).await;
        edge
    }

    pub(crate) async fn start(
        origin: &FakeOrigin,
        join: Option<&str>,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let mut config = Config {
            origin: origin.url(),
            pop: "fra".to_owned(),
            warm: false,
            keys_retry_max: Duration::from_millis(10),
            ..Config::default()
        };
        change(&mut config);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let join = join.map(str::to_owned);
        let task = tokio::spawn(edge::serve(listener, config, join, shutdown.clone()));
        Self {
            addr,
            shutdown,
            task,
        }
    }

    pub(crate) fn get(&self, target: &str) -> Asking {
        testkit::get(self.addr, target)
    }

    pub(crate) fn head(&self, target: &str) -> Asking {
        testkit::request(self.addr, Method::HEAD, target)
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Waits until an edge has applied this revision of the keys: it asks for the next then.
pub(crate) async fn heard(origin: &FakeOrigin, revision: u64) {
    let question = format!("/api/keys?after={revision}&wait=30");
    origin.asked(&question, 1).await;
}

/// The outcome and details that `Cache-Status` gives for this edge.
pub(crate) fn cache_status(reply: &Reply) -> &str {
    let field = reply.field("cache-status");
    field.strip_prefix("\"weir-fra\"; ").unwrap_or(field)
}

/// Whether it is a hit, on what was fresh for so many seconds a moment ago: the clock goes on.
pub(crate) fn is_hit(reply: &Reply, ttl: u32) -> bool {
    let left = cache_status(reply).strip_prefix("hit; ttl=");
    let left = left.and_then(|left| left.parse().ok());
    left.is_some_and(|left| (ttl - 30..=ttl).contains(&left))
}
