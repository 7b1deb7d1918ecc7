//! Init segments of tracks that are copied.

use super::{Entry, EntryKind};
use crate::bmff::write::{put, put_box};

/// What an init segment of one track says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Init<'a> {
    /// The track's number, which its fragments repeat.
    pub track_id: u32,
    /// Units of time per second of its samples.
    pub timescale: u32,
    /// H.264 or MPEG-4 audio.
    pub entry: &'a Entry,
    /// Pixels, as coded and cropped; not read for audio.
    pub size: (u32, u32),
    /// Three letters (ISO 639-2), where known.
    pub language: Option<&'a str>,
    /// Where in its media the track starts to be presented, in the timescale: what is
    /// before is decoded and dropped.
    pub skip: u32,
}

/// The identity, 16.16 and 2.30 fixed point.
const UPRIGHT: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];

/// An init segment (`ftyp`, `moov` with `mvex`); `None` for codecs other than H.264 and
/// MPEG-4 audio.
#[must_use]
pub fn write_init(init: &Init<'_>) -> Option<Vec<u8>> {
    let mut entry = Vec::new();
    init.entry.write(&mut entry, init.size)?;
    let mut out = Vec::with_capacity(1024);
    put_box(&mut out, b"ftyp", |out| {
        out.extend_from_slice(b"iso6\0\0\0\0iso6cmfcmp41");
    });
    put_box(&mut out, b"moov", |out| {
        put_box(out, b"mvhd", |out| put_mvhd(out, init));
        put_box(out, b"trak", |out| put_trak(out, init, &entry));
        put_box(out, b"mvex", |out| {
            put_box(out, b"trex", |out| {
                put(out, &[0, init.track_id, 1, 0, 0, 0]);
            });
        });
    });
    Some(out)
}

fn is_video(init: &Init<'_>) -> bool {
    matches!(init.entry.kind, EntryKind::Avc { .. })
}

fn put_mvhd(out: &mut Vec<u8>, init: &Init<'_>) {
    // Version, times, timescale, duration, rate, volume, reserved.
    put(
        out,
        &[0, 0, 0, init.timescale, 0, 0x1_0000, 0x100_0000, 0, 0],
    );
    put(out, &UPRIGHT);
    put(out, &[0; 6]);
    put(out, &[init.track_id.saturating_add(1)]);
}

fn put_trak(out: &mut Vec<u8>, init: &Init<'_>, entry: &[u8]) {
    let (volume, size) = if is_video(init) {
        (0, init.size)
    } else {
        (0x100_0000, (0, 0))
    };
    put_box(out, b"tkhd", |out| {
        // Enabled and in the movie; times, id, reserved, duration, reserved, layer and group.
        put(out, &[3, 0, 0, init.track_id, 0, 0, 0, 0, 0, volume]);
        put(out, &UPRIGHT);
        put(out, &[size.0 << 16, size.1 << 16]);
    });
    if init.skip > 0 {
        put_box(out, b"edts", |out| {
            // One edit, to the end, at the media's own speed.
            put_box(out, b"elst", |out| {
                put(out, &[0, 1, 0, init.skip, 0x1_0000]);
            });
        });
    }
    put_box(out, b"mdia", |out| put_mdia(out, init, entry));
}

fn put_mdia(out: &mut Vec<u8>, init: &Init<'_>, entry: &[u8]) {
    put_box(out, b"mdhd", |out| {
        put(
            out,
            &[0, 0, 0, init.timescale, 0, packed(init.language) << 16],
        );
    });
    let (handler, header): (&[u8; 4], &[u8; 4]) = if is_video(init) {
        (b"vide", b"vmhd")
    } else {
        (b"soun", b"smhd")
    };
    put_box(out, b"hdlr", |out| {
        put(out, &[0, 0, u32::from_be_bytes(*handler), 0, 0, 0]);
        out.push(0); // no name
    });
    put_box(out, b"minf", |out| {
        // Copy mode, or balance in the middle.
        let (flags, words) = if is_video(init) { (1, 2) } else { (0, 1) };
        put_box(out, header, |out| {
            put(out, &[&[flags], &[0, 0][..words]].concat());
        });
        put_box(out, b"dinf", |out| {
            put_box(out, b"dref", |out| {
                put(out, &[0, 1]);
                put_box(out, b"url ", |out| put(out, &[1])); // in this file
            });
        });
        put_box(out, b"stbl", |out| {
            put_box(out, b"stsd", |out| {
                put(out, &[0, 1]);
                out.extend_from_slice(entry);
            });
            put_box(out, b"stts", |out| put(out, &[0, 0]));
            put_box(out, b"stsc", |out| put(out, &[0, 0]));
            put_box(out, b"stsz", |out| put(out, &[0, 0, 0]));
            put_box(out, b"stco", |out| put(out, &[0, 0]));
        });
    });
}

/// Three letters of five bits (§8.4.2.3), else `und`.
fn packed(language: Option<&str>) -> u32 {
    let letters = |text: &str| -> Option<[u8; 3]> {
        let letters: [u8; 3] = text.as_bytes().try_into().ok()?;
        letters
            .iter()
            .all(u8::is_ascii_lowercase)
            .then_some(letters)
    };
    let letters = language.and_then(letters).unwrap_or(*b"und");
    letters
        .iter()
        .fold(0, |code, letter| code << 5 | u32::from(letter - 0x60))
}
