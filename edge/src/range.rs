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

/// What a `Range` field asks of a body of `len` bytes. One that is malformed, or in other
/// units, is ignored (§14.2); of several ranges the whole is sent, which §14.2 allows.
pub(crate) fn wanted(field: &HeaderValue, len: u64) -> Wanted {
    let spec = field.to_str().ok().and_then(Spec::parse);
    let range = match spec {
        None => return Wanted::Whole,
        Some(Spec::Between(first, last)) => first..last.saturating_add(1).min(len),
        Some(Spec::From(first)) => first..len,
        Some(Spec::Last(count)) => len.saturating_sub(count)..len,
    };
    if range.is_empty() {
        Wanted::Unsatisfiable
    } else {
        Wanted::Part(range)
    }
}

/// One range (§14.1.2).
enum Spec {
    Between(u64, u64),
    From(u64),
    Last(u64),
}

impl Spec {
    fn parse(field: &str) -> Option<Self> {
        let (unit, set) = field.split_once('=')?;
        let (first, last) = set.trim().split_once('-')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        match (first, last) {
            ("", count) => Some(Self::Last(position(count)?)),
            (first, "") => Some(Self::From(position(first)?)),
            (first, last) => {
                let (first, last) = (position(first)?, position(last)?);
                (first <= last).then_some(Self::Between(first, last))
            }
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
    fn what_is_no_single_range_of_bytes_is_ignored() {
        for field in [
            "bytes=5-2",
            "bytes=",
            "bytes=a-b",
            "lines=1-2",
            "0-1",
            "bytes=0-1,3-4",
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
        fn a_part_lies_inside_the_body(text in "bytes=[-0-9, ]{0,12}", len in 0_u64..2000) {
            if let Wanted::Part(part) = wanted(&HeaderValue::from_str(&text).unwrap(), len) {
                prop_assert!(part.start < part.end && part.end <= len);
            }
        }

        #[test]
        fn what_is_asked_for_is_what_is_sent(from in 0_u64..100, more in 0_u64..100) {
            let field = HeaderValue::from_str(&format!("bytes={from}-{}", from + more)).unwrap();
            prop_assert_eq!(wanted(&field, 1000), Wanted::Part(from..from + more + 1));
        }
    }
}
