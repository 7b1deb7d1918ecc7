//! The multivariant playlist (RFC 8216 §4.3.4).

use std::fmt::Write;

use super::{
    INDEX,
    audio::{self, Group, TEXT_GROUP},
    child, head, iframes, keys, put_start,
    tag::Tag,
};
use crate::{
    Edit, FrameRate, ManifestError, Presentation, Shown, Track, TrackKind, VideoRange, view::View,
};

/// Players that follow the list's order start with its first variant: the best that
/// does not exceed this, bits per second. Apple's authoring rules name 2 Mbit/s for
/// Wi-Fi, as an average; half as much again for its peak.
const FIRST_VARIANT_MAX: u64 = 3_000_000;

/// The multivariant playlist: what is listed of the presentation. Its URIs are
/// `<version>/<track>/index.m3u8` and `<version>/<track>/iframes.m3u8`, with the edit as
/// their query.
///
/// BANDWIDTH is each variant's peak, that of the dearest audio of its group included;
/// while the version grows, at least what the plan allows, so that it does not grow
/// with it.
///
/// # Errors
/// The edit leaves nothing, or nothing can be listed yet.
pub fn multivariant(p: &Presentation, version: &str, edit: &Edit) -> Result<String, ManifestError> {
    let view = View::of(p, edit)?;
    let mut out = head();
    out.push_str("#EXT-X-INDEPENDENT-SEGMENTS\n");
    put_start(&mut out, &view);
    keys::put_session(&mut out, &view);
    let groups = audio::groups(&view);
    // Languages are no qualities: without video the default is the variant, the others
    // its peers, and alone it needs no group.
    let grouped = !view.video.is_empty() || groups.iter().any(|g| g.members.len() > 1);
    for group in groups.iter().filter(|_| grouped) {
        group.put(&mut out, &view, version);
    }
    let text = audio::put_text(&mut out, &view, version);
    for variant in variants(&view, &groups) {
        let scored = score(&view, variant.shown);
        variant.put(
            &mut out,
            Options {
                grouped,
                text,
                score: scored,
                ranges: has_ranges(&view),
            },
        );
        writeln!(out, "{}", child(version, variant.shown.track, INDEX, edit))
            .expect("a String takes all");
    }
    iframes::put_variants(&mut out, &view, version);
    Ok(out)
}

/// A rendition together with one of the groups of audio.
struct Variant<'v, 'a> {
    shown: &'v Shown<'a>,
    group: Option<&'v Group<'a>>,
    /// BANDWIDTH: of the rendition and the dearest of its audio.
    peak: u64,
}

/// What the playlist's variants have in common.
struct Options {
    grouped: bool,
    text: bool,
    score: Option<usize>,
    /// Not all is standard range.
    ranges: bool,
}

/// Each rendition with each group of audio; of each group the affordable one first, and
/// of each codec, the one that all players have before the others.
fn variants<'v, 'a>(view: &'v View<'a>, groups: &'v [Group<'a>]) -> Vec<Variant<'v, 'a>> {
    let with = |group: Option<&'v Group<'a>>| {
        let families = view.families();
        let variants = families.into_iter().flat_map(|family| {
            let of_family = view
                .video
                .iter()
                .filter(|s| s.track.codec_family() == family);
            first_variant_first(of_family.map(|s| Variant::of(s, group, view)).collect())
        });
        variants.collect::<Vec<_>>()
    };
    if view.video.is_empty() {
        let alone = |group: &'v Group<'a>| {
            let (_, shown) = group.members.first()?;
            Some(Variant::of(shown, Some(group), view))
        };
        return groups.iter().filter_map(alone).collect();
    }
    if groups.is_empty() {
        return with(None);
    }
    groups.iter().flat_map(|group| with(Some(group))).collect()
}

fn first_variant_first<'v, 'a>(mut variants: Vec<Variant<'v, 'a>>) -> Vec<Variant<'v, 'a>> {
    let rate = |n: &usize| variants[*n].peak;
    let affordable = (0..variants.len()).filter(|n| rate(n) <= FIRST_VARIANT_MAX);
    let first = affordable
        .max_by_key(rate)
        .or_else(|| (0..variants.len()).min_by_key(rate));
    if let Some(first) = first {
        variants[..=first].rotate_right(1);
    }
    variants
}

impl<'v, 'a> Variant<'v, 'a> {
    fn of(shown: &'v Shown<'a>, group: Option<&'v Group<'a>>, view: &View<'_>) -> Self {
        let mut variant = Self {
            shown,
            group,
            peak: 0,
        };
        variant.peak = variant.total(|shown| view.bandwidth(shown));
        variant
    }

