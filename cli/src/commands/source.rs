//! The demo's own video: a moving picture with a clock in it, and sound.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::Context;
use tokio::process::Command;

/// Seconds.
const LENGTH: &str = "60";

/// Draws colours that flow, a clock that counts, and beeps each second.
const PICTURE: &str = "gradients=size=480x270:rate=30:speed=0.03:nb_colors=5:c0=0x0b1d3a:c1=0x1f6f8b:c2=0x99c24d:c3=0xf18f01:c4=0x7b2d43,\
     scale=1920:1080:flags=bicubic,\
     drawbox=x='mod(t*240,1920)':y=980:w=120:h=12:color=white@0.8:t=fill,\
     drawtext=text='%{pts\\:hms}':fontsize=150:fontcolor=white:borderw=6:bordercolor=black@0.6:x=(w-tw)/2:y=(h-th)/2,\
     drawtext=text='Weir':fontsize=64:fontcolor=white@0.9:x=80:y=70,\
     format=yuv420p";
const SOUND: &str = "sine=frequency=220:beep_factor=4:sample_rate=48000";

/// Makes the video in `folder`, unless it is there.
pub(super) async fn generate(ffmpeg: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
    let video = folder.join("generated-1080p30.mp4");
    if video.is_file() {
        return Ok(video);
    }
    // Beside and renamed: a run that is interrupted leaves no half video.
    let beside = folder.join("generated-1080p30.part.mp4");
    let output = Command::new(ffmpeg)
        .args(["-nostdin", "-hide_banner", "-loglevel", "error", "-y"])
        .args(["-f", "lavfi", "-t", LENGTH, "-i", PICTURE])
        .args(["-f", "lavfi", "-t", LENGTH, "-i", SOUND])
        .args([
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-crf",
            "18",
            "-g",
            "60",
        ])
        .args([
            "-c:a",
            "aac",
            "-b:a",
            "128k",
            "-ac",
            "2",
            "-movflags",
            "+faststart",
        ])
        .arg(&beside)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("can't run {}: apt-get install ffmpeg", ffmpeg.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(
        output.status.success(),
        "ffmpeg can't make the demo's video: {said}"
    );
    std::fs::rename(&beside, &video)?;
    Ok(video)
}
