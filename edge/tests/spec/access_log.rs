//! A line for each request, and no key in any.

use std::{fs, path::PathBuf, process::Command, time::Duration};

use edge::{Config, EdgeError, LogFormat};
use serde_json::{Value, json};
use testkit::{Answer, FakeOrigin, JOIN};
use tokio::{net::TcpListener, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    operator::folder,
    setup::{Edge, SEGMENT, heard, segment},
};

/// An edge with a log, in a folder of its own.
pub(crate) struct Logged {
    pub(crate) edge: Edge,
    folder: PathBuf,
}

impl Logged {
    async fn start(origin: &FakeOrigin, join: Option<&str>, format: LogFormat) -> Self {
        let folder = folder();
        let edge = Edge::start(origin, join, |config| {
            config.access_log = folder.join("log");
            config.access_log_format = format;
        })
        .await;
        Self { edge, folder }
    }

    pub(crate) async fn changed(
        origin: &FakeOrigin,
        change: impl FnOnce(&mut edge::Config),
    ) -> Self {
        let folder = folder();
        let edge = Edge::start(origin, None, |config| {
            config.access_log = folder.join("log");
            change(config);
        })
        .await;
        Self { edge, folder }
    }

    async fn json(origin: &FakeOrigin) -> Self {
        Self::start(origin, None, LogFormat::Json).await
    }

    /// Waits until a file has so many lines.
    pub(crate) async fn lines_of(&self, file: &str, count: usize) -> Vec<String> {
        for _ in 0..6000 {
            let text = fs::read_to_string(self.folder.join(file)).unwrap_or_default();
            let lines: Vec<_> = text.lines().map(str::to_owned).collect();
            if lines.len() >= count && text.ends_with('\n') {
                return lines;
            }
            sleep(Duration::from_millis(5)).await;
        }
        panic!("{file} never had {count} lines");
    }

