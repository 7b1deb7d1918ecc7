//! Bit rates, measured.

/// Bits and seconds of a segment.
pub(super) type Weight = (f64, f64);

/// The largest rate of any run of segments that lasts between half and one and a half
/// target durations (RFC 8216bis §4.1, "peak segment bit rate"); of all of them if none does.
pub(super) fn peak(segments: &[Weight], target: f64) -> f64 {
    let mut peak = None;
    for from in 0..segments.len() {
        let (mut bits, mut secs) = (0.0, 0.0);
        for (b, s) in &segments[from..] {
            (bits, secs) = (bits + b, secs + s);
            if secs > 1.5 * target {
                break;
            }
            if secs >= 0.5 * target {
                peak = Some(f64::max(peak.unwrap_or(0.0), bits / secs));
            }
        }
    }
    peak.unwrap_or_else(|| average(segments))
}

/// All bits over all seconds.
pub(super) fn average(segments: &[Weight]) -> f64 {
    let (bits, secs) = segments
        .iter()
        .fold((0.0, 0.0), |(b, s), w| (b + w.0, s + w.1));
    if secs > 0.0 { bits / secs } else { 0.0 }
}

/// The smallest rate at which no player that has first loaded `buffer` seconds of it ever
/// waits, wherever it starts (ISO/IEC 23009-1 §5.3.5.2), is at most `rate`.
pub(super) fn sustains(segments: &[Weight], rate: f64, buffer: f64) -> bool {
    // Of all starts, the one after which most was saved up.
    let (mut behind, mut worst) = (0.0_f64, 0.0_f64);
    for (bits, secs) in segments {
        behind = behind.max(0.0) + bits - rate * secs;
        worst = worst.max(behind);
    }
    worst <= rate * buffer * 1.001
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_is_that_of_any_run_of_about_a_target_duration() {
        let segments = [(8.0, 4.0), (40.0, 4.0), (30.0, 1.0)];
        // The last is too short by itself, and with its neighbour counts 70 in 5 s.
        assert_eq!(peak(&segments, 4.0), 14.0);
        assert_eq!(peak(&segments, 2.0), 30.0);
        assert_eq!(peak(&[(5.0, 0.5)], 4.0), 10.0);
        assert_eq!(average(&segments), 78.0 / 9.0);
        assert_eq!((peak(&[], 4.0), average(&[])), (0.0, 0.0));
    }

    #[test]
    fn a_rate_sustains_what_its_buffer_takes() {
        let segments = [(4.0, 4.0), (20.0, 4.0), (4.0, 4.0)];
        assert!(sustains(&segments, 3.0, 4.0));
        assert!(!sustains(&segments, 2.0, 4.0));
        assert!(sustains(&segments, 2.0, 6.0));
    }
}
