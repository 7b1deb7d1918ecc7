//! `origin.encryption`: keys of their own for each version, lent to workers and given to
//! viewers, and told to nobody else.

use http::StatusCode;
use origin::Config;
use serde_json::{Value, json};
use wire::Encryption;

use crate::{
    blobs::count,
    support::{Server, bearer, header, json_of, patient, plan, problem, task},
};

const KEYS_SQL: &str = "SELECT count(*) FROM content_keys";

fn encrypting() -> Config {
    Config {
        encryption: Encryption::Cbcs,
        ..patient()
    }
}

/// A version whose keys a key server is asked for.
fn asking() -> Config {
    Config {
        key_server: "http://127.0.0.1:9/keys".to_owned(),
        ..encrypting()
    }
}

/// A sealed version of 12 s of sound; gives asset, key, and the lease that made it.
async fn sealed(server: &Server) -> (String, String, Value) {
    let (asset, key) = server.upload("video").await;
    let lease = server.plan(&server.lease().await).await;
    for number in 0..3 {
        server
            .segment(&lease, number, &format!("sound {number}"))
            .await;
    }
    assert_eq!(server.complete(&lease).await, 204);
    (asset, key, lease)
}

async fn text(server: &Server, path: &str, key: &str) -> String {
    let answer = server.get(path, key).await;
    assert_eq!(answer.status(), 200, "{path}: {answer:?}");
    String::from_utf8(answer.body().to_vec()).unwrap()
}

fn of(lease: &Value, kind: &str, field: &str) -> String {
    let value = &lease["content_keys"][kind][field];
    value
        .as_str()
        .unwrap_or_else(|| panic!("{lease}"))
        .to_owned()
}

#[tokio::test]
async fn each_version_has_keys_of_its_own_and_each_of_its_jobs_the_same() {
    let server = Server::start(encrypting()).await;
    server.upload("one").await;
    let planning = server.lease().await;
    let audio = server.plan(&planning).await;
    assert_eq!(planning["content_keys"], audio["content_keys"]);
    server.upload("two").await;
    let other = server.lease().await;
    let mut all = Vec::new();
    for lease in [&audio, &other] {
        for kind in ["video", "audio"] {
            all.extend([of(lease, kind, "id"), of(lease, kind, "secret")]);
        }
    }
    assert!(all.iter().all(|digits| digits.len() == 32), "{all:?}");
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 8, "two versions, two kinds, id and key");
}

#[tokio::test]
async fn manifests_name_the_keys_and_a_licence_gives_them_to_whoever_may_read() {
    let server = Server::start(encrypting()).await;
    let (asset, key, lease) = sealed(&server).await;
    let (video, audio) = (of(&lease, "video", "id"), of(&lease, "audio", "id"));
    let version = lease["version"].as_str().unwrap();
    let master = text(&server, &format!("/v/{asset}/master.m3u8"), &key).await;
    assert!(
        master.contains(&format!("URI=\"license#{audio}\"")),
        "{master}"
    );
    let playlist = format!("/v/{asset}/{version}/a1/index.m3u8");
    let playlist = text(&server, &playlist, &key).await;
    let line = format!("METHOD=SAMPLE-AES,URI=\"../../license#{audio}\",KEYID=0x{audio}");
    assert!(playlist.contains(&line), "{playlist}");
    let mpd = text(&server, &format!("/v/{asset}/manifest.mpd"), &key).await;
    assert!(
        mpd.contains("value=\"cbcs\"") && !mpd.contains("Laurl"),
        "{mpd}"
    );

    let path = format!("/v/{asset}/license");
    let request = json!({"kids": ["AAECAwQFBgcICQoLDA0ODw"], "type": "temporary"});
    let asked = server.send_json("POST", &path, &key, &request).await;
    for answer in [&asked, &server.get(&path, &key).await] {
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(header(answer, "cache-control"), "no-store");
        assert_eq!(header(answer, "content-type"), "application/json");
        assert_eq!(header(answer, "access-control-allow-origin"), "*");
        let licence: wire::ClearKeys = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(licence.session.as_deref(), Some("temporary"));
        let given = licence.keys.iter().map(|key| (hex(&key.kid), hex(&key.k)));
        let mut given: Vec<_> = given.collect();
        let secret = |kind| of(&lease, kind, "secret");
        let mut due = vec![
            (video.clone(), secret("video")),
            (audio.clone(), secret("audio")),
        ];
        given.sort();
        due.sort();
        assert_eq!(given, due);
    }
}

