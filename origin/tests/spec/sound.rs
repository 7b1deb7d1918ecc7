//! Sound added to a sealed version: encoded beside it, into a version that takes its place
//! when it is whole.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use origin::Config;
use serde_json::{Value, json};

use crate::{
    blobs::{blobs, named, settled},
    support::{Server, bearer, header, json_of, patient, plan, settings, span, task, until},
    text::{add, first_bytes, newest, sealed, text},
};

/// What failed goes soon, and so do its bytes.
pub(crate) fn soon() -> Config {
    Config {
        gc_grace: Duration::from_secs(2),
        lease: Duration::from_secs(2),
        ..settings()
    }
}

/// Starts the upload of some sound.
pub(crate) async fn begin(
    server: &Server,
    asset: &str,
    query: &str,
    length: &str,
) -> Response<Bytes> {
    let path = format!("/api/assets/{asset}/audio?{query}");
    let admin = bearer(&server.admin);
    let headers = [
        ("authorization", admin.as_str()),
        ("tus-resumable", "1.0.0"),
        ("upload-length", length),
    ];
    server.ask("POST", &path, &headers, "").await
}

/// Uploads some sound; gives the upload's path.
pub(crate) async fn upload(server: &Server, asset: &str, query: &str) -> String {
    let begun = begin(server, asset, query, "5").await;
    assert_eq!(begun.status(), 201, "{begun:?}");
    let path = header(&begun, "location").to_owned();
    assert_eq!(server.patch(&path, 0, "sound").await.status(), 204);
    path
}

/// A plan of stereo and 5.1 in a language, a task each; the second by two spans.
pub(crate) fn sound_plan(language: &str) -> Value {
    let tasks = [
        task("audio", &["a1"]),
        span("audio", &["a2"], [0, 2]),
        span("audio", &["a2"], [2, 3]),
    ];
    let mut plan = plan(&["a1", "a2"], &tasks);
    for track in plan["tracks"].as_array_mut().unwrap() {
        track["kind"]["language"] = language.into();
        track["kind"]["channels"] = (if track["track"] == "a1" { 2 } else { 6 }).into();
    }
    plan
}

/// Stores what one task of a sound makes, and completes it.
pub(crate) async fn encode(server: &Server, lease: &Value) {
    let track = lease["task"]["tracks"][0].as_str().unwrap();
    server.init(lease, track).await;
    let (from, to) = match lease["task"]["segments"].as_array() {
        Some(range) => (range[0].as_u64().unwrap(), range[1].as_u64().unwrap()),
        None => (0, 3),
    };
    for number in from..to {
        let body = format!("{track} {number}");
        let stored = server.segment_of(lease, track, number as u32, &body).await;
        assert_eq!(stored, 204);
    }
    assert_eq!(server.complete(lease).await, 204);
}

/// A worker's part in one sound.
async fn make(server: &Server, language: &str) {
    server
        .store_plan(&server.lease().await, &sound_plan(language))
        .await;
    for _ in 0..3 {
        encode(server, &server.lease().await).await;
    }
}

pub(crate) async fn additions(server: &Server, asset: &str) -> Vec<Value> {
    let status = server.status(asset).await;
    assert_eq!(status["state"], "ready", "it is served all the time");
    match status["additions"].as_array() {
        Some(additions) => additions.clone(),
        None => Vec::new(),
    }
}

pub(crate) async fn addition_of(server: &Server, upload: &str) -> Value {
    let admin = bearer(&server.admin);
    let headers = [("authorization", admin.as_str())];
    let status = server.ask("GET", upload, &headers, "").await;
    json_of(&status)["addition"].clone()
}

pub(crate) async fn master(server: &Server, asset: &str, key: &str) -> String {
    text(server, &format!("/v/{asset}/master.m3u8"), key).await
}

