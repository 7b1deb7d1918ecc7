//! A real origin on a free port, and a client for it.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use origin::{Config, DatabaseUrl, Origin};
use serde_json::{Value, json};
use sqlx::{AnyConnection, Connection, any::install_default_drivers};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// Where the catalogue of an origin is that works in a folder: in it; or, where the environment
/// asks for it by `WEIR_TEST_DATABASE=postgres`, in a schema of a server that all tests share.
pub(crate) fn database(_data: &std::path::Path) -> DatabaseUrl {
    match std::env::var("WEIR_TEST_DATABASE").as_deref() {
        Err(_) => DatabaseUrl::default(),
        #[cfg(feature = "postgres")]
        Ok("postgres") => {
            let name = _data.file_name().unwrap().to_str().unwrap();
            let server = testkit::postgres::Server::shared();
            server
                .schema(&name.replace('.', "data_").to_lowercase())
                .as_str()
                .into()
        }
        Ok(other) => panic!("no {other} here: it is a feature of origin"),
    }
}

/// A running origin; its data goes when it is dropped.
pub(crate) struct Server {
    pub(crate) base: String,
    pub(crate) join: String,
    pub(crate) admin: String,
    client: Client<HttpConnector, Full<Bytes>>,
    data: tempfile::TempDir,
    database: DatabaseUrl,
    shutdown: CancellationToken,
    serving: JoinHandle<()>,
}

/// An open stream of events.
pub(crate) struct Events {
    body: hyper::body::Incoming,
    text: String,
}

impl Events {
    /// Data of the next event, which must be `state`; `None` at the stream's end.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                if !event.starts_with(':') {
                    let data = event.strip_prefix("event: state\ndata: ").unwrap();
                    return Some(serde_json::from_str(data).unwrap());
                }
                continue;
            }
            let frame = self.body.frame().await?.unwrap();
            let bytes = frame.into_data().unwrap();
            self.text.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }
}

/// Settings that tests start from: open uploads, a short lease.
pub(crate) fn settings() -> Config {
    Config {
        open_uploads: true,
        lease: Duration::from_secs(1),
        warm_segments: 0,
        ..Config::default()
    }
}

/// Looks until it is so, for a minute at most.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let mut looks = tokio::time::interval(Duration::from_millis(50));
    for _ in 0..1200 {
        looks.tick().await;
        if is_so().await {
            return;
        }
    }
    panic!("not after a minute: {what}");
}

/// The same, with a lease that outlasts every test.
pub(crate) fn patient() -> Config {
    Config {
        lease: Duration::from_secs(60),
        ..settings()
    }
}