/// Shaka plays HLS by such keys alone, and hls.js not at all.
#[tokio::test]
async fn by_a_query_hls_names_keys_that_are_fetched_as_bytes() {
    let server = Server::start(encrypting()).await;
    let (asset, key, lease) = sealed(&server).await;
    let (id, version) = (
        of(&lease, "audio", "id"),
        lease["version"].as_str().unwrap(),
    );
    let master = format!("/v/{asset}/master.m3u8?key_format=identity");
    let master = text(&server, &master, &key).await;
    let child = format!("{version}/a1/index.m3u8?key_format=identity");
    assert!(
        master.contains(&child) && !master.contains("SESSION-KEY"),
        "{master}"
    );
    let playlist = text(&server, &format!("/v/{asset}/{child}"), &key).await;
    let line = format!("METHOD=SAMPLE-AES,URI=\"../../{id}.key\",KEYFORMAT=\"identity\"");
    assert!(playlist.contains(&line), "{playlist}");
    let path = format!("/v/{asset}/{id}.key");
    let answer = server.get(&path, &key).await;
    assert_eq!(header(&answer, "cache-control"), "no-store");
    let digits: String = answer.body().iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(digits, of(&lease, "audio", "secret"));
    assert_eq!(server.ask("GET", &path, &[], "").await.status(), 401);
    let other = format!("/v/{asset}/{}.key", "0".repeat(32));
    assert_eq!(server.get(&other, &key).await.status(), 404);
}

