//! `/v/`: who may read what, when, and for how long it may be kept.

use http::StatusCode;
use m3u8_rs::{MediaPlaylistType, Playlist};
use serde_json::{Value, json};

use crate::support::{Server, bearer, header, json_of, problem, settings};

/// A server with an asset of three segments, sealed.
async fn sealed() -> (Server, String, String, Value) {
    let server = Server::start(settings()).await;
    let (asset, key) = server.upload("video").await;
    let lease = server.plan(&server.lease().await).await;
    for number in 0..3 {
        assert_eq!(
            server.segment(&lease, number, "0123456789").await,
            StatusCode::NO_CONTENT
        );
    }
    let answer = server
        .work(&lease, "POST", "complete", "{\"warnings\": [\"w\"]}")
        .await;
    assert_eq!(answer.status(), StatusCode::NO_CONTENT, "{answer:?}");
    (server, asset, key, lease)
}

fn segment_path(asset: &str, lease: &Value) -> String {
    format!("/v/{asset}/{}/a1/0.m4s", lease["version"].as_str().unwrap())
}

#[tokio::test]
async fn a_sealed_version_plays_in_hls_and_dash() {
    let (server, asset, key, lease) = sealed().await;
    let master = server
        .ask("GET", &format!("/k/{key}/v/{asset}/master.m3u8"), &[], "")
        .await;
    assert_eq!(
        header(&master, "content-type"),
        "application/vnd.apple.mpegurl"
    );
    assert_eq!(header(&master, "cache-control"), "private, max-age=60");
    let Ok(Playlist::MasterPlaylist(parsed)) = m3u8_rs::parse_playlist_res(master.body()) else {
        panic!("{master:?}");
    };
    let child = format!("/k/{key}/v/{asset}/{}", parsed.variants[0].uri);
    let media = server.ask("GET", &child, &[], "").await;
    let Ok(Playlist::MediaPlaylist(parsed)) = m3u8_rs::parse_playlist_res(media.body()) else {
        panic!("{media:?}");
    };
    assert_eq!(parsed.segments.len(), 3);
    assert!(parsed.end_list && parsed.playlist_type == Some(MediaPlaylistType::Vod));
    let mpd = format!("/v/{asset}/manifest.mpd");
    let mpd = server.get(&mpd, &server.join).await;
    assert_eq!(
        header(&mpd, "cache-control"),
        "public, max-age=60, stale-while-revalidate=60"
    );
    assert_eq!(header(&mpd, "content-type"), "application/dash+xml");
    let version = lease["version"].as_str().unwrap();
    assert_eq!(
        header(&mpd, "surrogate-key"),
        format!("{asset} {asset}/{version}")
    );
}

#[tokio::test]
async fn a_segment_is_immutable_and_keyed() {
    let (server, asset, _key, lease) = sealed().await;
    let answer = server
        .get(&segment_path(&asset, &lease), &server.join)
        .await;
    assert_eq!(
        header(&answer, "cache-control"),
        "public, max-age=31536000, immutable"
    );
    assert!(answer.headers().contains_key("surrogate-key"));
    assert_eq!(header(&answer, "content-type"), "audio/mp4");
    assert_eq!(header(&answer, "weir-access"), "keyed");
    assert_eq!(header(&answer, "content-length"), "10");
    assert_eq!(header(&answer, "access-control-allow-origin"), "*");
}

