//! What an odd input is, and what it must end in.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

/// A source, and its stated end.
#[derive(Debug, Clone)]
pub(crate) struct OddInput {
    /// Its file's name, as far as it is not part of the oddness.
    pub(crate) name: &'static str,
    pub(crate) file: PathBuf,
    pub(crate) end: End,
}

/// How packaging must end.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum End {
    /// Without a warning.
    Published(Expected),
    /// With a warning that has this in it.
    Warned(Expected, &'static str),
    /// Damaged where a decoder may or may not see it.
    Salvaged(Expected),
    /// For good, with a reason that has this in it.
    Refused(&'static str),
}

/// What is published.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Expected {
    /// Pictures of each rendition; `None` without a picture.
    pub(crate) frames: Option<Frames>,
    /// Length, seconds, to 0.1.
    pub(crate) secs: f64,
    /// Pictures come at this constant rate a second; `None` where they do not.
    pub(crate) rate: Option<f64>,
    /// Tracks of sound: one a stream, and one more for surround.
    pub(crate) audio: usize,
    /// Tracks of text.
    pub(crate) text: usize,
    /// Its first flash and its first beep come together.
    pub(crate) synced: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Frames {
    Exactly(usize),
    AtLeast(usize),
}

/// So many frames in so many seconds, with one audio stream in time with them.
pub(crate) fn clip(frames: usize, secs: f64) -> Expected {
    Expected {
        frames: Some(Frames::Exactly(frames)),
        secs,
        rate: Some(RATE),
        audio: 1,
        text: 0,
        synced: true,
    }
}

impl Expected {
    /// When picture `n` is shown, as far as that is known.
    pub(crate) fn time(&self, n: usize) -> Option<f64> {
        self.rate.map(|rate| n as f64 / rate)
    }

    pub(crate) fn at_rate(self, rate: impl Into<Option<f64>>) -> Self {
        let rate = rate.into();
        Self { rate, ..self }
    }

    pub(crate) fn unsynced(self) -> Self {
        Self {
            synced: false,
            ..self
        }
    }

    pub(crate) fn silent(self) -> Self {
        Self {
            audio: 0,
            ..self.unsynced()
        }
    }

    pub(crate) fn with_text(self, text: usize) -> Self {
        Self { text, ..self }
    }

    /// Sound alone.
    pub(crate) fn sound(secs: f64) -> Self {
        Self {
            frames: None,
            ..clip(0, secs).unsynced()
        }
    }

    /// What is left of a damaged file: at least so many pictures.
    pub(crate) fn rest(frames: usize, secs: f64) -> Self {
        Self {
            frames: Some(Frames::AtLeast(frames)),
            ..clip(0, secs).unsynced().at_rate(None)
        }
    }
}

/// Three seconds at 30 frames each second, with a flash and a beep at second 1.
pub(crate) const PICTURE: &str =
    "testsrc2=size=320x180:rate=30,drawbox=c=white:t=fill:enable='between(t,0.99,1.09)'";
/// The beep.
pub(crate) const SOUND: &str = "aevalsrc='if(between(t,1,1.1),sin(6000*t),0)':s=48000";
pub(crate) const H264: &str = "-c:v libx264 -preset ultrafast -bf 2 -g 30 -pix_fmt yuv420p";
pub(crate) const SECS: f64 = 3.0;
pub(crate) const FRAMES: usize = 90;
/// Pictures a second.
pub(crate) const RATE: f64 = 30.0;

/// Makes inputs, in one folder.
pub(crate) struct Kitchen<'a> {
    pub(crate) dir: &'a Path,
    /// An address that nothing may call.
    pub(crate) canary: SocketAddr,
    pub(crate) made: Vec<OddInput>,
}

impl Kitchen<'_> {
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// A file by ffmpeg, from arguments split at spaces; `{dir}` is the folder.
    pub(crate) fn cook(&self, name: &str, args: &str) {
        let dir = self.dir.to_str().unwrap();
        let output = Command::new("ffmpeg")
            .args(["-nostdin", "-y", "-v", "error"])
            .args(args.split_whitespace().map(|arg| arg.replace("{dir}", dir)))
            .arg(format!("file:{}", self.path(name).display()))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: ffmpeg {args}: {said}");
    }

    /// An input by ffmpeg.
    pub(crate) fn make(&mut self, name: &'static str, args: &str, end: End) {
        self.cook(name, args);
        self.add(name, end);
    }

    /// The usual clip, in other codecs.
    pub(crate) fn encode(&mut self, name: &'static str, codecs: &str, expected: Expected) {
        let args = format!("{} -t {SECS} {codecs}", usual());
        self.make(name, &args, End::Published(expected));
    }

    /// An input from bytes.
    pub(crate) fn write(&mut self, name: &'static str, bytes: impl AsRef<[u8]>, end: End) {
        std::fs::write(self.path(name), bytes).unwrap();
        self.add(name, end);
    }

    fn add(&mut self, name: &'static str, end: End) {
        let file = self.path(name);
        self.made.push(OddInput { name, file, end });
    }
}

/// The inputs of the usual clip, for ffmpeg.
pub(crate) fn usual() -> String {
    format!("-f lavfi -i {PICTURE} -f lavfi -i {SOUND}")
}