impl Server {
    pub(crate) async fn start(settings: Config) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), settings).await
    }

    /// Its catalogue.
    pub(crate) async fn catalogue(&self) -> AnyConnection {
        install_default_drivers();
        let url = match self.database.as_str() {
            "" => format!("sqlite:{}", self.data.path().join("catalogue.db").display()),
            url => url.to_owned(),
        };
        AnyConnection::connect(&url).await.unwrap()
    }

    /// Where its data is.
    pub(crate) fn data_dir(&self) -> &std::path::Path {
        self.data.path()
    }

    pub(crate) async fn start_in(data: tempfile::TempDir, settings: Config) -> Self {
        let database = database(data.path());
        let started = Self::try_start_in(data, database, settings).await;
        started.unwrap_or_else(|_| panic!("the folder is locked"))
    }

    /// The same with its catalogue in the folder, whatever the environment says.
    pub(crate) async fn start_on_file(data: tempfile::TempDir, settings: Config) -> Self {
        Self::start_on(data, DatabaseUrl::default(), settings).await
    }

    /// The same with a catalogue of its own, or one that it shares.
    pub(crate) async fn start_on(
        data: tempfile::TempDir,
        database: DatabaseUrl,
        settings: Config,
    ) -> Self {
        let started = Self::try_start_in(data, database, settings).await;
        started.unwrap_or_else(|_| panic!("the folder is locked"))
    }

    /// Gives the folder back while another origin holds it.
    async fn try_start_in(
        data: tempfile::TempDir,
        database: DatabaseUrl,
        settings: Config,
    ) -> Result<Self, tempfile::TempDir> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let shutdown = CancellationToken::new();
        let settings = Config {
            data_dir: data.path().to_owned(),
            database: database.clone(),
            ..settings
        };
        let origin = match Origin::open(settings, shutdown.clone()).await {
            Err(origin::OriginError::Locked(_)) => return Err(data),
            opened => opened.unwrap(),
        };
        let read = |file| std::fs::read_to_string(file).unwrap();
        let (join, admin) = (read(origin.join_file()), read(origin.admin_file()));
        let serving = tokio::spawn(async { origin::serve(listener, origin).await.unwrap() });
        let client = Client::builder(TokioExecutor::new()).build_http();
        Ok(Self {
            base,
            join,
            admin,
            client,
            data,
            database,
            shutdown,
            serving,
        })
    }

    /// Stops it and starts it again on the same data.
    pub(crate) async fn restart(self, settings: Config) -> Self {
        self.shutdown.cancel();
        self.serving.await.unwrap();
        let started = Self::try_start_in(self.data, self.database, settings).await;
        started.unwrap_or_else(|_| panic!("the folder is locked"))
    }

    /// Starts it again after it ended without a last word: what runs is cut.
    pub(crate) async fn crash(self, settings: Config) -> Self {
        self.serving.abort();
        let _ = self.serving.await;
        drop(self.client);
        // Its connections hold its folder until they notice.
        let mut folder = Some(self.data);
        let mut server = None;
        until("the folder is free", async || {
            let database = self.database.clone();
            match Self::try_start_in(folder.take().unwrap(), database, settings.clone()).await {
                Ok(started) => server = Some(started),
                Err(locked) => folder = Some(locked),
            }
            server.is_some()
        })
        .await;
        server.unwrap()
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

    /// Stores a plan and completes the task that plans, which becomes the plan's tasks.
    pub(crate) async fn store_plan(&self, lease: &Value, plan: &Value) {
        assert_eq!(lease["task"]["kind"], "plan");
        let answer = self.work(lease, "PUT", "plan", plan.to_string()).await;
        assert_eq!(answer.status(), StatusCode::NO_CONTENT, "{answer:?}");
        assert_eq!(self.complete(lease).await, StatusCode::NO_CONTENT);
    }

    /// Plans a version of one audio track, leases the job that makes it, and stores its
    /// init segment.
    pub(crate) async fn plan(&self, lease: &Value) -> Value {
        self.store_plan(lease, &plan(&["a1"], &[task("audio", &["a1"])]))
            .await;
        let lease = self.lease().await;
        self.init(&lease, "a1").await;
        lease
    }

    /// Stores the init segment of a track.
    pub(crate) async fn init(&self, lease: &Value, track: &str) {
        let path = format!("tracks/{track}/init");
        let answer = self.work(lease, "PUT", &path, init_segment()).await;
        assert_eq!(answer.status(), StatusCode::NO_CONTENT, "{answer:?}");
    }

    pub(crate) async fn complete(&self, lease: &Value) -> StatusCode {
        let body = json!({"warnings": []}).to_string();
        self.work(lease, "POST", "complete", body).await.status()
    }

    pub(crate) async fn fail_for_good(&self, lease: &Value, reason: &str) {
        let body = json!({"reason": reason, "permanent": true}).to_string();
        let answer = self.work(lease, "POST", "fail", body).await;
        assert_eq!(answer.status(), StatusCode::NO_CONTENT, "{answer:?}");
    }

    pub(crate) async fn status(&self, asset: &str) -> Value {
        let path = format!("/api/assets/{asset}");
        json_of(&self.get(&path, &self.admin).await)
    }

    /// The origin's data folder.
    pub(crate) fn data(&self) -> &std::path::Path {
        self.data.path()
    }

    /// Opens a stream of events, which must be there.
    pub(crate) async fn events(&self, path: &str, token: &str) -> Events {
        let request = Request::builder()
            .uri(format!("{}{path}", self.base))
            .header("authorization", bearer(token))
            .body(Full::default())
            .unwrap();
        let answer = self.client.request(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{answer:?}");
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        Events {
            body: answer.into_body(),
            text: String::new(),
        }
    }

    /// Leases a job of one of these kinds, for these programs.
    pub(crate) async fn lease_of(&self, kinds: &[&str], toolchain: &str) -> Response<Bytes> {
        let ask = json!({"worker": "test", "wait_secs": 0, "kinds": kinds, "toolchain": toolchain});
        self.send_json("POST", "/api/jobs/lease", &self.join, &ask)
            .await
    }

    /// Stores segment `number`, 4 s long, of track `a1`.
    pub(crate) async fn segment(&self, lease: &Value, number: u32, body: &str) -> StatusCode {
        self.segment_of(lease, "a1", number, body).await
    }

    /// Stores segment `number` of a track, 4 s long.
    pub(crate) async fn segment_of(
        &self,
        lease: &Value,
        track: &str,
        number: u32,
        body: &str,
    ) -> StatusCode {
        let scale = if track.starts_with('t') { 1000 } else { 48_000 };
        let (start, duration) = (u64::from(number) * 4 * scale, 4 * scale);
        let path = format!("tracks/{track}/segments/{number}?start={start}&duration={duration}");
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

/// A plan of 12 s: the tracks, whose first letter says what they carry, and the tasks.
pub(crate) fn plan(tracks: &[&str], tasks: &[Value]) -> Value {
    let tracks: Vec<Value> = tracks.iter().map(|track| planned(track)).collect();
    json!({"duration_secs": 12.0, "tracks": tracks, "tasks": tasks, "toolchain": "",
        "warnings": [], "recipe": {"any": "thing"}})
}

fn planned(track: &str) -> Value {
    let height = track[1..].parse::<u32>().unwrap_or(360);
    let kind = match &track[..1] {
        "v" => json!({"kind": "video", "width": 16 * height / 9, "height": height,
            "frame_rate": [25, 1]}),
        "a" => json!({"kind": "audio", "channels": 2, "sample_rate": 48_000, "language": null}),
        _ => json!({"kind": "text", "language": "en", "forced": false}),
    };
    json!({"track": track, "bitrate_max": 96_000, "kind": kind})
}

/// A task that writes all segments of its tracks.
pub(crate) fn task(kind: &str, tracks: &[&str]) -> Value {
    json!({"kind": kind, "span": 0, "tracks": tracks, "segments": null, "optional": false})
}

/// The same, but the version is published without it if it fails.
pub(crate) fn optional(kind: &str, tracks: &[&str]) -> Value {
    let mut task = task(kind, tracks);
    task["optional"] = true.into();
    task
}

/// A task that writes the segments from one number up to another.
pub(crate) fn span(kind: &str, tracks: &[&str], segments: [u32; 2]) -> Value {
    let mut task = task(kind, tracks);
    task["segments"] = json!(segments);
    task
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