#[tokio::test]
async fn added_sound_is_encoded_unseen_and_then_takes_its_place_in_a_new_version() {
    let server = Server::start(patient()).await;
    let (asset, key, old) = sealed(&server).await;
    let bytes = first_bytes(&server, &asset, &old, &key).await;
    let (before, first) = (blobs(server.data()), master(&server, &asset, &key).await);
    let path = upload(&server, &asset, "language=deu&name=Deutsch&default=true").await;
    let lease = server.lease().await;
    assert_eq!(lease["task"]["kind"], "plan");
    let added = json!({"starts_us": [0, 4_000_000, 8_000_000], "end_us": 12_000_000, "until_us": 12_000_000,
        "label": {"language": "de", "name": "Deutsch", "default": true, "characteristics": []}});
    assert_eq!(lease["addition"], added);
    assert_eq!(lease["settings"]["segment_secs"], 4.0);
    let source = server.work(&lease, "GET", "source", "").await;
    assert_eq!(source.into_body(), "sound");
    let coming = &additions(&server, &asset).await[0];
    assert_eq!(coming["state"], "packaging");
    assert_eq!(coming["version"], lease["version"]);
    let mut planned = sound_plan("de");
    for track in planned["tracks"].as_array_mut().unwrap() {
        track["kind"]["name"] = "Deutsch".into();
        track["kind"]["default"] = (track["track"] == "a1").into();
    }
    server.store_plan(&lease, &planned).await;
    for _ in 0..2 {
        encode(&server, &server.lease().await).await;
    }
    assert!(additions(&server, &asset).await[0]["percent"].as_f64() > Some(50.0));
    assert_eq!(master(&server, &asset, &key).await, first);
    let last = server.lease().await;
    encode(&server, &last).await;
    assert_eq!(server.complete(&last).await, 204, "asked again");
    let new = newest(&server, &asset).await;
    assert_eq!(lease["version"], new);
    let told = addition_of(&server, &path).await;
    assert_eq!(
        (&told["state"], &told["version"]),
        (&json!("ready"), &json!(new))
    );
    let last = told["steps"].as_array().unwrap().last().unwrap().clone();
    let what = format!("a2, a3 added to {old}");
    assert_eq!(
        (&last["step"], &last["detail"]),
        (&json!("publish"), &json!(what))
    );
    assert!(additions(&server, &asset).await.is_empty());
    assert_eq!(first_bytes(&server, &asset, &old, &key).await, bytes);
    assert_eq!(first_bytes(&server, &asset, &new, &key).await, bytes);
    let sound = server
        .get(&format!("/v/{asset}/{new}/a3/2.m4s"), &key)
        .await;
    assert_eq!(sound.into_body(), "a2 2");
    let master = master(&server, &asset, &key).await;
    let line = "NAME=\"Deutsch\",LANGUAGE=\"de\",DEFAULT=YES";
    assert!(
        master.contains(line) && master.contains(&format!("{new}/a2/")),
        "{master}"
    );
    assert_eq!(master.matches("GROUP-ID=\"audio\"").count(), 2, "{master}");
    assert_eq!(
        master.matches("DEFAULT=YES").count(),
        2,
        "one a group: {master}"
    );
    let mpd = text(&server, &format!("/v/{asset}/manifest.mpd"), &key).await;
    assert!(mpd.contains("lang=\"de\""), "{mpd}");
    let after = blobs(server.data());
    assert_eq!(
        after.len(),
        before.len() + 9,
        "2 inits, 6 segments, the source"
    );
    assert_eq!(
        after.difference(&named(&server).await).count(),
        1,
        "that source"
    );
}