    async fn line(&self) -> Value {
        serde_json::from_str(&self.lines_of("log", 1).await[0]).unwrap()
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[tokio::test]
async fn a_line_tells_what_was_asked_and_what_came() {
    let origin = FakeOrigin::start().await;
    let logged = Logged::json(&origin).await;
    origin.route("/x?a=1", Answer::ok("four").cache("max-age=60"));
    let asked = logged.edge.get("/x?a=1").header("referer", "http://page/");
    asked.header("user-agent", "a \"player\"").send().await;
    let line = logged.line().await;
    for (field, value) in [
        ("client", json!("127.0.0.1")),
        ("method", json!("GET")),
        ("path", json!("/x?a=1")),
        ("protocol", json!("HTTP/1.1")),
        ("status", json!(200)),
        ("bytes", json!(4)),
        ("outcome", json!("miss")),
        ("whole", json!(true)),
        ("cache_key", json!("/x?a=1")),
        ("referer", json!("http://page/")),
        ("user_agent", json!("a \"player\"")),
    ] {
        assert_eq!(line[field], value, "{field}");
    }
    let (first, total) = (&line["ttfb_us"], &line["total_us"]);
    assert!(first.as_u64() <= total.as_u64() && total.as_u64() > Some(0));
    assert_eq!(
        line["time"].as_str().unwrap().len(),
        "2026-01-01T00:00:00.000Z".len()
    );
    assert!(line.get("cmcd").is_none());
}

#[tokio::test]
async fn every_answer_has_a_line_with_its_outcome() {
    let origin = FakeOrigin::start().await;
    let logged = Logged::json(&origin).await;
    origin.route("/x", Answer::ok("x").cache("max-age=60"));
    origin.route("/down", Answer::hang_up());
    for target in ["/x", "/x", "/a//b", "/healthz", "/down"] {
        logged.edge.get(target).send().await;
    }
    logged.edge.head("/x").send().await;
    let lines = logged.lines_of("log", 6).await;
    let told: Vec<_> = lines
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|line| {
            (
                line["outcome"].clone(),
                line["status"].clone(),
                line["bytes"] == 0,
            )
        })
        .collect();
    let expected = [
        ("miss", 200, false),
        ("hit", 200, false),
        ("refused", 400, false),
        ("local", 200, false),
        ("error", 502, false),
        ("hit", 200, true),
    ];
    for (told, (outcome, status, empty)) in told.iter().zip(expected) {
        assert_eq!(*told, (json!(outcome), json!(status), empty));
    }
}

#[tokio::test]
async fn a_body_that_was_cut_is_told_with_the_bytes_that_went_out() {
    let origin = FakeOrigin::start().await;
    let logged = Logged::json(&origin).await;
    let answer = Answer::ok("half").claiming(8).then_cut();
    origin.route("/x", answer.cache("max-age=60"));
    assert!(logged.edge.get("/x").send().await.cut);
    let line = logged.line().await;
    assert_eq!((&line["bytes"], &line["whole"]), (&json!(4), &json!(false)));
}

#[tokio::test]
async fn no_line_has_a_key_wherever_a_client_puts_it() {
    for format in [LogFormat::Json, LogFormat::Combined] {
        let origin = FakeOrigin::start().await;
        let logged = Logged::start(&origin, Some(JOIN), format).await;
        heard(&origin, 1).await;
        origin.route(SEGMENT, segment().keyed());
        let key = origin.key("a");
        let escaped: String = key.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let page = format!("http://h/k/{key}/v/a/master.m3u8");
        let cmcd = format!("nor=\"..%2Fk%2F{key}%2F1.m4s\",sid=\"{key}\"");
        let targets = [
            format!("/k/{key}{SEGMENT}"),
            format!("/k/{escaped}{SEGMENT}"),
            format!("/%6b/{escaped}{SEGMENT}"),
            format!("{SEGMENT}?CMCD=sid%3D%22{escaped}%22"),
            format!("/x?token={key}"),
            format!("//k/{key}/v"),
        ];
        for target in &targets {
            let asked = logged.edge.get(target).header("referer", &page);
            let asked = asked.header("user-agent", &page).header("cookie", &key);
            let asked = asked.header("cmcd-request", &cmcd);
            asked
                .header("authorization", &format!("Bearer {key}"))
                .send()
                .await;
        }
        let lines = logged.lines_of("log", targets.len()).await.join("\n");
        let signature = key.rsplit('.').next().unwrap();
        for secret in [key.as_str(), signature, &escaped, "eyJ", "%65%79"] {
            assert!(!lines.contains(secret), "{secret}: {lines}");
        }
        assert!(lines.contains(SEGMENT) && lines.contains("http://h/k/"));
    }
}

#[tokio::test]
async fn what_players_say_of_themselves_is_read_from_query_and_header() {
    let origin = FakeOrigin::start().await;
    let logged = Logged::json(&origin).await;
    let query = "CMCD=br%3D3200%2Cbs%2Csid%3D%22s%2C1%22";
    let asked = logged.edge.get(&format!("/x?{query}"));
    let asked = asked.header("cmcd-object", "d=4004,ot=v");
    asked.header("cmcd-status", "br=9").send().await;
    let line = logged.line().await;
    let said = json!({"br": 3200, "bs": true, "sid": "s,1", "d": 4004, "ot": "v"});
    assert_eq!(line["cmcd"], said);
}

#[tokio::test]
async fn the_combined_format_is_what_its_readers_expect() {
    let origin = FakeOrigin::start().await;
    let logged = Logged::start(&origin, None, LogFormat::Combined).await;
    origin.route("/x", Answer::ok("four"));
    let asked = logged.edge.get("/x").header("user-agent", "a \"b\\");
    asked.send().await;
    let line = &logged.lines_of("log", 1).await[0];
    let (client, rest) = line.split_once(" - - [").unwrap();
    let (time, rest) = rest.split_once("] ").unwrap();
    assert_eq!(client, "127.0.0.1");
    assert_eq!(rest, r#""GET /x HTTP/1.1" 200 4 "-" "a \x22b\x5C""#);
    assert_eq!(time.len(), "10/Oct/2000:13:55:36 +0000".len());
    assert!(
        time.ends_with(" +0000") && time.as_bytes()[2] == b'/',
        "{time}"
    );
}

#[tokio::test]
async fn a_client_cannot_make_lines_long_or_two_of_one() {
    let origin = FakeOrigin::start().await;
    for format in [LogFormat::Json, LogFormat::Combined] {
        let logged = Logged::start(&origin, None, format).await;
        let long = "x".repeat(2000);
        let method = "M".repeat(4000);
        let head = format!(
            "{method} /x?%22%0a HTTP/1.1\r\nhost: a\r\nconnection: close\r\nreferer: {long}\r\n\
             user-agent: a\"\t\u{9b}2J\u{e4}{long}\r\ncmcd-request: {long}\r\n\
             cmcd-session: sid=\"\"\",x=\"a\tb\"\r\n\r\n"
        );
        testkit::raw(logged.edge.addr, head.as_bytes()).await;
        let line = &logged.lines_of("log", 1).await[0];
        assert!(line.len() < 4096, "{}", line.len());
        assert!(!line.contains(char::is_control), "{line:?}");
        let method = "M".repeat(32);
        assert!(line.contains(&method) && !line.contains(&format!("{method}M")));
        if format == LogFormat::Json {
            let line: Value = serde_json::from_str(line).unwrap();
            assert!(
                line["user_agent"]
                    .as_str()
                    .unwrap()
                    .starts_with("a\"\t\u{9b}2J")
            );
        } else {
            assert_eq!(line.matches('"').count(), 6, "{line}");
        }
    }
}

#[tokio::test]
async fn a_log_that_was_removed_with_its_folder_is_begun_when_that_is_back() {
    let origin = FakeOrigin::start().await;
    let logged = Logged::json(&origin).await;
    logged.edge.get("/1").send().await;
    logged.lines_of("log", 1).await;
    fs::remove_dir_all(&logged.folder).unwrap();
    logged.edge.get("/2").send().await;
    sleep(Duration::from_millis(250)).await;
    fs::create_dir(&logged.folder).unwrap();
    while !logged.folder.join("log").exists() {
        sleep(Duration::from_millis(5)).await;
    }
    logged.edge.get("/3").send().await;
    // The line before may have waited until then.
    let lines = async || logged.lines_of("log", 1).await;
    while !lines().await.last().unwrap().contains("/3") {
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_log_that_was_moved_away_is_begun_anew() {
    let origin = FakeOrigin::start().await;
    let logged = Logged::json(&origin).await;
    let log = logged.folder.join("log");
    for (n, moved) in ["noticed", "told"].into_iter().enumerate() {
        logged.edge.get(&format!("/{n}")).send().await;
        logged.lines_of("log", 1).await;
        fs::rename(&log, logged.folder.join(moved)).unwrap();
        if moved == "told" {
            let process = std::process::id().to_string();
            let told = Command::new("kill").args(["-HUP", &process]).status();
            assert!(told.unwrap().success());
        }
        while !log.exists() {
            sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(logged.lines_of(moved, 1).await.len(), 1);
    }
    logged.edge.get("/last").send().await;
    assert!(logged.lines_of("log", 1).await[0].contains("/last"));
}

#[tokio::test]
async fn what_was_asked_before_the_end_is_in_the_log_at_the_end() {
    let origin = FakeOrigin::start().await;
    let mut logged = Logged::json(&origin).await;
    for n in 0..50 {
        logged.edge.get(&format!("/{n}")).send().await;
    }
    logged.edge.shutdown.cancel();
    (&mut logged.edge.task).await.unwrap().unwrap();
    let text = fs::read_to_string(logged.folder.join("log")).unwrap();
    assert_eq!(text.lines().count(), 50);
}

#[tokio::test]
async fn a_log_that_cannot_be_opened_is_said_before_anything_is_served() {
    let config = Config {
        access_log: folder().join("none/log"),
        ..Config::default()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refused = edge::serve(listener, config, None, CancellationToken::new()).await;
    assert!(matches!(refused, Err(EdgeError::AccessLog { .. })));
}
