//! Finding `moov`.

use std::ops::Range;

use media::bmff::{
    BoxError,
    mp4::{Locate, MOOV_LEN_MAX},
};

use crate::build::boxed;

/// Gives a file what it asks for; where `moov` is, and how often it asked. `len` says
/// how long the file is where that is more than what stands in `file`.
fn locate(file: &[u8], len: u64) -> Result<(Range<u64>, usize), BoxError> {
    let mut locate = Locate::new(len);
    for reads in 1..100 {
        let Range { start, end } = locate.wants();
        let from = (start as usize).min(file.len());
        let until = (end as usize).min(file.len());
        let mut bytes = file[from..until].to_vec();
        bytes.resize((end - start) as usize, 0);
        if let Some(moov) = locate.take(&bytes)? {
            return Ok((moov, reads));
        }
    }
    panic!("it asks for ever")
}

fn whole(file: &[u8]) -> Result<(Range<u64>, usize), BoxError> {
    locate(file, file.len() as u64)
}

#[test]
fn an_index_at_the_front_is_found_with_one_read() {
    let head = [boxed(b"ftyp", b"isom"), boxed(b"free", &[0; 9])].concat();
    let moov = boxed(b"moov", &[0; 30]);
    let file = [head.clone(), moov, boxed(b"mdat", &[7; 200_000])].concat();
    let at = head.len() as u64;
    assert_eq!(whole(&file), Ok((at..at + 38, 1)));
}

#[test]
fn an_index_at_the_end_is_found_with_two_reads() {
    let large = [
        &b"\0\0\0\x01mdat"[..],
        &200_016_u64.to_be_bytes(),
        &[7; 200_000],
    ]
    .concat();
    for (mdat, first) in [
        (boxed(b"mdat", &[7; 200_000]), &b"ftyp"[..]),
        (large, b"wide"),
    ] {
        let head = boxed(first.try_into().unwrap(), &[0; 4]);
        let file = [head, mdat, boxed(b"moov", &[0; 30])].concat();
        let len = file.len() as u64;
        assert_eq!(whole(&file), Ok((len - 38..len, 2)));
    }
}

#[test]
fn an_index_without_a_size_goes_to_the_end() {
    let file = [boxed(b"ftyp", b""), b"\0\0\0\0moov1234".to_vec()].concat();
    assert_eq!(whole(&file), Ok((8..20, 1)));
}

#[test]
fn a_file_without_an_index_says_so() {
    for rest in [
        boxed(b"mdat", &[0; 99]),
        b"\0\0\0\0mdat12345".to_vec(),
        b"\x7f\0\0\0mdat12345".to_vec(),
        [&b"\0\0\0\x01mdat"[..], &u64::MAX.to_be_bytes()].concat(),
    ] {
        let file = [boxed(b"ftyp", b""), rest].concat();
        assert!(matches!(whole(&file), Err(BoxError::Missing(_))));
    }
    let many: Vec<u8> = (0..5000).flat_map(|_| boxed(b"free", b"")).collect();
    assert!(matches!(whole(&many), Err(BoxError::Missing(_))));
}

#[test]
fn an_index_that_is_cut_or_endless_is_refused() {
    let cut = b"\0\0\0\x20moov1234";
    assert!(matches!(whole(cut), Err(BoxError::Truncated { .. })));
    let size = MOOV_LEN_MAX as u32 + 1;
    let long = [&size.to_be_bytes()[..], b"moov"].concat();
    let refused = locate(&long, 1 << 40);
    assert!(matches!(refused, Err(BoxError::TooLong { .. })));
    for size in [2_u32, 7] {
        let small = [&size.to_be_bytes()[..], b"moov1234"].concat();
        assert!(matches!(whole(&small), Err(BoxError::Size { .. })));
    }
}

#[test]
fn another_kind_of_file_is_told_at_once() {
    for file in [
        &b"\x1a\x45\xdf\xa3 matroska........"[..],
        &[0x47; 188],
        b"RIFF1234AVI ",
    ] {
        assert!(matches!(whole(file), Err(BoxError::Unsupported(_))));
    }
    assert!(whole(b"").is_err() && whole(b"\0\0\0").is_err());
}
