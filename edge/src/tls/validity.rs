//! From when to when a certificate holds (RFC 5280 §4.1.2.5). webpki reads it, and tells
//! only who trusts somebody.

use std::time::{Duration, UNIX_EPOCH};

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// The certificate's version, explicitly tagged.
const VERSION: u8 = 0xa0;

/// Seconds since 1970; negative before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    not_before: i64,
    not_after: i64,
}

impl Validity {
    /// `None` if it is no certificate.
    pub(super) fn of(certificate: &[u8]) -> Option<Self> {
        let (certificate, _) = value(SEQUENCE, certificate)?;
        let (mut rest, _) = value(SEQUENCE, certificate)?;
        if rest.first() == Some(&VERSION) {
            rest = value(VERSION, rest)?.1;
        }
        // Serial number, signature algorithm, issuer.
        for tag in [INTEGER, SEQUENCE, SEQUENCE] {
            rest = value(tag, rest)?.1;
        }
        let (validity, _) = value(SEQUENCE, rest)?;
        let (not_before, rest) = time(validity)?;
        let (not_after, _) = time(rest)?;
        Some(Self {
            not_before,
            not_after,
        })
    }

    /// Why it does not hold at a time since 1970.
    pub(super) fn fault(&self, now: Duration) -> Option<String> {
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if now > self.not_after {
            return Some(format!("it expired on {}", date(self.not_after)));
        }
        if now < self.not_before {
            return Some(format!("it holds only from {} on", date(self.not_before)));
        }
        None
    }
}

fn date(secs: i64) -> String {
    let since = Duration::from_secs(u64::try_from(secs).unwrap_or_default());
    httpdate::fmt_http_date(UNIX_EPOCH + since)
}

/// The value of the first element, if it has this tag, and what follows it (X.690 §8.1).
fn value(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[first, len], rest) = der.split_first_chunk()?;
    let (len, rest) = match len {
        0..=0x7f => (len.into(), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(len - 0x80))?;
            let join = |len: usize, byte: &u8| len << 8 | usize::from(*byte);
            (bytes.iter().fold(0, join), rest)
        }
        _ => return None,
    };
    (first == tag).then(|| rest.split_at_checked(len)).flatten()
}

/// `YYMMDDHHMMSSZ`, of 1950 to 2049, or with the year in full.
fn time(der: &[u8]) -> Option<(i64, &[u8])> {
    let (text, rest, year) = match der.first()? {
        &UTC_TIME => {
            let (text, rest) = value(UTC_TIME, der)?;
            let year = number(text.get(..2)?)?;
            (
                text.get(2..)?,
                rest,
                year + if year < 50 { 2000 } else { 1900 },
            )
        }
        _ => {
            let (text, rest) = value(GENERALIZED_TIME, der)?;
            (text.get(4..)?, rest, number(text.get(..4)?)?)
        }
    };
    if text.len() != 11 || text[10] != b'Z' {
        return None;
    }
    let part = |at: usize| number(&text[at..at + 2]);
    let (month, day) = (part(0)?, part(2)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let of_day = part(4)? * 3600 + part(6)? * 60 + part(8)?;
    Some((days(year, month, day) * 86_400 + of_day, rest))
}

fn number(digits: &[u8]) -> Option<i64> {
    let digit = |sum: i64, byte: &u8| {
        byte.is_ascii_digit()
            .then(|| sum * 10 + i64::from(byte - b'0'))
    };
    digits.iter().try_fold(0, digit)
}

/// Days since 1970, of the Gregorian calendar: years begin in March, so that a leap day is
/// their last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month < 3);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A certificate as far as it is read here.
    fn certificate(from: (u8, &str), to: (u8, &str)) -> Vec<u8> {
        let element = |tag: u8, value: &[u8]| [&[tag, value.len() as u8], value].concat();
        let time = |(tag, text): (u8, &str)| element(tag, text.as_bytes());
        let validity = element(SEQUENCE, &[time(from), time(to)].concat());
        let head = [
            element(VERSION, &[INTEGER, 1, 2]),
            element(INTEGER, &[7]),
            element(SEQUENCE, &[]),
            element(SEQUENCE, &[]),
        ];
        let inner = [head.concat(), validity].concat();
        element(SEQUENCE, &element(SEQUENCE, &inner))
    }

    #[test]
    fn both_forms_of_time_are_read() {
        let der = certificate(
            (UTC_TIME, "700101000000Z"),
            (GENERALIZED_TIME, "21000301000001Z"),
        );
        let validity = Validity::of(&der).unwrap();
        assert_eq!(validity.not_before, 0);
        // `date -ud '2100-03-01 00:00:01' +%s`
        assert_eq!(validity.not_after, 4_107_542_401);
    }

    #[test]
    fn it_says_when_it_does_not_hold() {
        let der = certificate((UTC_TIME, "260101000000Z"), (UTC_TIME, "270101000000Z"));
        let validity = Validity::of(&der).unwrap();
        let at = |secs| validity.fault(Duration::from_secs(secs));
        assert_eq!(at(1_780_000_000), None);
        assert!(at(1_767_225_599).unwrap().contains("from Thu, 01 Jan 2026"));
        assert!(
            at(1_798_761_601)
                .unwrap()
                .contains("expired on Fri, 01 Jan 2027")
        );
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "701301000000Z",
            "700132000000Z",
            "700101000000",
            "7a0101000000Z",
            "",
        ] {
            let der = certificate((UTC_TIME, text), (UTC_TIME, "700101000000Z"));
            assert_eq!(Validity::of(&der), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Validity::of(&bytes);
        }

        #[test]
        fn a_cut_certificate_is_none(len in 0..57_usize) {
            let der = certificate((UTC_TIME, "260101000000Z"), (UTC_TIME, "270101000000Z"));
            prop_assert_eq!(Validity::of(&der[..len.min(der.len() - 1)]), None);
        }

        #[test]
        fn days_are_those_of_httpdate(days_since in 0..100_000_u64) {
            let at = UNIX_EPOCH + Duration::from_secs(days_since * 86_400);
            let text = httpdate::fmt_http_date(at);
            let months = "JanFebMarAprMayJunJulAugSepOctNovDec";
            let month = months.find(&text[8..11]).unwrap() / 3 + 1;
            let (day, year) = (text[5..7].parse().unwrap(), text[12..16].parse().unwrap());
            prop_assert_eq!(days(year, month as i64, day), days_since as i64);
        }
    }
}
