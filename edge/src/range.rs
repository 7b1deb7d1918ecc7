//! Ranges of an answer (RFC 9110 §14).

use std::ops::Range;

use http::HeaderValue;

/// What part of a body to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    Whole,
    /// Bytes, the end excluded.
    Part(Range<u64>),
    /// No byte of what was asked for exists.
    Unsatisfiable,
}

/// Most ranges in one field; of more the whole is sent (§14.2 allows it). Chosen: players
/// ask for one.
const RANGES_MAX: usize = 16;

/// What a `Range` field asks of a body of `len` bytes. One that is malformed, or in other
/// units, is ignored (§14.2). Several ranges become one where they overlap or touch; else
/// the whole is sent, which §14.2 allows: no request is answered with more than that.
pub(crate) fn wanted(field: &HeaderValue, len: u64) -> Wanted {
    let Some(specs) = parse(field) else {
        return Wanted::Whole;
    };
    let ranges = specs.into_iter().map(|spec| spec.of(len));
    let mut ranges: Vec<_> = ranges.filter(|range| !range.is_empty()).collect();
    ranges.sort_unstable_by_key(|range| range.start);
    let mut ranges = ranges.into_iter();
    let Some(mut all) = ranges.next() else {
        return Wanted::Unsatisfiable;
    };
    for range in ranges {
        if range.start > all.end {
            return Wanted::Whole;
        }
        all.end = all.end.max(range.end);
    }
    Wanted::Part(all)
}

/// Where a body of unknown length is to be read first for this field: a suffix needs the
/// length, which any byte's answer tells. `None` if it may come to the whole.
pub(crate) fn begin(field: &HeaderValue) -> Option<u64> {
    let specs = parse(field)?;
    match (specs.as_slice(), wanted(field, u64::MAX)) {
        ([Spec::Last(_)], _) => Some(0),
        (specs, _) if specs.iter().any(|spec| matches!(spec, Spec::Last(_))) => None,
        (_, Wanted::Part(part)) => Some(part.start),
        (_, Wanted::Unsatisfiable) => Some(0),
        (_, Wanted::Whole) => None,
    }
}

/// The one run of bytes that a field asks for, whatever the length; its end is the last
/// number there is where it goes on to the end. `None` if the length decides.
pub(crate) fn exact(field: &HeaderValue) -> Option<Range<u64>> {
    let from_the_end = |spec: &Spec| matches!(spec, Spec::Last(_));
    match wanted(field, u64::MAX) {
        Wanted::Part(part) if !parse(field)?.iter().any(from_the_end) => Some(part),
        _ => None,
    }
}

fn parse(field: &HeaderValue) -> Option<Vec<Spec>> {
    let (unit, set) = field.to_str().ok()?.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    // Empty members of a list are no fault (§5.6.1.2).
    let members = set
        .split(',')
        .map(str::trim)
        .filter(|text| !text.is_empty());
    let specs: Option<Vec<_>> = members.take(RANGES_MAX + 1).map(Spec::parse).collect();
    specs.filter(|specs| (1..=RANGES_MAX).contains(&specs.len()))
}

/// One range (§14.1.2).
enum Spec {
    Between(u64, u64),
    From(u64),
    Last(u64),
}

impl Spec {
    fn parse(text: &str) -> Option<Self> {
        match text.split_once('-')? {
            ("", count) => Some(Self::Last(position(count)?)),
            (first, "") => Some(Self::From(position(first)?)),
            (first, last) => {
                let (first, last) = (position(first)?, position(last)?);
                (first <= last).then_some(Self::Between(first, last))
            }
        }
    }

    /// Which bytes of `len` it asks for; an empty range if there are none.
    fn of(&self, len: u64) -> Range<u64> {
        match *self {
            Self::Between(first, last) => first..last.saturating_add(1).min(len),
            Self::From(first) => first..len,
            Self::Last(count) => len.saturating_sub(count)..len,
        }
    }
}

