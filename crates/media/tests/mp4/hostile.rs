//! Indexes made to hurt: each is an error, or samples that the tables hold; none panics,
//! hangs or takes memory for what it only claims to hold.

use media::bmff::mp4::{Movie, Nals, SAMPLES_MAX, Sps};
use proptest::{prelude::*, sample::Index};

use crate::build::{Stbl, boxed, clip, moov_of, words};

/// Reads all that can be read.
fn walk(moov: &[u8]) {
    let Ok(movie) = Movie::read(moov) else { return };
    for track in &movie.tracks {
        assert!(track.table.len() <= SAMPLES_MAX);
        // However many are claimed: the first and the last ones will do.
        let count = track.table.iter().take(10_000).count();
        assert_eq!(count, (track.table.len() as usize).min(10_000));
        let _ = track.edits.simple();
    }
}

#[test]
fn tables_that_contradict_each_other_are_refused() {
    let stbl = Stbl::default;
    for wrong in [
        stbl().with(b"stsz", b"stsz", words(&[0, 10, 5])), // more samples than chunks hold
        stbl().with(b"stts", b"stts", words(&[0, 1, 3, 100])), // a sample without a time
        stbl().with(b"stts", b"stts", words(&[0, 1, 4, 1 << 31])), // backwards
        stbl().with(b"ctts", b"ctts", words(&[0, 1, 3, 0])),
        stbl().with(b"stsc", b"stsc", words(&[0, 1, 2, 2, 1])), // not from the first chunk
        stbl().with(b"stsc", b"stsc", words(&[0, 1, 0, 2, 1])), // chunk 0
        stbl().with(b"stsc", b"stsc", words(&[0, 2, 1, 1, 1, 1, 1, 1])), // not ascending
        stbl().with(b"stsc", b"stsc", words(&[0, 1, 1, 0, 1])), // a chunk of nothing
        stbl().with(b"stsc", b"stsc", words(&[0, 1, 1, 2, 2])), // no such entry
        stbl().with(b"stsc", b"stsc", words(&[0, 0])),
        stbl().with(b"stco", b"co64", words(&[0, 2, u32::MAX, 0, u32::MAX, 0])),
        stbl().with(b"stss", b"stss", words(&[0, 2, 3, 1])),
        stbl().with(b"stss", b"stss", words(&[0, 1, 0])),
        stbl().with(b"stsz", b"stz2", words(&[0, 5, 4, 0])),
        stbl().with(b"stsz", b"free", vec![]),
    ] {
        assert!(wrong.movie().is_err(), "{:?}", wrong.0);
    }
}

#[test]
fn a_table_cannot_claim_more_than_it_holds() {
    for kind in [b"stts", b"ctts", b"stsc", b"stco", b"stss", b"co64"] {
        for count in [5, 1 << 20, u32::MAX] {
            let gone = if kind == b"co64" { b"stco" } else { kind };
            let stbl = Stbl::default().with(gone, kind, words(&[0, count, 1, 1, 1]));
            assert!(stbl.movie().is_err(), "{kind:?} {count}");
        }
    }
    for sizes in [words(&[0, 0, u32::MAX, 1]), words(&[0, 7, SAMPLES_MAX + 1])] {
        let stbl = Stbl::default()
            .with(b"stsz", b"stsz", sizes)
            .with(b"stts", b"stts", words(&[0, 1, u32::MAX, 1]))
            .with(b"stsc", b"stsc", words(&[0, 1, 1, u32::MAX, 1]));
        assert!(stbl.movie().is_err());
    }
    let stbl = Stbl::default().with(b"stsz", b"stz2", words(&[0, 4, u32::MAX, 1]));
    assert!(stbl.movie().is_err());
}

#[test]
fn sizes_and_times_at_their_limits_do_not_overflow() {
    let stbl = Stbl::default()
        .with(b"stsz", b"stsz", words(&[0, u32::MAX, SAMPLES_MAX]))
        .with(b"stts", b"stts", words(&[0, 1, u32::MAX, i32::MAX as u32]))
        .with(b"ctts", b"ctts", words(&[0, 1, u32::MAX, i32::MIN as u32]))
        .with(b"stsc", b"stsc", words(&[0, 1, 1, u32::MAX, 1]))
        .with(b"stco", b"co64", words(&[0, 1, 1 << 30, 0]));
    let movie = stbl.movie().unwrap();
    let last = movie.tracks[0].table.iter().last().unwrap();
    assert_eq!(last.number, SAMPLES_MAX - 1);
}

#[test]
fn edits_out_of_reach_are_refused() {
    let long = [0xff; 12];
    for elst in [
        [&words(&[1 << 24, 1])[..], &[0x7f; 16], &words(&[1 << 16])].concat(),
        [&words(&[0, u32::MAX])[..], &long].concat(),
        [
            &words(&[0, 1, 1])[..],
            &(-2_i32).to_be_bytes(),
            &words(&[1 << 16]),
        ]
        .concat(),
        words(&[0, 2, 0, 0, 1 << 16]),
    ] {
        let edts = boxed(b"edts", &boxed(b"elst", &elst));
        let tables = Stbl::default().0;
        let stbl: Vec<u8> = tables.iter().flat_map(|(k, b)| boxed(k, b)).collect();
        let moov = crate::build::moov(&stbl, &edts, &words(&[0, 0, 0, 1000, 0, 0]));
        assert!(Movie::read(&moov).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_damaged_index_never_panics(
        damage in prop::collection::vec((any::<Index>(), any::<u8>()), 1..8),
        cut in prop::option::weighted(0.2, any::<Index>()),
    ) {
        let mut moov = moov_of(clip()).to_vec();
        for (at, byte) in damage {
            let at = at.index(moov.len());
            moov[at] = byte;
        }
        if let Some(cut) = cut {
            moov.truncate(cut.index(moov.len()));
        }
        walk(&moov);
    }

    #[test]
    fn parameter_sets_and_samples_of_noise_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let _ = Sps::read(&bytes);
        let _ = Sps::read(&[&[0x67], &bytes[..]].concat());
        let sps = [0x67, 100, 0, 40];
        let _ = Sps::read(&[&sps, &bytes[..]].concat());
        for nals in [Nals::avc(&bytes), Nals::hevc(&bytes)].into_iter().flatten() {
            let _ = nals.scan(&bytes);
        }
        let avcc = [1, 100, 0, 40, 0xff, 0, 0];
        let _ = Nals::avc(&avcc).unwrap().scan(&bytes);
    }
}
