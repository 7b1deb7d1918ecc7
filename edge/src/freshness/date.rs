//! Dates of header fields (RFC 9110 §5.6.7), in all three forms. Names are read in any case,
//! and the name of the day is not checked: what is meant is clear.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const LONG_DAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// `None` if it is in none of the three forms, or before 1970.
pub(crate) fn parse(text: &str, now: SystemTime) -> Option<SystemTime> {
    let text = text.to_ascii_lowercase();
    let (day, rest) = match text.split_once(", ") {
        Some((day, rest)) => (day, rest),
        None => text.split_once(' ')?,
    };
    let words: Vec<_> = rest.split(' ').collect();
    if !text.contains(',') {
        return asctime(day, &words);
    }
    match *words.as_slice() {
        [number, month, year, time, "gmt"] if DAYS.contains(&day) => {
            let (number, year) = (digits(number, 2)?, digits(year, 4)?);
            at(year, of_year(month)?, number, time)
        }
        [date, time, "gmt"] if LONG_DAYS.contains(&day) => rfc_850(date, time, now),
        _ => None,
    }
}

/// `Sun Nov  6 08:49:37 1994`.
fn asctime(day: &str, words: &[&str]) -> Option<SystemTime> {
    let (month, number, time, year) = match *words {
        [month, "", number, time, year] => (month, digits(number, 1)?, time, year),
        [month, number, time, year] => (month, digits(number, 2)?, time, year),
        _ => return None,
    };
    if !DAYS.contains(&day) {
        return None;
    }
    at(digits(year, 4)?, of_year(month)?, number, time)
}

/// `06-Nov-94 08:49:37 GMT`: a year more than 50 years ahead is in the past.
fn rfc_850(date: &str, time: &str, now: SystemTime) -> Option<SystemTime> {
    let [number, month, year] = date.split('-').collect::<Vec<_>>().try_into().ok()?;
    let (number, short, month) = (digits(number, 2)?, digits(year, 2)?, of_year(month)?);
    let this_year = 1970 + now.duration_since(UNIX_EPOCH).ok()?.as_secs() / 31_556_952;
    let century = this_year / 100 * 100;
    let mut year = century + short;
    if year > this_year + 50 {
        year -= 100;
    }
    at(year, month, number, time)
}

/// From 1.
fn of_year(month: &str) -> Option<u64> {
    let index = MONTHS.iter().position(|name| *name == month)?;
    Some(index as u64 + 1)
}

fn digits(text: &str, len: usize) -> Option<u64> {
    let good = text.len() == len && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| good)
}

/// `time` is `HH:MM:SS`.
fn at(year: u64, month: u64, day: u64, time: &str) -> Option<SystemTime> {
    let [hour, minute, second] = time.split(':').collect::<Vec<_>>().try_into().ok()?;
    let [hour, minute, second] = [digits(hour, 2)?, digits(minute, 2)?, digits(second, 2)?];
    let real = (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    let days = days_since_1970(year, month, day).filter(|_| real)?;
    let secs = days * 86_400 + hour * 3600 + minute * 60 + second;
    UNIX_EPOCH.checked_add(Duration::from_secs(secs))
}

/// Of the Gregorian calendar: years begin in March, so that a leap day is the last.
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year.checked_sub(1)?, month + 9)
    };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    days.checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secs(text: &str) -> Option<u64> {
        let now = UNIX_EPOCH + Duration::from_secs(1_795_000_000);
        let at = parse(text, now)?;
        Some(at.duration_since(UNIX_EPOCH).unwrap().as_secs())
    }

    #[test]
    fn the_three_forms_mean_the_same() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "SUN, 06 nov 1994 08:49:37 gMT",
            "Mon, 06 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(secs(text), Some(784_111_777), "{text}");
        }
        assert_eq!(
            secs("Thursday, 18-Aug-50 02:01:18 GMT"),
            secs("Thu, 18 Aug 2050 02:01:18 GMT")
        );
        assert_eq!(
            secs("Thu Aug 18 02:01:18 2050"),
            secs("Thu, 18 Aug 2050 02:01:18 GMT")
        );
    }

    #[test]
    fn what_is_in_no_form_is_no_date() {
        for text in [
            "",
            "0",
            "Thu, 18 Aug 2050 02:01:18 UTC",
            "Thu, 18 Aug 2050 02:01:18 AEST",
            "Thu, 18 Aug 2050 02:01:18",
            "Thu, 18 Aug 50 02:01:18 GMT",
            "Thu 18 Aug 2050 02:01:18 GMT",
            "Thu,  18 Aug 2050 02:01:18 GMT",
            "Thu, 18  Aug 2050 02:01:18 GMT",
            "Thu, 18-Aug-2050 02:01:18 GMT",
            "Thu, 18 Aug 2050 02.01.18 GMT",
            "Thu, 18 Aug 2050 2:01:18 GMT",
            "Thu, 8 Aug 2050 02:01:18 GMT",
            "Thu, 18 Aug 2050 24:01:18 GMT",
            "Thu, 32 Aug 2050 02:01:18 GMT",
            "Thu, 18 Xyz 2050 02:01:18 GMT",
            "Thu, 18 Aug 1900 02:01:18 GMT",
            "1",
            "Thu, 18 Aug 2050 02:01:18 GMT, Thu, 18 Aug 2050 02:01:19 GMT",
        ] {
            assert_eq!(secs(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(secs in 0_u64..250_000_000_000) {
            let at = UNIX_EPOCH + Duration::from_secs(secs);
            let text = httpdate::fmt_http_date(at);
            prop_assert_eq!(parse(&text, UNIX_EPOCH), Some(at));
        }

        #[test]
        fn nothing_panics(text in "[ -~]{0,40}") {
            let _ = parse(&text, SystemTime::now());
        }
    }
}
