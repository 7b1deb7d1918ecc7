//! Sets of renditions.

use super::{Sets, descriptor, protection, put_representation, segmented, timeline};
use crate::{FrameRate, Shown, TrackKind, VideoRange, view::View, xml::Attributes};

/// One set for each codec: players switch only within a set, and not between codecs.
pub(super) fn put(sets: &mut Sets<'_>, view: &View<'_>, version: &str) {
    for family in view.families() {
        let tracks = view
            .video
            .iter()
            .filter(|s| s.track.codec_family() == family);
        put_set(sets, view, &tracks.collect::<Vec<_>>(), version);
    }
}

fn put_set(sets: &mut Sets<'_>, view: &View<'_>, tracks: &[&Shown<'_>], version: &str) {
    let first = tracks[0];
    let same_times = tracks.iter().all(|t| timeline::same_times(first, t));
    let mut attributes = segmented(same_times);
    attributes.extend(bounds(tracks));
    sets.open("video", "video/mp4", attributes);
    // ContentProtection comes before EssentialProperty (DASH-MPD.xsd).
    protection::put(sets.xml, view, first.track);
    if let Some(range) = first.track.range() {
        put_range(sets, range);
    }
    let shared = tracks.iter().all(|t| timeline::same_timeline(first, t));
    if shared {
        timeline::put_template(sets.xml, view, first, version);
    }
    for shown in tracks {
        put_representation(sets.xml, view, shown, (!shared).then_some(version));
    }
    sets.xml.close();
}

/// How players know pictures that need more than a standard screen: those that do not
/// know the properties, or have no such screen, take another set (ISO/IEC 23091-2 §8;
/// DASH-IF IOP 4.3 §10.3.2).
fn put_range(sets: &mut Sets<'_>, range: VideoRange) {
    let transfer = match range {
        VideoRange::Sdr => return,
        VideoRange::Pq => "16",
        VideoRange::Hlg => "18",
    };
    for (name, value) in [
        ("ColourPrimaries", "9"),
        ("TransferCharacteristics", transfer),
        ("MatrixCoefficients", "9"),
    ] {
        let scheme = format!("urn:mpeg:mpegB:cicp:{name}");
        sets.xml
            .empty("EssentialProperty", descriptor(&scheme, value));
    }
}

/// Picture shape of the largest rendition, and the largest of everything.
fn bounds(tracks: &[&Shown<'_>]) -> Attributes {
    let sizes: Vec<(u32, u32, FrameRate)> = tracks
        .iter()
        .filter_map(|s| match s.track.kind {
            TrackKind::Video {
                width,
                height,
                frame_rate,
                ..
            } => Some((width, height, frame_rate)),
            TrackKind::Audio { .. } | TrackKind::Text { .. } => None,
        })
        .collect();
    let largest = sizes
        .iter()
        .max_by_key(|(w, h, _)| u64::from(*w) * u64::from(*h));
    let shape = largest.map(|(width, height, _)| reduced(*width, *height));
    let width = sizes.iter().map(|(width, _, _)| width).max();
    let height = sizes.iter().map(|(_, height, _)| height).max();
    let rates = sizes
        .iter()
        .map(|(_, _, rate)| rate)
        .filter(|rate| rate.den > 0);
    // a/b < c/d exactly when a·d < c·b.
    let fastest = rates.max_by(|a, b| {
        let cross = |x: &FrameRate, y: &FrameRate| u64::from(x.num) * u64::from(y.den);
        cross(a, b).cmp(&cross(b, a))
    });
    let bounds = [
        ("par", shape.map(|(x, y)| format!("{x}:{y}"))),
        ("maxWidth", width.map(u32::to_string)),
        ("maxHeight", height.map(u32::to_string)),
        ("maxFrameRate", fastest.copied().and_then(fraction)),
    ];
    bounds
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

/// As `frameRate` wants it: a whole number or a fraction.
pub(super) fn fraction(rate: FrameRate) -> Option<String> {
    match reduced(rate.num, rate.den) {
        (_, 0) => None,
        (num, 1) => Some(num.to_string()),
        (num, den) => Some(format!("{num}/{den}")),
    }
}

fn reduced(a: u32, b: u32) -> (u32, u32) {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    (a / x.max(1), b / x.max(1))
}
