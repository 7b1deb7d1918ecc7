//! A real origin on a free port, and a client for it.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use origin::{Config, Origin};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// A running origin; its data goes when it is dropped.
pub(crate) struct Server {
    pub(crate) base: String,
    pub(crate) join: String,
    pub(crate) admin: String,
    client: Client<HttpConnector, Full<Bytes>>,
    data: tempfile::TempDir,
    shutdown: CancellationToken,
    serving: JoinHandle<()>,
}

/// Settings that tests start from: open uploads, a short lease.
pub(crate) fn settings() -> Config {
    Config {
        open_uploads: true,
        lease: Duration::from_secs(1),
        ..Config::default()
    }
}

impl Server {
    pub(crate) async fn start(settings: Config) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), settings).await
    }

    async fn start_in(data: tempfile::TempDir, settings: Config) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let shutdown = CancellationToken::new();
        let settings = Config {
            data_dir: data.path().to_owned(),
            ..settings
        };
        let origin = Origin::open(settings, shutdown.clone()).await.unwrap();
        let read = |file| std::fs::read_to_string(file).unwrap();
        let (join, admin) = (read(origin.join_file()), read(origin.admin_file()));
        let serving = tokio::spawn(async { origin::serve(listener, origin).await.unwrap() });
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self {
            base,
            join,
            admin,
            client,
            data,
            shutdown,
            serving,
        }
    }

    /// Stops it and starts it again on the same data.
    pub(crate) async fn restart(self, settings: Config) -> Self {
        self.shutdown.cancel();
        self.serving.await.unwrap();
        Self::start_in(self.data, settings).await
    }

    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Response<Bytes> {
        let method: Method = method.parse().unwrap();
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).unwrap();
        let (head, body) = self.client.request(request).await.unwrap().into_parts();
        Response::from_parts(head, body.collect().await.unwrap().to_bytes())
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Response<Bytes> {
        self.ask("GET", path, &[("authorization", &bearer(token))], "")
            .await
    }

    pub(crate) async fn send_json(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: &Value,
    ) -> Response<Bytes> {
        self.ask(
            method,
            path,
            &[("authorization", &bearer(token))],
            body.to_string(),
        )
        .await
    }

    /// Starts an upload; gives its path.
    pub(crate) async fn begin_upload(&self, length: usize) -> String {
        let length = length.to_string();
        let headers = [
            ("tus-resumable", "1.0.0"),
            ("upload-length", length.as_str()),
            ("upload-metadata", "filename Y2xpcC5tcDQ="),
        ];
        let answer = self.ask("POST", "/api/uploads", &headers, "").await;
        assert_eq!(answer.status(), StatusCode::CREATED, "{answer:?}");
        header(&answer, "location").to_owned()
    }

    pub(crate) async fn patch(&self, path: &str, offset: usize, body: &str) -> Response<Bytes> {
        let offset = offset.to_string();
        let headers = [
            ("tus-resumable", "1.0.0"),
            ("upload-offset", offset.as_str()),
            ("content-type", "application/offset+octet-stream"),
        ];
        self.ask("PATCH", path, &headers, body.to_owned()).await
    }

    /// Uploads some bytes; gives the asset's id and a key that plays it.
    pub(crate) async fn upload(&self, body: &str) -> (String, String) {
        let path = self.begin_upload(body.len()).await;
        assert_eq!(
            self.patch(&path, 0, body).await.status(),
            StatusCode::NO_CONTENT
        );
        let status = json_of(&self.ask("GET", &path, &[], "").await);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (
            text(&status["asset"]["asset"]),
            text(&status["key"]["token"]),
        )
    }

    /// Leases a job, which must be there.
    pub(crate) async fn lease(&self) -> Value {
        let answer = self.try_lease(0).await;
        assert_eq!(answer.status(), StatusCode::OK, "{answer:?}");
        json_of(&answer)
    }

    pub(crate) async fn try_lease(&self, wait_secs: u32) -> Response<Bytes> {
        let ask = json!({"worker": "test", "wait_secs": wait_secs});
        self.send_json("POST", "/api/jobs/lease", &self.join, &ask)
            .await
    }

    /// A request of the attempt that holds a lease.
    pub(crate) async fn work(
        &self,
        lease: &Value,
        method: &str,
        path: &str,
        body: impl Into<Bytes>,
    ) -> Response<Bytes> {
        let path = format!("/api/jobs/{}/{path}", lease["job"].as_str().unwrap());
        let key = bearer(lease["key"].as_str().unwrap());
        self.ask(method, &path, &[("authorization", &key)], body)
            .await
    }

    /// Plans a version of one audio track and stores its init segment.
    pub(crate) async fn plan(&self, lease: &Value) {
        let plan = json!({"duration_secs": 12.0, "tracks": [{"track": "a1", "bitrate_max": 96_000,
            "kind": {"kind": "audio", "channels": 2, "sample_rate": 48_000, "language": null}}]});
        let answer = self.work(lease, "PUT", "plan", plan.to_string()).await;
        assert_eq!(answer.status(), StatusCode::NO_CONTENT, "{answer:?}");
        let answer = self
            .work(lease, "PUT", "tracks/a1/init", init_segment())
            .await;
        assert_eq!(answer.status(), StatusCode::NO_CONTENT, "{answer:?}");
    }

    /// Stores segment `number`, 4 s long, of track `a1`.
    pub(crate) async fn segment(&self, lease: &Value, number: u32, body: &str) -> StatusCode {
        let start = u64::from(number) * 192_000;
        let path = format!("tracks/a1/segments/{number}?start={start}&duration=192000");
        self.work(lease, "PUT", &path, body.to_owned())
            .await
            .status()
    }

    pub(crate) async fn heartbeat(&self, lease: &Value, speed: f64) -> StatusCode {
        let beat = json!({"progress": {"stage": "encode", "percent": 50.0, "speed": speed}});
        self.work(lease, "POST", "heartbeat", beat.to_string())
            .await
            .status()
    }
}

pub(crate) fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

pub(crate) fn header<'a>(answer: &'a Response<Bytes>, name: &str) -> &'a str {
    let value = answer
        .headers()
        .get(name)
        .unwrap_or_else(|| panic!("no {name}: {answer:?}"));
    value.to_str().unwrap()
}

pub(crate) fn json_of(answer: &Response<Bytes>) -> Value {
    serde_json::from_slice(answer.body()).unwrap_or_else(|_| panic!("not JSON: {answer:?}"))
}

/// The last part of a problem's type.
pub(crate) fn problem(answer: &Response<Bytes>) -> String {
    let problem = json_of(answer);
    problem["type"]
        .as_str()
        .unwrap()
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned()
}

/// An AAC init segment, from ffmpeg.
pub(crate) fn init_segment() -> Bytes {
    let output = std::process::Command::new("ffmpeg")
        .args([
            "-nostdin",
            "-loglevel",
            "error",
            "-f",
            "lavfi",
            "-i",
            "sine",
            "-t",
            "0.1",
        ])
        .args(["-ar", "48000", "-ac", "2", "-c:a", "aac", "-f", "mp4"])
        .args([
            "-movflags",
            "+empty_moov+default_base_moof+frag_keyframe",
            "pipe:1",
        ])
        .output()
        .unwrap();
    let moof = output
        .stdout
        .windows(4)
        .position(|four| four == b"moof")
        .unwrap();
    Bytes::from(output.stdout).slice(..moof - 4)
}
