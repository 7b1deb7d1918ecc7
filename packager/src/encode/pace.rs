//! How fast an attempt makes media that nobody stored before.

use std::time::Duration;

use tokio::time::Instant;

/// Shortest time that a speed is told of: two of ffmpeg's reports. Chosen.
const MEASURED_MIN: Duration = Duration::from_secs(1);

/// Seconds of new media per second, since the first new segment was stored.
///
/// ffmpeg's own `speed` divides where it is by how long it runs: an attempt that goes on
/// at 100 s starts at hundreds, whatever it encodes. What is encoded before the first
/// new segment is not counted either: it may be stored already, and while an encoder
/// fills its look-ahead, sound runs ahead of the picture.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// When, and up to where (microseconds), it was encoded when counting began.
    first: Option<(Instant, u64)>,
}

impl Pace {
    /// Media up to `out_us` (microseconds) is encoded; `grows` once this attempt stored
    /// a new segment. `None` while there is too little to tell by.
    pub(crate) fn at(&mut self, now: Instant, out_us: u64, grows: bool) -> Option<f64> {
        if !grows {
            return None;
        }
        let (since, first_us) = *self.first.get_or_insert((now, out_us));
        let elapsed = now.duration_since(since);
        let made_us = out_us.saturating_sub(first_us);
        (elapsed >= MEASURED_MIN && made_us > 0)
            .then(|| made_us as f64 / 1e6 / elapsed.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The speeds told for reports of (seconds since the start, encoded up to, grows).
    fn speeds(reports: &[(f64, f64, bool)]) -> Vec<Option<f64>> {
        let (start, mut pace) = (Instant::now(), Pace::default());
        let tell = |&(secs, out_secs, grows): &(f64, f64, bool)| {
            let now = start + Duration::from_secs_f64(secs);
            let speed = pace.at(now, (out_secs * 1e6) as u64, grows);
            speed.map(|speed| (speed * 1000.0).round() / 1000.0)
        };
        reports.iter().map(tell).collect()
    }

    #[test]
    fn an_attempt_that_goes_on_at_100_s_tells_its_own_speed() {
        let reports = [(0.5, 100.0, true), (2.5, 101.0, true), (10.5, 105.0, true)];
        assert_eq!(speeds(&reports), [None, Some(0.5), Some(0.5)]);
    }

    #[test]
    fn what_is_encoded_again_is_not_counted() {
        let reports = [
            (0.5, 10.0, false),
            (5.0, 100.0, false),
            (5.5, 101.0, true),
            (9.5, 103.0, true),
        ];
        assert_eq!(speeds(&reports), [None, None, None, Some(0.5)]);
    }

    #[test]
    fn a_speed_is_told_only_of_a_second_or_more() {
        let reports = [(0.5, 2.0, true), (1.0, 9.0, true), (1.5, 5.0, true)];
        assert_eq!(speeds(&reports), [None, None, Some(3.0)]);
    }

    #[test]
    fn an_encoder_that_stands_still_has_no_speed_and_one_that_stopped_slows_down() {
        assert_eq!(speeds(&[(0.0, 2.0, true), (9.0, 2.0, true)])[1], None);
        let reports = [(0.0, 2.0, true), (2.0, 6.0, true), (8.0, 6.0, true)];
        assert_eq!(speeds(&reports), [None, Some(2.0), Some(0.5)]);
    }
}
