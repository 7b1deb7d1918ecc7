//! An origin for tests: keeps what is put there.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::JoinSet};
use wire::{Lease, PackageSettings, Task};

use crate::{Config, outlet::Outlet, worker::api::Api};

/// What was put, by the path and query behind the job's own.
#[derive(Clone, Default)]
pub(crate) struct Stored(Arc<Mutex<BTreeMap<String, Bytes>>>);

impl Stored {
    /// An origin that lives as long as the second, and an outlet to it.
    pub(crate) async fn start() -> (Self, JoinSet<()>, Outlet) {
        let stored = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let (kept, mut tasks) = (stored.clone(), JoinSet::new());
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let kept = kept.clone();
                let service = service_fn(move |request| kept.clone().keep(request));
                let http = hyper::server::conn::http1::Builder::new();
                connections.spawn(http.serve_connection(TokioIo::new(socket), service));
            }
        });
        let config = Config {
            origin,
            ..Config::unjailed()
        };
        let job = Api::new(&config).unwrap().job(&lease()).unwrap();
        (stored, tasks, Outlet::Origin(Box::new(job)))
    }

    async fn keep(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
        let path = request.uri().path_and_query().unwrap().to_string();
        let path = path.strip_prefix("/api/jobs/job-1/").unwrap().to_owned();
        let body = request.into_body().collect().await?.to_bytes();
        self.0.lock().unwrap().insert(path, body);
        let mut answer = Response::new(Full::default());
        *answer.status_mut() = StatusCode::NO_CONTENT;
        Ok(answer)
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.0.lock().unwrap().keys().cloned().collect()
    }

    pub(crate) fn bytes(&self, path: &str) -> Bytes {
        let stored = self.0.lock().unwrap();
        let found = stored.get(path);
        found.unwrap_or_else(|| panic!("no {path}")).clone()
    }

    pub(crate) fn text(&self, path: &str) -> String {
        String::from_utf8(self.bytes(path).to_vec()).unwrap()
    }
}

fn lease() -> Lease {
    Lease {
        job: "job-1".parse().unwrap(),
        attempt: 1,
        attempts_max: 1,
        lease_secs: 30,
        key: "key".to_owned(),
        asset: "asset".parse().unwrap(),
        version: "version".parse().unwrap(),
        source_len_bytes: 1,
        settings: PackageSettings::default(),
        task: Task::plan(),
        plan: None,
        passes: Vec::new(),
        stored: Vec::new(),
        addition: None,
        content_keys: None,
    }
}
