//! Sources, made by ffmpeg.

use std::process::Command;

/// A tone that starts with the picture.
pub(crate) const SOUND: &str = "sine=frequency=440:sample_rate=48000";
/// x264 with B-frames and one keyframe at the start.
pub(crate) const LONG_GOP: &str = "-c:v libx264 -preset ultrafast -bf 2 -g 9999 -pix_fmt yuv420p";

/// A file made for one test.
pub(crate) struct Clip {
    dir: tempfile::TempDir,
    name: String,
}

impl Clip {
    /// Runs ffmpeg with these arguments, split at spaces, and a file name of its own.
    pub(crate) fn make(name: &str, args: &str) -> Self {
        let clip = Self {
            dir: tempfile::tempdir().unwrap(),
            name: name.to_owned(),
        };
        let status = Command::new("ffmpeg")
            .args(["-nostdin", "-y", "-v", "error"])
            .args(args.split_whitespace())
            .arg(clip.path())
            .status()
            .unwrap();
        assert!(status.success(), "ffmpeg {args}");
        clip
    }

    /// A picture of this size, rate and length, with a tone.
    pub(crate) fn with_sound(size: &str, rate: &str, secs: f64) -> Self {
        Self::make(
            "clip.mp4",
            &format!(
                "-f lavfi -i testsrc2=size={size}:rate={rate} -f lavfi -i {SOUND} -t {secs} \
                 {LONG_GOP} -c:a aac"
            ),
        )
    }

    /// A picture alone.
    pub(crate) fn silent(size: &str, rate: &str, secs: f64) -> Self {
        let args = format!("-f lavfi -i testsrc2=size={size}:rate={rate} -t {secs} {LONG_GOP}");
        Self::make("clip.mp4", &args)
    }

    /// Another clip, made from this one.
    pub(crate) fn remade(&self, name: &str, args: &str) -> Self {
        let input = self.path();
        Self::make(name, &format!("-i {} {args}", input.display()))
    }

    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.dir.path().join(&self.name)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        std::fs::read(self.path()).unwrap()
    }
}