/// Digits only; a number too large for 64 bits lies past every end all the same.
fn position(digits: &str) -> Option<u64> {
    let all = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of_ten(field: &str) -> Wanted {
        wanted(&HeaderValue::from_str(field).unwrap(), 10)
    }

    #[test]
    fn a_range_is_cut_to_what_exists() {
        for (field, part) in [
            ("bytes=0-0", 0..1),
            ("bytes=2-5", 2..6),
            ("bytes=5-", 5..10),
            ("bytes=5-99", 5..10),
            ("bytes=-3", 7..10),
            ("bytes=-99", 0..10),
            ("Bytes=1-2", 1..3),
            ("bytes= 001-02 ", 1..3),
            ("bytes=0-18446744073709551615", 0..10),
        ] {
            assert_eq!(of_ten(field), Wanted::Part(part), "{field}");
        }
    }

    #[test]
    fn a_range_of_no_byte_is_unsatisfiable() {
        for field in [
            "bytes=10-",
            "bytes=10-12",
            "bytes=-0",
            "bytes=99999999999999999999-",
        ] {
            assert_eq!(of_ten(field), Wanted::Unsatisfiable, "{field}");
        }
    }

    #[test]
    fn several_ranges_become_one_where_they_overlap_or_touch() {
        for (field, part) in [
            ("bytes=0-1,2-3", 0..4),
            ("bytes=4-5, 2-4", 2..6),
            ("bytes=0-1,,99-100", 0..2),
            ("bytes=5-,-5", 5..10),
            ("bytes=0-,0-,0-", 0..10),
            ("bytes=0-9,3-4", 0..10),
            ("bytes=-2,7-7", 7..10),
        ] {
            assert_eq!(of_ten(field), Wanted::Part(part), "{field}");
        }
        assert_eq!(of_ten("bytes=10-,20-21"), Wanted::Unsatisfiable);
        let many = |count| format!("bytes={}", vec!["0-1"; count].join(","));
        assert_eq!(of_ten(&many(RANGES_MAX)), Wanted::Part(0..2));
        assert_eq!(of_ten(&many(RANGES_MAX + 1)), Wanted::Whole);
    }

    #[test]
    fn the_first_byte_to_read_is_known_before_the_length() {
        for (field, at) in [
            ("bytes=5-9", Some(5)),
            ("bytes=7-", Some(7)),
            ("bytes=-3", Some(0)),
            ("bytes=9-10,5-8", Some(5)),
            ("bytes=99999999999999999999-", Some(0)),
            ("bytes=0-1,5-6", None),
            ("bytes=0-1,-2", None),
            ("lines=1-2", None),
        ] {
            assert_eq!(begin(&HeaderValue::from_static(field)), at, "{field}");
        }
    }

    #[test]
    fn what_does_not_depend_on_the_length_is_exact() {
        for (field, part) in [
            ("bytes=5-9", Some(5..10)),
            ("bytes=5-", Some(5..u64::MAX)),
            ("bytes=5-6,7-9", Some(5..10)),
            ("bytes=-5", None),
            ("bytes=0-,-5", None),
            ("bytes=0-1,5-6", None),
        ] {
            assert_eq!(exact(&HeaderValue::from_static(field)), part, "{field}");
        }
    }

    #[test]
    fn what_is_no_single_range_of_bytes_is_ignored() {
        for field in [
            "bytes=5-2",
            "bytes=",
            "bytes=a-b",
            "lines=1-2",
            "0-1",
            "bytes=0-1,3-4",
            "bytes=,",
            "bytes=0-1,x",
            "bytes=-",
            "bytes=+1-2",
            "bytes=1 -2",
            "bytes=1-2-3",
        ] {
            assert_eq!(of_ten(field), Wanted::Whole, "{field}");
        }
    }

    proptest! {
        #[test]
        fn a_part_lies_inside_the_body(text in "bytes=[-0-9, ]{0,24}", len in 0_u64..2000) {
            if let Wanted::Part(part) = wanted(&HeaderValue::from_str(&text).unwrap(), len) {
                prop_assert!(part.start < part.end && part.end <= len);
            }
        }

        #[test]
        fn what_is_exact_is_the_same_at_every_length(text in "bytes=[-0-9,]{0,12}", len in 0_u64..2000) {
            let field = HeaderValue::from_str(&text).unwrap();
            if let (Some(exact), Wanted::Part(part)) = (exact(&field), wanted(&field, len)) {
                prop_assert_eq!(begin(&field), Some(exact.start));
                prop_assert_eq!(part, exact.start..exact.end.min(len));
            }
        }

        #[test]
        fn what_is_asked_for_is_what_is_sent(from in 0_u64..100, more in 0_u64..100) {
            let field = HeaderValue::from_str(&format!("bytes={from}-{}", from + more)).unwrap();
            prop_assert_eq!(wanted(&field, 1000), Wanted::Part(from..from + more + 1));
        }
    }
}
