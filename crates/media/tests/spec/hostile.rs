//! Boxes made to hurt: each is an error; none panics, hangs or takes memory for what
//! it only claims to hold.

use media::bmff::{
    BoxError, FourCc, Fragment, InitInfo, InitKind, Piece, SAMPLES_MAX, Sample, TopLevel, boxes,
    init_info, patch_tfdt, with_entry_boxes, with_sequence_header, write_fragment,
};
use proptest::{prelude::*, sample::Index};

use crate::ffmpeg::{self, split};

const LEN_MAX: usize = 1 << 20;

fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(8 + body.len()).expect("a small box");
    [&len.to_be_bytes()[..], kind, body].concat()
}

fn push(bytes: &[u8]) -> Result<Vec<Piece>, BoxError> {
    TopLevel::new(LEN_MAX).push(bytes)
}

#[test]
fn impossible_sizes_are_refused_as_soon_as_they_are_read() {
    for size in [0_u32, 2, 7] {
        let bytes = [&size.to_be_bytes()[..], b"moov"].concat();
        let refused = BoxError::Size {
            kind: FourCc(*b"moov"),
            len: u64::from(size),
        };
        assert_eq!(push(&bytes), Err(refused.clone()));
        assert_eq!(boxes(&bytes).collect::<Vec<_>>(), [Err(refused)]);
    }
    for large in [0_u64, 15] {
        let bytes = [&b"\0\0\0\x01moov"[..], &large.to_be_bytes()].concat();
        assert!(matches!(push(&bytes), Err(BoxError::Size { .. })));
        assert!(matches!(
            boxes(&bytes).next(),
            Some(Err(BoxError::Size { .. }))
        ));
    }
}

#[test]
fn a_huge_box_is_refused_before_its_body_comes() {
    let too_long = BoxError::TooLong {
        kind: FourCc(*b"ftyp"),
        len_max: LEN_MAX,
    };
    assert_eq!(push(b"\x7f\xff\xff\xffftyp"), Err(too_long.clone()));
    let large = [&b"\0\0\0\x01ftyp"[..], &u64::MAX.to_be_bytes()].concat();
    assert_eq!(push(&large), Err(too_long));
    assert!(matches!(
        boxes(&large).next(),
        Some(Err(BoxError::Truncated { .. }))
    ));
}

#[test]
fn a_piece_of_many_boxes_cannot_exceed_the_limit_either() {
    let half = boxed(b"ftyp", &vec![0; LEN_MAX / 2]);
    let moov = boxed(b"moov", &vec![0; LEN_MAX / 2]);
    let refused = push(&[half, moov].concat());
    assert_eq!(
        refused,
        Err(BoxError::TooLong {
            kind: FourCc(*b"moov"),
            len_max: LEN_MAX
        })
    );
}

#[test]
fn a_box_of_64_bit_size_is_read() {
    let bytes = [&b"\0\0\0\x01free"[..], &20_u64.to_be_bytes(), b"abcd"].concat();
    let found = boxes(&bytes).next().unwrap().unwrap();
    assert_eq!(
        (found.kind, found.range, found.body),
        (FourCc(*b"free"), 16..20, &b"abcd"[..])
    );
}

#[test]
fn boxes_out_of_order_are_refused() {
    let (ftyp, moov) = (boxed(b"ftyp", b""), boxed(b"moov", b""));
    let (moof, mdat, free) = (
        boxed(b"moof", b""),
        boxed(b"mdat", b""),
        boxed(b"free", b""),
    );
    let init = [ftyp.clone(), moov.clone()].concat();
    for wrong in [
        mdat.clone(),
        moof.clone(),
        moov.clone(),
        [&ftyp[..], &ftyp].concat(),
        [&init[..], &moov].concat(),
        [&init[..], &mdat].concat(),
        [&init[..], &moof, &moof].concat(),
        [&init[..], &moof, &free, &mdat].concat(),
    ] {
        assert!(
            matches!(push(&wrong), Err(BoxError::Misplaced(_))),
            "{}",
            wrong.escape_ascii()
        );
    }
    let good = [&free[..], &init, &free, &moof, &mdat, &free].concat();
    assert_eq!(push(&good).unwrap().len(), 2);
}

