//! What encodes pictures, and what it is told.

use std::path::Path;

use wire::{PlannedTrack, VideoRange};

use super::command::{Args, light, range};
use crate::{
    attempt::Rate,
    passes,
    plan::recipe::{Av1, Picture, Settings},
};

/// Pictures are encoded by this encoder, so.
#[derive(Clone, Copy)]
pub(crate) enum Coder<'a> {
    X264(&'a Settings),
    X265(&'a Settings),
    /// Which starts no new sequence where it is told to: what it encodes is one segment.
    SvtAv1(&'a Av1),
    /// x264, one of its two passes.
    Passes(&'a Settings, Passes<'a>),
}

/// A pass of x264: with the folder of its logs, and what each track gets.
#[derive(Clone, Copy)]
pub(crate) enum Passes<'a> {
    /// It writes logs, and nothing else.
    First(&'a Path, &'a [Rate]),
    /// It encodes by them.
    Second(&'a Path, &'a [Rate]),
}

/// x265's settings: with one thread alone it writes the same bytes at each run, and a
/// group of pictures refers to none before it. Its note of itself is left out, as it
/// tells of the processor, and stands in `hvcC`.
const X265: &str = "log-level=error:info=0:pools=none:frame-threads=1:wpp=0:repeat-headers=0:\
                    scenecut=0:open-gop=0:high-tier=0";

/// SVT-AV1's settings: one thread a stage, so that it takes about one processor (what it
/// writes does not depend on that); a key frame at the beginning, and nowhere else.
const SVT_AV1: &str = "lp=1:scd=0:irefresh-type=2:keyint=-1";

/// Of the ceiling, what SVT-AV1 is told: it goes up to 1.32 times over what it is told over a
/// segment, measured of noise at 150 to 1,000 kb/s.
const SVT_AV1_CEILING: f64 = 0.8;

/// Frames per second that SVT-AV1 accepts.
const SVT_AV1_RATES: std::ops::RangeInclusive<f64> = 1.0..=240.0;

/// In both passes: parameter sets that do not depend on what is encoded, as one init segment
/// serves all spans.
const X264: &str = "stitchable=1";

/// How far x264 may be from what it was told, in between. At its default, 1, spans of 5 and
/// 15 s were up to 3.3 % off in the end, at this 0.6 %, for 0.0003 of SSIM at most (measured).
const TOLERANCE: &str = ":ratetol=0.1";

/// `n`: which of the outputs it is.
pub(super) fn encoder(
    args: &mut Args,
    coder: Coder<'_>,
    picture: &Picture,
    (n, track): (usize, &PlannedTrack),
) {
    let mut rate = track.bitrate_max;
    let crf = match coder {
        Coder::X264(settings) => {
            x264(args, settings);
            settings.factor(&track.track)
        }
        Coder::Passes(settings, passes) => {
            x264(args, settings);
            if !pass(args, passes, n) {
                // The first is at one quality without a ceiling, so that costs compare.
                args.one("-crf").one(settings.crf.to_string());
                return;
            }
            // Of half a second: a span may end with it empty, and the next starts with it
            // full. With a whole one, two segments there were up to 12 % above the ceiling.
            let buffer = (track.bitrate_max / 2).to_string();
            args.one("-maxrate").one(rate.to_string());
            args.one("-bufsize").one(buffer);
            return;
        }
        Coder::X265(settings) => {
            let profile = match range(track) {
                VideoRange::Sdr => "main",
                VideoRange::Pq | VideoRange::Hlg => "main10",
            };
            args.all("-c:v libx265 -tag:v hvc1 -profile:v").one(profile);
            args.one("-preset").one(&settings.preset);
            let light = light(picture, track).map(|light| light.for_x265());
            args.one("-x265-params")
                .one(X265.to_owned() + &light.unwrap_or_default());
            settings.factor(&track.track)
        }
        Coder::SvtAv1(av1) => {
            // ffmpeg would name the pictures' clock as their rate.
            let (num, den) = picture.timing.rate();
            let frames = f64::from(num) / f64::from(den);
            let (num, den) = match SVT_AV1_RATES.contains(&frames) {
                true => (num, den),
                false if frames < 1.0 => (1, 1),
                false => (240, 1),
            };
            rate = (rate as f64 * SVT_AV1_CEILING) as u64;
            args.all("-c:v libsvtav1 -preset")
                .one(av1.preset.to_string());
            let light = light(picture, track).map(|light| light.for_svt_av1());
            args.one("-svtav1-params").one(format!(
                "{SVT_AV1}:fps-num={num}:fps-denom={den}{}",
                light.unwrap_or_default()
            ));
            f64::from(av1.crf)
        }
    };
    let rate = rate.to_string();
    args.one("-crf").one(crf.to_string());
    // A buffer of one second: any segment of 2 s or more stays within 1.5 × the rate.
    args.one("-maxrate").one(&rate).one("-bufsize").one(&rate);
}

fn x264(args: &mut Args, settings: &Settings) {
    args.all("-c:v libx264 -profile:v high -preset")
        .one(&settings.preset);
    args.one("-threads").one(settings.threads.to_string());
}

/// What is said of a pass alone; true where it is the second.
fn pass(args: &mut Args, passes: Passes<'_>, n: usize) -> bool {
    let (number, folder, rates) = match passes {
        Passes::First(folder, rates) => ("1", folder, rates),
        Passes::Second(folder, rates) => ("2", folder, rates),
    };
    args.one("-pass").one(number);
    args.one("-passlogfile").one(folder.join(passes::PREFIX));
    let rate = rates[n];
    let is_second = matches!(passes, Passes::Second(..));
    args.one("-x264-params").one(format!(
        "{X264}{}{}",
        if is_second { TOLERANCE } else { "" },
        if rate.tree { "" } else { ":mbtree=0" },
    ));
    if is_second {
        args.one("-b:v").one(format!("{}k", rate.kbps));
        // This box would tell of the span's own rate.
        args.all("-write_btrt 0");
    }
    is_second
}
