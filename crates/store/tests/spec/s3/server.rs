//! The server of these tests, and a client without a key for it.

use std::ops::Deref;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use store::{Config, Presigned, S3, StoreError};
use testkit::s3::{self, BUCKET, KEY, SECRET};

pub(crate) struct Server(s3::Server);

impl Server {
    pub(crate) async fn start() -> Self {
        Self(s3::Server::start().await)
    }

    pub(crate) fn config(&self) -> Config {
        Config {
            bucket: BUCKET.to_owned(),
            endpoint: self.endpoint(),
            prefix: "some/where".to_owned(),
            path_style: true,
            ..Config::default()
        }
    }

    pub(crate) async fn open(&self, config: &Config) -> Result<S3, StoreError> {
        S3::open_as(config, KEY, SECRET).await
    }
}

impl Deref for Server {
    type Target = s3::Server;

    fn deref(&self) -> &s3::Server {
        &self.0
    }
}

/// Sends a presigned request; gives the answer's status and body.
pub(crate) async fn send(request: &Presigned, body: Bytes) -> (StatusCode, Bytes) {
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
    let sent = sent.body(Full::new(body)).unwrap();
    let answer = client.request(sent).await.unwrap();
    let status = answer.status();
    (
        status,
        answer.into_body().collect().await.unwrap().to_bytes(),
    )
}
