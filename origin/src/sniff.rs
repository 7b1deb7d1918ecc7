//! What a file can't be, by its first bytes: said while it is uploaded, not after 20 GB.
//!
//! Only what no demuxer of the worker's list takes (`packager::probe`) is refused, and only by
//! signatures of more than a few bytes. The worker's probe stays the judge of everything else.

/// Bytes that are looked at: as many as ffmpeg does to tell a format (`PROBE_BUF_MAX`).
pub(crate) const LOOK_BYTES: u64 = 1 << 20;

/// Transport packets in a row that ffmpeg finds behind anything. It wants more.
const PACKETS: usize = 5;

/// Lengths of transport packets, bytes: plain, with a time stamp, with parity.
const PACKET_BYTES: [usize; 3] = [188, 192, 204];

/// Handlers of tracks that are neither seen nor heard (ISO/IEC 14496-12 §8.4.3, QuickTime's).
const SILENT: [&[u8; 4]; 8] = [
    b"text", b"sbtl", b"subt", b"clcp", b"tmcd", b"meta", b"hint", b"subp",
];

/// What the file is, where that can't become a stream. `start` is the first
/// [`LOOK_BYTES`], or all of a shorter file.
pub(crate) fn refuse(start: &[u8]) -> Option<&'static str> {
    if is_stream_behind_anything(start) {
        return None;
    }
    let is_text = start.len() as u64 >= LOOK_BYTES && is_text(start);
    signed(start)
        .or_else(|| is_text.then_some("text"))
        .or_else(|| is_movie_without_media(start).then_some("an mp4 with neither video nor sound"))
}

fn signed(start: &[u8]) -> Option<&'static str> {
    let at =
        |offset: usize, bytes: &[u8]| start.get(offset..).is_some_and(|s| s.starts_with(bytes));
    let jpeg = at(0, b"\xff\xd8\xff") && (at(6, b"JFIF\0") || at(6, b"Exif\0"));
    // A stored first file may be a stream that ffmpeg finds behind the header.
    let zip = at(0, b"PK\x03\x04") && at(8, &[8, 0]);
    let elf = at(0, b"\x7fELF") && matches!(start.get(4..7), Some([1 | 2, 1 | 2, 1]));
    let found = [
        (at(0, b"%PDF-1.") || at(0, b"%PDF-2."), "a PDF"),
        (zip, "a zip archive, or a document that is one"),
        (
            at(0, b"\x1f\x8b\x08"),
            "compressed by gzip: send what is in it",
        ),
        (at(0, b"\xfd7zXZ\0"), "compressed by xz: send what is in it"),
        (
            at(0, b"BZh") && at(4, b"1AY&SY"),
            "compressed by bzip2: send what is in it",
        ),
        (
            at(0, b"\x89PNG\r\n\x1a\n") && at(12, b"IHDR"),
            "a picture (PNG)",
        ),
        (jpeg, "a picture (JPEG)"),
        (at(0, b"GIF87a") || at(0, b"GIF89a"), "a picture (GIF)"),
        (elf || is_windows_program(start), "a program"),
    ];
    found
        .into_iter()
        .find_map(|(is_it, name)| is_it.then_some(name))
}

/// `MZ`, and `PE\0\0` where the header at 60 says.
fn is_windows_program(start: &[u8]) -> bool {
    let header = start.get(60..64).and_then(|four| four.try_into().ok());
    let header = header.map_or(0, u32::from_le_bytes) as usize;
    start.starts_with(b"MZ")
        && start
            .get(header..)
            .is_some_and(|s| s.starts_with(b"PE\0\0"))
}

