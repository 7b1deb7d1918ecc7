//! When each picture of a source is shown, and which can be decoded by themselves.

use crate::probe::Index;

/// The pictures of a stream, in its own ticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Timeline {
    /// Seconds of a tick, as a fraction.
    pub(crate) tick: (u32, u32),
    /// The first picture that is shown: the common zero.
    pub(crate) zero_ticks: i64,
    /// When each picture from zero on is shown, sorted, no two the same.
    pub(crate) pictures: Vec<i64>,
    /// When each keyframe is shown, sorted; the first may be before zero.
    pub(crate) keys: Vec<i64>,
    /// When the last picture ends, as far as the file says it.
    pub(crate) end_ticks: i64,
}

impl Timeline {
    /// From the packets of a file whose first picture that can be decoded was measured
    /// to be shown at `zero_secs`. `None` where they are no line of time: none at zero.
    pub(crate) fn new(index: &Index, zero_secs: f64) -> Option<Self> {
        let tick = index.time_base;
        let mut pictures: Vec<i64> = index.packets.iter().map(|packet| packet.pts).collect();
        let keys = index.packets.iter().filter(|packet| packet.key);
        let mut keys: Vec<i64> = keys.map(|packet| packet.pts).collect();
        pictures.sort_unstable();
        pictures.dedup();
        keys.sort_unstable();
        let zero = zero_secs * f64::from(tick.1) / f64::from(tick.0);
        // The packet nearest to the time that its decoded picture was measured at.
        let zero_ticks = pictures
            .iter()
            .copied()
            .min_by_key(|time| (*time as f64 - zero).abs().round() as u64)?;
        let near = (zero_ticks as f64 - zero).abs() * f64::from(tick.0) / f64::from(tick.1) < 0.1;
        pictures.retain(|time| *time >= zero_ticks);
        near.then_some(Self {
            tick,
            zero_ticks,
            pictures,
            keys,
            end_ticks: index.end,
        })
    }

    /// From the first picture to the end of the last, seconds.
    pub(crate) fn played_secs(&self) -> f64 {
        let last = self.pictures.last().copied().unwrap_or(self.zero_ticks);
        self.secs(self.end_ticks.max(last)) - self.secs(self.zero_ticks)
    }

    /// Longest time from one keyframe to the next, or to the end, seconds.
    pub(crate) fn keys_apart_secs(&self) -> f64 {
        let ends = self.keys.iter().skip(1).chain([&self.end_ticks]);
        let apart = self.keys.iter().zip(ends);
        let apart = apart.map(|(key, end)| self.secs(*end) - self.secs(*key));
        apart.fold(0.0, f64::max)
    }

    /// A time of the file's own in seconds.
    pub(crate) fn secs(&self, ticks: i64) -> f64 {
        ticks as f64 * f64::from(self.tick.0) / f64::from(self.tick.1)
    }

    /// A time counted from zero, in units of `rate` a second, rounded to nearest as
    /// ffmpeg does it, away from zero at the half.
    pub(crate) fn units(&self, ticks: i64, rate: (u32, u32)) -> i64 {
        let from_zero = i128::from(ticks) - i128::from(self.zero_ticks);
        let num = from_zero * i128::from(self.tick.0) * i128::from(rate.0);
        let den = i128::from(self.tick.1) * i128::from(rate.1);
        let away = if num < 0 { -den } else { den };
        ((2 * num + away) / (2 * den)) as i64
    }
}

/// So many pictures in so many seconds: how many each second, to a thousandth.
pub(crate) fn average(pictures: usize, secs: f64) -> (u32, u32) {
    let rate = pictures as f64 / secs.max(f64::MIN_POSITIVE);
    ((rate * 1000.0).round().clamp(1.0, 1e6) as u32, 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Packet;

    fn timeline(zero_secs: f64, packets: &[(i64, bool)]) -> Option<Timeline> {
        let packet = |&(pts, key): &(i64, bool)| Packet { pts, key };
        let index = Index {
            time_base: (1, 1000),
            packets: packets.iter().map(packet).collect(),
            untimed: 0,
            end: 1300,
        };
        Timeline::new(&index, zero_secs)
    }

    #[test]
    fn the_line_of_time_starts_at_the_first_picture_that_is_shown() {
        let packets = [(900, true), (1100, false), (1000, false), (1200, true)];
        let line = timeline(1.0, &packets).unwrap();
        assert_eq!(line.zero_ticks, 1000);
        assert_eq!(line.pictures, [1000, 1100, 1200]);
        assert_eq!(line.keys, [900, 1200]);
        assert_eq!(line.secs(900), 0.9);
    }

    #[test]
    fn units_are_rounded_to_nearest() {
        let line = timeline(0.0, &[(0, true)]).unwrap();
        assert_eq!(line.units(33, (30_000, 1001)), 1);
        assert_eq!(line.units(-33, (30_000, 1001)), -1);
        assert_eq!(line.units(50, (10, 1)), 1);
    }

    #[test]
    fn an_index_that_does_not_know_the_first_picture_is_none() {
        assert_eq!(timeline(5.0, &[(0, true), (40, false)]), None);
        assert_eq!(timeline(0.0, &[]), None);
    }
}
