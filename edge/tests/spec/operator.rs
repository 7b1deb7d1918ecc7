//! An edge with an admin listener, and its operator.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use edge::Config;
use serde_json::Value;
use testkit::FakeOrigin;

use crate::setup::Edge;

pub(crate) const TOKEN: &str = "canary-token-of-the-operator";

/// See the module.
pub(crate) struct Operator {
    pub(crate) edge: Edge,
    pub(crate) admin: SocketAddr,
    pub(crate) folder: PathBuf,
}

impl Operator {
    pub(crate) async fn of(origin: &FakeOrigin, join: Option<&str>) -> Self {
        Self::start(origin, join, |_| {}).await
    }

    pub(crate) async fn start(
        origin: &FakeOrigin,
        join: Option<&str>,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let folder = folder();
        let token_file = folder.join("token");
        std::fs::write(&token_file, format!("{TOKEN}\n")).unwrap();
        let admin = own_address();
        let edge = Edge::start(origin, join, |config| {
            config.admin_listen = admin.to_string();
            config.admin_token_file = token_file;
            change(config);
        })
        .await;
        // It listens for viewers only when it listens here.
        edge.get("/healthz").send().await;
        Self {
            edge,
            admin,
            folder,
        }
    }

    /// Status and JSON of an answer.
    pub(crate) async fn ask(&self, request: &str, body: &str) -> (u16, Value) {
        self.ask_with(TOKEN, request, body).await
    }

    pub(crate) async fn ask_with(&self, token: &str, request: &str, body: &str) -> (u16, Value) {
        let len = body.len();
        let request = format!(
            "{request} HTTP/1.1\r\nhost: admin\r\nauthorization: Bearer {token}\r\n\
             content-length: {len}\r\n\r\n{body}"
        );
        let answer = testkit::raw(self.admin, request.as_bytes()).await;
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let (_, json) = answer.split_once("\r\n\r\n").unwrap();
        (status, serde_json::from_str(json).unwrap())
    }

    /// How many objects in memory a purge took.
    pub(crate) async fn purge(&self, body: &str) -> u64 {
        let (status, purged) = self.ask("POST /purge", body).await;
        assert_eq!(status, 200, "{purged}");
        purged["matched"].as_u64().unwrap()
    }

    pub(crate) async fn explain(&self, url: &str) -> Value {
        let (status, told) = self.ask(&format!("GET /explain?url={url}"), "").await;
        assert_eq!(status, 200, "{told}");
        told
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A number that no other test has, here or in a process beside.
fn own_number() -> (u32, u32) {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A loopback address that no other test has: a free port asked for now could be taken by
/// the time it is listened on.
fn own_address() -> SocketAddr {
    let (process, number) = own_number();
    let [_, _, high, low] = process.to_be_bytes();
    SocketAddr::from(([127, high | 1, low, number as u8], 9191))
}

pub(crate) fn folder() -> PathBuf {
    let (process, number) = own_number();
    let folder = std::env::temp_dir().join(format!("weir-edge-{process}-{number}"));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
