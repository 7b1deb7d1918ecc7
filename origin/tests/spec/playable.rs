//! When a growing version may be watched, and how far it is said to be.

use serde_json::{Value, json};

use crate::support::{Server, json_of, patient, plan, span, task};

/// Segments 0, 1 and 2, of 12 s in all, of every track.
async fn three(server: &Server, lease: &Value, tracks: &[&str]) {
    for track in tracks {
        server.init(lease, track).await;
        for number in 0..3 {
            assert_eq!(server.segment_of(lease, track, number, "x").await, 204);
        }
    }
}

/// A server with jobs of these tasks, of 60 s of media, each leased in order.
async fn working(tracks: &[&str], tasks: &[Value]) -> (Server, String, Vec<Value>) {
    let server = Server::start(crate::support::patient()).await;
    let (asset, _key) = server.upload("video").await;
    let mut plan = plan(tracks, tasks);
    plan["duration_secs"] = 60.0.into();
    let lease = server.lease().await;
    server.store_plan(&lease, &plan).await;
    let mut leases = Vec::new();
    for _ in tasks {
        leases.push(server.lease().await);
    }
    (server, asset, leases)
}

#[tokio::test]
async fn the_first_group_and_the_main_audio_are_enough() {
    let tasks = [
        task("audio", &["a1"]),
        task("audio", &["a2"]),
        task("lead", &["v360"]),
        task("rest", &["v720"]),
    ];
    let (server, asset, leases) = working(&["v720", "v360", "a1", "a2"], &tasks).await;
    three(&server, &leases[2], &["v360"]).await;
    server.heartbeat(&leases[2], 2.0).await;
    assert_eq!(server.status(&asset).await["state"], "packaging");
    three(&server, &leases[0], &["a1"]).await;
    server.heartbeat(&leases[0], 2.0).await;
    assert_eq!(server.status(&asset).await["state"], "playable");
}

#[tokio::test]
async fn three_segments_of_video_are_shown_once_the_audio_reaches_their_end() {
    let tasks = [task("audio", &["a1"]), task("lead", &["v360"])];
    let (server, asset, leases) = working(&["v360", "a1"], &tasks).await;
    three(&server, &leases[1], &["v360"]).await;
    server.heartbeat(&leases[1], 2.0).await;
    server.init(&leases[0], "a1").await;
    server.heartbeat(&leases[0], 2.0).await;
    // Segments of 2 s: six of them are as long as the video's three.
    for number in 0..6 {
        assert_eq!(
            server.status(&asset).await["state"],
            "packaging",
            "{number}"
        );
        let start = number * 96_000;
        let path = format!("tracks/a1/segments/{number}?start={start}&duration=96000");
        server.work(&leases[0], "PUT", &path, "x").await;
    }
    assert_eq!(server.status(&asset).await["state"], "playable");
}

#[tokio::test]
async fn a_slow_encoder_is_not_watched_before_it_is_far_enough_ahead() {
    let (server, asset, leases) = working(&["v360"], &[task("lead", &["v360"])]).await;
    three(&server, &leases[0], &["v360"]).await;
    // Half speed: of 60 s, 30 must be there.
    for number in 3..8 {
        server.heartbeat(&leases[0], 0.5).await;
        assert_eq!(
            server.status(&asset).await["state"],
            "packaging",
            "{number}"
        );
        server.segment_of(&leases[0], "v360", number, "x").await;
    }
    server.heartbeat(&leases[0], 0.5).await;
    assert_eq!(server.status(&asset).await["state"], "playable");
}

#[tokio::test]
async fn workers_of_one_rendition_are_fast_together() {
    let tasks = [
        span("lead", &["v360"], [0, 8]),
        span("lead", &["v360"], [8, 16]),
    ];
    let (server, asset, leases) = working(&["v360"], &tasks).await;
    three(&server, &leases[0], &["v360"]).await;
    server.heartbeat(&leases[0], 0.6).await;
    assert_eq!(server.status(&asset).await["state"], "packaging");
    server.heartbeat(&leases[1], 0.6).await;
    assert_eq!(server.status(&asset).await["state"], "playable");
}

#[tokio::test]
async fn a_base_that_is_whole_is_playable_however_slow_the_rest_is() {
    let tasks = [
        task("copy", &["v720-source", "a1"]),
        task("rest", &["v360"]),
    ];
    let (server, asset, leases) = working(&["v720-source", "v360", "a1"], &tasks).await;
    three(&server, &leases[0], &["v720-source", "a1"]).await;
    server.heartbeat(&leases[1], 0.1).await;
    assert_eq!(server.complete(&leases[0]).await, 204);
    let status = server.status(&asset).await;
    assert_eq!(status["state"], "playable");
    let info = server
        .get(&format!("/v/{asset}/info.json"), &server.join)
        .await;
    assert_eq!(json_of(&info)["renditions"], json!(["v720-source"]));
}

#[tokio::test]
async fn percent_speed_and_time_left_are_of_the_whole_version() {
    let tasks = [task("audio", &["a1"]), task("lead", &["v360"])];
    let (server, asset, leases) = working(&["v360", "a1"], &tasks).await;
    three(&server, &leases[0], &["a1"]).await;
    assert_eq!(server.status(&asset).await["percent"], 10.0);
    server.heartbeat(&leases[0], 10.0).await;
    server.heartbeat(&leases[1], 2.0).await;
    // 108 s of tracks are left, made at 12 s of tracks a second.
    let status = server.status(&asset).await;
    assert_eq!(
        (
            &status["speed"],
            &status["eta_secs"],
            &status["progress"]["stage"]
        ),
        (&json!(6.0), &json!(9.0), &json!("encode"))
    );
    // A track that is done is done, however long the source said that it is.
    assert_eq!(server.complete(&leases[0]).await, 204);
    assert_eq!(server.status(&asset).await["percent"], 50.0);
}

#[tokio::test]
async fn settings_ask_for_copies() {
    let server = Server::start(patient()).await;
    server.upload("video").await;
    assert_eq!(server.lease().await["settings"]["copy"], true);
}
