//! Sources, made by ffmpeg.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::process::Folder;

/// Frames per second of every clip with a picture.
pub(crate) const FRAME_RATE: usize = 25;

/// A file made for one test.
pub(crate) struct Clip {
    path: PathBuf,
    _folder: Folder,
}

impl Clip {
    /// A moving picture of 640×360 with a tone.
    pub(crate) fn with_sound(secs: f64) -> Self {
        let input = "-f lavfi -i testsrc2=size=640x360:rate=25 -f lavfi -i sine=sample_rate=48000";
        Self::make("clip.mp4", &format!("{input} -t {secs} {CODECS}"))
    }

    /// The same with its index in front, as for the web.
    pub(crate) fn index_first(secs: f64) -> Self {
        let input = "-f lavfi -i testsrc2=size=640x360:rate=25 -f lavfi -i sine=sample_rate=48000";
        let args = format!("{input} -t {secs} {CODECS} -movflags +faststart");
        Self::make("front.mp4", &args)
    }

    /// A moving picture that is white, with a beep, from second 1 for a fifth of a second.
    pub(crate) fn with_flash_and_beep(secs: f64) -> Self {
        let picture = "testsrc2=size=640x360:rate=25,\
            drawbox=t=fill:color=white:enable='gte(t\\,1)*lt(t\\,1.2)'";
        let sound = "aevalsrc='gte(t\\,1)*lt(t\\,1.2)*sin(2*PI*1000*t)*0.8':s=48000";
        let input = format!("-f lavfi -i {picture} -f lavfi -i {sound}");
        Self::make("flash.mp4", &format!("{input} -t {secs} {CODECS}"))
    }

    /// A tone alone.
    pub(crate) fn sound_alone(secs: f64) -> Self {
        let args = format!("-f lavfi -i sine=sample_rate=48000 -t {secs} -c:a aac");
        Self::make("sound.m4a", &args)
    }

    /// A file of these bytes.
    pub(crate) fn of_bytes(name: &str, bytes: &[u8]) -> Self {
        let clip = Self::named(name);
        std::fs::write(&clip.path, bytes).unwrap();
        clip
    }

    /// The first half of its bytes.
    pub(crate) fn first_half(&self) -> Self {
        let bytes = std::fs::read(&self.path).unwrap();
        Self::of_bytes("half.mp4", &bytes[..bytes.len() / 2])
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs ffmpeg with these arguments, split at spaces.
    fn make(name: &str, args: &str) -> Self {
        let clip = Self::named(name);
        let status = Command::new("ffmpeg")
            .args(["-nostdin", "-y", "-v", "error"])
            .args(args.split_whitespace())
            .arg(&clip.path)
            .status()
            .unwrap();
        assert!(status.success(), "ffmpeg {args}");
        clip
    }

    fn named(name: &str) -> Self {
        let folder = Folder::new();
        Self {
            path: folder.path().join(name),
            _folder: folder,
        }
    }
}

const CODECS: &str = "-c:v libx264 -preset ultrafast -bf 2 -g 9999 -pix_fmt yuv420p -c:a aac";
