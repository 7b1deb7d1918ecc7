//! What `weir package --key-file` makes, in the players that people use.

use std::path::Path;

use tokio::{process::Command, time::timeout};

use crate::{
    LIMIT,
    demo::done,
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

/// Writes a folder with a copied and an encoded rendition, a key for each kind.
async fn packaged(home: &Path) {
    let clip = home.join("clip.mp4");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg
        .args(["-nostdin", "-loglevel", "error"])
        .args(["-f", "lavfi", "-i", PICTURE, "-f", "lavfi", "-i", SOUND])
        .args(CODECS.split(' '))
        .arg(&clip)
        .kill_on_drop(true);
    done(ffmpeg).await;
    let keys = home.join("keys");
    let lines = format!(
        "video {}:{}\naudio {}:{}\n",
        VIDEO.0, VIDEO.1, AUDIO.0, AUDIO.1
    );
    std::fs::write(&keys, lines).expect("the key file is written");
    // Pages that know the keys ask nobody.
    let licence = ["--license-url", "http://127.0.0.1:9/licence"];
    for (out, addresses) in [("out", licence), ("keyed", ["--key-url", "../{kid}.key"])] {
        let mut weir = Command::new(env!("CARGO_BIN_EXE_weir"));
        weir.arg("package")
            .arg(&clip)
            .args(["--ladder", "180", "--out"])
            .arg(home.join(out))
            .arg("--key-file")
            .arg(&keys)
            .args(addresses)
            .kill_on_drop(true);
        done(weir).await;
    }
    for (id, key) in [VIDEO, AUDIO] {
        let key = media::bmff::cbcs::key_bytes(key).expect("it is one");
        let file = home.join(format!("keyed/{id}.key"));
        std::fs::write(file, key).expect("the key is written");
    }
}