#[tokio::test]
async fn who_has_no_key_or_another_key_reads_nothing() {
    let (server, asset, _key, lease) = sealed().await;
    let path = segment_path(&asset, &lease);
    let answer = server.ask("GET", &path, &[], "").await;
    assert_eq!(
        (answer.status().as_u16(), problem(&answer).as_str()),
        (401, "key-missing")
    );
    assert_eq!(header(&answer, "cache-control"), "no-store");
    let (_other, other_key) = server.upload("other").await;
    let answer = server.get(&path, &other_key).await;
    assert_eq!(
        (answer.status().as_u16(), problem(&answer).as_str()),
        (403, "key-scope")
    );
    let answer = server.get(&path, "nonsense").await;
    assert_eq!(
        (answer.status().as_u16(), problem(&answer).as_str()),
        (401, "key-invalid")
    );
    assert_eq!(
        server.get(&path, &server.join).await.status(),
        StatusCode::OK
    );
    assert_eq!(
        server.get(&path, &server.admin).await.status(),
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn ranges_validators_and_head_work() {
    let (server, asset, key, lease) = sealed().await;
    let path = segment_path(&asset, &lease);
    let key = bearer(&key);
    let ask = async |method: &str, name: &str, value: &str| {
        server
            .ask(
                method,
                &path,
                &[("authorization", key.as_str()), (name, value)],
                "",
            )
            .await
    };
    let part = ask("GET", "range", "bytes=2-4").await;
    assert_eq!(
        (part.status().as_u16(), part.body().as_ref()),
        (206, b"234".as_slice())
    );
    assert_eq!(header(&part, "content-range"), "bytes 2-4/10");
    assert_eq!(ask("GET", "range", "bytes=-1").await.body(), "9");
    let beyond = ask("GET", "range", "bytes=10-").await;
    assert_eq!(
        (beyond.status().as_u16(), header(&beyond, "content-range")),
        (416, "bytes */10")
    );
    let etag = header(&part, "etag").to_owned();
    assert_eq!(
        ask("GET", "if-none-match", &etag).await.status(),
        StatusCode::NOT_MODIFIED
    );
    let head = ask("HEAD", "x-none", "").await;
    assert_eq!(
        (header(&head, "content-length"), head.body().len()),
        ("10", 0)
    );
    assert_eq!(
        ask("PUT", "x-none", "").await.status(),
        StatusCode::METHOD_NOT_ALLOWED
    );
}

#[tokio::test]
async fn a_growing_version_is_playable_when_far_enough_ahead() {
    let server = Server::start(crate::support::patient()).await;
    let (asset, key) = server.upload("video").await;
    let master = format!("/v/{asset}/master.m3u8");
    let answer = server.get(&master, &key).await;
    assert_eq!(
        (answer.status().as_u16(), problem(&answer).as_str()),
        (404, "not-yet-playable")
    );
    assert_eq!(
        (
            header(&answer, "retry-after"),
            header(&answer, "cache-control")
        ),
        ("1", "private, max-age=1")
    );
    let lease = server.plan(&server.lease().await).await;
    server.heartbeat(&lease, 2.0).await;
    for number in 0..2 {
        server.segment(&lease, number, "x").await;
        assert_eq!(
            server.get(&master, &key).await.status(),
            StatusCode::NOT_FOUND
        );
    }
    server.segment(&lease, 2, "x").await;
    let answer = server.get(&master, &server.join).await;
    assert_eq!(
        header(&answer, "cache-control"),
        "public, max-age=2, must-revalidate"
    );
    let text = String::from_utf8_lossy(answer.body());
    assert!(text.contains("#EXT-X-START:TIME-OFFSET=0"), "{text}");
    let mpd = server.get(&format!("/v/{asset}/manifest.mpd"), &key).await;
    assert_eq!(
        (mpd.status().as_u16(), problem(&mpd).as_str()),
        (404, "not-yet-whole")
    );
}

#[tokio::test]
async fn a_failed_asset_says_why() {
    let server = Server::start(settings()).await;
    let (asset, key) = server.upload("text").await;
    let lease = server.lease().await;
    let failure = json!({"reason": "this is no video", "permanent": true}).to_string();
    server.work(&lease, "POST", "fail", failure).await;
    let answer = server.get(&format!("/v/{asset}/master.m3u8"), &key).await;
    assert_eq!(
        (answer.status().as_u16(), problem(&answer).as_str()),
        (404, "packaging-failed")
    );
    assert_eq!(json_of(&answer)["detail"], "this is no video");
}

#[tokio::test]
async fn what_is_not_there_may_be_kept_for_a_second() {
    let (server, asset, _key, lease) = sealed().await;
    let version = lease["version"].as_str().unwrap();
    for path in [
        format!("{version}/a1/9.m4s"),
        "odd".into(),
        "none/a1/0.m4s".into(),
    ] {
        let answer = server
            .get(&format!("/v/{asset}/{path}"), &server.join)
            .await;
        assert_eq!(
            (answer.status().as_u16(), header(&answer, "cache-control")),
            (404, "public, max-age=1")
        );
    }
}

#[tokio::test]
async fn two_origins_with_the_same_rows_give_the_same_etag() {
    let (server, asset, key, _lease) = sealed().await;
    let master = format!("/v/{asset}/master.m3u8");
    let before = header(&server.get(&master, &key).await, "etag").to_owned();
    let server = server.restart(settings()).await;
    assert_eq!(header(&server.get(&master, &key).await, "etag"), before);
}

#[tokio::test]
async fn what_a_key_opens_outlives_it_in_no_cache() {
    let (server, asset, _key, lease) = sealed().await;
    let ask = json!({"opens": "play", "asset": asset, "ttl_secs": 100});
    let key = json_of(
        &server
            .send_json("POST", "/api/keys", &server.admin, &ask)
            .await,
    );
    let key = key["token"].as_str().unwrap();
    let path = segment_path(&asset, &lease);
    let answer = server.ask("GET", &format!("/k/{key}{path}"), &[], "").await;
    let kept = header(&answer, "cache-control").strip_prefix("private, max-age=");
    let secs: u64 = kept.unwrap().parse().unwrap();
    assert!((1..=100).contains(&secs), "{secs}");
    assert!(!answer.headers().contains_key("surrogate-key"));
}

#[tokio::test]
async fn the_pages_facts_are_told_to_who_may_watch() {
    let (server, asset, key, _lease) = sealed().await;
    let info = format!("/v/{asset}/info.json");
    let told = json_of(&server.get(&info, &key).await);
    assert_eq!(
        told,
        json!({"title": "clip.mp4", "state": "ready", "duration_secs": 12.0, "percent": 100.0,
            "stage": null, "speed": null, "eta_secs": null, "renditions": []})
    );
    let answer = server.ask("GET", &info, &[], "").await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
}
