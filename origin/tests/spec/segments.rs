//! Segments: in any order, each once, and none that does not fit.

use http::StatusCode;
use serde_json::json;

use crate::support::{Server, json_of, patient, plan, span, task};

const STORED: StatusCode = StatusCode::NO_CONTENT;

#[tokio::test]
async fn segments_come_in_any_order_and_players_see_those_without_a_hole() {
    let server = Server::start(patient()).await;
    let (asset, key) = server.upload("video").await;
    let lease = server.plan(&server.lease().await).await;
    server.heartbeat(&lease, 9.0).await;
    let master = format!("/v/{asset}/master.m3u8");
    let version = lease["version"].as_str().unwrap();
    let playlist = format!("/v/{asset}/{version}/a1/index.m3u8");
    for (number, seen) in [(4, 0), (1, 0), (2, 0), (0, 3), (3, 5)] {
        assert_eq!(server.segment(&lease, number, "x").await, STORED);
        let playable = server.get(&master, &key).await.status() == StatusCode::OK;
        assert_eq!(playable, seen >= 3, "after {number}");
        let answer = server.get(&playlist, &key).await;
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        assert_eq!(text.matches("#EXTINF").count(), seen, "{text}");
    }
}

#[tokio::test]
async fn a_repeat_changes_nothing() {
    let server = Server::start(patient()).await;
    let (asset, key) = server.upload("video").await;
    let lease = server.plan(&server.lease().await).await;
    assert_eq!(server.segment(&lease, 0, "first").await, STORED);
    assert_eq!(server.segment(&lease, 0, "other").await, STORED);
    let odd = "tracks/a1/segments/0?start=7&duration=1";
    assert_eq!(server.work(&lease, "PUT", odd, "x").await.status(), STORED);
    let path = format!("/v/{asset}/{}/a1/0.m4s", lease["version"].as_str().unwrap());
    assert_eq!(server.get(&path, &key).await.body(), "first");
}

#[tokio::test]
async fn neighbours_fit() {
    let server = Server::start(patient()).await;
    server.upload("video").await;
    let lease = server.plan(&server.lease().await).await;
    server.segment(&lease, 1, "x").await;
    let put = async |query: &str| {
        let path = format!("tracks/a1/segments/{query}");
        server.work(&lease, "PUT", &path, "x").await.status()
    };
    assert_eq!(put("2?start=384001&duration=9").await, 400);
    assert_eq!(put("0?start=0&duration=191999").await, 400);
    assert_eq!(put("0?start=0&duration=0").await, 400);
    assert_eq!(put("0?start=0&duration=192000").await, STORED);
    assert_eq!(put("2?start=384000&duration=9").await, STORED);
}

#[tokio::test]
async fn a_task_writes_its_own_tracks_and_numbers_only() {
    let server = Server::start(patient()).await;
    server.upload("video").await;
    let tasks = [
        span("lead", &["v360"], [3, 6]),
        span("lead", &["v360"], [0, 3]),
        task("audio", &["a1"]),
    ];
    let lease = server.lease().await;
    server
        .store_plan(&lease, &plan(&["v360", "a1"], &tasks))
        .await;
    let lease = server.lease().await;
    let put = async |track, number| server.segment_of(&lease, track, number, "x").await;
    assert_eq!(put("v360", 3).await, 400, "its init segment comes first");
    server.init(&lease, "v360").await;
    assert_eq!(put("a1", 3).await, 400);
    assert_eq!(put("v360", 2).await, 400);
    assert_eq!(put("v360", 6).await, 400);
    assert_eq!(put("v360", 3).await, STORED);
    assert_eq!(put("v360", 5).await, STORED);
    assert_eq!(server.complete(&lease).await, 400, "4 is missing");
    // Of a task taken over, what goes on without a hole is told.
    let give_back = json!({"reason": "stop", "permanent": false, "given_back": true});
    server
        .work(&lease, "POST", "fail", give_back.to_string())
        .await;
    let again = server.lease().await;
    assert_eq!(
        again["stored"],
        json!([{"track": "v360", "init": true, "segments": 1}])
    );
}

