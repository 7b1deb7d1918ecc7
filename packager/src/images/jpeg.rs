//! JPEG pictures in a stream, one behind another, as ffmpeg writes them to a pipe.

use std::ops::Range;

/// One whole picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Jpeg {
    /// Where it lies.
    pub(super) range: Range<usize>,
    /// Pixels, width and height.
    pub(super) size: (u32, u32),
}

/// All pictures of a stream; `None` if one is not whole (ITU-T T.81 §B.1, §B.2).
pub(super) fn split(bytes: &[u8]) -> Option<Vec<Jpeg>> {
    let mut pictures = Vec::new();
    let mut start = 0;
    while start < bytes.len() {
        let (len, size) = first(&bytes[start..])?;
        let range = start..start + len;
        start = range.end;
        pictures.push(Jpeg { range, size });
    }
    Some(pictures)
}

/// Length and size of the picture that `bytes` start with.
fn first(bytes: &[u8]) -> Option<(usize, (u32, u32))> {
    const START: u8 = 0xd8;
    const END: u8 = 0xd9;
    const SCAN: u8 = 0xda;
    if bytes.get(..2)? != [0xff, START] {
        return None;
    }
    let (mut at, mut size) = (2, None);
    loop {
        let marker = marker(bytes, at)?;
        at += 2;
        if marker == END {
            return Some((at, size?));
        }
        let number = |at: usize| Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
        if is_frame(marker) {
            size = Some((number(at + 5)?.into(), number(at + 3)?.into()));
        }
        at += usize::from(number(at)?);
        if marker == SCAN {
            at = scan_end(bytes, at)?;
        }
    }
}

fn marker(bytes: &[u8], at: usize) -> Option<u8> {
    match bytes.get(at..at + 2)? {
        [0xff, marker @ 1..=0xfe] => Some(*marker),
        _ => None,
    }
}

/// It tells the size of the picture.
fn is_frame(marker: u8) -> bool {
    matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc)
}

/// Where the next marker is that is not part of a scan.
fn scan_end(bytes: &[u8], from: usize) -> Option<usize> {
    let part = |marker: u8| matches!(marker, 0 | 0xd0..=0xd7 | 0xff);
    let pairs = bytes.get(from..)?.windows(2);
    let found = pairs
        .enumerate()
        .find(|(_, pair)| pair[0] == 0xff && !part(pair[1]));
    found.map(|(at, _)| from + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 16 × 8 pixels, a table of two bytes, and a scan with a stuffed byte and a restart.
    const PICTURE: [u8; 35] = [
        0xff, 0xd8, 0xff, 0xdb, 0, 4, 0xff, 0xd9, 0xff, 0xc0, 0, 11, 8, 0, 8, 0, 16, 1, 1, 0x11, 0,
        0xff, 0xda, 0, 3, 0, 5, 0xff, 0, 0xff, 0xd0, 7, 8, 0xff, 0xd9,
    ];

    #[test]
    fn pictures_are_split_where_they_end_and_nowhere_else() {
        let stream = [PICTURE, PICTURE].concat();
        let len = PICTURE.len();
        let size = (16, 8);
        let picture = |range| Jpeg { range, size };
        let expected = vec![picture(0..len), picture(len..2 * len)];
        assert_eq!(split(&stream), Some(expected));
        assert_eq!(split(&[]), Some(vec![]));
    }

    #[test]
    fn a_picture_that_is_cut_short_is_none() {
        for len in 1..PICTURE.len() {
            assert_eq!(split(&PICTURE[..len]), None, "{len}");
        }
    }
}
