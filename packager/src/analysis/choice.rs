//! From what samples came to, to the rate factor that is enough.

use wire::Rate;

use super::{Metric, STEP, trial::Yield};

/// What samples came to with each factor, of one rendition.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    factors: Vec<f64>,
    samples: Vec<Vec<Yield>>,
}

impl Pool {
    /// Of these factors, from the least up.
    pub(super) fn new(factors: &[f64]) -> Self {
        Self {
            factors: factors.to_vec(),
            samples: Vec::new(),
        }
    }

    /// One sample's, by factor.
    pub(super) fn add(&mut self, yields: &[Yield]) {
        self.samples.push(yields.to_vec());
    }

    /// How many samples.
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.samples.len()).unwrap_or(u32::MAX)
    }

    /// The means: of quality over all pictures, of the rate over all samples.
    pub(super) fn curve(&self) -> Vec<Rate> {
        self.mean(&self.samples)
    }

    fn mean(&self, samples: &[Vec<Yield>]) -> Vec<Rate> {
        let factors = self.factors.iter().enumerate();
        let mean = |(n, crf): (usize, &f64)| {
            let of = |value: fn(&Yield) -> f64| samples.iter().map(|y| value(&y[n])).sum::<f64>();
            Rate {
                crf: *crf,
                quality: of(|y| y.quality) / of(|y| f64::from(y.pictures)).max(1.0),
                bitrate: (of(|y| y.bitrate) / samples.len().max(1) as f64).round() as u64,
            }
        };
        factors.map(mean).collect()
    }

    /// The highest factor with which the quality is reached on the whole, and nearly so in
    /// each sample; the least where none does, and where another would need more bits.
    pub(super) fn choose(&self, metric: Metric, target: f64) -> Rate {
        let curve = self.curve();
        let floor = metric.floor(target);
        let each = self.samples.iter().map(|sample| {
            let curve = self.mean(std::slice::from_ref(sample));
            highest(metric, &curve, floor).crf
        });
        let crf = each.fold(highest(metric, &curve, target).crf, f64::min);
        let on_the_way = steps(metric, &curve).filter(|rate| rate.crf <= crf);
        let chosen = on_the_way
            .last()
            .filter(|rate| rate.bitrate < curve[0].bitrate);
        chosen.unwrap_or(curve[0])
    }
}

/// The highest factor up to which a quality is reached, or the first.
fn highest(metric: Metric, curve: &[Rate], target: f64) -> Rate {
    let enough = steps(metric, curve).take_while(|rate| rate.quality >= target);
    enough.last().unwrap_or(curve[0])
}

/// What can be chosen of a curve, from the least factor up.
fn steps(metric: Metric, curve: &[Rate]) -> impl Iterator<Item = Rate> {
    let between = move |pair: &[Rate]| {
        let (from, to) = (pair[0], pair[1]);
        let count = ((to.crf - from.crf) / STEP).round().max(1.0) as u32;
        let part = move |n| between(metric, (from, to), f64::from(n) / f64::from(count));
        (1..=count).map(part)
    };
    let first = curve.first().copied().into_iter();
    first.chain(curve.windows(2).flat_map(between))
}

/// Part of the way from one rate to another: on straight lines of quality, on its metric's
/// scale, and of the logarithm of bits.
fn between(metric: Metric, (from, to): (Rate, Rate), part: f64) -> Rate {
    let mix = |a: f64, b: f64| a + (b - a) * part;
    let straight = |rate: Rate| metric.straight(rate.quality);
    let bits = |rate: Rate| (rate.bitrate.max(1) as f64).ln();
    if part >= 1.0 {
        return to;
    }
    Rate {
        crf: mix(from.crf, to.crf),
        quality: metric.quality(mix(straight(from), straight(to))),
        bitrate: mix(bits(from), bits(to)).exp().round() as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUSY: [(f64, f64, f64); 3] = [
        (21.0, 0.991, 1_183_000.0),
        (26.0, 0.982, 764_000.0),
        (31.0, 0.960, 456_000.0),
    ];

    /// Samples of 50 pictures each, all with these means.
    fn pool(samples: &[[(f64, f64, f64); 3]]) -> Pool {
        let mut pool = Pool::new(&[21.0, 26.0, 31.0]);
        for sample in samples {
            pool.add(&sample.map(|(_, quality, bitrate)| Yield {
                quality: quality * 50.0,
                pictures: 50,
                bitrate,
            }));
        }
        pool
    }

    fn choose(points: [(f64, f64, f64); 3], target: f64) -> Rate {
        pool(&[points]).choose(Metric::Ssim, target)
    }

    #[test]
    fn the_highest_factor_that_is_good_enough_is_chosen() {
        let chosen = choose(BUSY, 0.98);
        assert_eq!(chosen.crf, 26.5);
        assert!((0.98..0.982).contains(&chosen.quality), "{chosen:?}");
        assert!((700_000..764_000).contains(&chosen.bitrate), "{chosen:?}");
        assert_eq!(choose(BUSY, 0.9819).crf, 26.0);
        assert_eq!(choose(BUSY, 0.99).crf, 21.5);
    }

    #[test]
    fn what_is_hard_keeps_the_settings_factor_and_what_is_easy_ends_at_the_last() {
        assert_eq!(choose(BUSY, 0.995).crf, 21.0);
        let slides = [
            (21.0, 1.0, 200_000.0),
            (26.0, 1.0, 180_000.0),
            (31.0, 0.999, 150_000.0),
        ];
        assert_eq!(choose(slides, 0.98).crf, 31.0);
    }

    #[test]
    fn a_factor_that_saves_nothing_is_not_taken() {
        let full = BUSY.map(|(crf, _, _)| (crf, 0.99, 900_000.0));
        assert_eq!(choose(full, 0.98).crf, 21.0);
    }

    #[test]
    fn what_is_easy_does_not_hide_what_is_hard() {
        let black = BUSY.map(|(crf, _, _)| (crf, 1.0, 10_000.0 - crf));
        let chosen = pool(&[BUSY, black, black, black]).choose(Metric::Ssim, 0.98);
        // On the whole 31 would do; the first sample may lack twice as much.
        assert_eq!(chosen.crf, 31.0);
        let dark = BUSY.map(|(crf, quality, bits)| (crf, 1.0 - 2.0 * (1.0 - quality), bits));
        let chosen = pool(&[dark, black, black, black]).choose(Metric::Ssim, 0.98);
        assert_eq!(chosen.crf, 26.5);
    }

    #[test]
    fn pictures_count_alike_for_quality_and_samples_for_the_rate() {
        let of = |quality, pictures, bitrate| Yield {
            quality,
            pictures,
            bitrate,
        };
        let mut pool = Pool::new(&[21.0]);
        pool.add(&[of(48.0, 50, 1000.0)]);
        pool.add(&[of(10.0, 10, 3000.0)]);
        let mean = pool.curve()[0];
        assert_eq!((mean.crf, mean.bitrate, pool.len()), (21.0, 2000, 2));
        assert!((mean.quality - 58.0 / 60.0).abs() < 1e-9);
        assert_eq!(pool.choose(Metric::Ssim, 0.9), mean);
    }
}
