//! A client that sends a file in parts, as Uppy does.

use std::path::PathBuf;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};
use testkit::s3::{BUCKET, KEY, SECRET, Server};

use crate::fleet::{Fleet, Role};

/// What S3 and Uppy have as the shortest part, bytes.
pub(super) const PART: usize = 5 << 20;

/// A place in the bucket of a server, for a fleet.
pub(super) fn settings(endpoint: &str) -> Vec<(&str, &str)> {
    vec![
        ("WEIR_STORE__BUCKET", BUCKET),
        ("WEIR_STORE__ENDPOINT", endpoint),
        ("WEIR_STORE__PREFIX", "tests/one"),
        ("WEIR_STORE__PATH_STYLE", "true"),
        ("AWS_ACCESS_KEY_ID", KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ]
}

/// An origin alone, with a bucket.
pub(super) async fn origin(server: &Server, more: &[(&str, &str)]) -> Fleet {
    let endpoint = server.endpoint();
    Fleet::of(&[Role::Origin], &[&settings(&endpoint), more].concat()).await
}

/// Objects of sources.
pub(super) fn sources(server: &Server) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(server.bucket().join("tests/one/sources"));
    let entries = folder.into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// Who asks an origin for presigned parts.
pub(super) struct Sender {
    client: Client<HttpConnector, Full<Bytes>>,
    origin: String,
    /// Comes before `/api`: nothing, or `/k/<key>`.
    pub(super) door: String,
}

/// An answer: its status, its JSON, and the words beside the status.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) json: Value,
    pub(super) words: String,
}

impl Sender {
    pub(super) fn to(fleet: &Fleet) -> Self {
        Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            origin: fleet.origin_url(),
            door: String::new(),
        }
    }

    /// Asks for `/api/uploads` and this.
    pub(super) async fn ask(&self, method: Method, path: &str, body: &Value) -> Answer {
        let url = format!("{}{}/api/uploads{path}", self.origin, self.door);
        let body = match body {
            Value::Null => Bytes::new(),
            body => body.to_string().into(),
        };
        let request = Request::builder().method(method).uri(url);
        let request = request.body(Full::new(body)).unwrap();
        let (head, body) = self.client.request(request).await.unwrap().into_parts();
        let words = head.extensions.get::<hyper::ext::ReasonPhrase>();
        let words = words.map(|words| String::from_utf8_lossy(words.as_bytes()).into_owned());
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: head.status,
            json: serde_json::from_slice(&body).unwrap_or_default(),
            words: words.unwrap_or_default(),
        }
    }

    pub(super) async fn begin(&self, file: &[u8]) -> Answer {
        let metadata = json!({"name": "film.mp4", "size": file.len()});
        let body = json!({"filename": "film.mp4", "type": "video/mp4", "metadata": metadata});
        self.ask(Method::POST, "/s3/multipart", &body).await
    }

    /// Begins, which must work; gives the path of the upload.
    pub(super) async fn begun(&self, file: &[u8]) -> String {
        let answer = self.begin(file).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        format!(
            "/s3/multipart/{}",
            answer.json["uploadId"].as_str().unwrap()
        )
    }

    /// Has a part signed, and sends `bytes` with that; gives the bucket's status and ETag.
    pub(super) async fn send(&self, upload: &str, number: usize, bytes: &[u8]) -> (u16, String) {
        let signed = self
            .ask(Method::GET, &format!("{upload}/{number}"), &Value::Null)
            .await;
        assert_eq!(signed.status, 200, "{signed:?}");
        let request = Request::put(signed.json["url"].as_str().unwrap());
        let request = request
            .body(Full::new(Bytes::copy_from_slice(bytes)))
            .unwrap();
        let answer = self.client.request(request).await.unwrap();
        let etag = answer
            .headers()
            .get("etag")
            .map(|etag| etag.to_str().unwrap().to_owned());
        (answer.status().as_u16(), etag.unwrap_or_default())
    }

    /// Sends all parts that are not there yet; gives what `complete` wants.
    pub(super) async fn send_rest(&self, upload: &str, file: &[u8]) -> Value {
        let there = self.ask(Method::GET, upload, &Value::Null).await;
        let mut parts = there.json.as_array().unwrap().clone();
        for (index, bytes) in file.chunks(PART).enumerate() {
            let number = index + 1;
            if parts.iter().all(|part| part["PartNumber"] != json!(number)) {
                let (status, etag) = self.send(upload, number, bytes).await;
                assert_eq!(status, 200);
                parts.push(json!({"PartNumber": number, "ETag": etag}));
            }
        }
        json!({ "parts": parts })
    }

    pub(super) async fn complete(&self, upload: &str, parts: &Value) -> Answer {
        self.ask(Method::POST, &format!("{upload}/complete"), parts)
            .await
    }
}