#[tokio::test]
async fn a_source_that_ends_early_leaves_later_spans_empty() {
    let server = Server::start(patient()).await;
    let (asset, _key) = server.upload("video").await;
    let tasks = [
        span("lead", &["v360"], [0, 2]),
        span("lead", &["v360"], [2, 4]),
    ];
    let lease = server.lease().await;
    server.store_plan(&lease, &plan(&["v360"], &tasks)).await;
    let (first, second) = (server.lease().await, server.lease().await);
    server.init(&first, "v360").await;
    assert_eq!(
        server.complete(&first).await,
        400,
        "nothing at all is there"
    );
    server.segment_of(&first, "v360", 0, "x").await;
    assert_eq!(server.complete(&first).await, STORED);
    assert_eq!(server.complete(&second).await, STORED);
    assert_eq!(server.status(&asset).await["state"], "ready");
}

#[tokio::test]
async fn text_has_no_init_segment_and_its_segments_are_webvtt() {
    let server = Server::start(patient()).await;
    let (asset, key) = server.upload("video").await;
    let tasks = [task("text", &["t1"]), task("audio", &["a1"])];
    let lease = server.lease().await;
    server
        .store_plan(&lease, &plan(&["a1", "t1"], &tasks))
        .await;
    let (text, audio) = (server.lease().await, server.lease().await);
    let init = server.work(
        &text,
        "PUT",
        "tracks/t1/init",
        crate::support::init_segment(),
    );
    assert_eq!(init.await.status(), 400);
    server.init(&audio, "a1").await;
    for number in 0..3 {
        assert_eq!(
            server.segment_of(&text, "t1", number, "WEBVTT\n").await,
            STORED
        );
        assert_eq!(server.segment(&audio, number, "x").await, STORED);
    }
    for lease in [&text, &audio] {
        assert_eq!(server.complete(lease).await, STORED);
    }
    let of = |name: &str| format!("/v/{asset}/{}/t1/{name}", text["version"].as_str().unwrap());
    let segment = server.get(&of("0.vtt"), &key).await;
    assert_eq!(
        crate::support::header(&segment, "content-type"),
        "text/vtt; charset=utf-8"
    );
    assert_eq!(server.get(&of("0.m4s"), &key).await.status(), 404);
    let playlist = server.get(&of("index.m3u8"), &key).await;
    let playlist = String::from_utf8_lossy(playlist.body()).into_owned();
    assert!(
        playlist.contains("2.vtt") && !playlist.contains("EXT-X-MAP"),
        "{playlist}"
    );
    let master = server.get(&format!("/v/{asset}/master.m3u8"), &key).await;
    assert!(String::from_utf8_lossy(master.body()).contains("TYPE=SUBTITLES"));
}

#[tokio::test]
async fn the_first_pictures_bytes_make_a_playlist_for_trick_play() {
    let server = Server::start(patient()).await;
    let (asset, key) = server.upload("video").await;
    let lease = server.lease().await;
    server
        .store_plan(&lease, &plan(&["v360"], &[task("lead", &["v360"])]))
        .await;
    let lease = server.lease().await;
    server.init(&lease, "v360").await;
    for number in 0..3 {
        let start = number * 192_000;
        let path = format!("tracks/v360/segments/{number}?start={start}&duration=192000&iframe=5");
        assert_eq!(
            server
                .work(&lease, "PUT", &path, "0123456789")
                .await
                .status(),
            STORED
        );
    }
    assert_eq!(server.complete(&lease).await, STORED);
    let version = lease["version"].as_str().unwrap();
    let path = format!("/v/{asset}/{version}/v360/iframes.m3u8");
    let answer = server.get(&path, &key).await;
    let text = String::from_utf8_lossy(answer.body()).into_owned();
    assert!(text.contains("#EXT-X-BYTERANGE:5@0"), "{text}");
    let info = json_of(&server.get(&format!("/v/{asset}/info.json"), &key).await);
    assert_eq!(info["renditions"], json!(["v360"]));
}
