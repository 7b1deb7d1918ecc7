//! What `weir package --codecs` makes, in the players that people use.

use std::path::Path;

use serde_json::json;
use tokio::{process::Command, time::timeout};

use crate::{
    LIMIT,
    demo::done,
    players::{Files, Player},
    timed,
};

const PICTURE: &str = "testsrc2=size=320x180:rate=25:duration=8";
const SOUND: &str = "sine=frequency=330:beep_factor=4:sample_rate=48000:duration=8";
const CODECS: &str = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 50 -c:a aac";

/// Of codecs that the browser has, each player takes AV1 by itself; Shaka is asked for Opus.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_player_plays_av1_and_opus() {
    let life = async {
        let home = tempfile::tempdir().expect("a folder");
        timed("it is packaged", packaged(home.path())).await;
        let files = Files::serve(Some(home.path())).await;
        for (player, manifest) in [
            ("hlsjs", "master.m3u8"),
            ("shaka-hls", "master.m3u8"),
            ("shaka-dash", "manifest.mpd"),
            ("dashjs", "manifest.mpd"),
        ] {
            let base = format!("http://{}", files.address);
            let source = format!("{base}/stream/out/{manifest}");
            let page = format!("{base}/players.html?player={player}&sound=opus");
            let page = timed(&format!("{player} plays"), Player::open(&page, &source)).await;
            page.until("state().decoded > 20").await;
            page.seeks(5).await;
            // Of one second before, and one behind.
            page.until("state().decoded > 40").await;
            let codecs = page.ask("state().codecs").await;
            assert_eq!(
                codecs,
                json!({"video": "av01.0.00M.08", "audio": "opus"}),
                "{player}"
            );
            page.quit().await;
        }
    };
    timeout(LIMIT, life).await.expect("all of it ends in time");
}

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
    let mut weir = Command::new(env!("CARGO_BIN_EXE_weir"));
    weir.arg("package")
        .arg(&clip)
        .args([
            "--ladder",
            "180,90",
            "--no-copy",
            "--codecs",
            "h264,av1,opus",
        ])
        .arg("--out")
        .arg(home.join("out"))
        .kill_on_drop(true);
    done(weir).await;
}
