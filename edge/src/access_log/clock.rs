//! Times of day, written once a second.

use std::{
    fmt::Write as _,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
/// `2000-10-10T13:55:36`, the part of RFC 3339 that stays the same for a second.
const SECOND_LEN: usize = 19;

/// The second last written.
#[derive(Default)]
pub(super) struct Clock {
    secs: u64,
    text: String,
}

impl Clock {
    /// Adds `2000-10-10T13:55:36.123Z`.
    pub(super) fn rfc3339(&mut self, at: SystemTime, out: &mut Vec<u8>) {
        let millis = self.second(at).subsec_millis();
        out.extend_from_slice(self.text.as_bytes());
        let digits = [millis / 100, millis / 10 % 10, millis % 10].map(|digit| b'0' + digit as u8);
        out.push(b'.');
        out.extend_from_slice(&digits);
        out.push(b'Z');
    }

    /// Adds `10/Oct/2000:13:55:36 +0000`.
    pub(super) fn apache(&mut self, at: SystemTime, out: &mut Vec<u8>) {
        self.second(at);
        let part = |from: usize, to: usize| self.text.get(from..to).unwrap_or_default();
        let month: usize = part(5, 7).parse().unwrap_or(1);
        let month = MONTHS.get(month.saturating_sub(1)).unwrap_or(&"Jan");
        let (day, year, time) = (part(8, 10), part(0, 4), part(11, SECOND_LEN));
        for text in [day, "/", month, "/", year, ":", time, " +0000"] {
            out.extend_from_slice(text.as_bytes());
        }
    }

    /// Writes the second, unless it is the last one still.
    fn second(&mut self, at: SystemTime) -> Duration {
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        if self.text.is_empty() || self.secs != since.as_secs() {
            self.secs = since.as_secs();
            self.text.clear();
            let second = UNIX_EPOCH + Duration::from_secs(self.secs);
            // It fails after the year 9999.
            let _ = write!(self.text, "{}", humantime::format_rfc3339_seconds(second));
            self.text.truncate(SECOND_LEN);
        }
        since
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_the_same_whatever_was_written_before() {
        let mut clock = Clock::default();
        for (millis, rfc3339, apache) in [
            (0, "1970-01-01T00:00:00.000Z", "01/Jan/1970:00:00:00 +0000"),
            (
                971_186_136_007,
                "2000-10-10T13:55:36.007Z",
                "10/Oct/2000:13:55:36 +0000",
            ),
            (
                971_186_136_999,
                "2000-10-10T13:55:36.999Z",
                "10/Oct/2000:13:55:36 +0000",
            ),
            (
                971_186_137_000,
                "2000-10-10T13:55:37.000Z",
                "10/Oct/2000:13:55:37 +0000",
            ),
            (
                971_186_136_120,
                "2000-10-10T13:55:36.120Z",
                "10/Oct/2000:13:55:36 +0000",
            ),
        ] {
            let at = UNIX_EPOCH + Duration::from_millis(millis);
            let (mut one, mut other) = (Vec::new(), Vec::new());
            clock.rfc3339(at, &mut one);
            clock.apache(at, &mut other);
            assert_eq!(String::from_utf8(one).unwrap(), rfc3339);
            assert_eq!(String::from_utf8(other).unwrap(), apache);
        }
    }
}