#[tokio::test]
async fn sounds_and_text_that_are_added_at_the_same_time_are_all_there() {
    let server = Server::start(patient()).await;
    let (asset, key, _old) = sealed(&server).await;
    for language in ["de", "fr"] {
        upload(&server, &asset, &format!("language={language}")).await;
    }
    let (german, french) = (server.lease().await, server.lease().await);
    server.store_plan(&french, &sound_plan("fr")).await;
    let again = begin(&server, &asset, "language=fr", "5").await;
    assert_eq!(again.status(), 409, "{again:?}");
    server.store_plan(&german, &sound_plan("de")).await;
    assert_eq!(
        add(&server, &asset, "language=it", crate::text::SRT)
            .await
            .status(),
        201
    );
    let mut leases = Vec::new();
    for _ in 0..6 {
        leases.push(server.lease().await);
    }
    for lease in leases.iter().rev() {
        encode(&server, lease).await;
    }
    let master = master(&server, &asset, &key).await;
    for language in ["de", "fr", "it"] {
        assert!(
            master.contains(&format!("LANGUAGE=\"{language}\"")),
            "{master}"
        );
    }
    let version = newest(&server, &asset).await;
    for track in ["a1", "a2", "a3", "a4", "a5", "t1", "t2"] {
        let path = format!("/v/{asset}/{version}/{track}/index.m3u8");
        let list = text(&server, &path, &key).await;
        assert_eq!(list.matches("#EXTINF").count(), 3, "{track}: {list}");
    }
    let taken = begin(&server, &asset, "language=fr", "5").await;
    assert!(
        json_of(&taken)["detail"]
            .as_str()
            .unwrap()
            .contains("is sound of this language")
    );
}

/// All requests that add a sound; the origin ends and starts again before the one numbered
/// `crash_at`. False: there were fewer.
async fn add_crashing(mut server: Server, asset: &str, crash_at: usize) -> (Server, bool) {
    let long = Config {
        gc_grace: Duration::from_secs(60),
        ..patient()
    };
    let (mut step, mut crashed) = (0, false);
    macro_rules! step {
        () => {
            if step == crash_at {
                server = server.crash(long.clone()).await;
                crashed = true;
            }
            step += 1;
        };
    }
    let begun = begin(&server, asset, "language=de", "5").await;
    let path = header(&begun, "location").to_owned();
    step!();
    assert_eq!(server.patch(&path, 0, "so").await.status(), 204);
    step!();
    assert_eq!(server.patch(&path, 2, "und").await.status(), 204);
    step!();
    let lease = server.lease().await;
    step!();
    let body = sound_plan("de").to_string();
    assert_eq!(server.work(&lease, "PUT", "plan", body).await.status(), 204);
    step!();
    assert_eq!(server.complete(&lease).await, 204);
    for _ in 0..3 {
        step!();
        let lease = server.lease().await;
        step!();
        encode(&server, &lease).await;
    }
    assert_eq!(step, 11);
    (server, crashed)
}

#[tokio::test]
async fn whenever_the_origin_ends_the_sound_is_added_once() {
    for crash_at in 0.. {
        let server = Server::start(patient()).await;
        let (asset, key, old) = sealed(&server).await;
        let (server, crashed) = add_crashing(server, &asset, crash_at).await;
        let new = newest(&server, &asset).await;
        assert_ne!(new, old, "{crash_at}");
        let list = text(&server, &format!("/v/{asset}/{new}/a3/index.m3u8"), &key).await;
        assert_eq!(list.matches("#EXTINF").count(), 3, "{crash_at}: {list}");
        let stored = blobs(server.data());
        let orphans: Vec<_> = stored.difference(&named(&server).await).cloned().collect();
        assert!(
            orphans.len() == 1 && orphans[0].starts_with("sources/"),
            "{crash_at}"
        );
        assert_eq!(
            crate::text::garbage(&server).await,
            1,
            "it is listed to be deleted"
        );
        if !crashed {
            break;
        }
    }
}