#[test]
fn a_stream_that_ends_early_says_so() {
    let (init, _, fragments) = split(ffmpeg::video());
    let whole = [&init[..], &fragments[0]].concat();
    let finish = |bytes: &[u8]| {
        let mut splitter = TopLevel::new(LEN_MAX);
        splitter.push(bytes).unwrap();
        splitter.finish()
    };
    assert_eq!(finish(&whole), Ok(()));
    let moof_end = init.len() + boxes(&fragments[0]).next().unwrap().unwrap().range.end;
    for cut in [
        1,
        7,
        8,
        20,
        init.len() - 1,
        init.len() + 3,
        moof_end,
        whole.len() - 1,
    ] {
        assert!(finish(&whole[..cut]).is_err(), "cut at {cut}");
    }
}

/// A fragment whose `trun` is replaced, and the init segment it belongs to.
fn with_run(run: &[u8]) -> (Vec<u8>, InitInfo) {
    let (_, info, _) = split(ffmpeg::audio());
    let tfhd = boxed(b"tfhd", &[0, 2, 0, 0, 0, 0, 0, 1]);
    let tfdt = boxed(b"tfdt", &[0; 8]);
    let traf = boxed(b"traf", &[&tfhd[..], &tfdt, &boxed(b"trun", run)].concat());
    let moof = boxed(b"moof", &[boxed(b"mfhd", &[0; 8]), traf].concat());
    ([moof, boxed(b"mdat", &[7; 16])].concat(), info)
}

#[test]
fn a_run_cannot_claim_more_samples_than_it_holds() {
    let (bytes, info) = with_run(&[0, 0, 2, 0, 0, 0, 0, 9, 0, 0, 0, 1]); // sizes: 1 of 9
    let refused = Fragment::read(&bytes, &info);
    assert!(matches!(
        refused,
        Err(BoxError::Invalid { .. } | BoxError::Truncated { .. })
    ));
}

#[test]
fn a_run_of_defaults_cannot_claim_billions_of_samples() {
    for count in [u32::MAX, 1 << 16 | 1] {
        let (bytes, info) = with_run(&[&[0; 4][..], &count.to_be_bytes()].concat());
        let refused = BoxError::TooLong {
            kind: FourCc(*b"trun"),
            len_max: SAMPLES_MAX,
        };
        assert_eq!(Fragment::read(&bytes, &info), Err(refused));
    }
}

#[test]
fn a_run_cannot_point_outside_of_mdat() {
    for offset in [0_i32, -1, i32::MIN, i32::MAX, 90] {
        let run = [
            &[0, 0, 2, 1, 0, 0, 0, 1][..],
            &offset.to_be_bytes(),
            &[0, 0, 0, 16],
        ]
        .concat();
        let (bytes, info) = with_run(&run);
        let refused = Fragment::read(&bytes, &info);
        assert!(
            matches!(refused, Err(BoxError::Invalid { .. })),
            "{offset}: {refused:?}"
        );
    }
}

#[test]
fn a_run_cannot_reach_beyond_mdat_into_the_next_box() {
    let run = |size: u8| with_run(&[0, 0, 2, 1, 0, 0, 0, 1, 0, 0, 0, 96, 0, 0, 0, size]);
    let (mut bytes, info) = run(16);
    assert_eq!(bytes.len(), 96 + 16);
    bytes.extend(boxed(b"free", &[9; 16]));
    assert_eq!(
        Fragment::read(&bytes, &info).unwrap().samples[0].data,
        [7; 16]
    );
    let (mut bytes, info) = run(17);
    bytes.extend(boxed(b"free", &[9; 16]));
    assert!(matches!(
        Fragment::read(&bytes, &info),
        Err(BoxError::Invalid { .. })
    ));
}

