use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use proptest::prelude::*;

use super::*;
use crate::{
    freshness::{Facts, Freshness, Share, State, Terms},
    head::Access,
    vary::Vary,
};

fn clock(secs: u64) -> Clock {
    let start = Clock {
        now: Instant::now(),
        wall: UNIX_EPOCH + Duration::from_secs(1_000_000),
    };
    Clock {
        now: start.now + Duration::from_secs(secs),
        wall: start.wall + Duration::from_secs(secs),
    }
}

fn head(clock: Clock, lifetime_secs: u64, fields: &[(String, Vec<u8>)]) -> Head {
    let facts = Facts {
        age: Duration::from_secs(5),
        lifetime: Duration::from_secs(lifetime_secs),
        while_revalidate: Duration::from_secs(1),
        if_error: Duration::from_secs(2),
        strict: true,
    };
    let mut headers = HeaderMap::new();
    headers.insert("vary", HeaderValue::from_static("accept-language, a"));
    headers.insert("content-language", HeaderValue::from_static("de"));
    for (name, value) in fields {
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_bytes(value),
        ) {
            headers.append(name, value);
        }
    }
    Head {
        status: StatusCode::NOT_FOUND,
        access: Access::Public,
        store: true,
        share: Share::Waiting,
        freshness: Freshness::of(facts, clock.now),
        no_store: true,
        vary: Vary::of(&headers, &headers),
        headers,
        terms: Terms {
            heuristic_percent: 10,
            ttl: Some(Duration::from_secs(3)),
            authorized: true,
            ..Terms::default()
        },
        our_cors: true,
        says_shared: true,
        length: Some(9),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_written_is_read(
        key in ".{0,40}",
        fields in prop::collection::vec(("[a-z-]{1,9}", prop::collection::vec(32..=255_u8, 0..20)), 0..9),
    ) {
        let start = clock(0);
        let head = head(start, 100, &fields);
        let bytes = encode(&key, &head, 9, &[7], start);
        let read = decode(&bytes, start).unwrap();
        prop_assert_eq!(&*read.key, key);
        prop_assert_eq!(format!("{head:?}"), format!("{:?}", read.head));
        prop_assert_eq!(&*read.sums, &[7]);
    }

    #[test]
    fn no_bytes_of_strangers_are_taken_or_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), framed: bool) {
        if framed && bytes.len() >= PRELUDE_LEN {
            // All that comes before the last checks is right.
            let len = bytes.len() as u32;
            bytes[..8].copy_from_slice(MAGIC);
            bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
            bytes[12..16].copy_from_slice(&len.to_le_bytes());
            let sum = header_sum(&bytes);
            bytes[SUM_AT].copy_from_slice(&sum.to_le_bytes());
        }
        prop_assert!(decode(&bytes, clock(0)).is_none());
    }

    #[test]
    fn sums_do_not_depend_on_how_a_body_is_cut(cuts in prop::collection::vec(0..PIECE_LEN * 3, 0..4)) {
        let body: Vec<u8> = (0..PIECE_LEN * 2 + 9).map(|n| (n / 700) as u8).collect();
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(body.len())).collect();
        cuts.extend([0, body.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|cut| &body[cut[0]..cut[1]]);
        let whole: Vec<_> = body.chunks(PIECE_LEN).map(xxh3_64).collect();
        prop_assert_eq!(sums(pieces), whole);
    }
}

#[test]
fn one_wrong_bit_anywhere_is_found() {
    let head = head(clock(0), 100, &[("a".to_owned(), b"b".to_vec())]);
    let good = encode("/x", &head, 9, &[7], clock(0));
    assert!(decode(&good, clock(0)).is_some());
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            // Of the length of the file, its length on disk tells.
            let same = Prelude::parse(&bad) == Prelude::parse(&good);
            assert!(decode(&bad, clock(0)).is_none() || !same, "{at}");
        }
        assert!(decode(&good[..at], clock(0)).is_none(), "{at}");
    }
}

#[test]
fn time_passes_while_an_object_lies_on_disk() {
    let start = clock(0);
    let bytes = encode("/x", &head(start, 100, &[]), 9, &[7], start);
    let after = |secs| decode(&bytes, clock(secs)).unwrap().head.freshness;
    let now = |secs| clock(secs).now;
    assert_eq!(after(94).state(now(94)), State::Fresh);
    assert_eq!(after(95).age(now(95)).as_secs(), 100);
    assert_eq!(after(96).state(now(96)), State::Stale);
    // A clock that was set back says nothing of how old it is.
    let back = Clock {
        wall: start.wall - Duration::from_secs(1),
        ..start
    };
    let read = decode(&bytes, back).unwrap().head.freshness;
    assert_eq!(read.state(start.now), State::Stale);
}
