//! The renditions of a picture.

use wire::{PlannedKind, PlannedTrack, VideoRange};

use super::track_id;

/// Ceiling of the bit rate at [`REFERENCE_PIXELS`] and 30 frames/s, bit/s. Chosen: what
/// x264 veryfast needs for busy 1080p at crf 21 most of the time.
const REFERENCE_RATE: f64 = 6_000_000.0;
/// 1920 × 1080.
const REFERENCE_PIXELS: f64 = 2_073_600.0;
/// A picture of a quarter of the pixels needs more than a quarter of the bits.
const PIXELS_EXPONENT: f64 = 0.75;
/// Twice the frames need less than twice the bits.
const FRAMES_EXPONENT: f64 = 0.5;
/// Lowest ceiling, bit/s, and the step that ceilings are rounded up to.
const RATE_MIN: f64 = 150_000.0;
const RATE_STEP: f64 = 10_000.0;
/// The source's own size becomes a rendition where it is at least this much larger than
/// the best that the ladder has below it, and the ladder goes on above.
const GAP: f64 = 1.2;
/// What HEVC needs of H.264's bits. Chosen: x265 veryfast against x264 veryfast.
const HEVC_RATE: f64 = 0.6;
/// What AV1 needs of them. Chosen: SVT-AV1's preset 10 against x264 veryfast.
const AV1_RATE: f64 = 0.6;
/// x265 encodes no picture below one of its largest blocks, pixels, nor does SVT-AV1.
const SIDE_MIN: u32 = 64;
/// Most renditions of a version.
const RENDITIONS_MAX: usize = 8;

/// The renditions of a picture of this size, shown so, at this many frames per second, the
/// highest first.
pub(super) fn renditions(
    size: (u32, u32),
    frame_rate: (u32, u32),
    ladder: &[u32],
) -> Vec<PlannedTrack> {
    let short_side = size.0.min(size.1);
    rungs(short_side, ladder)
        .into_iter()
        .map(|rung| {
            let (width, height) = scaled(size, rung);
            PlannedTrack {
                track: track_id(&format!("v{rung}")),
                bitrate_max: ceiling(width, height, frame_rate),
                kind: PlannedKind::Video {
                    width,
                    height,
                    frame_rate,
                    range: VideoRange::Sdr,
                },
            }
        })
        .collect()
}

/// The same renditions in HEVC.
pub(super) fn in_hevc(renditions: &[PlannedTrack], range: VideoRange) -> Vec<PlannedTrack> {
    besides(renditions, range, ("hevc", HEVC_RATE))
}

/// The same renditions in AV1.
pub(super) fn in_av1(renditions: &[PlannedTrack], range: VideoRange) -> Vec<PlannedTrack> {
    besides(renditions, range, ("av1", AV1_RATE))
}

/// The same renditions in another codec, but those that are too small for its encoder.
fn besides(
    renditions: &[PlannedTrack],
    range: VideoRange,
    (codec, rate): (&str, f64),
) -> Vec<PlannedTrack> {
    let in_codec = |track: &PlannedTrack| match track.kind {
        PlannedKind::Video {
            width,
            height,
            frame_rate,
            ..
        } if width.min(height) >= SIDE_MIN => Some(PlannedTrack {
            track: track_id(&format!("{}-{codec}", track.track)),
            bitrate_max: rounded_up(track.bitrate_max as f64 * rate),
            kind: PlannedKind::Video {
                width,
                height,
                frame_rate,
                range,
            },
        }),
        _ => None,
    };
    renditions.iter().filter_map(in_codec).collect()
}

/// The rungs that a source of `short_side` gets, highest first, all different and none
/// above it.
fn rungs(short_side: u32, ladder: &[u32]) -> Vec<u32> {
    let mut rungs: Vec<u32> = ladder
        .iter()
        .copied()
        .filter(|rung| (2..=short_side).contains(rung))
        .collect();
    let best = rungs.iter().copied().max();
    let more_above = ladder.iter().any(|rung| *rung > short_side);
    match best {
        None => rungs.push(short_side),
        Some(best) if more_above && f64::from(short_side) >= f64::from(best) * GAP => {
            rungs.push(short_side);
        }
        Some(_) => {}
    }
    rungs.sort_unstable_by(|a, b| b.cmp(a));
    rungs.dedup();
    rungs.truncate(RENDITIONS_MAX);
    rungs
}

