//! `origin.encryption` with a key server: what it gave is in one table, in the licence, and
//! nowhere else.

use std::path::{Path, PathBuf};

use http::Method;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};
use wire::AssetState;

use crate::{
    clip::Clip,
    fleet::{Asset, Fleet, Role},
    kills::{PACED_FFMPEG, is_encoding, with_ffmpeg},
    process::{Folder, at_work_in, eventually, run},
    published,
};

/// The key, in each of its spellings.
const SECRET: &str = "00112233445566778899aabbccddeeff";
const K: &str = "ABEiM0RVZneImaq7zN3u_w";
const ID: &str = "000102030405060708090a0b0c0d0e0f";
const KID: &str = "AAECAwQFBgcICQoLDA0ODw";
const SECS: f64 = 10.0;

/// Gives everyone the same key; dropped, it is gone. Tells its address.
async fn key_server(status: &'static str) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        while let Ok((mut worker, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            let len = worker.read(&mut request).await.unwrap();
            let request = String::from_utf8_lossy(&request[..len]).into_owned();
            assert!(request.starts_with("POST /keys HTTP/1.1"), "{request}");
            let body = format!(r#"{{"keys":[{{"kty":"oct","kid":"{KID}","k":"{K}"}}]}}"#);
            let len = body.len();
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {len}\r\n\r\n{body}");
            worker.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (url, serving)
}

#[tokio::test]
async fn a_killed_workers_segments_are_the_same_and_the_key_is_nowhere_but_where_it_belongs() {
    let tools = Folder::new();
    let (url, serving) = key_server("200 OK").await;
    let settings = [
        ("WEIR_ORIGIN__ENCRYPTION", "cbcs"),
        ("WEIR_ORIGIN__KEY_SERVER", url.as_str()),
        ("WEIR_LOG__FILTER", "debug"),
    ];
    let mut fleet = with_ffmpeg(&tools, PACED_FFMPEG, &settings).await;
    let clip = Clip::with_sound(SECS);
    let calm = fleet.publish(clip.path()).await;
    let killed = fleet.take_in(clip.path()).await;
    fleet.status_when(&killed, is_encoding).await;
    fleet.kill(Role::Worker);
    eventually("its ffmpeg has ended", async || {
        at_work_in(&fleet.work_dir()).is_empty()
    })
    .await;
    fleet.launch(Role::Worker).await;
    let status = fleet.settled(&killed).await;
    assert_eq!(status.state, AssetState::Ready, "{status:?}");

    let (one, other) = (
        exported(&fleet, &calm).await,
        exported(&fleet, &killed).await,
    );
    let mut encrypted = 0;
    for path in files_below(&one) {
        let name = path.strip_prefix(&one).unwrap();
        if name.extension().is_none_or(|e| e != "m4s" && e != "mp4") {
            continue;
        }
        // The folder of the version differs, and nothing else.
        let (from, to) = (folder_of(&one), folder_of(&other));
        let twin = other.join(to).join(name.strip_prefix(from).unwrap());
        let (bytes, twin) = (std::fs::read(&path).unwrap(), std::fs::read(twin).unwrap());
        assert!(bytes == twin, "{}", name.display());
        encrypted += usize::from(name.ends_with("init.mp4") && contains(&bytes, b"cbcs"));
    }
    assert!(encrypted >= 3, "{encrypted}: two renditions and the sound");
    fleet.is_valid(&killed).await;
    is_decrypted(&one, "v240");

    let licence = fleet.at_edge(&killed.path("license")).await;
    assert!(contains(&licence.body, K.as_bytes()), "{licence:?}");
    for page in ["master.m3u8", "manifest.mpd", "info.json"] {
        holds_no_key(
            page,
            published::text(&fleet, &killed, page).await.as_bytes(),
        );
    }
    holds_no_key("status", &fleet.operate(Method::GET, &killed).await.body);
    for path in files_below(fleet.folder.path()) {
        let name = path.file_name().unwrap().to_string_lossy();
        if !name.starts_with("catalogue.db") {
            holds_no_key(&name, &std::fs::read(&path).unwrap());
        }
    }
    serving.abort();
}

/// `weir validate` fetches the keys as players do, and looks into each segment.
#[tokio::test]
async fn by_aes_128_there_is_hls_for_who_may_read_and_no_dash() {
    let settings = [("WEIR_ORIGIN__ENCRYPTION", "aes-128")];
    let fleet = Fleet::start(&settings).await;
    let asset = fleet.publish(Clip::with_keyframes(4.0).path()).await;
    let dash = fleet.at_edge(&asset.path("manifest.mpd")).await;
    assert_eq!(dash.status, 404);
    assert!(contains(&dash.body, b"AES-128, for HLS alone"), "{dash:?}");
    fleet.is_valid(&asset).await;
    let seen = fleet.run(&["validate", &asset.hls, "--json"]).await;
    assert!(!seen.out.contains("cmaf-encrypted"), "{seen:?}");
    let export = exported(&fleet, &asset).await;
    let init = export.join(folder_of(&export)).join("a1/init.mp4");
    assert!(!contains(&std::fs::read(init).unwrap(), b"moov"));
}

#[tokio::test]
async fn a_key_server_that_refuses_fails_the_upload_and_says_so() {
    let (url, serving) = key_server("403 Forbidden").await;
    let settings = [
        ("WEIR_ORIGIN__ENCRYPTION", "cbcs"),
        ("WEIR_ORIGIN__KEY_SERVER", url.as_str()),
    ];
    let fleet = Fleet::start(&settings).await;
    let asset = fleet.take_in(Clip::with_keyframes(2.0).path()).await;
    let status = fleet.settled(&asset).await;
    let failure = status.failure.expect("it fails");
    // Of its address not the path: that may be secret.
    let (server, path) = url.rsplit_once('/').unwrap();
    let told = format!("the key server {server} gives no keys: it answered 403 Forbidden");
    assert!(failure.contains(&told) && !path.is_empty(), "{failure}");
    holds_no_key("failure", failure.as_bytes());
    serving.abort();
}

#[tokio::test]
async fn a_folder_takes_its_keys_from_a_key_server_too() {
    let home = Folder::new();
    let (url, serving) = key_server("200 OK").await;
    let clip = Clip::with_keyframes(4.0);
    let file = clip.path().to_str().unwrap();
    let args = [
        "package",
        file,
        "--copy",
        "--out",
        "out",
        "--key-server",
        &url,
    ];
    let packaged = run(home.path(), &args).await;
    assert_eq!(packaged.code, 0, "{packaged:?}");
    let init = std::fs::read(home.path().join("out/a1/init.mp4")).unwrap();
    assert!(contains(&init, &media::bmff::cbcs::key_bytes(ID).unwrap()));
    serving.abort();
    // What can be known without it is told before it is asked.
    let full = run(home.path(), &args).await;
    assert!(full.err.contains("the folder is not empty"), "{full:?}");
    let no_file = [
        &args[..1],
        &["nothing.mp4"],
        &args[2..4],
        &["none"],
        &args[5..],
    ]
    .concat();
    let no_file = run(home.path(), &no_file).await;
    assert!(
        no_file.err.contains("the file cannot be read"),
        "{no_file:?}"
    );
    let refused = run(home.path(), &[&args[..4], &["none"], &args[5..]].concat()).await;
    assert!(refused.err.contains("gives no keys"), "{refused:?}");
    assert!(!home.path().join("none").exists());
}

async fn exported(fleet: &Fleet, asset: &Asset) -> PathBuf {
    let folder = fleet.folder.join(&format!("out-{}", asset.id));
    let done = fleet.run(&["export", &asset.hls, &folder]).await;
    assert_eq!(done.code, 0, "{done:?}");
    PathBuf::from(folder)
}

/// The version's folder within an export.
fn folder_of(export: &Path) -> PathBuf {
    let master = std::fs::read_to_string(export.join("master.m3u8")).unwrap();
    let uri = master.lines().find(|line| line.ends_with("/index.m3u8"));
    let (version, _) = uri.unwrap().split_once('/').unwrap();
    PathBuf::from(version)
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(files_below(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn holds_no_key(what: &str, bytes: &[u8]) {
    let raw = media::bmff::cbcs::key_bytes(SECRET).unwrap();
    for spelling in [SECRET.as_bytes(), K.as_bytes(), &raw] {
        assert!(!contains(bytes, spelling), "the key is in {what}");
    }
}

/// Its pictures are all there for who has the key, and for nobody else.
fn is_decrypted(export: &Path, track: &str) {
    let folder = export.join(folder_of(export)).join(track);
    let init = std::fs::read(folder.join("init.mp4")).unwrap();
    assert!(contains(&init, &media::bmff::cbcs::key_bytes(ID).unwrap()));
    let segments = (0..).map(|n| folder.join(format!("{n}.m4s")));
    let segments = segments.take_while(|path| path.exists());
    let bytes = segments.flat_map(|path| std::fs::read(path).unwrap());
    let file = export.join("joined.mp4");
    std::fs::write(&file, init.into_iter().chain(bytes).collect::<Vec<u8>>()).unwrap();
    let wrong = SECRET.replace("ff", "fe");
    for (key, due) in [(SECRET, true), (wrong.as_str(), false)] {
        let (frames, faults) = crate::encrypting::decoded(&["-decryption_key", key], &file);
        let whole = frames == (SECS * 25.0) as usize && faults.is_empty();
        assert_eq!(whole, due, "{frames} {faults}");
    }
}