#[test]
fn a_fragment_of_another_track_is_refused() {
    let (_, info, _) = split(ffmpeg::audio());
    let data = Sample {
        duration: 1,
        composition_offset: 0,
        flags: 0,
        data: b"x",
    };
    let other = write_fragment(1, info.track_id + 1, 0, &[data]);
    assert!(matches!(
        Fragment::read(&other, &info),
        Err(BoxError::Invalid { .. })
    ));
}

#[test]
fn a_fragment_without_samples_is_refused() {
    let (_, info, _) = split(ffmpeg::audio());
    let empty = write_fragment(1, info.track_id, 0, &[]);
    assert_eq!(
        Fragment::read(&empty, &info),
        Err(BoxError::Missing(FourCc(*b"trun")))
    );
}

/// Everything the crate does with bytes from outside.
fn read_all(bytes: &[u8], info: &InitInfo) {
    let mut splitter = TopLevel::new(LEN_MAX);
    let mut whole = true;
    for chunk in bytes.chunks(1000) {
        whole = splitter.push(chunk).is_ok();
        if !whole {
            break;
        }
    }
    if whole {
        drop(splitter.finish());
    }
    boxes(bytes).for_each(drop);
    drop(init_info(bytes));
    drop(patch_tfdt(&mut bytes.to_vec(), 1 << 40));
    drop(with_sequence_header(bytes, bytes));
    drop(with_entry_boxes(bytes, &[(FourCc(*b"clli"), vec![0; 4])]));
    if let Ok(fragment) = Fragment::read(bytes, info) {
        assert!((1..=SAMPLES_MAX).contains(&fragment.samples.len()));
        assert!(fragment.end() >= fragment.base_decode_time);
        let presented = fragment.earliest_presentation_time();
        assert!(presented <= fragment.end() as i64 + i64::from(i32::MAX));
        let idr = fragment.starts_with_idr(info);
        assert!(!idr || matches!(info.kind, InitKind::Video { .. }));
    }
}

#[derive(Debug, Clone)]
enum Damage {
    Set(Index, u8),
    Word(Index, u32),
    Cut(Index),
    Remove(Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let edge = prop_oneof![
        Just(0),
        Just(1),
        Just(7),
        Just(u32::MAX),
        Just(1 << 31),
        any::<u32>()
    ];
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        (any::<Index>(), edge).prop_map(|(at, word)| Damage::Word(at, word)),
        any::<Index>().prop_map(Damage::Cut),
        any::<Index>().prop_map(Damage::Remove),
    ]
}

/// Damage is done among the first `reach` bytes: where the boxes are, not the pictures.
fn apply(bytes: &mut Vec<u8>, damage: &Damage, reach: usize) {
    let place = |at: &Index| at.index(reach.min(bytes.len()).max(1));
    match damage {
        Damage::Set(at, byte) => {
            let at = place(at);
            bytes.get_mut(at).into_iter().for_each(|b| *b = *byte);
        }
        Damage::Word(at, word) => {
            let at = place(at) & !3;
            let word = word.to_be_bytes();
            bytes
                .get_mut(at..at + 4)
                .into_iter()
                .for_each(|b| b.copy_from_slice(&word));
        }
        Damage::Cut(at) => bytes.truncate(place(at)),
        Damage::Remove(at) => {
            let at = place(at);
            bytes.drain(at..(at + 4).min(bytes.len()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read_all(&bytes, &split(ffmpeg::video()).1);
    }

    #[test]
    fn damaged_boxes_never_panic(
        of in 0_usize..3,
        what in 0_usize..3,
        damages in prop::collection::vec(damage(), 1..6),
    ) {
        let (init, info, fragments) = split([ffmpeg::audio(), ffmpeg::video(), ffmpeg::av1_video()][of]);
        let (mut bytes, reach) = match what {
            0 => (init.clone(), init.len()),
            1 => (fragments[1].clone(), boxes(&fragments[1]).next().unwrap().unwrap().range.end),
            _ => ([&init[..], &fragments[0]].concat(), init.len() + 700),
        };
        for damage in &damages {
            apply(&mut bytes, damage, reach);
        }
        read_all(&bytes, &info);
    }
}