#[tokio::test]
async fn sound_is_as_long_as_the_sound_that_is_there_where_that_is_longer_than_the_picture() {
    let server = Server::start(patient()).await;
    let (asset, _key) = server.upload("video").await;
    let tasks = [task("lead", &["v360"]), task("audio", &["a1"])];
    let plan = plan(&["v360", "a1"], &tasks);
    server.store_plan(&server.lease().await, &plan).await;
    for segments in [3, 4] {
        let lease = server.lease().await;
        let track = lease["task"]["tracks"][0].as_str().unwrap();
        server.init(&lease, track).await;
        for number in 0..segments {
            server.segment_of(&lease, track, number, "x").await;
        }
        assert_eq!(server.complete(&lease).await, 204);
    }
    upload(&server, &asset, "language=de").await;
    let added = server.lease().await["addition"].clone();
    let times = (&added["end_us"], &added["until_us"]);
    assert_eq!(times, (&json!(12_000_000), &json!(16_000_000)));
}

#[tokio::test]
async fn what_had_no_sound_gets_a_group_of_audio_that_plays_by_itself() {
    let server = Server::start(patient()).await;
    let (asset, key) = server.upload("video").await;
    let tasks = [task("lead", &["v360"])];
    server
        .store_plan(&server.lease().await, &plan(&["v360"], &tasks))
        .await;
    let lease = server.lease().await;
    server.init(&lease, "v360").await;
    for number in 0..3 {
        server.segment_of(&lease, "v360", number, "pictures").await;
    }
    assert_eq!(server.complete(&lease).await, 204);
    assert!(!master(&server, &asset, &key).await.contains("AUDIO"));
    upload(&server, &asset, "language=de").await;
    let lease = server.lease().await;
    assert_eq!(lease["addition"]["label"]["default"], true);
    server.store_plan(&lease, &sound_plan("de")).await;
    for _ in 0..3 {
        encode(&server, &server.lease().await).await;
    }
    let master = master(&server, &asset, &key).await;
    assert!(
        master.contains("AUDIO=\"audio\"") && master.contains("DEFAULT=YES"),
        "{master}"
    );
}

/// Takes a track away.
async fn remove(server: &Server, asset: &str, track: &str) -> Response<Bytes> {
    let path = format!("/api/assets/{asset}/tracks/{track}");
    server
        .send_json("DELETE", &path, &server.admin, &Value::Null)
        .await
}

#[tokio::test]
async fn what_was_added_can_be_taken_away_and_its_bytes_go() {
    let server = Server::start(soon()).await;
    let (asset, key, _old) = sealed(&server).await;
    let before = settled(&server).await;
    let first = master(&server, &asset, &key).await;
    upload(&server, &asset, "language=de").await;
    make(&server, "de").await;
    assert_eq!(
        add(&server, &asset, "language=de", crate::text::SRT)
            .await
            .status(),
        201
    );
    let taken = remove(&server, &asset, "a3").await;
    assert_eq!(
        json_of(&taken)["tracks"],
        json!(["a2", "a3"]),
        "all forms of it"
    );
    assert_eq!(
        json_of(&remove(&server, &asset, "t2").await)["tracks"],
        json!(["t2"])
    );
    let version = newest(&server, &asset).await;
    let lines = |playlist: &str| {
        let path = |line: &str| line.rsplit_once("/a1").map(|(_, rest)| rest.to_owned());
        playlist.lines().filter_map(path).collect::<Vec<_>>()
    };
    let now = master(&server, &asset, &key).await;
    assert_eq!(lines(&now), lines(&first));
    assert!(now.contains(&version) && !now.contains("\"de\""), "{now}");
    for (track, status) in [("a3", 404), ("a1", 409), ("..", 404)] {
        assert_eq!(
            remove(&server, &asset, track).await.status(),
            status,
            "{track}"
        );
    }
    let path = format!("/api/assets/{asset}/tracks/t1");
    let worker = server.send_json("DELETE", &path, &server.join, &Value::Null);
    assert_eq!(worker.await.status(), 401);
    until("its bytes are gone", async || {
        blobs(server.data()) == before
    })
    .await;
    assert_eq!(master(&server, &asset, &key).await, now);
}