/// The size whose shorter side is `rung`, both sides even, neither above the source.
fn scaled((width, height): (u32, u32), rung: u32) -> (u32, u32) {
    let factor = f64::from(rung) / f64::from(width.min(height));
    let even = |side: u32| {
        let wanted = (f64::from(side) * factor / 2.0).round() as u32 * 2;
        wanted.min(side & !1).max(2)
    };
    (even(width), even(height))
}

/// What a rendition may need at its busiest, bits per second.
pub(super) fn ceiling(width: u32, height: u32, (num, den): (u32, u32)) -> u64 {
    let pixels = f64::from(width) * f64::from(height) / REFERENCE_PIXELS;
    let frames = (f64::from(num) / f64::from(den) / 30.0).clamp(0.5, 4.0);
    let rate = REFERENCE_RATE * pixels.powf(PIXELS_EXPONENT) * frames.powf(FRAMES_EXPONENT);
    rounded_up(rate.max(RATE_MIN))
}

fn rounded_up(rate: f64) -> u64 {
    ((rate / RATE_STEP).ceil() * RATE_STEP) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const LADDER: [u32; 4] = [1080, 720, 480, 360];

    fn sizes(width: u32, height: u32) -> Vec<(String, u32, u32)> {
        let of = |track: PlannedTrack| match track.kind {
            PlannedKind::Video { width, height, .. } => (track.track.to_string(), width, height),
            PlannedKind::Audio { .. } | PlannedKind::Text { .. } => unreachable!(),
        };
        let tracks = renditions((width, height), (30, 1), &LADDER);
        tracks.into_iter().map(of).collect()
    }

    fn names(width: u32, height: u32) -> Vec<String> {
        sizes(width, height)
            .into_iter()
            .map(|(name, ..)| name)
            .collect()
    }

    #[test]
    fn renditions_never_exceed_the_source() {
        assert_eq!(names(1920, 1080), ["v1080", "v720", "v480", "v360"]);
        assert_eq!(names(3840, 2160), ["v1080", "v720", "v480", "v360"]);
        assert_eq!(names(1280, 720), ["v720", "v480", "v360"]);
        assert_eq!(names(640, 200), ["v200"]);
    }

    #[test]
    fn a_source_far_above_its_best_rung_keeps_its_size() {
        assert_eq!(names(800, 640), ["v640", "v480", "v360"]);
        assert_eq!(names(854, 500), ["v480", "v360"]);
    }

    #[test]
    fn portrait_counts_the_shorter_side() {
        assert_eq!(sizes(1080, 1920)[1], ("v720".to_owned(), 720, 1280));
    }

    #[test]
    fn sides_are_even() {
        assert_eq!(sizes(641, 361)[0], ("v360".to_owned(), 640, 360));
        assert_eq!(sizes(333, 217)[0], ("v217".to_owned(), 332, 216));
        assert_eq!(sizes(1, 1)[0], ("v1".to_owned(), 2, 2));
    }

    #[test]
    fn hevc_gets_a_rendition_of_each_size_at_three_fifths_of_the_rate() {
        let avc = renditions((1920, 1080), (30, 1), &[1080, 360, 32]);
        let hevc = in_hevc(&avc, VideoRange::Hlg);
        let names: Vec<&str> = hevc.iter().map(|t| t.track.as_str()).collect();
        assert_eq!(names, ["v1080-hevc", "v360-hevc"]);
        assert_eq!(hevc[0].bitrate_max, 3_600_000);
        assert_eq!(hevc[1].bitrate_max, 700_000);
    }

    #[test]
    fn ceilings_fall_with_the_ladder() {
        let rates: Vec<u64> = [(1920, 1080), (1280, 720), (854, 480), (640, 360)]
            .map(|(w, h)| ceiling(w, h, (30, 1)))
            .into();
        assert_eq!(rates, [6_000_000, 3_270_000, 1_780_000, 1_160_000]);
    }
}
