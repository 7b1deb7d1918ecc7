//! How a whole file's bits are allotted to its spans.
//!
//! As x264 would, had it the whole file before it: one factor for all. At a quantizer
//! `factor` times finer, coefficients need `factor ^ 1.1` times the bits, motion vectors
//! `factor ^ 0.5`, and the others what they did (x264's `qscale2bits`). Only operations
//! that are the same on every machine are used, as workers each count for themselves:
//! roots, and 1.125 for 1.1.

use wire::PassCost;

/// Most that a span gets of what its ceiling lets through. Measured: asked for 95 % of it,
/// x264 made 89 % of one that starts calmly, whose bits other spans could have used.
const CEILING_SHARE: f64 = 0.9;
/// What a span gets at least of the bits that any quantizer needs: below, x264 refuses.
const FLOOR_SHARE: f64 = 1.1;
/// Scale of x264's finest quantizer: 0.85 × 2 ^ ((0 - 12) / 6).
const SCALE_MIN: f64 = 0.2125;
/// Coarsest and finest factor that is looked at. Chosen: the quantizers of a first pass
/// are at most 250 times the finest.
const FACTORS: (f64, f64) = (1.0 / 1024.0, 1024.0);
/// Halvings of the logarithm of the factor: 20 / 2^50 is no bit.
const STEPS: u32 = 50;
/// Of the target, below which a rendition is said to be short of it.
const SHORT: f64 = 0.97;

/// Bytes around the pictures: of each in a fragment's `trun`, of each fragment, and of
/// x264's note of its settings in front of each span (measured).
const PICTURE_LEN: u64 = 8;
const SEGMENT_LEN: u64 = 112;
const SPAN_LEN: u64 = 700;

/// A span of a track.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    /// How long it lasts.
    pub(crate) secs: f64,
    /// How many segments it has.
    pub(crate) segments: u32,
    /// What it needed at the first pass.
    pub(crate) cost: PassCost,
}

/// What the spans of a track get.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Allotment {
    /// What x264 is told of each span, kb/s.
    pub(crate) kbps: Vec<u64>,
    /// All of it at the finest quantizer, or at the ceiling, is less than the target.
    pub(crate) is_short: bool,
}

/// Allots to spans what makes `target` on average, to none more than the `ceiling`, both
/// bit/s.
pub(crate) fn allot((target, ceiling): (u64, u64), spans: &[Part]) -> Allotment {
    let secs: f64 = spans.iter().map(|span| span.secs).sum();
    let wanted = target as f64 * secs;
    let all = |factor: f64| -> f64 { spans.iter().map(|span| bits(span, ceiling, factor)).sum() };
    let (mut low, mut high) = FACTORS;
    for _ in 0..STEPS {
        let middle = (low * high).sqrt();
        match all(middle) < wanted {
            true => low = middle,
            false => high = middle,
        }
    }
    let kbps = spans.iter().map(|span| kbps(span, ceiling, low));
    Allotment {
        kbps: kbps.collect(),
        is_short: all(FACTORS.1) < wanted * SHORT,
    }
}

/// What a span gets at a factor, bits, with what is around it.
fn bits(span: &Part, ceiling: u64, factor: f64) -> f64 {
    let cost = span.cost;
    let factor = factor.min(cost.scale / SCALE_MIN);
    let texture = cost.texture_bits as f64 * factor * factor.sqrt().sqrt().sqrt();
    let motion = cost.motion_bits as f64 * factor.sqrt();
    let other = cost.other_bits as f64;
    let most = ceiling as f64 * span.secs * CEILING_SHARE - around(span);
    around(span)
        + (texture + motion + other)
            .min(most)
            .max(other * FLOOR_SHARE)
}

/// Bits of a span that are no pictures.
fn around(span: &Part) -> f64 {
    let pictures = u64::from(span.cost.pictures) * PICTURE_LEN;
    let segments = u64::from(span.segments) * SEGMENT_LEN;
    8.0 * (pictures + segments + SPAN_LEN) as f64
}

/// What x264 must be told: it counts the pictures alone, and may take them to last less
/// than they do. To nearest; not above the ceiling, nor below what the span must have.
fn kbps(span: &Part, ceiling: u64, factor: f64) -> u64 {
    let told = |bits: f64| bits / span.cost.secs / 1000.0;
    let least = told(span.cost.other_bits as f64 * FLOOR_SHARE)
        .ceil()
        .max(1.0);
    let bits = bits(span, ceiling, factor) - around(span);
    told(bits).round().min((ceiling / 1000) as f64).max(least) as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A span of so many seconds that needs so many bits each, at quantizer 24.
    fn span(secs: f64, rate: f64) -> Part {
        let bits = (rate * secs) as u64;
        let cost = PassCost {
            texture_bits: bits * 7 / 10,
            motion_bits: bits * 2 / 10,
            other_bits: bits / 10,
            scale: 3.4,
            pictures: (secs * 25.0) as u32,
            secs,
        };
        Part {
            secs,
            segments: 1 + (secs / 4.0) as u32,
            cost,
        }
    }

    /// Of all that is published, bit/s.
    fn average(spans: &[Part], kbps: &[u64]) -> f64 {
        let secs: f64 = spans.iter().map(|span| span.secs).sum();
        let bits = spans.iter().zip(kbps);
        let bits = bits.map(|(span, kbps)| around(span) + span.cost.secs * *kbps as f64 * 1e3);
        bits.sum::<f64>() / secs
    }

    #[test]
    fn what_needs_more_gets_more() {
        let spans = [span(15.0, 500e3), span(15.0, 2e6), span(5.0, 1e6)];
        let got = allot((900_000, 1_350_000), &spans);
        assert!(
            got.kbps[0] < got.kbps[2] && got.kbps[2] < got.kbps[1],
            "{got:?}"
        );
        assert!(got.kbps[1] <= 1_283, "{got:?}");
        assert!(!got.is_short);
    }

    #[test]
    fn what_cannot_use_its_bits_is_short() {
        let spans = [span(15.0, 1e3), span(15.0, 1e3)];
        assert!(allot((900_000, 1_350_000), &spans).is_short);
    }

    #[test]
    fn no_span_gets_less_than_x264_accepts() {
        let got = allot((150_000, 225_000), &[span(10.0, 50e6); 2]);
        assert_eq!(got.kbps, [5501, 5501]);
    }

    proptest! {
        #[test]
        fn the_average_is_the_target_where_the_ceiling_lets_it(
            rates in prop::collection::vec((1.0_f64..20.0, 3e5_f64..6e6), 1..40)
        ) {
            let mut spans: Vec<_> = rates.iter().map(|(secs, rate)| span(*secs, *rate)).collect();
            // The last picture stays for longer than the encoder knows.
            spans[0].cost.secs *= 0.95;
            let (target, ceiling) = (2_000_000, 3_000_000);
            let got = allot((target, ceiling), &spans);
            let average = average(&spans, &got.kbps);
            prop_assert!((average / target as f64 - 1.0).abs() < 0.002, "{average}");
            prop_assert!(got.kbps.iter().all(|kbps| *kbps <= 3_000), "{got:?}");
            prop_assert!(!got.is_short);
        }
    }
}
