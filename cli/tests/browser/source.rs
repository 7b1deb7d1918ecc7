//! What the demo takes in, and how fast it may.

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use tokio::process::Command;

use crate::{demo::done, timed};

/// Small enough to encode beside a browser, long enough to be watched while it is.
const PICTURE: &str = "testsrc2=size=1280x720:rate=25:duration=36";
const SOUND: &str = "sine=frequency=330:beep_factor=4:sample_rate=48000:duration=36";

/// Stands before ffmpeg: an encode begins when the test opens the gate (or is gone), and
/// takes its source no faster than 1.5 × real time, so that on any machine there is a
/// time when the asset is playable and not yet ready.
const FFMPEG: &str = r#"#!/bin/sh
case " $* " in
    *" -i pipe:"*) exec ffmpeg "$@" ;;
    *" -i "*) ;;
    *) exec ffmpeg "$@" ;;
esac
while [ -d 'FOLDER' ] && ! [ -e 'FOLDER/gate' ]; do sleep 0.1; done
exec ffmpeg -readrate 1.5 "$@"
"#;

/// Makes the video: a picture that changes, with a clock in it, and sound; in a container
/// that nothing is copied from, so that all of it waits for the encoder.
pub(crate) async fn video(folder: &Path) -> PathBuf {
    let video = folder.join("video.mkv");
    let mut command = Command::new("ffmpeg");
    let inputs = ["-f", "lavfi", "-i", PICTURE, "-f", "lavfi", "-i", SOUND];
    let codecs = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac -shortest";
    command
        .args(["-nostdin", "-loglevel", "error"])
        .args(inputs)
        .args(codecs.split(' '))
        .arg(&video)
        .kill_on_drop(true);
    timed("a video is made", done(command)).await;
    video
}

/// The script that stands before ffmpeg.
pub(crate) fn slow_ffmpeg(folder: &Path) -> PathBuf {
    let script = folder.join("ffmpeg");
    let text = FFMPEG.replace("FOLDER", &folder.display().to_string());
    std::fs::write(&script, text).expect("the script is written");
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&script, executable).expect("the script is ours");
    script
}

/// Lets ffmpeg begin.
pub(crate) fn open_gate(folder: &Path) {
    std::fs::write(folder.join("gate"), "").expect("the gate opens");
}
