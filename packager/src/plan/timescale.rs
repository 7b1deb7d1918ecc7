//! Ticks per second of published video. Renditions that players switch between have one
//! timescale (ISO/IEC 23000-19 §7.3.4).

/// Where frames come at any time: MPEG's, which holds every usual rate.
pub(crate) const VARIABLE: u32 = 90_000;
/// Lowest at a constant rate; chosen, as ffmpeg does, so that a player's rounding of
/// times is far below a frame.
const MIN: u64 = 10_000;
/// Highest: a picture that stays for 40 s still fits a sample's 32 bits.
const MAX: u64 = 100_000_000;

/// In which ticks of `a` and of `b` a second are whole. `None` where there is none at
/// hand.
pub(crate) fn common(a: u32, b: u32) -> Option<u32> {
    let (a, b) = (u64::from(a.max(1)), u64::from(b.max(1)));
    let (mut divisor, mut rest) = (a, b);
    while rest > 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    let mut scale = a / divisor * b;
    while scale < MIN {
        scale *= 2;
    }
    u32::try_from(scale).ok().filter(|_| scale <= MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_of_both_are_whole() {
        assert_eq!(common(24, 24), Some(12_288));
        assert_eq!(common(30_000, 30_000), Some(30_000));
        assert_eq!(common(600, 30_000), Some(30_000));
        assert_eq!(common(90_000, 24_000), Some(360_000));
        assert_eq!(common(1000, VARIABLE), Some(90_000));
    }

    #[test]
    fn clocks_without_a_common_tick_at_hand_have_none() {
        assert_eq!(common(99_999_989, 30_000), None);
        assert_eq!(common(u32::MAX, u32::MAX - 1), None);
    }
}
