//! Subtitles added to a sealed version: another version, whose rows point at the same blobs.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use origin::Config;
use serde_json::Value;

use crate::{
    blobs::{blobs, named, settled},
    support::{Server, bearer, json_of, patient, plan, problem, settings, task, until},
};

pub(crate) const SRT: &str = "1\n00:00:01,000 --> 00:00:05,000\nHallo\n\n\
                   2\n00:00:11,000 --> 00:00:19,000\nTsch\u{fc}s\n\n\
                   3\n00:01:00,000 --> 00:01:01,000\nafter\n";

/// Versions that had their place taken go at once, and their bytes soon.
fn soon() -> Config {
    Config {
        gc_grace: Duration::from_secs(1),
        ..settings()
    }
}

/// A sealed version of 12 s: sound, a poster, and subtitles in English.
pub(crate) async fn sealed(server: &Server) -> (String, String, String) {
    let (asset, key) = server.upload("video").await;
    let lease = server.lease().await;
    let tasks = [task("audio", &["a1"]), task("text", &["t1"])];
    server
        .store_plan(&lease, &plan(&["a1", "t1"], &tasks))
        .await;
    let (audio, text) = (server.lease().await, server.lease().await);
    server.init(&audio, "a1").await;
    server.work(&audio, "PUT", "files/poster.jpg", "x").await;
    server.work(&text, "PUT", "files/t1.vtt", "WEBVTT\n").await;
    for number in 0..3 {
        server
            .segment(&audio, number, &format!("sound {number}"))
            .await;
        server.segment_of(&text, "t1", number, "WEBVTT\n").await;
    }
    for lease in [&audio, &text] {
        assert_eq!(server.complete(lease).await, 204);
    }
    let version = newest(server, &asset).await;
    (asset, key, version)
}

pub(crate) async fn newest(server: &Server, asset: &str) -> String {
    let status = server.status(asset).await;
    assert_eq!(status["state"], "ready");
    status["version"].as_str().unwrap().to_owned()
}

pub(crate) async fn add(
    server: &Server,
    asset: &str,
    query: &str,
    body: impl Into<Bytes>,
) -> Response<Bytes> {
    let path = format!("/api/assets/{asset}/text?{query}");
    let admin = bearer(&server.admin);
    let headers = [("authorization", admin.as_str())];
    server.ask("POST", &path, &headers, body).await
}

/// Adds subtitles; gives the new version.
async fn added(server: &Server, asset: &str, query: &str) -> (String, Value) {
    let answer = add(server, asset, query, SRT).await;
    assert_eq!(answer.status(), 201, "{answer:?}");
    let told = json_of(&answer);
    (newest(server, asset).await, told)
}

pub(crate) async fn text(server: &Server, path: &str, key: &str) -> String {
    let answer = server.get(path, key).await;
    assert_eq!(answer.status(), 200, "{path}: {answer:?}");
    String::from_utf8(answer.body().to_vec()).unwrap()
}

/// All of a version that was there before anything was added to it.
pub(crate) async fn first_bytes(
    server: &Server,
    asset: &str,
    version: &str,
    key: &str,
) -> Vec<Bytes> {
    let mut all = Vec::new();
    for path in [
        "a1/init.mp4",
        "a1/0.m4s",
        "a1/1.m4s",
        "a1/2.m4s",
        "t1/0.vtt",
        "t1/2.vtt",
        "t1.vtt",
        "poster.jpg",
        "a1/index.m3u8",
        "t1/index.m3u8",
    ] {
        let answer = server
            .get(&format!("/v/{asset}/{version}/{path}"), key)
            .await;
        assert_eq!(answer.status(), 200, "{version}/{path}");
        all.push(answer.body().clone());
    }
    all
}

#[tokio::test]
async fn added_subtitles_are_a_new_version_on_the_grid_of_the_old() {
    let server = Server::start(patient()).await;
    let (asset, key, old) = sealed(&server).await;
    let (new, told) = added(&server, &asset, "language=deu&name=Deutsch").await;
    assert_eq!(told["track"], "t2");
    assert_eq!(told["version"], Value::from(new.clone()));
    let warning = "added subtitles: 1 cues after the end are left out";
    assert_eq!(told["warnings"][0], warning);
    assert_eq!(server.status(&asset).await["warnings"][0], warning);
    let master = text(&server, &format!("/v/{asset}/master.m3u8"), &key).await;
    assert!(master.contains(&format!("{new}/t2/index.m3u8")), "{master}");
    assert!(
        master.contains("NAME=\"Deutsch\",LANGUAGE=\"de\""),
        "{master}"
    );
    assert!(
        master.contains("LANGUAGE=\"en\"") && !master.contains(&old),
        "{master}"
    );
    let mpd = text(&server, &format!("/v/{asset}/manifest.mpd"), &key).await;
    assert!(
        mpd.contains("lang=\"de\"") && mpd.contains("t2.vtt"),
        "{mpd}"
    );
    let list = text(&server, &format!("/v/{asset}/{new}/t2/index.m3u8"), &key).await;
    assert_eq!(list.matches("#EXTINF:4.000").count(), 3, "{list}");
    assert!(list.contains("#EXT-X-ENDLIST"));
    let segment = async |n: u32| text(&server, &format!("/v/{asset}/{new}/t2/{n}.vtt"), &key).await;
    let head = "WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\n";
    let hallo = "\n00:00:01.000 --> 00:00:05.000\nHallo\n";
    let bye = "\n00:00:11.000 --> 00:00:12.000\nTsch\u{fc}s\n";
    assert_eq!(segment(0).await, format!("{head}{hallo}"));
    assert_eq!(segment(1).await, format!("{head}{hallo}"));
    assert_eq!(segment(2).await, format!("{head}{bye}"));
    let whole = text(&server, &format!("/v/{asset}/{new}/t2.vtt"), &key).await;
    assert_eq!(whole, format!("WEBVTT\n{hallo}{bye}"));
    let all = json_of(&server.get("/api/assets", &server.admin).await);
    assert_eq!(
        all["assets"].as_array().unwrap().len(),
        1,
        "an asset is listed once"
    );
}

