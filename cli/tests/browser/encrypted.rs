//! What `weir package --key-file` makes, and what an origin publishes encrypted, in the players
//! that people use.

use std::path::{Path, PathBuf};

use tokio::{process::Command, time::timeout};

use crate::{
    LIMIT,
    demo::{Demo, done},
    page::Page,
    players::{Files, Player},
    timed,
};

const VIDEO: (&str, &str) = (
    "8d1b6a2f3c4e40519a7bd0e1f2a3b4c5",
    "00112233445566778899aabbccddeeff",
);
const AUDIO: (&str, &str) = (
    "1e2d3c4b5a69788796a5b4c3d2e1f001",
    "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
);
const PICTURE: &str = "testsrc2=size=640x360:rate=25:duration=24";
const SOUND: &str = "sine=frequency=330:beep_factor=4:sample_rate=48000:duration=24";
/// The pictures can be published as they are; a rendition is encoded besides.
const CODECS: &str = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 50 -c:a aac";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_player_plays_an_encrypted_folder_with_its_keys_and_none_without() {
    let life = async {
        let home = tempfile::tempdir().expect("a folder");
        timed("it is packaged", packaged(home.path())).await;
        let files = Files::serve(Some(home.path())).await;
        let keys = format!("{}:{},{}:{}", VIDEO.0, VIDEO.1, AUDIO.0, AUDIO.1);
        for (player, manifest) in [
            ("shaka-dash", "manifest.mpd"),
            ("dashjs", "manifest.mpd"),
            ("shaka-hls", "master.m3u8"),
            ("hlsjs", "master.m3u8"),
        ] {
            let base = format!("http://{}", files.address);
            let source = format!("{base}/stream/out/{manifest}");
            let page = format!("{base}/players.html?player={player}&keys={keys}");
            let page = timed(&format!("{player} plays"), Player::open(&page, &source)).await;
            page.seeks(14).await;
            page.quit().await;
        }
        let base = format!("http://{}", files.address);
        // Whole segments, by a key that is got at its address.
        for player in ["hlsjs", "shaka-hls"] {
            let page = format!("{base}/players.html?player={player}");
            let source = format!("{base}/stream/out/aes/master.m3u8");
            let opened = Player::open(&page, &source);
            let page = timed(&format!("{player} plays AES-128"), opened).await;
            page.seeks(14).await;
            page.quit().await;
        }
        // Shaka finds keys behind the URIs of HLS, too.
        let page = format!("{base}/players.html?player=shaka-hls");
        let source = format!("{base}/stream/keyed/master.m3u8");
        let page = timed("shaka-hls fetches keys", Player::open(&page, &source)).await;
        page.quit().await;
        let wrong = keys.replace(VIDEO.1, AUDIO.1);
        let page = format!("{base}/players.html?player=shaka-dash&keys={wrong}");
        let page = Player::show(&page, &format!("{base}/stream/out/manifest.mpd")).await;
        page.fails().await;
        page.quit().await;
    };
    timeout(LIMIT, life).await.expect("all of it ends in time");
}

/// The keys are the origin's own: no page knows one, and the viewer's key opens them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_origin_encrypted_plays_through_an_edge_with_nothing_but_the_viewers_key() {
    let life = async {
        let folder = tempfile::tempdir().expect("a folder");
        let clip = clip(folder.path()).await;
        let settings = [
            ("WEIR_ORIGIN__ENCRYPTION", "cbcs"),
            ("WEIR_ORIGIN__LADDER", "[180]"),
        ];
        let mut demo = Demo::of(folder, &clip, None, &settings);
        let facts = demo.until("ready").await;
        let files = Files::serve(None).await;
        let page = format!("http://{}/players.html?licence=1&player=", files.address);
        // Shaka takes ClearKey in HLS as a key behind a URI, and then needs no word of it.
        let identity = format!("{}?key_format=identity", facts.hls);
        let silent = format!("http://{}/players.html?player=shaka-hls", files.address);
        for (player, page, source) in [
            ("hlsjs", format!("{page}hlsjs"), &facts.hls),
            ("shaka-hls", silent, &identity),
            ("shaka-dash", format!("{page}shaka-dash"), &facts.dash),
            ("dashjs", format!("{page}dashjs"), &facts.dash),
        ] {
            let opened = Player::open(&page, source);
            let player_page = timed(&format!("{player} plays"), opened).await;
            player_page.quit().await;
        }
        let without = format!("http://{}/players.html?player=shaka-dash", files.address);
        let without = Player::show(&without, &facts.dash).await;
        without.fails().await;
        without.quit().await;
        let page = Page::open(&facts.watch).await;
        page.until_watched(3.0).await;
        page.played_from_0_without_a_stall().await;
        page.console_is_clean().await;
        page.close().await;
        demo.stop().await;
    };
    timeout(LIMIT, life).await.expect("all of it ends in time");
}

/// Pictures that can be published as they are, and sound.
async fn clip(home: &Path) -> PathBuf {
    let clip = home.join("clip.mp4");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg
        .args(["-nostdin", "-loglevel", "error"])
        .args(["-f", "lavfi", "-i", PICTURE, "-f", "lavfi", "-i", SOUND])
        .args(CODECS.split(' '))
        .arg(&clip)
        .kill_on_drop(true);
    done(ffmpeg).await;
    clip
}

/// Writes a folder with a copied and an encoded rendition, a key for each kind.
async fn packaged(home: &Path) {
    let clip = clip(home).await;
    let keys = home.join("keys");
    let lines = format!(
        "video {}:{}\naudio {}:{}\n",
        VIDEO.0, VIDEO.1, AUDIO.0, AUDIO.1
    );
    std::fs::write(&keys, lines).expect("the key file is written");
    let secret = media::bmff::cbcs::key_bytes(AUDIO.1).expect("it is one");
    std::fs::write(home.join("aes.key"), secret).expect("the key is written");
    // Pages that know the keys ask nobody. From a playlist of a track, the key is above all.
    let licence = "--license-url http://127.0.0.1:9/licence \
         --aes128-key aes.key --aes128-url ../../../aes.key";
    for (out, addresses) in [("out", licence), ("keyed", "--key-url ../{kid}.key")] {
        let mut weir = Command::new(env!("CARGO_BIN_EXE_weir"));
        weir.arg("package")
            .arg(&clip)
            .args(["--ladder", "180", "--out"])
            .arg(home.join(out))
            .arg("--key-file")
            .arg(&keys)
            .args(addresses.split_whitespace())
            .current_dir(home)
            .kill_on_drop(true);
        done(weir).await;
    }
    for (id, key) in [VIDEO, AUDIO] {
        let key = media::bmff::cbcs::key_bytes(key).expect("it is one");
        let file = home.join(format!("keyed/{id}.key"));
        std::fs::write(file, key).expect("the key is written");
    }
}
