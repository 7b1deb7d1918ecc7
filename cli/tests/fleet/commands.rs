//! What a command says, and the code that it ends with, when it can't do its work.

use std::net::TcpListener;

use axum::{Router, http::StatusCode, routing::post};
use rustix::process::{Resource, getrlimit};

use crate::{
    clip::Clip,
    fleet::free_address,
    process::{Folder, run},
};

const CONFIG: i32 = 3;
const LISTEN: i32 = 4;
const UNREACHABLE: i32 = 5;
const REFUSED: i32 = 6;
const BROKEN: i32 = 7;
const LACKING: i32 = 8;

#[tokio::test]
async fn a_taken_port_is_named_with_the_flag_that_names_another() {
    let home = Folder::new();
    let taken = TcpListener::bind(free_address()).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let port = taken.local_addr().unwrap().port().to_string();
    for (command, flag, value) in [
        ("origin --admin off", "--listen", &address),
        ("edge --admin off", "--listen", &address),
        ("edge", "--admin", &address),
        ("demo", "--origin-port", &port),
        ("demo --origin-port 0", "--fra-port", &port),
    ] {
        let args: Vec<_> = command.split(' ').chain([flag, value]).collect();
        let ended = run(home.path(), &args).await;
        assert_eq!(ended.code, LISTEN, "{ended:?}");
        let expected = format!("{address} is taken by another program; {flag} names another");
        assert!(ended.err.contains(&expected), "{ended:?}");
    }
}

#[tokio::test]
async fn an_unknown_setting_is_refused_by_name_and_file() {
    let home = Folder::new();
    let file = home.join("mine.toml");
    std::fs::write(&file, "[edge]\nrma = \"1GiB\"\n").unwrap();
    let ended = run(home.path(), &["edge", "--config", &file]).await;
    assert_eq!(ended.code, CONFIG, "{ended:?}");
    assert!(
        ended.err.contains("rma") && ended.err.contains(&file),
        "{ended:?}"
    );
}

#[tokio::test]
async fn a_settings_file_that_is_not_there_is_named() {
    let home = Folder::new();
    let file = home.join("none.toml");
    let ended = run(home.path(), &["origin", "--config", &file]).await;
    assert_eq!(ended.code, CONFIG, "{ended:?}");
    assert!(ended.err.contains(&file), "{ended:?}");
}

#[tokio::test]
async fn an_upload_gives_an_absent_origin_up_after_its_patience() {
    let home = Folder::new();
    let clip = Clip::of_bytes("clip.mp4", b"some");
    let origin = format!("http://{}", free_address());
    let file = clip.path().to_str().unwrap();
    let args = ["upload", file, "--origin", &origin, "--patience", "1s"];
    let ended = run(home.path(), &args).await;
    assert_eq!(ended.code, UNREACHABLE, "{ended:?}");
    assert!(
        ended.err.contains(&format!("{origin} does not answer")),
        "{ended:?}"
    );
}

#[tokio::test]
async fn an_upload_gives_an_origin_that_takes_nothing_up_after_its_patience() {
    let home = Folder::new();
    let clip = Clip::of_bytes("clip.mp4", b"some");
    for refusal in [StatusCode::SERVICE_UNAVAILABLE, StatusCode::LOCKED] {
        let origin = origin_that_answers_pieces(refusal).await;
        let file = clip.path().to_str().unwrap();
        let args = ["upload", file, "--origin", &origin, "--patience", "1s"];
        let ended = run(home.path(), &args).await;
        let code = if refusal.is_client_error() {
            REFUSED
        } else {
            UNREACHABLE
        };
        assert_eq!(ended.code, code, "{ended:?}");
        let words = format!("{}: not today", refusal.as_u16());
        assert!(ended.err.contains(&words), "{ended:?}");
    }
}

/// An origin that makes uploads and takes no byte of them. Gives its base URL.
async fn origin_that_answers_pieces(refusal: StatusCode) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let upload = "/api/uploads/0123456789abcdefghjkmn";
    let begin = async move || (StatusCode::CREATED, [("location", upload)]);
    let piece = axum::routing::patch(async move || (refusal, "not today"));
    let router = Router::new()
        .route("/api/uploads", post(begin))
        .route(upload, piece.head(async || [("upload-offset", "0")]));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

#[tokio::test]
async fn an_address_that_plays_nothing_is_broken() {
    let home = Folder::new();
    let url = format!("http://{}/v/x/master.m3u8", free_address());
    let ended = run(home.path(), &["play", &url, "--json"]).await;
    assert_eq!(ended.code, BROKEN, "{ended:?}");
    assert!(ended.err.contains("the stream is broken"), "{ended:?}");
    let report: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(report["broken"], true);
}

#[tokio::test]
async fn the_doctor_names_what_is_lacking() {
    let home = Folder::new();
    let taken = TcpListener::bind(free_address()).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ended = run(home.path(), &["doctor", "--ports", &port]).await;
    assert_eq!(ended.code, LACKING, "{ended:?}");
    let line = |start: &str| ended.out.lines().any(|line| line.starts_with(start));
    assert!(line(&format!("FAULT port     {port}")), "{ended:?}");
    assert!(line("ok    ffmpeg"), "{ended:?}");
}

#[tokio::test]
async fn as_many_files_may_be_open_as_the_hard_limit_allows() {
    let home = Folder::new();
    let mut command = tokio::process::Command::new("sh");
    command.args(["-c", "ulimit -Sn 64; exec \"$0\" doctor --ports 0"]);
    command.arg(env!("CARGO_BIN_EXE_weir"));
    let output = command.current_dir(home.path()).output().await.unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    let hard = getrlimit(Resource::Nofile).maximum;
    let number = hard.map_or("any number of".to_owned(), |files| files.to_string());
    assert!(
        out.contains(&format!("{number} open files allowed")),
        "{out}"
    );
}
