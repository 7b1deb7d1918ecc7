//! A backup of an origin that runs, and an origin made of it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use origin::{Config, OriginError, Summary};

use crate::support::{Server, json_of, patient, plan, task};

/// A running origin with one published asset, and its key.
struct Published {
    server: Server,
    asset: String,
    key: String,
}

impl Published {
    async fn new() -> Self {
        let server = Server::start_on_file(tempfile::tempdir().unwrap(), patient()).await;
        let (asset, key) = server.upload("video").await;
        let lease = server.lease().await;
        let tasks = [task("rest", &["v360"])];
        server.store_plan(&lease, &plan(&["v360"], &tasks)).await;
        let lease = server.lease().await;
        server.init(&lease, "v360").await;
        for number in 0..3 {
            server.segment_of(&lease, "v360", number, "x").await;
        }
        assert_eq!(server.complete(&lease).await, 204);
        Self { server, asset, key }
    }

    fn config(&self) -> Config {
        config(self.server.data_dir())
    }
}

fn config(data_dir: &Path) -> Config {
    Config {
        data_dir: data_dir.to_owned(),
        ..patient()
    }
}

async fn backup(config: &Config, to: &Path) -> Result<Summary, OriginError> {
    origin::backup(config, to, &mut |done, all| assert!(done <= all)).await
}

async fn restore(from: &Path, to: &Path) -> Result<Summary, OriginError> {
    origin::restore(from, &config(to), &mut |done, all| assert!(done <= all)).await
}

/// An origin made of a backup.
async fn restored(from: &Path) -> Server {
    let data = tempfile::tempdir().unwrap();
    restore(from, data.path()).await.unwrap();
    Server::start_on_file(data, patient()).await
}

async fn playlist(server: &Server, asset: &str, key: &str) -> Bytes {
    let answer = server.get(&format!("/v/{asset}/master.m3u8"), key).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    answer.into_body()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
    let below = entries.flat_map(|path| match path.is_dir() {
        true => files(&path),
        false => vec![path],
    });
    below.collect()
}

#[tokio::test]
async fn what_was_published_plays_from_a_backup_with_the_keys_that_are_out() {
    let Published { server, asset, key } = Published::new().await;
    let to = tempfile::tempdir().unwrap();
    let summary = backup(&config(server.data_dir()), to.path()).await.unwrap();
    // The source, an init segment, and three more.
    assert_eq!(summary.blobs, 5);
    let before = playlist(&server, &asset, &key).await;
    drop(server);
    let again = restored(to.path()).await;
    assert_eq!(playlist(&again, &asset, &key).await, before);
    let status = again
        .get(&format!("/api/assets/{asset}"), &again.admin)
        .await;
    let version = json_of(&status)["version"].as_str().unwrap().to_owned();
    let segment = format!("/v/{asset}/{version}/v360/2.m4s");
    assert_eq!(again.get(&segment, &key).await.status(), 200);
}

#[tokio::test]
async fn a_second_backup_takes_over_what_it_can_and_lets_go_what_is_gone() {
    let it = Published::new().await;
    let to = tempfile::tempdir().unwrap();
    backup(&it.config(), to.path()).await.unwrap();
    let blobs = files(&to.path().join("blobs"));
    let written = |path: &PathBuf| path.metadata().unwrap().modified().unwrap();
    let times: Vec<_> = blobs.iter().map(written).collect();
    backup(&it.config(), to.path()).await.unwrap();
    assert_eq!(blobs.iter().map(written).collect::<Vec<_>>(), times);
    let path = format!("/api/assets/{}", it.asset);
    let bearer = format!("Bearer {}", it.server.admin);
    let headers = [("authorization", bearer.as_str())];
    let deleted = it.server.ask("DELETE", &path, &headers, "").await;
    assert!(deleted.status().is_success());
    let summary = backup(&it.config(), to.path()).await.unwrap();
    assert_eq!(
        (summary.blobs, files(&to.path().join("blobs")).len()),
        (0, 0)
    );
}