#[tokio::test]
async fn the_old_version_plays_for_the_grace_with_the_same_bytes() {
    let server = Server::start(patient()).await;
    let (asset, key, old) = sealed(&server).await;
    let before = blobs(server.data());
    let bytes = first_bytes(&server, &asset, &old, &key).await;
    let (new, _) = added(&server, &asset, "language=de").await;
    assert_eq!(first_bytes(&server, &asset, &old, &key).await, bytes);
    assert_eq!(first_bytes(&server, &asset, &new, &key).await, bytes);
    let after = blobs(server.data());
    assert!(after.is_superset(&before));
    assert_eq!(after.len(), before.len() + 4, "3 segments and a whole file");
    assert_eq!(after, named(&server).await);
}

#[tokio::test]
async fn bytes_that_two_versions_share_go_with_the_last() {
    let server = Server::start(soon()).await;
    let (asset, key, old) = sealed(&server).await;
    let bytes = first_bytes(&server, &asset, &old, &key).await;
    let before = blobs(server.data());
    let (middle, _) = added(&server, &asset, "language=de").await;
    let (new, _) = added(&server, &asset, "language=fr").await;
    for gone in [&old, &middle] {
        until("the old version is gone", async || {
            let path = format!("/v/{asset}/{gone}/a1/index.m3u8");
            server.get(&path, &key).await.status() == 404
        })
        .await;
    }
    // What only it had named has been looked at by then.
    until("its garbage is looked at", async || {
        garbage(&server).await == 0
    })
    .await;
    assert_eq!(first_bytes(&server, &asset, &new, &key).await, bytes);
    text(&server, &format!("/v/{asset}/{new}/t2/0.vtt"), &key).await;
    assert!(settled(&server).await.is_superset(&before));
    let server = server.crash(soon()).await;
    assert_eq!(first_bytes(&server, &asset, &new, &key).await, bytes);
    let path = format!("/api/assets/{asset}");
    let gone = server.send_json("DELETE", &path, &server.admin, &Value::Null);
    assert_eq!(gone.await.status(), 204);
    assert_eq!(settled(&server).await.len(), 0);
}

/// Blobs that are listed to be deleted.
pub(crate) async fn garbage(server: &Server) -> i64 {
    crate::blobs::count(server, "SELECT count(*) FROM garbage").await
}

#[tokio::test]
async fn what_is_no_subtitles_is_refused_and_leaves_nothing() {
    let server = Server::start(patient()).await;
    let (asset, _key, old) = sealed(&server).await;
    let before = blobs(server.data());
    for (query, body, status, words) in [
        ("language=de", "hello", 400, "neither WebVTT nor SubRip"),
        ("language=de", "", 400, "neither WebVTT nor SubRip"),
        ("language=de", "[Script Info]\n", 400, "no cue"),
        ("language=de", "WEBVTT\n", 400, "no cue"),
        (
            "language=de",
            "WEBVTT\n\n02:00.000 --> 03:00.000\nx\n",
            400,
            "after the end",
        ),
        ("language=und", SRT, 400, "no language"),
        ("name=x", SRT, 400, "language"),
        ("language=de&name=a%0Ab", SRT, 400, "line breaks"),
        (
            "language=en",
            SRT,
            409,
            "t1 is text of this language and name",
        ),
    ] {
        let answer = add(&server, &asset, query, body).await;
        let told = json_of(&answer);
        assert_eq!(answer.status(), status, "{query} {body:?}: {told}");
        assert!(told["detail"].as_str().unwrap().contains(words), "{told}");
    }
    let long = add(&server, &asset, "language=de", vec![b'x'; (4 << 20) + 1]).await;
    assert_eq!(
        (long.status().as_u16(), problem(&long).as_str()),
        (413, "too-large")
    );
    let path = format!("/api/assets/{asset}/text?language=de");
    assert_eq!(server.ask("POST", &path, &[], SRT).await.status(), 401);
    let join = bearer(&server.join);
    let headers = [("authorization", join.as_str())];
    let worker = server.ask("POST", &path, &headers, SRT).await;
    assert_eq!(worker.status(), 401);
    assert_eq!(
        add(&server, "nobody", "language=de", SRT).await.status(),
        404
    );
    assert_eq!(newest(&server, &asset).await, old);
    assert_eq!(blobs(server.data()), before);
}

