//! An S3 server over real sockets: s3s-fs, which keeps objects below a folder and checks
//! every signature. In front of it, faults can be had.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::{
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use s3s::{Body, auth::SimpleAuth, service::S3Service, service::S3ServiceBuilder};
use store::{Config, S3, StoreError};
use tokio::{net::TcpListener, task::JoinSet, time::Instant};

pub(crate) const BUCKET: &str = "blobs";
pub(crate) const KEY: &str = "weir-tests";
pub(crate) const SECRET: &str = "correct-horse-battery-staple";

/// Ends with its folder when dropped.
pub(crate) struct Server {
    folder: tempfile::TempDir,
    pub(crate) address: SocketAddr,
    pub(crate) faults: Arc<Faults>,
    _accepting: JoinSet<()>,
}

/// What goes wrong, how often.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Answers of 503 that are still to come.
    pub(crate) refusals: AtomicU32,
    /// Bodies of objects that will be cut in the middle.
    pub(crate) cuts: AtomicU32,
    /// Requests that came.
    pub(crate) requests: AtomicU32,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let files = s3s_fs::FileSystem::new(folder.path()).unwrap();
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let (service, faults) = (builder.build(), Arc::new(Faults::default()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, service, faults.clone()));
        Self {
            folder,
            address,
            faults,
            _accepting: accepting,
        }
    }

    pub(crate) fn config(&self) -> Config {
        Config {
            bucket: BUCKET.to_owned(),
            endpoint: format!("http://{}", self.address),
            prefix: "some/where".to_owned(),
            path_style: true,
            ..Config::default()
        }
    }

    pub(crate) async fn open(&self, config: &Config) -> Result<S3, StoreError> {
        S3::open_as(config, KEY, SECRET).await
    }

    pub(crate) fn bucket(&self) -> PathBuf {
        self.folder.path().join(BUCKET)
    }

    /// Waits until no part of an unfinished object is kept.
    pub(crate) async fn has_no_parts(&self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while parts(self.folder.path()) > 0 {
            assert!(Instant::now() < deadline, "parts were left");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn parts(folder: &Path) -> usize {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| {
        let name = entry.unwrap().file_name();
        name.to_string_lossy().into_owned()
    });
    names.filter(|name| name.starts_with(".upload")).count()
}

async fn accept(listener: TcpListener, service: S3Service, faults: Arc<Faults>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (service, faults) = (service.clone(), faults.clone());
        let answering = service_fn(move |request| answer(request, service.clone(), faults.clone()));
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new());
        let connection = builder.serve_connection(TokioIo::new(stream), answering);
        connections.spawn(async move {
            // Clients hang up in the middle.
            let _ = connection.await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    service: S3Service,
    faults: Arc<Faults>,
) -> Result<Response<Body>, Infallible> {
    faults.requests.fetch_add(1, Ordering::SeqCst);
    if taken(&faults.refusals) {
        let mut busy = Response::new(Body::empty());
        *busy.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        return Ok(busy);
    }
    let reads_object = request.method() == Method::GET && !has_query(&request);
    let answer = service.call(request.map(Body::from)).await.unwrap();
    if !(reads_object && answer.status().is_success() && taken(&faults.cuts)) {
        return Ok(answer);
    }
    let (head, body) = answer.into_parts();
    let whole = body.collect().await.unwrap().to_bytes();
    let frames = [
        Ok::<_, io::Error>(Frame::data(whole.slice(..whole.len() / 2))),
        Err(io::Error::other("cut")),
    ];
    let half = StreamBody::new(stream::iter(frames));
    Ok(Response::from_parts(head, Body::http_body(half)))
}

/// A list; an object is read with one that names the operation at most.
fn has_query(request: &Request<Incoming>) -> bool {
    let query = request.uri().query().unwrap_or_default();
    query.contains("list-type") || query.contains("uploads")
}

fn taken(counter: &AtomicU32) -> bool {
    let one_less = |left: u32| left.checked_sub(1);
    let (set, get) = (Ordering::SeqCst, Ordering::SeqCst);
    counter.fetch_update(set, get, one_less).is_ok()
}

/// Sends a presigned request; gives the status.
pub(crate) async fn send(request: &store::Presigned, body: Bytes) -> (StatusCode, Bytes) {
    use hyper_util::{client::legacy::Client, rt::TokioExecutor};
    let client = Client::builder(TokioExecutor::new()).build_http();
    let mut sent = Request::builder()
        .method(request.method.as_str())
        .uri(&request.url);
    for (name, value) in &request.headers {
        // Of the body that is sent, whatever was signed.
        if name != "content-length" {
            sent = sent.header(name, value);
        }
    }
    let sent = sent.body(http_body_util::Full::new(body)).unwrap();
    let answer = client.request(sent).await.unwrap();
    let status = answer.status();
    (
        status,
        answer.into_body().collect().await.unwrap().to_bytes(),
    )
}