    fn put(&self, out: &mut String, options: Options) {
        let track = self.shown.track;
        let mut tag = Tag::new("EXT-X-STREAM-INF");
        tag.plain("BANDWIDTH", self.peak);
        let average = self.total(|shown| shown.average_bitrate());
        if average > 0 {
            tag.plain("AVERAGE-BANDWIDTH", average);
        }
        if let Some(score) = options.score {
            tag.plain("SCORE", score);
        }
        tag.quoted_if("CODECS", Some(&self.codecs()));
        if let TrackKind::Video {
            width,
            height,
            frame_rate,
            ..
        } = track.kind
        {
            tag.plain("RESOLUTION", format_args!("{width}x{height}"));
            if let Some(rate) = decimal(frame_rate) {
                tag.plain("FRAME-RATE", rate);
            }
        }
        put_range(&mut tag, track, options.ranges);
        if let Some(group) = self.group.filter(|_| options.grouped) {
            tag.quoted("AUDIO", &group.id);
        }
        if options.text {
            tag.quoted("SUBTITLES", TEXT_GROUP);
        }
        tag.end(out);
    }

    /// Of the rendition and the dearest of its audio. Sound alone is one of its group.
    fn total(&self, of: impl Fn(&Shown<'_>) -> u64) -> u64 {
        let dearest = self.audio().map(&of).max().unwrap_or(0);
        match self.shown.track.is_video() {
            true => of(self.shown).saturating_add(dearest),
            false => dearest,
        }
    }

    fn audio(&self) -> impl Iterator<Item = &Shown<'_>> {
        self.group
            .into_iter()
            .flat_map(|g| g.members.iter().map(|(_, shown)| shown))
    }

    /// The variant's codec and each of its audio group's, once.
    fn codecs(&self) -> String {
        let mut codecs: Vec<&str> = Vec::new();
        for shown in std::iter::once(self.shown).chain(self.audio()) {
            let codec = shown.track.codec.as_str();
            if !codec.is_empty() && !codecs.contains(&codec) {
                codecs.push(codec);
            }
        }
        codecs.join(",")
    }
}

/// There is another range than the standard one, which goes without saying.
pub(super) fn has_ranges(view: &View<'_>) -> bool {
    let mut ranges = view.video.iter().filter_map(|s| s.track.range());
    ranges.any(|range| range != VideoRange::Sdr)
}

/// VIDEO-RANGE (rfc8216bis §4.4.6.2), where `ranges`.
pub(super) fn put_range(tag: &mut Tag, track: &Track, ranges: bool) {
    let Some(range) = track.range().filter(|_| ranges) else {
        return;
    };
    let name = match range {
        VideoRange::Sdr => "SDR",
        VideoRange::Pq => "PQ",
        VideoRange::Hlg => "HLG",
    };
    tag.plain("VIDEO-RANGE", name);
}

/// SCORE (rfc8216bis §4.4.6.2), where several codecs make rates no measure of quality:
/// the variant's place among all by picture size, then by how well its codec does.
fn score(view: &View<'_>, shown: &Shown<'_>) -> Option<usize> {
    let family = |s: &Shown<'_>| s.track.codec_family().to_owned();
    let first = view.video.first().map(family)?;
    if view.video.iter().all(|s| family(s) == first) {
        return None;
    }
    let worse = view
        .video
        .iter()
        .filter(|s| quality(s.track) < quality(shown.track));
    Some(worse.count() + 1)
}

/// Better is greater: pixels, codec's generation, frames per 1000 s, rate.
fn quality(track: &Track) -> (u64, u8, u64, u64) {
    let TrackKind::Video {
        width,
        height,
        frame_rate,
        ..
    } = track.kind
    else {
        return (0, 0, 0, 0);
    };
    let generation = match track.codec_family() {
        "av01" => 3,
        "hvc1" | "hev1" | "dvh1" | "dvhe" => 2,
        "vp09" => 1,
        _ => 0,
    };
    let pixels = u64::from(width) * u64::from(height);
    (
        pixels,
        generation,
        thousandths(frame_rate).unwrap_or(0),
        track.bitrate_max,
    )
}

/// Three decimals, rounded to nearest (RFC 8216 §4.3.4.2).
fn decimal(rate: FrameRate) -> Option<String> {
    let thousandths = thousandths(rate)?;
    Some(format!("{}.{:03}", thousandths / 1000, thousandths % 1000))
}

fn thousandths(rate: FrameRate) -> Option<u64> {
    let den = u64::from(rate.den);
    (u64::from(rate.num) * 1000 + den / 2).checked_div(den)
}