#[tokio::test]
async fn an_upload_that_was_not_whole_starts_again_and_numbers_go_on() {
    let it = Published::new().await;
    let upload = it.server.begin_upload(100).await;
    let bulletin = it.server.get("/api/keys", &it.server.join).await;
    let revision = json_of(&bulletin)["revision"].as_u64().unwrap();
    let to = tempfile::tempdir().unwrap();
    backup(&it.config(), to.path()).await.unwrap();
    let again = restored(to.path()).await;
    let head = again
        .ask("HEAD", &upload, &[("tus-resumable", "1.0.0")], "")
        .await;
    assert_eq!(head.status(), 404);
    // Edges that have heard of revocations since the backup hear of those to come.
    let bulletin = json_of(&again.get("/api/keys", &again.join).await);
    assert!(bulletin["revision"].as_u64().unwrap() > revision + 1_000_000);
    assert_eq!(bulletin["revoked"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn what_failed_and_has_no_bytes_any_more_hinders_no_backup() {
    let it = Published::new().await;
    it.server.upload("video").await;
    let lease = it.server.lease().await;
    it.server.fail_for_good(&lease, "odd").await;
    let to = tempfile::tempdir().unwrap();
    let summary = backup(&it.config(), to.path()).await.unwrap();
    assert_eq!(summary.blobs, 5);
}

#[tokio::test]
async fn a_folder_where_a_blob_is_lost_makes_no_backup_and_says_which() {
    let it = Published::new().await;
    let lost = files(&it.config().data_dir.join("blobs/media"))[0].clone();
    fs::remove_file(&lost).unwrap();
    let to = tempfile::tempdir().unwrap();
    let error = backup(&it.config(), to.path())
        .await
        .unwrap_err()
        .to_string();
    let name = lost.file_name().unwrap().to_str().unwrap();
    assert!(
        error.contains("names 1 blobs") && error.contains(name),
        "{error}"
    );
    let error = restore(to.path(), &to.path().join("x")).await.unwrap_err();
    assert!(error.to_string().contains("not finished"), "{error}");
}

#[tokio::test]
async fn a_damaged_backup_is_refused_and_leaves_nothing_behind() {
    let it = Published::new().await;
    let to = tempfile::tempdir().unwrap();
    backup(&it.config(), to.path()).await.unwrap();
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data");
    for name in ["catalogue.db", "blobs.jsonl", "blobs"] {
        let path = to.path().join(name);
        let path = if path.is_dir() {
            files(&path)[0].clone()
        } else {
            path
        };
        let good = fs::read(&path).unwrap();
        let mut bad = good.clone();
        let middle = bad.len() / 2;
        bad[middle] ^= 1;
        fs::write(&path, &bad).unwrap();
        let error = restore(to.path(), &data).await.unwrap_err().to_string();
        assert!(
            error.contains("damaged") && error.contains(path.to_str().unwrap()),
            "{error}"
        );
        assert_eq!(files(parent.path()), Vec::<PathBuf>::new());
        fs::write(&path, good).unwrap();
    }
    restore(to.path(), &data).await.unwrap();
}

#[tokio::test]
async fn what_is_there_is_not_written_over() {
    let it = Published::new().await;
    let to = tempfile::tempdir().unwrap();
    backup(&it.config(), to.path()).await.unwrap();
    let error = restore(to.path(), it.server.data_dir()).await.unwrap_err();
    assert!(error.to_string().contains("is not empty"), "{error}");
    let strange = tempfile::tempdir().unwrap();
    fs::write(strange.path().join("mine"), "x").unwrap();
    let error = backup(&it.config(), strange.path()).await.unwrap_err();
    assert!(error.to_string().contains("neither empty nor"), "{error}");
    let inside = it.server.data_dir().join("backup");
    let error = backup(&it.config(), &inside).await.unwrap_err();
    assert!(error.to_string().contains("own data_dir"), "{error}");
    assert!(!inside.exists());
}

#[tokio::test]
async fn secrets_in_a_backup_are_its_owner_s_alone() {
    use std::os::unix::fs::PermissionsExt;
    let it = Published::new().await;
    let parent = tempfile::tempdir().unwrap();
    let to = parent.path().join("backup");
    backup(&it.config(), &to).await.unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&to), mode(&to.join("secrets"))), (0o700, 0o700));
    for name in ["admin-token", "join-token"] {
        assert_eq!(mode(&to.join("secrets").join(name)), 0o600, "{name}");
    }
}
