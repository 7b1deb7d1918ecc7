//! Origins that are several, slow, wrong or gone.

mod answers;
mod failover;
mod health;
mod held;
mod long;
mod raw;
mod redirects;
#[cfg(feature = "tls")]
mod tls;
mod uploads;

use edge::Config;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::setup::Edge;

impl Edge {
    /// Before a web site that these origins have.
    pub(crate) async fn before(origins: &[String], change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            origins: origins.to_vec(),
            pop: "fra".to_owned(),
            warm: false,
            ..Config::default()
        };
        change(&mut config);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(edge::serve(listener, config, None, shutdown.clone()));
        Self {
            addr,
            shutdown,
            task,
        }
    }
}

/// An origin's URL where nobody listens.
pub(crate) async fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}
