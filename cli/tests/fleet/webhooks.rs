//! `weir webhook`: a real receiver gets what happens, and checks who says so.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{
    clip::Clip,
    fleet::Fleet,
    process::{Ended, eventually},
};

/// Gets calls, and answers the first with 503.
struct Receiver {
    port: u16,
    got: Arc<Mutex<Vec<Call>>>,
}

#[derive(Debug, Clone)]
struct Call {
    fields: HashMap<String, String>,
    body: String,
}

impl Receiver {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let got: Arc<Mutex<Vec<Call>>> = Arc::default();
        let log = Arc::clone(&got);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let call = read(&mut stream).await;
                let first = {
                    let mut log = log.lock().unwrap();
                    log.push(call);
                    log.len() == 1
                };
                let status = if first { "503 Later" } else { "204 Thanks" };
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self { port, got }
    }

    fn got(&self) -> Vec<Call> {
        self.got.lock().unwrap().clone()
    }
}

async fn read(stream: &mut TcpStream) -> Call {
    let mut bytes = Vec::new();
    loop {
        assert!(
            stream.read_buf(&mut bytes).await.unwrap() > 0,
            "it broke off"
        );
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let fields = head.lines().filter_map(|line| line.split_once(": "));
        let fields = fields.map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        let fields: HashMap<String, String> = fields.collect();
        if body.len() >= fields["content-length"].parse().unwrap() {
            let body = body.to_owned();
            return Call { fields, body };
        }
    }
}

impl Call {
    /// As docs/webhooks.md tells receivers to check it.
    fn is_signed_with(&self, secret: &str) -> bool {
        let key = secret.strip_prefix("whsec_").unwrap();
        let key = BASE64_STANDARD.decode(key).unwrap();
        let (id, time) = (
            &self.fields["webhook-id"],
            &self.fields["webhook-timestamp"],
        );
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(format!("{id}.{time}.{}", self.body).as_bytes());
        let signed = BASE64_STANDARD.encode(mac.finalize().into_bytes());
        self.fields["webhook-signature"] == format!("v1,{signed}")
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn kind(&self) -> String {
        self.json()["type"].as_str().unwrap().to_owned()
    }
}

/// `weir webhook`, as the operator.
async fn webhook(fleet: &Fleet, args: &[&str]) -> Ended {
    let (origin, admin) = (fleet.origin_url(), fleet.folder.join("data/admin-token"));
    let operator = ["--origin", &origin, "--admin-file", &admin];
    let ended = fleet.run(&[&["webhook"], args, &operator].concat()).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    ended
}

/// The word behind `name` in what was printed.
fn told(ended: &Ended, name: &str) -> String {
    let mut words = ended.out.split_whitespace();
    words.find(|word| *word == name).expect("it is told");
    words.next().expect("it has a value").to_owned()
}

#[tokio::test]
async fn an_upload_is_told_of_by_signed_calls_and_one_that_fails_is_made_again() {
    let receiver = Receiver::start().await;
    let ports = format!("[{}]", receiver.port);
    let settings = [
        ("WEIR_OUTWARD__ALLOW", "[\"127.0.0.1\"]"),
        ("WEIR_OUTWARD__PORTS", ports.as_str()),
    ];
    let fleet = Fleet::start(&settings).await;
    let url = format!("http://127.0.0.1:{}/hook?key=canary", receiver.port);
    let added = webhook(&fleet, &["add", &url]).await;
    let (id, secret) = (told(&added, "webhook"), told(&added, "secret"));
    let asset = fleet.publish(Clip::with_sound(2.0).path()).await;
    // The first call is made again 2.5 to 5 s later.
    eventually("all is told", async || receiver.got().len() >= 4).await;
    let got = receiver.got();
    assert!(
        got.iter().all(|call| call.is_signed_with(&secret)),
        "{got:?}"
    );
    let first = &got[0];
    let again: Vec<&Call> = got
        .iter()
        .filter(|call| call.fields["webhook-id"] == first.fields["webhook-id"])
        .collect();
    assert_eq!(again.len(), 2);
    assert_eq!(first.body, again[1].body);
    let mut calls = got.clone();
    calls.sort_by_key(|call| call.json()["data"]["number"].as_i64());
    let mut kinds: Vec<String> = calls.iter().map(Call::kind).collect();
    kinds.dedup();
    assert_eq!(kinds, ["asset.created", "asset.playable", "asset.ready"]);
    assert!(
        calls
            .iter()
            .all(|call| call.json()["data"]["asset"] == asset.id.as_str())
    );

    let log = webhook(&fleet, &["deliveries", &id]).await;
    assert_eq!(log.out.matches("  done  ").count(), 3, "{log:?}");
    assert_eq!(log.out.matches("  2 calls  204").count(), 1, "{log:?}");
    let list = webhook(&fleet, &["list"]).await;
    assert!(
        list.out.contains("enabled") && !list.out.contains("canary"),
        "{list:?}"
    );
    assert!(!list.out.contains(&secret));
    let delivery = log.out.split_whitespace().next().unwrap();
    webhook(&fleet, &["redeliver", &id, delivery]).await;
    eventually("it came again", async || receiver.got().len() >= 5).await;
    webhook(&fleet, &["delete", &id]).await;
    let list = webhook(&fleet, &["list"]).await;
    assert_eq!(list.out, "");
    assert_no_secret(&fleet, &secret);
}

/// No log of any role has it.
fn assert_no_secret(fleet: &Fleet, secret: &str) {
    let files = std::fs::read_dir(fleet.folder.path()).unwrap();
    for file in files.flatten().map(|file| file.path()) {
        if file.extension().is_some_and(|it| it == "log") {
            let log = std::fs::read_to_string(&file).unwrap();
            let (_, key) = secret.split_once('_').unwrap();
            assert!(!log.contains(key) && !log.contains("canary"), "{file:?}");
        }
    }
}

#[tokio::test]
async fn a_webhook_inside_the_network_is_not_called_and_the_log_says_why() {
    let receiver = Receiver::start().await;
    let fleet = Fleet::start(&[]).await;
    let url = format!("http://127.0.0.1:{}/", receiver.port);
    let id = told(&webhook(&fleet, &["add", &url]).await, "webhook");
    webhook(&fleet, &["test", &id]).await;
    eventually("it is given up", async || {
        let log = webhook(&fleet, &["deliveries", &id]).await;
        log.out.contains("failed") && log.out.contains("is not called")
    })
    .await;
    assert!(receiver.got().is_empty());
}
