//! The workflow of a version: at whatever step an origin ends, the version ends published
//! or fully undone.

use std::{collections::BTreeSet, time::Duration};

use origin::Config;
use serde_json::{Value, json};

use crate::{
    blobs::{blobs, named, settled},
    support::{Server, plan, settings, span, task, until},
};

/// Everything is garbage soon.
fn soon() -> Config {
    Config {
        gc_grace: Duration::from_secs(1),
        ..settings()
    }
}

/// The steps of an asset's saga, as `step state`.
async fn steps(server: &Server, asset: &str) -> Vec<String> {
    let status = server.status(asset).await;
    let steps = status["steps"].as_array().unwrap();
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap().to_owned();
    steps
        .iter()
        .map(|entry| format!("{} {}", text(entry, "step"), text(entry, "state")))
        .collect()
}

/// Two jobs on one track.
fn spans() -> Value {
    let tasks = [
        span("lead", &["v360"], [0, 2]),
        span("lead", &["v360"], [2, 4]),
    ];
    plan(&["v360"], &tasks)
}

/// One request of the workflow after another, until it is published; the origin ends and
/// starts again before the one numbered `crash_at`. False: there were fewer.
async fn publish(mut server: Server, crash_at: usize) -> (Server, bool) {
    let mut step = 0;
    let mut crashed = false;
    macro_rules! step {
        () => {
            if step == crash_at {
                server = server.crash(soon()).await;
                crashed = true;
            }
            #[allow(unused_assignments, reason = "the last one is not read")]
            {
                step += 1;
            }
        };
    }
    let path = server.begin_upload(10).await;
    step!();
    assert_eq!(server.patch(&path, 0, "video").await.status(), 204);
    step!();
    assert_eq!(server.patch(&path, 5, "video").await.status(), 204);
    step!();
    let lease = server.lease().await;
    step!();
    let put = server.work(&lease, "PUT", "plan", spans().to_string());
    assert_eq!(put.await.status(), 204);
    step!();
    assert_eq!(server.complete(&lease).await, 204);
    step!();
    let (first, second) = (server.lease().await, server.lease().await);
    step!();
    server.init(&second, "v360").await;
    for (lease, number) in [(&second, 3), (&first, 0), (&second, 2), (&first, 1)] {
        step!();
        assert_eq!(server.segment_of(lease, "v360", number, "x").await, 204);
    }
    let poster = server.work(&first, "PUT", "files/poster.jpg", "x");
    assert_eq!(poster.await.status(), 204);
    for lease in [&second, &first] {
        step!();
        assert_eq!(server.complete(lease).await, 204);
    }
    step!();
    (server, crashed)
}

#[tokio::test]
async fn whenever_the_origin_ends_the_version_is_published_whole() {
    for crash_at in 0.. {
        let long = Config {
            lease: Duration::from_secs(60),
            gc_grace: Duration::from_secs(60),
            ..settings()
        };
        let (server, crashed) = publish(Server::start(long).await, crash_at).await;
        assert_eq!(blobs(server.data()), named(&server).await, "{crash_at}");
        assert_eq!(
            blobs(server.data()).len(),
            7,
            "source, init, 4 segments, poster"
        );
        if !crashed {
            assert_eq!(crash_at, 14);
            break;
        }
    }
}

#[tokio::test]
async fn the_steps_are_recorded() {
    let server = Server::start(settings()).await;
    let (server, _) = publish(server, usize::MAX).await;
    let assets = server.get("/api/assets", &server.admin).await;
    let asset = crate::support::json_of(&assets)["assets"][0]["asset"].clone();
    assert_eq!(
        steps(&server, asset.as_str().unwrap()).await,
        [
            "upload done",
            "plan started",
            "plan done",
            "encode started",
            "encode done",
            "publish started",
            "publish done"
        ]
    );
}

#[tokio::test]
async fn a_version_that_fails_at_any_step_is_undone_byte_for_byte() {
    for failing in ["plan", "lead", "publish"] {
        let server = Server::start(soon()).await;
        let (asset, _key) = server.upload("video").await;
        let lease = server.lease().await;
        let path = "plan";
        if failing == "plan" {
            server.work(&lease, "PUT", path, spans().to_string()).await;
            server.fail_for_good(&lease, "odd").await;
        } else {
            server.store_plan(&lease, &spans()).await;
            let (first, second) = (server.lease().await, server.lease().await);
            server.init(&first, "v360").await;
            server.segment_of(&first, "v360", 0, "x").await;
            server.work(&first, "PUT", "files/poster.jpg", "x").await;
            server.segment_of(&second, "v360", 2, "x").await;
            if failing == "lead" {
                server.fail_for_good(&second, "odd").await;
            } else {
                // A hole between them.
                assert_eq!(server.complete(&first).await, 204);
                assert_eq!(server.complete(&second).await, 204);
            }
        }
        let server = server.crash(soon()).await;
        assert_eq!(settled(&server).await, BTreeSet::new(), "{failing}");
        let status = server.status(&asset).await;
        assert_eq!(status["state"], "failed");
        assert!(status["failure"].is_string());
        let steps = steps(&server, &asset).await;
        let undone = ["encode undone", "plan undone", "upload undone"];
        assert_eq!(steps[steps.len() - 3..], undone, "{failing}");
        let failed = if failing == "lead" { "encode" } else { failing };
        assert_eq!(steps[steps.len() - 4], format!("{failed} failed"));
    }
}

