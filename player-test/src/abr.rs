//! Which variant to load next, from the throughput that was seen.

use std::time::Duration;

/// Half-lives of the two averages, seconds of download. Shaka Player's defaults: the
/// quick one follows a drop at once, the slow one keeps a spike from raising the choice.
const HALF_LIVES: [f64; 2] = [2.0, 5.0];
/// Assumed before anything was measured, bits per second. Shaka Player's default.
const FIRST_GUESS: f64 = 1_000_000.0;
/// Smaller answers say more about delay than about throughput, bytes. Shaka Player's.
const SAMPLE_LEN_MIN: usize = 16_000;
/// Share of the throughput that a variant may need to be stepped up to. hls.js's default.
const UP: f64 = 0.7;
/// Share of the throughput that the variant being played may need. hls.js's default.
const STAY: f64 = 0.95;

/// A running estimate of throughput.
#[derive(Debug, Clone, Default)]
pub(crate) struct Throughput {
    averages: [Average; 2],
}

#[derive(Debug, Clone, Copy, Default)]
struct Average {
    sum: f64,
    weight: f64,
}

impl Throughput {
    /// Takes in one answer of `len` bytes that took `took`.
    pub(crate) fn sample(&mut self, len: usize, took: Duration) {
        let seconds = took.as_secs_f64();
        if len < SAMPLE_LEN_MIN || seconds <= 0.0 {
            return;
        }
        let bits_per_second = 8.0 * len as f64 / seconds;
        for (average, half_life) in self.averages.iter_mut().zip(HALF_LIVES) {
            let keep = 0.5_f64.powf(seconds / half_life);
            average.sum = keep * average.sum + (1.0 - keep) * bits_per_second;
            average.weight = keep * average.weight + (1.0 - keep);
        }
    }

    /// Bits per second: the lower of the two averages.
    pub(crate) fn estimate(&self) -> f64 {
        let known = self.averages.iter().filter(|average| average.weight > 0.0);
        known
            .map(|average| average.sum / average.weight)
            .reduce(f64::min)
            .unwrap_or(FIRST_GUESS)
    }

    /// The best of `bandwidths` (bits per second, ascending) that the throughput allows;
    /// the first if it allows none. `current` may stay on less room than a step up needs.
    pub(crate) fn choose(&self, bandwidths: &[u64], current: Option<usize>) -> usize {
        let estimate = self.estimate();
        let fits = |&at: &usize| {
            let share = if current.is_some_and(|current| at <= current) {
                STAY
            } else {
                UP
            };
            bandwidths[at] as f64 <= share * estimate
        };
        (0..bandwidths.len()).rev().find(fits).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LADDER: [u64; 3] = [500_000, 2_000_000, 6_000_000];

    fn after(samples: &[(usize, u64)]) -> Throughput {
        let mut throughput = Throughput::default();
        for &(len, ms) in samples {
            throughput.sample(len, Duration::from_millis(ms));
        }
        throughput
    }

    #[test]
    fn the_choice_follows_the_throughput() {
        assert_eq!(after(&[]).choose(&LADDER, None), 0);
        assert_eq!(after(&[(1_000_000, 800)]).choose(&LADDER, Some(0)), 2);
        assert_eq!(after(&[(1_000_000, 2_000)]).choose(&LADDER, Some(0)), 1);
        assert_eq!(after(&[(100_000, 8_000)]).choose(&LADDER, Some(2)), 0);
    }

    #[test]
    fn one_step_needs_more_room_up_than_to_stay() {
        let throughput = after(&[(287_500, 1_000)]);
        assert_eq!(throughput.choose(&LADDER, Some(0)), 0);
        assert_eq!(throughput.choose(&LADDER, Some(1)), 1);
    }

    #[test]
    fn a_drop_counts_at_once_and_a_spike_does_not() {
        let steady = [(1_000_000, 1_000); 10];
        let mut drop = steady.to_vec();
        drop.push((250_000, 4_000));
        assert!(after(&drop).estimate() < 3_000_000.0);
        let mut spike = steady.to_vec();
        spike.push((1_000_000, 50));
        assert!(after(&spike).estimate() < 12_000_000.0);
    }

    #[test]
    fn small_answers_are_no_measure() {
        assert_eq!(after(&[(900, 1_000)]).estimate(), FIRST_GUESS);
    }
}