/// UTF-8 throughout, without control characters but those of plain text.
fn is_text(start: &[u8]) -> bool {
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        // The end may be in the middle of a character.
        Err(error) if error.error_len().is_none() => {
            str::from_utf8(&start[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.is_empty()
        && text
            .chars()
            .all(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r' | '\x0c'))
}

/// Transport packets, or packs of a program stream: ffmpeg looks for them anywhere.
fn is_stream_behind_anything(start: &[u8]) -> bool {
    let syncs =
        |at: usize, len: usize| (1..PACKETS).all(|n| start.get(at + n * len) == Some(&0x47));
    let packets = start
        .iter()
        .enumerate()
        .any(|(at, byte)| *byte == 0x47 && PACKET_BYTES.iter().any(|len| syncs(at, *len)));
    packets || start.windows(4).any(|four| four == [0, 0, 1, 0xba])
}

/// The whole index is there, and all its tracks are silent.
fn is_movie_without_media(start: &[u8]) -> bool {
    let mut at = start;
    let mut moov = None;
    if at.get(4..8) != Some(b"ftyp") {
        return false;
    }
    while let Some((kind, body, rest)) = next_box(at) {
        match &kind {
            b"moov" if moov.is_none() => moov = Some(body),
            // Pictures may stand in it, without tracks.
            b"meta" => return false,
            _ => {}
        }
        at = rest;
    }
    let Some(mut moov) = moov else { return false };
    let mut tracks = 0;
    while let Some((kind, body, rest)) = next_box(moov) {
        match &kind {
            b"trak" if handler(body).is_some_and(|handler| SILENT.contains(&&handler)) => {
                tracks += 1;
            }
            b"trak" | b"cmov" => return false,
            _ => {}
        }
        moov = rest;
    }
    tracks > 0 && moov.is_empty()
}

/// Kind of a track: of its `mdia`'s `hdlr`.
fn handler(trak: &[u8]) -> Option<[u8; 4]> {
    let hdlr = child(child(trak, b"mdia")?, b"hdlr")?;
    hdlr.get(8..12)?.try_into().ok()
}

fn child<'b>(mut body: &'b [u8], wanted: &[u8; 4]) -> Option<&'b [u8]> {
    while let Some((kind, body_of_child, rest)) = next_box(body) {
        if &kind == wanted {
            return Some(body_of_child);
        }
        body = rest;
    }
    None
}

/// Kind and body of the first box, where it is whole, and what follows.
fn next_box(bytes: &[u8]) -> Option<([u8; 4], &[u8], &[u8])> {
    let kind = bytes.get(4..8)?.try_into().ok()?;
    let len = u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
    let body = bytes.get(8..len)?;
    Some((kind, body, &bytes[len..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        let len = u32::try_from(body.len() + 8).unwrap();
        [&len.to_be_bytes()[..], kind, body].concat()
    }

    fn movie(handlers: &[&[u8; 4]]) -> Vec<u8> {
        let trak = |handler: &&[u8; 4]| {
            let hdlr = boxed(b"hdlr", &[&[0; 8][..], &handler[..], &[0; 12]].concat());
            boxed(b"trak", &boxed(b"mdia", &hdlr))
        };
        let tracks: Vec<u8> = handlers.iter().flat_map(trak).collect();
        [boxed(b"ftyp", b"isomisom"), boxed(b"moov", &tracks)].concat()
    }

    #[test]
    fn what_no_demuxer_takes_is_named() {
        for (start, name) in [
            (&b"%PDF-1.7\n"[..], "a PDF"),
            (b"PK\x03\x04\x14\0\0\0\x08\0", "a zip"),
            (b"\x1f\x8b\x08\0", "compressed by gzip"),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a picture"),
            (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "a picture"),
            (b"GIF89a", "a picture"),
            (b"\x7fELF\x02\x01\x01\0", "a program"),
        ] {
            assert!(refuse(start).unwrap().starts_with(name), "{name}");
        }
    }

    #[test]
    fn what_could_be_a_stream_is_not_refused() {
        for start in [
            &b""[..],
            b"video",
            b"MZ",
            b"\x1aE\xdf\xa3",
            b"ID3\x03\0",
            b"RIFF\0\0\0\0AVI ",
            b"\0\0\0\x18ftypisom",
            b"%!PS-Adobe",
            b"\xff\xd8\xff\xdb",
            // Stored, not compressed: ffmpeg may find a stream in it.
            b"PK\x03\x04\x14\0\0\0\0\0",
        ] {
            assert_eq!(refuse(start), None, "{start:?}");
        }
    }

    #[test]
    fn a_transport_stream_behind_anything_is_a_stream() {
        let mut start = b"%PDF-1.7\n".to_vec();
        for _ in 0..PACKETS {
            start.extend([&[0x47][..], &[0; 187]].concat());
        }
        assert_eq!(refuse(&start), None);
        start.truncate(start.len() - 188);
        assert_eq!(refuse(&start), Some("a PDF"));
    }

    #[test]
    fn text_is_told_by_a_whole_mebibyte_of_it() {
        // Of three bytes a letter: the last is cut.
        let text = "weir – ".repeat(1 << 17);
        let start = &text.as_bytes()[..1 << 20];
        assert_eq!(refuse(start), Some("text"));
        assert_eq!(refuse(&start[1..]), None, "too short to say");
        let mut binary = start.to_vec();
        binary[77] = 0;
        assert_eq!(refuse(&binary), None);
    }

    #[test]
    fn a_movie_is_refused_if_all_its_tracks_are_silent() {
        assert!(refuse(&movie(&[b"text", b"tmcd"])).is_some());
        for handlers in [&[b"text", b"vide"][..], &[b"soun"], &[b"????"], &[]] {
            assert_eq!(refuse(&movie(handlers)), None);
        }
        let whole = movie(&[b"text"]);
        assert_eq!(refuse(&whole[..whole.len() - 1]), None, "its index is cut");
    }
}
