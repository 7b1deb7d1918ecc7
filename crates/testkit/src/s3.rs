//! An S3 server over real sockets: s3s-fs, which keeps objects below a folder and checks
//! every signature. In front of it, faults can be had, and what it lacks of a real server:
//! pages of all origins may use it (CORS), and a list of parts names their ETags.

mod parts;

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use futures_util::stream;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::{
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use s3s::{
    Body,
    auth::SimpleAuth,
    service::{S3Service, S3ServiceBuilder},
};
use tokio::{net::TcpListener, task::JoinSet, time::Instant};

/// The bucket that it has.
pub const BUCKET: &str = "blobs";
/// The key that it knows,
pub const KEY: &str = "weir-tests";
/// and the key's secret.
pub const SECRET: &str = "correct-horse-battery-staple";

/// An S3 server; it ends, with its folder, when it is dropped.
#[derive(Debug)]
pub struct Server {
    folder: tempfile::TempDir,
    /// Where it listens.
    pub address: SocketAddr,
    /// What goes wrong in front of it.
    pub faults: Arc<Faults>,
    _accepting: JoinSet<()>,
}

/// What goes wrong, how often.
#[derive(Debug, Default)]
pub struct Faults {
    /// Requests are not answered until it is false.
    pub hangs: AtomicBool,
    /// Answers of 503 that are still to come.
    pub refusals: AtomicU32,
    /// Bodies of objects that will be cut in the middle.
    pub cuts: AtomicU32,
    /// Requests that came.
    pub requests: AtomicU32,
    etags: parts::ETags,
}

impl Server {
    /// Starts it.
    ///
    /// # Panics
    /// When that fails.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        std::fs::create_dir(folder.path().join(BUCKET)).expect("it is empty");
        let files = s3s_fs::FileSystem::new(folder.path()).expect("it is there");
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let (service, faults) = (builder.build(), Arc::new(Faults::default()));
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, service, faults.clone()));
        Self {
            folder,
            address,
            faults,
            _accepting: accepting,
        }
    }

    /// Its base URL.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where the bucket's objects are.
    #[must_use]
    pub fn bucket(&self) -> PathBuf {
        self.folder.path().join(BUCKET)
    }

    /// Waits until no part of an unfinished object is kept.
    ///
    /// # Panics
    /// When there still are some after 10 s.
    pub async fn has_no_parts(&self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while parts(self.folder.path()) > 0 {
            assert!(Instant::now() < deadline, "parts were left");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn parts(folder: &Path) -> usize {
    let names = std::fs::read_dir(folder).expect("the server's folder is there");
    let names = names.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| name.starts_with(".upload")).count()
}

async fn accept(listener: TcpListener, service: S3Service, faults: Arc<Faults>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
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
) -> io::Result<Response<Body>> {
    faults.requests.fetch_add(1, Ordering::SeqCst);
    while faults.hangs.load(Ordering::SeqCst) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    if taken(&faults.refusals) {
        let mut busy = Response::new(Body::empty());
        *busy.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        return Ok(busy);
    }
    if request.method() == Method::OPTIONS {
        return Ok(parts::preflight());
    }
    let part = parts::Asked::of(&request);
    let reads_object = request.method() == Method::GET && !has_query(&request);
    let answer = service.call(request.map(Body::from)).await;
    let answer = answer.map_err(|error| io::Error::other(format!("{error:?}")))?;
    if !(reads_object && answer.status().is_success() && taken(&faults.cuts)) {
        return parts::complete(answer, part, &faults.etags).await;
    }
    let (head, body) = answer.into_parts();
    let whole = body.collect().await.map_err(io::Error::other)?.to_bytes();
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
