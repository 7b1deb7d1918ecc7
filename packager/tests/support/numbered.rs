//! Clips whose pictures carry their number, so that each can be told from all others.

use std::{path::Path, process::Command};

use super::{Clip, Track, published_times};

/// Bits of a number, each a column of 16 pixels.
const BITS: usize = 16;
/// Columns of full black and white, by the picture's number.
const BARS: &str = "geq=lum='255*mod(floor(N/pow(2,X)),2)':cb=128:cr=128";
/// H.264 as a camera or an editor might write it: B-frames, pictures that refer over
/// keyframes, one of those every 50.
pub(crate) const OPEN_GOP: &str = "-c:v libx264 -preset veryfast -bf 3 -pix_fmt yuv420p \
    -x264-params open-gop=1:keyint=50:min-keyint=50:scenecut=0";

/// A clip without sound of 256 × 32 pixels, whose picture `n` shows `n`.
pub(crate) fn numbered(name: &str, rate: &str, secs: u32, codec: &str) -> Clip {
    let input = format!("color=size=16x2:rate={rate}:duration={secs},format=yuv444p,{BARS}");
    let larger = "-vf scale=256:32:flags=neighbor,format=yuv420p";
    Clip::make(name, &format!("-f lavfi -i {input} {larger} {codec}"))
}

/// The numbers that a decoder sees, in order, whatever times they have.
pub(crate) fn numbers(path: &Path) -> Vec<u32> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(path)
        .args(["-fps_mode", "passthrough", "-vf"])
        .args(["scale=16:1:flags=area,format=gray", "-f", "rawvideo", "-"])
        .output()
        .unwrap();
    let bit = |(at, light): (usize, &u8)| u32::from(*light > 128) << at;
    let pictures = output.stdout.chunks_exact(BITS);
    pictures
        .map(|picture| picture.iter().enumerate().map(bit).sum())
        .collect()
}

impl Track {
    /// The numbers of its pictures.
    pub(crate) fn numbers(&self) -> Vec<u32> {
        numbers(self.file().path())
    }

    /// All pictures from the first to the last, each at its number by `rate` seconds.
    pub(crate) fn assert_counts(&self, frames: u32, (num, den): (u32, u32)) {
        self.assert_exact();
        assert_eq!(self.numbers(), Vec::from_iter(0..frames));
        for (n, time) in self.times().into_iter().enumerate() {
            let due = n as f64 * f64::from(den) / f64::from(num);
            assert!((time - due).abs() < 1e-4, "{n} at {time}, due at {due}");
        }
    }

    /// The pictures that a decoder sees of the source, at its times within 1 ms, the
    /// first at zero.
    pub(crate) fn assert_same_pictures(&self, clip: &Clip) {
        self.assert_exact();
        let (expected, times) = (numbers(&clip.path()), published_times(&clip.path()));
        assert_eq!(self.numbers(), expected);
        // A source may have packets before those that are shown.
        let shown = &times[times.len() - expected.len()..];
        for (time, due) in self.times().into_iter().zip(shown) {
            assert!((time - (due - shown[0])).abs() < 0.001, "{time} {due}");
        }
    }
}
