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
        Self::make("clip.mp4", &format!("{TWO} -t {secs} {CODECS}"))
    }

    /// The same with a keyframe every two seconds and subtitles, one line from the first
    /// second on.
    pub(crate) fn with_words(secs: f64) -> Self {
        let folder = Folder::new();
        let words = folder.join("words.srt");
        std::fs::write(&words, "1\n00:00:01,000 --> 00:00:03,000\nhello\n").unwrap();
        let input = "-f lavfi -i testsrc2=size=640x360:rate=25 -f lavfi -i sine=sample_rate=48000";
        let args = format!(
            "{input} -i {words} -t {secs} -map 0 -map 1 -map 2 {CODECS} -g 50 -c:s mov_text"
        );
        Self::make("words.mp4", &args)
    }

    /// The same with its index in front, as for the web.
    pub(crate) fn index_first(secs: f64) -> Self {
        let args = format!("{TWO} -t {secs} {CODECS} -movflags +faststart");
        Self::make("front.mp4", &args)
    }

    /// A moving picture that is white, with a beep, from second 1 for a fifth of a second.
    pub(crate) fn with_flash_and_beep(secs: f64) -> Self {
        let picture = "testsrc2=size=640x360:rate=25,\
            drawbox=t=fill:color=white:enable='gte(t\\,1)*lt(t\\,1.2)'";
        let input = format!("-f lavfi -i {picture} -f lavfi -i {BEEP}");
        Self::make("flash.mp4", &format!("{input} -t {secs} {CODECS}"))
    }

    /// That beep alone, as these arguments have it.
    pub(crate) fn beep(name: &str, args: &str) -> Self {
        Self::make(name, &format!("-f lavfi -i {BEEP} {args}"))
    }

    /// A moving picture with a tone that can be published as it is: H.264 with a keyframe
    /// every two seconds, and AAC.
    pub(crate) fn with_keyframes(secs: f64) -> Self {
        let args = format!("{TWO} -t {secs} {CODECS} -g 50 -sc_threshold 0");
        Self::make("copied.mp4", &args)
    }

    /// One to be encoded in several spans: its container is none that is copied from.
    pub(crate) fn in_spans(secs: f64) -> Self {
        let args = format!("{TWO} -t {secs} {CODECS} -g 50 -x264-params open-gop=1");
        Self::make("spans.mkv", &args)
    }

    /// What ffmpeg makes with these arguments of a picture (0:v), two tones (1:a and 2:a)
    /// and subtitles (3:s and 4:s).
    pub(crate) fn of(name: &str, args: &str) -> Self {
        let clip = Self::named(name);
        let words = |language: &str| {
            let file = clip.path.with_file_name(format!("{language}.srt"));
            let cue = "1\n00:00:00,500 --> 00:00:03,500\nWords in ";
            std::fs::write(&file, format!("{cue}{language}\n")).unwrap();
            file.display().to_string()
        };
        let tone = "-f lavfi -i sine=frequency=880:sample_rate=48000";
        let (en, de) = (words("en"), words("de"));
        clip.run(&format!("{TWO} {tone} -i {en} -i {de} {args}"))
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
        Self::named(name).run(args)
    }

    fn run(self, args: &str) -> Self {
        let status = Command::new("ffmpeg")
            .args(["-nostdin", "-y", "-v", "error"])
            .args(args.split_whitespace())
            .arg(&self.path)
            .status()
            .unwrap();
        assert!(status.success(), "ffmpeg {args}");
        self
    }

    fn named(name: &str) -> Self {
        let folder = Folder::new();
        Self {
            path: folder.path().join(name),
            _folder: folder,
        }
    }
}

/// From second 1 for a fifth of a second.
const BEEP: &str = "aevalsrc='gte(t\\,1)*lt(t\\,1.2)*sin(2*PI*1000*t)*0.8':s=48000";
const TWO: &str = "-f lavfi -i testsrc2=size=640x360:rate=25 -f lavfi -i sine=sample_rate=48000";
pub(crate) const CODECS: &str =
    "-c:v libx264 -preset ultrafast -bf 2 -g 9999 -pix_fmt yuv420p -c:a aac";
