//! Boxes made by hand.

use std::{process::Command, sync::OnceLock};

use media::bmff::{BoxError, mp4::Movie};

pub(crate) fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(8 + body.len()).expect("a small box");
    [&len.to_be_bytes()[..], kind, body].concat()
}

pub(crate) fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A table, by the bodies of its boxes. It starts as four samples of 10 bytes in two
/// chunks.
#[derive(Clone)]
pub(crate) struct Stbl(pub(crate) Vec<([u8; 4], Vec<u8>)>);

impl Default for Stbl {
    fn default() -> Self {
        let stsd = [words(&[0, 1]), boxed(b"text", &[0; 8])].concat();
        Self(vec![
            (*b"stsd", stsd),
            (*b"stts", words(&[0, 1, 4, 100])),
            (*b"stsc", words(&[0, 1, 1, 2, 1])),
            (*b"stsz", words(&[0, 10, 4])),
            (*b"stco", words(&[0, 2, 1000, 2000])),
        ])
    }
}

impl Stbl {
    /// With this box instead of what is there of `gone`.
    pub(crate) fn with(mut self, gone: &[u8; 4], kind: &[u8; 4], body: Vec<u8>) -> Self {
        self.0.retain(|(kind, _)| kind != gone);
        self.0.push((*kind, body));
        self
    }

    pub(crate) fn movie(&self) -> Result<Movie, BoxError> {
        let stbl: Vec<u8> = self.0.iter().flat_map(|(k, b)| boxed(k, b)).collect();
        Movie::read(&moov(&stbl, &[], &words(&[0, 0, 0, 1000, 0, 0])))
    }
}

/// The body of a `moov` of one audio track with these tables, `edts` and `mdhd`.
pub(crate) fn moov(stbl: &[u8], edts: &[u8], mdhd: &[u8]) -> Vec<u8> {
    let hdlr = boxed(b"hdlr", &[&[0; 8], &b"soun"[..], &[0; 13]].concat());
    let minf = boxed(b"minf", &boxed(b"stbl", stbl));
    let mdia = boxed(b"mdia", &[boxed(b"mdhd", mdhd), hdlr, minf].concat());
    let mut tkhd = words(&[1, 0, 0, 7]);
    tkhd.extend([0; 68]);
    let trak = [boxed(b"tkhd", &tkhd), edts.to_vec(), mdia].concat();
    let mvhd = boxed(b"mvhd", &words(&[0, 0, 0, 600]));
    [mvhd, boxed(b"trak", &trak)].concat()
}

/// A file that ffmpeg wrote.
pub(crate) fn ffmpeg(name: &str, args: &str) -> Vec<u8> {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let name = format!("weir-mp4-{}-{number}-{name}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let status = Command::new("ffmpeg")
        .args(["-nostdin", "-y", "-v", "error"])
        .args(args.split_whitespace())
        .arg(&path)
        .status()
        .expect("ffmpeg is installed");
    assert!(status.success(), "ffmpeg {args}");
    let bytes = std::fs::read(&path).expect("ffmpeg wrote it");
    std::fs::remove_file(&path).expect("it is there");
    bytes
}

pub(crate) const VIDEO: &str = "-f lavfi -i testsrc2=size=320x180:rate=30:duration=3 \
     -c:v libx264 -preset ultrafast -bf 2 -g 30 -pix_fmt yuv420p";

/// 3 s of video with B-frames, and of sound with priming.
pub(crate) fn clip() -> &'static [u8] {
    static CLIP: OnceLock<Vec<u8>> = OnceLock::new();
    CLIP.get_or_init(|| {
        let sound = "-f lavfi -i sine=duration=3:sample_rate=44100";
        let meta = "-metadata:s:a:0 language=fra -metadata:s:a:0 title=Version";
        let video = VIDEO.split_once(" -c:v").expect("a codec");
        let args = format!("{} {sound} -c:v{} -c:a aac {meta}", video.0, video.1);
        ffmpeg("clip.mp4", &args)
    })
}

/// Where the body of `moov` is, found without the code under test.
pub(crate) fn moov_of(file: &[u8]) -> &[u8] {
    let mut at = 0;
    loop {
        let size = u32::from_be_bytes(file[at..at + 4].try_into().expect("four bytes"));
        let end = at + size as usize;
        if &file[at + 4..at + 8] == b"moov" {
            return &file[at + 8..end];
        }
        at = end;
    }
}