#[tokio::test]
async fn deleting_cancels_and_leaves_no_byte() {
    let server = Server::start(soon()).await;
    let (asset, key) = server.upload("video").await;
    let (kept, _key) = server.upload("other").await;
    let lease = server.plan(&server.lease().await).await;
    server.segment(&lease, 0, "x").await;
    let path = format!("/api/assets/{asset}");
    let delete = async |token: &str| {
        let answer = server.send_json("DELETE", &path, token, &json!(null)).await;
        answer.status().as_u16()
    };
    assert_eq!(delete(&server.join).await, 401);
    assert_eq!(delete(&server.admin).await, 204);
    assert_eq!(delete(&server.admin).await, 404);
    assert_eq!(server.get(&path, &server.admin).await.status(), 404);
    let master = format!("/v/{asset}/master.m3u8");
    assert_eq!(server.get(&master, &key).await.status(), 404);
    let beat = json!({"progress": {"stage": "encode", "percent": 1.0, "speed": null}});
    let ack = server
        .work(&lease, "POST", "heartbeat", beat.to_string())
        .await;
    assert_eq!(crate::support::json_of(&ack), json!({"cancel": true}));
    assert_eq!(server.segment(&lease, 1, "x").await, 409);
    let server = server.crash(soon()).await;
    assert_eq!(settled(&server).await.len(), 1, "the other's source");
    assert_eq!(server.status(&kept).await["state"], "packaging");
}

#[tokio::test]
async fn what_is_deleted_can_be_read_for_the_grace() {
    let server = Server::start(settings()).await;
    let (asset, _key) = server.upload("video").await;
    let before = blobs(server.data());
    let path = format!("/api/assets/{asset}");
    let gone = server.send_json("DELETE", &path, &server.admin, &json!(null));
    assert_eq!(gone.await.status(), 204);
    let orphan = server.data().join("blobs/media/orphan");
    std::fs::create_dir_all(orphan.parent().unwrap()).unwrap();
    let old = std::fs::File::create(&orphan).unwrap();
    old.set_modified(std::time::UNIX_EPOCH).unwrap();
    let server = server.restart(settings()).await;
    assert!(blobs(server.data()).is_superset(&before));
    until("an old orphan is swept", async || !orphan.exists()).await;
    assert_eq!(blobs(server.data()), before);
}

#[tokio::test]
async fn bytes_whose_row_never_came_are_swept_and_garbage_already_gone_is_no_fault() {
    let server = Server::start(soon()).await;
    let (asset, _key) = server.upload("video").await;
    let blobs_dir = server.data().join("blobs");
    // An origin ended between bytes and row...
    let orphan = blobs_dir.join("media/some-version/v360/0-abc.seg");
    std::fs::create_dir_all(orphan.parent().unwrap()).unwrap();
    std::fs::write(&orphan, "x").unwrap();
    // ... and between bytes and the list of garbage.
    let path = format!("/api/assets/{asset}");
    let gone = server.send_json("DELETE", &path, &server.admin, &json!(null));
    assert_eq!(gone.await.status(), 204);
    for source in std::fs::read_dir(blobs_dir.join("sources")).unwrap() {
        std::fs::remove_file(source.unwrap().path()).unwrap();
    }
    let server = server.crash(soon()).await;
    assert_eq!(settled(&server).await, BTreeSet::new());
    assert!(!orphan.exists());
}

#[tokio::test]
async fn an_upload_that_goes_on_is_no_orphan() {
    let server = Server::start(soon()).await;
    let path = server.begin_upload(10).await;
    server.patch(&path, 0, "video").await;
    let (gone, _key) = server.upload("other").await;
    let asset = format!("/api/assets/{gone}");
    server
        .send_json("DELETE", &asset, &server.admin, &json!(null))
        .await;
    // Once the other's bytes are swept, these have been looked at too.
    until("they are", async || blobs(server.data()).len() == 1).await;
    assert_eq!(server.patch(&path, 5, "video").await.status(), 204);
}

#[tokio::test]
async fn an_optional_track_left_out_leaves_no_byte() {
    let server = Server::start(soon()).await;
    server.upload("video").await;
    let lease = server.lease().await;
    let tasks = [
        task("audio", &["a1"]),
        crate::support::optional("text", &["t1"]),
    ];
    server
        .store_plan(&lease, &plan(&["a1", "t1"], &tasks))
        .await;
    let (audio, text) = (server.lease().await, server.lease().await);
    server.segment_of(&text, "t1", 0, "WEBVTT").await;
    server.fail_for_good(&text, "odd").await;
    server.init(&audio, "a1").await;
    server.segment(&audio, 0, "x").await;
    assert_eq!(server.complete(&audio).await, 204);
    assert_eq!(settled(&server).await.len(), 3, "source, init, segment");
}