fn hex(base64url: &str) -> String {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(base64url).unwrap();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn nobody_else_gets_a_licence() {
    let server = Server::start(encrypting()).await;
    let (asset, _, lease) = sealed(&server).await;
    let (_, other) = server.upload("other").await;
    let path = format!("/v/{asset}/license");
    let secret = of(&lease, "audio", "secret");
    for method in ["GET", "POST"] {
        let keyless = server.ask(method, &path, &[], "{}").await;
        let foreign = [("authorization", bearer(&other))];
        let foreign = [(foreign[0].0, foreign[0].1.as_str())];
        let foreign = server.ask(method, &path, &foreign, "{}").await;
        for (answer, status) in [(keyless, 401), (foreign, 403)] {
            assert_eq!(answer.status(), status);
            assert!(!String::from_utf8_lossy(answer.body()).contains(&secret));
        }
    }
    let long = vec![b'x'; 9000];
    assert_eq!(server.ask("POST", &path, &[], long).await.status(), 413);
    let put = server.ask("PUT", &path, &[], "{}").await;
    assert_eq!(put.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_clear_asset_has_no_licence_and_no_keys() {
    let server = Server::start(patient()).await;
    let (asset, key, lease) = sealed(&server).await;
    assert_eq!(lease["content_keys"], Value::Null);
    let answer = server.get(&format!("/v/{asset}/license"), &key).await;
    assert_eq!(
        (answer.status().as_u16(), problem(&answer).as_str()),
        (404, "not-found")
    );
    let master = text(&server, &format!("/v/{asset}/master.m3u8"), &key).await;
    assert!(!master.contains("-KEY:"), "{master}");
}

#[tokio::test]
async fn added_subtitles_keep_the_keys_and_a_deleted_asset_leaves_none() {
    let server = Server::start(encrypting()).await;
    let (asset, key, lease) = sealed(&server).await;
    let admin = bearer(&server.admin);
    let path = format!("/api/assets/{asset}/text?language=de");
    let srt = "1\n00:00:01,000 --> 00:00:02,000\nHallo\n";
    let headers = [("authorization", admin.as_str())];
    assert_eq!(server.ask("POST", &path, &headers, srt).await.status(), 201);
    let master = text(&server, &format!("/v/{asset}/master.m3u8"), &key).await;
    let audio = of(&lease, "audio", "id");
    assert!(master.contains(&format!("license#{audio}")), "{master}");
    assert!(
        !master.contains(lease["version"].as_str().unwrap()),
        "it is another version"
    );
    let licence = server.get(&format!("/v/{asset}/license"), &key).await;
    assert_eq!(
        json_of(&licence)["keys"].as_array().unwrap().len(),
        2,
        "each once"
    );
    assert_eq!(count(&server, KEYS_SQL).await, 4);

    let path = format!("/api/assets/{asset}");
    assert_eq!(
        server.ask("DELETE", &path, &headers, "").await.status(),
        204
    );
    assert_eq!(count(&server, KEYS_SQL).await, 0);
    let licence = server.get(&format!("/v/{asset}/license"), &key).await;
    assert_eq!(licence.status(), 404);
}

#[tokio::test]
async fn a_version_that_fails_leaves_no_key() {
    let server = Server::start(encrypting()).await;
    server.upload("video").await;
    let lease = server.lease().await;
    assert_eq!(count(&server, KEYS_SQL).await, 2);
    server.fail_for_good(&lease, "no video").await;
    assert_eq!(count(&server, KEYS_SQL).await, 0);
}

#[tokio::test]
async fn keys_of_a_key_server_come_before_the_plan_ends_and_the_first_stay() {
    let server = Server::start(asking()).await;
    server.upload("video").await;
    let lease = server.lease().await;
    assert_eq!(lease["content_keys"], Value::Null);
    assert_eq!(lease["settings"]["key_server"], "http://127.0.0.1:9/keys");
    let plan = plan(&["a1"], &[task("audio", &["a1"])]);
    let stored = server.work(&lease, "PUT", "plan", plan.to_string()).await;
    assert_eq!(stored.status(), 204);
    assert_eq!(server.complete(&lease).await, StatusCode::BAD_REQUEST);

    let keys = |id: &str, secret: &str| {
        let key = json!({"id": id.repeat(16), "secret": secret.repeat(16)});
        json!({"video": key, "audio": key}).to_string()
    };
    for wrong in [
        "{}".to_owned(),
        keys("0", "ca"),
        keys("01", "cax"),
        "\"caca\"".to_owned(),
    ] {
        let answer = server.work(&lease, "PUT", "keys", wrong).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{answer:?}");
        assert!(
            !String::from_utf8_lossy(answer.body()).contains("caca"),
            "{answer:?}"
        );
    }
    for (id, secret) in [("01", "ca"), ("02", "cb")] {
        let answer = server.work(&lease, "PUT", "keys", keys(id, secret)).await;
        assert_eq!(answer.status(), 204, "{answer:?}");
    }
    assert_eq!(server.complete(&lease).await, 204);
    let audio = server.lease().await;
    assert_eq!(of(&audio, "video", "id"), "01".repeat(16));
    assert_eq!(of(&audio, "audio", "secret"), "ca".repeat(16));
    let late = server.work(&audio, "PUT", "keys", keys("03", "cc")).await;
    assert_eq!(late.status(), StatusCode::BAD_REQUEST, "only who plans");
}

/// RFC 8216 §4.3.2.4: the bytes are what `openssl` would make with that key and vector.
#[tokio::test]
async fn by_aes_128_init_segments_are_read_with_the_key_and_no_mpd_is_written() {
    let settings = Config {
        encryption: Encryption::Aes128,
        ..patient()
    };
    let server = Server::start(settings).await;
    let (asset, key) = server.upload("video").await;
    let lease = server.lease().await;
    let planned = plan(&["a1"], &[task("audio", &["a1"])]);
    server.store_plan(&lease, &planned).await;
    let lease = server.lease().await;
    let clear = crate::support::init_segment();
    let put = async |bytes: Vec<u8>| {
        let answer = server.work(&lease, "PUT", "tracks/a1/init", bytes).await;
        answer.status().as_u16()
    };
    assert_eq!(put(clear.to_vec()).await, 400, "it is clear");
    let (id, secret) = (of(&lease, "audio", "id"), of(&lease, "audio", "secret"));
    let bytes = |digits: &str| media::bmff::cbcs::key_bytes(digits).unwrap();
    let own = media::bmff::cbcs::Key::new(id.parse().unwrap(), bytes(&secret), None);
    let whole = media::bmff::cbcs::Whole::new(&own);
    assert_eq!(put(whole.encrypted(&clear)).await, 204);
    for number in 0..3 {
        server.segment(&lease, number, "sixteen bytes ..").await;
    }
    assert_eq!(server.complete(&lease).await, 204);
    let version = lease["version"].as_str().unwrap();
    let playlist = format!("/v/{asset}/{version}/a1/index.m3u8");
    let playlist = text(&server, &playlist, &key).await;
    let line = format!("#EXT-X-KEY:METHOD=AES-128,URI=\"../../{id}.key\",IV=0x{id}\n#EXT-X-MAP");
    assert!(playlist.contains(&line), "{playlist}");
    let dash = server.get(&format!("/v/{asset}/manifest.mpd"), &key).await;
    assert_eq!(dash.status(), 404);
    let detail = json_of(&dash)["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("AES-128, for HLS alone"), "{detail}");
}

#[test]
fn settings_that_cannot_be_are_named() {
    let faults = |config: Config| config.faults().join("; ");
    let clear = Config {
        encryption: Encryption::None,
        ..asking()
    };
    assert!(faults(clear).contains("key_server needs an encryption"));
    for url in [
        "https://keys/new",
        "http://user:secret@keys/new",
        "http://keys/new?token=secret",
    ] {
        let told = faults(Config {
            key_server: url.to_owned(),
            ..asking()
        });
        assert!(
            told.contains("with neither user nor query"),
            "{url}: {told}"
        );
        assert!(!told.contains("secret"), "{told}");
    }
    let opus = Config {
        codecs: vec![wire::Codec::H264, wire::Codec::Opus],
        ..encrypting()
    };
    assert!(faults(opus).contains("h264"));
    assert_eq!(faults(asking()), "");
}
