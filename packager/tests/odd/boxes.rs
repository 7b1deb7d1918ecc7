//! ISO boxes by hand.

/// A box.
pub(crate) fn boxed(kind: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let len = u32::try_from(8 + body.len()).unwrap();
    [&len.to_be_bytes(), &kind[..], &body].concat()
}

/// A box with version and flags of zero, of numbers.
pub(crate) fn numbers(kind: &[u8; 4], numbers: &[u32]) -> Vec<u8> {
    let bytes: Vec<u8> = numbers.iter().copied().flat_map(u32::to_be_bytes).collect();
    boxed(kind, &[&[0; 4], &bytes])
}

/// Where the first box of this kind has its content.
pub(crate) fn find(file: &[u8], kind: &[u8; 4]) -> usize {
    let at = file.windows(4).position(|four| four == kind);
    at.expect("there is such a box") + 4
}

/// Overwrites bytes of the first such box's content.
pub(crate) fn patch(file: &mut [u8], kind: &[u8; 4], offset: usize, bytes: &[u8]) {
    let at = find(file, kind) + offset;
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

/// The start of an mp4.
pub(crate) fn ftyp() -> Vec<u8> {
    boxed(b"ftyp", &[b"isom", &[0, 0, 2, 0], b"isommp41"])
}

/// A movie of these tracks, one second long.
pub(crate) fn moov(tracks: &[u8]) -> Vec<u8> {
    let mut mvhd = vec![0, 0, 1000, 1000, 1 << 16, 1 << 24, 0, 0];
    mvhd.extend(UNITY);
    mvhd.extend([0; 6]);
    mvhd.push(2);
    boxed(b"moov", &[&numbers(b"mvhd", &mvhd), tracks])
}

const UNITY: [u32; 9] = [1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30];

/// A track of PCM, one second, one chunk at this offset of the file that `dref` names.
pub(crate) fn pcm_track(id: u32, dref: &[u8], offset: u32) -> Vec<u8> {
    let mut tkhd = vec![0, 0, id, 0, 1000, 0, 0, 0, 0x0100_0000];
    tkhd.extend(UNITY);
    tkhd.extend([0, 0]);
    let hdlr = boxed(b"hdlr", &[&[0; 8], b"soun", &[0; 13]]);
    let rate = [0, 0, 0, 0, 0x1f, 0x40, 0, 0];
    let sample = [&[0; 6][..], &[0, 1], &[0; 8], &[0, 1, 0, 16], &rate[2..]].concat();
    let sowt = boxed(b"sowt", &[&sample, &[0; 2]]);
    let stbl = [
        boxed(b"stsd", &[&[0, 0, 0, 0, 0, 0, 0, 1], &sowt]),
        numbers(b"stts", &[1, 8000, 1]),
        numbers(b"stsc", &[1, 1, 8000, 1]),
        numbers(b"stsz", &[2, 8000]),
        numbers(b"stco", &[1, offset]),
    ]
    .concat();
    let dref = boxed(b"dref", &[&[0, 0, 0, 0, 0, 0, 0, 1], dref]);
    let minf = [
        numbers(b"smhd", &[0]),
        boxed(b"dinf", &[&dref]),
        boxed(b"stbl", &[&stbl]),
    ]
    .concat();
    let mdhd = numbers(b"mdhd", &[0, 0, 8000, 8000, 0x55c4_0000]);
    let mdia = boxed(b"mdia", &[&mdhd, &hdlr, &boxed(b"minf", &[&minf])]);
    boxed(b"trak", &[&numbers(b"tkhd", &tkhd), &mdia])
}
