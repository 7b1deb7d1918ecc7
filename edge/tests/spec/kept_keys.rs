//! Keys as an edge keeps them on disk: judged after a restart while the origin is away.

use std::{os::unix::fs::PermissionsExt, path::Path};

use testkit::{FakeOrigin, JOIN, Reply};

use crate::setup::{Edge, SEGMENT, bytes, heard, segment};

async fn started(origin: &FakeOrigin, folder: &Path) -> Edge {
    let folder = folder.to_owned();
    Edge::start(origin, Some(JOIN), |config| config.cache_dir = Some(folder)).await
}

async fn stopped(mut edge: Edge) {
    edge.shutdown.cancel();
    (&mut edge.task).await.unwrap().unwrap();
}

async fn with(edge: &Edge, key: &str) -> Reply {
    edge.get(&format!("/k/{key}{SEGMENT}")).send().await
}

/// When keys of this revision are on disk.
async fn kept(folder: &Path, revision: u64) {
    let mark = format!("\"revision\":{revision},");
    let is_there = || {
        let text = std::fs::read_to_string(folder.join("keys.json"));
        text.is_ok_and(|text| text.contains(&mark))
    };
    while !is_there() {
        tokio::task::yield_now().await;
    }
}

/// A folder of an edge that served with a key and heard of the revocation of another.
async fn lived() -> (FakeOrigin, tempfile::TempDir, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let origin = FakeOrigin::start().await;
    origin.route(SEGMENT, segment().keyed());
    let good = origin.key("a");
    let now = testkit::unix_now();
    let bad = origin.mint(&keys::play("a", now, now + 600, "bad".to_owned()));
    let edge = started(&origin, folder.path()).await;
    heard(&origin, 1).await;
    assert_eq!(with(&edge, &good).await.body, bytes(50_000));
    assert_eq!(with(&edge, &bad).await.status, 200);
    origin.revoke("bad");
    heard(&origin, 2).await;
    kept(folder.path(), 2).await;
    stopped(edge).await;
    (origin, folder, good, bad)
}

#[tokio::test]
async fn an_edge_that_starts_without_its_origin_judges_by_what_it_knew() {
    let (origin, folder, good, bad) = lived().await;
    let file = folder.path().join("keys.json");
    let mode = file.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    origin.answer_keys(false);
    let edge = started(&origin, folder.path()).await;
    assert_eq!(edge.get("/readyz").send().await.status, 200);
    assert_eq!(with(&edge, &good).await.body, bytes(50_000));
    assert_eq!(with(&edge, &bad).await.problem(), "key-revoked");
    // What it knew gives way to what it hears, whatever the number.
    origin.answer_keys(true);
    heard(&origin, 2).await;
    origin.revoke("jti-a");
    heard(&origin, 3).await;
    assert_eq!(with(&edge, &good).await.problem(), "key-revoked");
}

#[tokio::test]
async fn keys_that_are_damaged_or_another_origin_s_are_not_believed() {
    let (origin, folder, good, _) = lived().await;
    let file = folder.path().join("keys.json");
    let text = std::fs::read_to_string(&file).unwrap();
    origin.answer_keys(false);
    let widened = text.replace("\"bad\"", "\"tad\"");
    let cut = text[..text.len() - 20].to_owned();
    for damaged in [widened, cut, String::new()] {
        std::fs::write(&file, damaged).unwrap();
        let edge = started(&origin, folder.path()).await;
        assert_eq!(with(&edge, &good).await.status, 503);
        stopped(edge).await;
    }
    std::fs::write(&file, text).unwrap();
    let other = FakeOrigin::start().await;
    other.answer_keys(false);
    let edge = started(&other, folder.path()).await;
    assert_eq!(with(&edge, &good).await.status, 503);
}
