//! The other order: a transaction is written, and the origin ends before anybody hears of it.
//! Whoever asked asks again, and finds it done once.

use std::time::Duration;

use bytes::Bytes;
use origin::Config;
use serde_json::{Value, json};

use crate::{
    blobs::{blobs, named},
    support::{Server, init_segment, patient, plan, span},
};

/// Sends requests that must work; the answer of one is lost, as its origin ends, and it is
/// sent again.
struct Sender {
    server: Option<Server>,
    lost_at: usize,
    sent: usize,
}

impl Sender {
    fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    fn settings() -> Config {
        Config {
            gc_grace: Duration::from_secs(60),
            ..patient()
        }
    }

    async fn work(&mut self, lease: &Value, method: &str, path: &str, body: impl Into<Bytes>) {
        let body = body.into();
        let answer = self.server().work(lease, method, path, body.clone()).await;
        assert_eq!(answer.status(), 204, "{path}: {answer:?}");
        if self.sent == self.lost_at {
            let server = self.server.take().unwrap();
            self.server = Some(server.crash(Self::settings()).await);
            let again = self.server().work(lease, method, path, body).await;
            assert_eq!(again.status(), 204, "{path} again: {again:?}");
        }
        self.sent += 1;
    }

    async fn segment(&mut self, lease: &Value, number: u32) {
        let scale = 48_000;
        let (start, duration) = (number * 4 * scale, 4 * scale);
        let path = format!("tracks/a1/segments/{number}?start={start}&duration={duration}");
        self.work(lease, "PUT", &path, format!("segment {number}"))
            .await;
    }

    async fn complete(&mut self, lease: &Value) {
        let warnings = json!({"warnings": ["odd"]}).to_string();
        self.work(lease, "POST", "complete", warnings).await;
    }
}

/// All of the workflow; gives the asset and a key.
async fn publish(sender: &mut Sender) -> (String, String) {
    let (asset, key) = sender.server().upload("video").await;
    let lease = sender.server().lease().await;
    let tasks = [
        span("audio", &["a1"], [0, 2]),
        span("audio", &["a1"], [2, 3]),
    ];
    let plan = plan(&["a1"], &tasks).to_string();
    sender.work(&lease, "PUT", "plan", plan).await;
    sender.complete(&lease).await;
    let (first, second) = (sender.server().lease().await, sender.server().lease().await);
    sender
        .work(&second, "PUT", "tracks/a1/init", init_segment())
        .await;
    sender.segment(&second, 2).await;
    sender.complete(&second).await;
    sender.segment(&first, 0).await;
    sender.segment(&first, 1).await;
    sender.work(&first, "PUT", "files/poster.jpg", "x").await;
    sender.complete(&first).await;
    (asset, key)
}

#[tokio::test]
async fn what_is_sent_again_after_a_lost_answer_is_there_once() {
    for lost_at in 0.. {
        let server = Server::start(Sender::settings()).await;
        let mut sender = Sender {
            server: Some(server),
            lost_at,
            sent: 0,
        };
        let (asset, key) = publish(&mut sender).await;
        let server = sender.server();
        let status = server.status(&asset).await;
        assert_eq!(status["state"], "ready", "{lost_at}");
        assert_eq!(status["warnings"], json!(["odd"]), "{lost_at}");
        let version = status["version"].as_str().unwrap();
        for number in 0..3 {
            let path = format!("/v/{asset}/{version}/a1/{number}.m4s");
            let body = server.get(&path, &key).await.into_body();
            assert_eq!(body, format!("segment {number}"), "{lost_at}");
        }
        let stored = blobs(server.data());
        assert_eq!(stored, named(server).await, "{lost_at}");
        assert_eq!(stored.len(), 6, "source, init, 3 segments, poster");
        if lost_at >= sender.sent {
            break;
        }
    }
}
