//! An origin that keeps what workers make in an S3 bucket: a real server, which checks keys.

use std::{collections::BTreeSet, path::Path, sync::atomic::Ordering};

use testkit::s3::{BUCKET, KEY, SECRET, Server};
use tokio::time::timeout;
use wire::AssetState;

use crate::{
    clip::Clip,
    fleet::{Asset, Fleet, Role},
    process::{Folder, PATIENCE, Process, eventually, weir},
};

fn settings<'a>(endpoint: &'a str, secret: &'a str) -> [(&'a str, &'a str); 7] {
    [
        ("WEIR_STORE__BUCKET", BUCKET),
        ("WEIR_STORE__ENDPOINT", endpoint),
        ("WEIR_STORE__PREFIX", "tests/one"),
        ("WEIR_STORE__PATH_STYLE", "true"),
        ("AWS_ACCESS_KEY_ID", KEY),
        ("AWS_SECRET_ACCESS_KEY", secret),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ]
}

/// Files below a folder, as names from there.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).into_iter().flatten() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let name = path.strip_prefix(folder).unwrap();
                    found.insert(name.to_str().unwrap().to_owned());
                }
            }
        }
    }
    found
}

#[tokio::test]
async fn an_upload_is_published_into_the_bucket_and_plays_from_there() {
    let server = Server::start().await;
    let endpoint = server.endpoint();
    let mut fleet = Fleet::start(&settings(&endpoint, SECRET)).await;
    let asset = fleet.publish(Clip::with_words(7.0).path()).await;
    let status = fleet.settled(&asset).await;
    assert_eq!(status.state, AssetState::Ready, "{status:?}");
    let stored = files(&server.bucket().join("tests/one"));
    let segments = stored.iter().filter(|name| name.ends_with(".seg"));
    assert!(segments.count() > 9, "{stored:?}");
    let sources = stored.iter().filter(|name| name.starts_with("sources/"));
    assert_eq!(sources.count(), 1, "{stored:?}");
    let kept = files(&fleet.data_dir().join("blobs"));
    assert!(kept.is_empty(), "{kept:?}");
    fleet.is_valid(&asset).await;
    fleet.plays(&asset).await;
    // It knows the bucket for its own after a restart.
    fleet.kill(Role::Origin);
    fleet.launch(Role::Origin).await;
    fleet.is_valid(&asset).await;
}

#[tokio::test]
async fn an_upload_is_published_although_the_bucket_is_away_for_a_while() {
    let server = Server::start().await;
    let endpoint = server.endpoint();
    let fleet = Fleet::start(&settings(&endpoint, SECRET)).await;
    server.faults.refusals.store(60, Ordering::SeqCst);
    let asset = fleet.publish(Clip::with_words(7.0).path()).await;
    let status = fleet.settled(&asset).await;
    assert_eq!(status.state, AssetState::Ready, "{status:?}");
    assert_eq!(server.faults.refusals.load(Ordering::SeqCst), 0);
    fleet.is_valid(&asset).await;
}

#[tokio::test]
async fn an_upload_that_came_whole_is_published_although_the_origin_dies_before_the_bucket_has_it()
{
    let server = Server::start().await;
    let endpoint = server.endpoint();
    let more = [
        ("WEIR_STORE__ATTEMPTS_MAX", "1"),
        ("WEIR_ORIGIN__UPLOAD_EXPIRES", "1s"),
    ];
    let settings = [&settings(&endpoint, SECRET)[..], &more].concat();
    let mut fleet = Fleet::start(&settings).await;
    server.faults.refusals.store(u32::MAX, Ordering::SeqCst);
    let clip = Clip::with_words(7.0);
    let args = [
        "upload",
        clip.path().to_str().unwrap(),
        "--origin",
        &fleet.origin_url(),
    ];
    let mut sending = weir(fleet.folder.path(), &[]);
    sending.args(args);
    let mut sending = Process::start(sending, fleet.folder.path().join("sending.log"));
    eventually("all is sent", async || {
        sending.log_tail().contains("copies it to its bucket")
    })
    .await;
    fleet.kill(Role::Origin);
    server.faults.refusals.store(0, Ordering::SeqCst);
    fleet.launch(Role::Origin).await;
    assert!(sending.ended().await.success());
    let told = sending.log_tail();
    let asset = told
        .split_once("asset  ")
        .unwrap()
        .1
        .lines()
        .next()
        .unwrap();
    let asset = Asset::of(&asset.into(), &"none".into(), &fleet);
    assert_eq!(fleet.settled(&asset).await.state, AssetState::Ready);
    let stored = files(&server.bucket().join("tests/one/sources"));
    let [source] = &Vec::from_iter(stored)[..] else {
        panic!("one source");
    };
    let source = server.bucket().join("tests/one/sources").join(source);
    assert!(std::fs::read(source).unwrap() == std::fs::read(clip.path()).unwrap());
    assert!(files(&fleet.data_dir().join("blobs")).is_empty());
}

/// `weir origin` with these settings, which should end by itself.
async fn refused(endpoint: &str, secret: &str) -> (Option<i32>, String) {
    let home = Folder::new();
    let mut command =
        tokio::process::Command::from(weir(Path::new(&home.join("")), &settings(endpoint, secret)));
    command.args(["origin", "--listen", "127.0.0.1:0", "--admin", "off"]);
    let ended = timeout(PATIENCE, command.kill_on_drop(true).output()).await;
    let ended = ended.expect("it ends by itself").unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    (ended.status.code(), said)
}

#[tokio::test]
async fn a_bucket_of_another_origin_is_left_alone() {
    let server = Server::start().await;
    let endpoint = server.endpoint();
    let _first = Fleet::of(&[Role::Origin], &settings(&endpoint, SECRET)).await;
    let (code, said) = refused(&endpoint, SECRET).await;
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("belongs to another origin"), "{said}");
}

#[tokio::test]
async fn a_place_that_has_other_objects_is_left_alone() {
    let server = Server::start().await;
    std::fs::create_dir_all(server.bucket().join("tests/one")).unwrap();
    std::fs::write(server.bucket().join("tests/one/theirs"), "x").unwrap();
    let (code, said) = refused(&server.endpoint(), SECRET).await;
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("has other objects"), "{said}");
}

#[tokio::test]
async fn a_wrong_secret_is_told_at_start() {
    let server = Server::start().await;
    let (code, said) = refused(&server.endpoint(), "swordfish").await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("403 SignatureDoesNotMatch"), "{said}");
    assert!(!said.contains("swordfish"), "{said}");
}