#[tokio::test]
async fn styled_subtitles_become_webvtt() {
    let server = Server::start(patient()).await;
    let (asset, key, _old) = sealed(&server).await;
    let ass = "[Script Info]\n\n[Events]\nFormat: Layer, Start, End, Text\n\
               Dialogue: 0,0:00:01.00,0:00:03.50,{\\an8\\i1}Hallo,{\\i0}\\NWelt\n\
               Dialogue: 0,x,0:00:03.50,broken\n";
    let answer = add(&server, &asset, "language=de", ass).await;
    assert_eq!(answer.status(), 201, "{answer:?}");
    let warning = "added subtitles: 1 cues could not be read and are left out";
    assert_eq!(json_of(&answer)["warnings"], serde_json::json!([warning]));
    let version = newest(&server, &asset).await;
    let whole = text(&server, &format!("/v/{asset}/{version}/t2.vtt"), &key).await;
    let cue = "00:00:01.000 --> 00:00:03.500 line:0\n<i>Hallo,</i>\nWelt\n";
    assert_eq!(whole, format!("WEBVTT\n\n{cue}"));
}

#[tokio::test]
async fn only_what_is_sealed_can_be_added_to() {
    let server = Server::start(patient()).await;
    let (asset, _key) = server.upload("video").await;
    let early = add(&server, &asset, "language=de", SRT).await;
    assert_eq!(
        (early.status().as_u16(), problem(&early).as_str()),
        (409, "not-yet-whole")
    );
    assert_eq!(early.headers()["retry-after"], "5");
    let lease = server.lease().await;
    server.fail_for_good(&lease, "odd").await;
    assert_eq!(add(&server, &asset, "language=de", SRT).await.status(), 409);
}

#[tokio::test]
async fn one_text_is_the_default_and_forced_text_is_marked() {
    let server = Server::start(patient()).await;
    let (asset, key, _old) = sealed(&server).await;
    added(&server, &asset, "language=de&default=true").await;
    added(&server, &asset, "language=fr&default=true").await;
    added(&server, &asset, "language=fr&forced=true").await;
    let master = text(&server, &format!("/v/{asset}/master.m3u8"), &key).await;
    let texts: Vec<&str> = master
        .lines()
        .filter(|line| line.contains("TYPE=SUBTITLES"))
        .collect();
    assert_eq!(texts.len(), 4, "{master}");
    let default: Vec<_> = texts.iter().filter(|t| t.contains("DEFAULT=YES")).collect();
    assert!(
        default.len() == 1 && default[0].contains("LANGUAGE=\"fr\""),
        "{master}"
    );
    let forced: Vec<_> = texts.iter().filter(|t| t.contains("FORCED=YES")).collect();
    assert!(
        forced.len() == 1 && forced[0].contains("(forced)"),
        "{master}"
    );
}

#[tokio::test]
async fn many_at_once_are_all_there() {
    let server = Server::start(patient()).await;
    let (asset, key, _old) = sealed(&server).await;
    let languages = ["cs", "da", "de", "es", "fi", "fr"];
    let queries = languages.map(|language| format!("language={language}"));
    let all = queries.iter().map(|query| add(&server, &asset, query, SRT));
    for answer in futures_util::future::join_all(all).await {
        assert_eq!(answer.status(), 201, "{answer:?}");
    }
    let master = text(&server, &format!("/v/{asset}/master.m3u8"), &key).await;
    for language in languages {
        assert!(
            master.contains(&format!("LANGUAGE=\"{language}\"")),
            "{master}"
        );
    }
}

#[tokio::test]
async fn a_key_opens_no_old_version_of_another_asset() {
    let server = Server::start(patient()).await;
    let (asset, _key, old) = sealed(&server).await;
    let (other, key, _) = sealed(&server).await;
    added(&server, &asset, "language=de").await;
    let path = format!("/v/{other}/{old}/a1/index.m3u8");
    assert_eq!(server.get(&path, &key).await.status(), 404);
}

#[tokio::test]
async fn an_origin_that_ends_while_text_is_stored_leaves_it_added_or_no_byte() {
    for wait_ms in [0, 1, 2, 4, 8, 16] {
        let server = Server::start(soon()).await;
        let (asset, _key, old) = sealed(&server).await;
        let path = format!("/api/assets/{asset}/text?language=de");
        let admin = bearer(&server.admin);
        let headers = [("authorization", admin.as_str())];
        // Dropped in the middle, as when the connection is cut.
        let ask = server.ask("POST", &path, &headers, SRT);
        let _ = tokio::time::timeout(Duration::from_millis(wait_ms), ask).await;
        let server = server.crash(soon()).await;
        let new = newest(&server, &asset).await;
        let expected = if new == old { 10 } else { 14 };
        assert_eq!(settled(&server).await.len(), expected, "{wait_ms} ms");
    }
}
