//! HLS playlists (RFC 8216, and Apple's authoring rules).
//!
//! While the version grows its playlists are EVENT playlists that ask to start at the
//! beginning: without that, players would start near the end of what is encoded.

use std::fmt::Write;

use crate::{
    FrameRate, Presentation, Track, TrackKind,
    language::{self, Label},
    uri::path_segment,
};

/// Version 7: `EXT-X-MAP` outside of I-frame playlists needs 6 (RFC 8216 §7); Apple
/// asks for 7 with fragmented mp4.
const VERSION: u32 = 7;
/// The one group of audio renditions.
const AUDIO_GROUP: &str = "audio";
/// Players that follow the list's order start with its first variant: the best that
/// does not exceed this, bits per second. Apple's authoring rules name 2 Mbit/s for
/// Wi-Fi, as an average; half as much again for its peak.
const FIRST_VARIANT_MAX: u64 = 3_000_000;

/// The multivariant playlist. Its URIs are `<version>/<track>/index.m3u8`.
///
/// BANDWIDTH is each variant's peak, that of the dearest audio included; while the
/// version grows, at least what the plan allows, so that it does not grow with it.
#[must_use]
pub fn multivariant(p: &Presentation, version: &str) -> String {
    let mut out = head();
    out.push_str("#EXT-X-INDEPENDENT-SEGMENTS\n");
    put_start(&mut out, p);
    let audio: Vec<&Track> = p.audio().collect();
    let labels = language::labels(p.audio());
    let mut variants: Vec<&Track> = p.video().collect();
    let grouped = if variants.is_empty() {
        // Languages are no qualities: the first is the variant, the others its peers.
        variants.extend(audio.first());
        audio.len() > 1
    } else {
        !audio.is_empty()
    };
    if grouped {
        for (n, (track, label)) in audio.iter().zip(&labels).enumerate() {
            put_rendition(&mut out, track, label, n == 0, version);
        }
    }
    for track in first_variant_first(variants, p) {
        put_variant(&mut out, track, p, grouped);
        writeln!(out, "{}", child(version, track)).expect("a String takes all");
    }
    out
}

/// The media playlist of one track of the presentation. Its URIs are `init.mp4` and
/// `<n>.m4s`, from 0.
#[must_use]
pub fn media_playlist(t: &Track, p: &Presentation) -> String {
    let mut out = head();
    let kind = if p.sealed { "VOD" } else { "EVENT" };
    let target = p.target_secs();
    write!(
        out,
        "#EXT-X-TARGETDURATION:{target}\n#EXT-X-MEDIA-SEQUENCE:0\n\
         #EXT-X-PLAYLIST-TYPE:{kind}\n#EXT-X-INDEPENDENT-SEGMENTS\n"
    )
    .expect("a String takes all");
    put_start(&mut out, p);
    out.push_str("#EXT-X-MAP:URI=\"init.mp4\"\n");
    for (n, segment) in t.segments.iter().enumerate() {
        let micros = t.segment_micros(segment);
        let (secs, fraction) = (micros / 1_000_000, micros % 1_000_000);
        writeln!(out, "#EXTINF:{secs}.{fraction:06},\n{n}.m4s").expect("a String takes all");
    }
    if p.sealed {
        out.push_str("#EXT-X-ENDLIST\n");
    }
    out
}

fn head() -> String {
    format!("#EXTM3U\n#EXT-X-VERSION:{VERSION}\n")
}

fn put_start(out: &mut String, p: &Presentation) {
    if !p.sealed {
        out.push_str("#EXT-X-START:TIME-OFFSET=0\n");
    }
}

fn child(version: &str, track: &Track) -> String {
    format!(
        "{}/{}/index.m3u8",
        path_segment(version),
        path_segment(&track.name)
    )
}

fn first_variant_first<'a>(mut variants: Vec<&'a Track>, p: &Presentation) -> Vec<&'a Track> {
    let rate = |track: &Track| {
        p.peak_bandwidth(track)
            .saturating_add(p.audio_peak_bandwidth())
    };
    let affordable = (0..variants.len()).filter(|&n| rate(variants[n]) <= FIRST_VARIANT_MAX);
    let first = affordable
        .max_by_key(|&n| rate(variants[n]))
        .or_else(|| (0..variants.len()).min_by_key(|&n| rate(variants[n])));
    if let Some(first) = first {
        variants[..=first].rotate_right(1);
    }
    variants
}

fn put_rendition(out: &mut String, track: &Track, label: &Label, default: bool, version: &str) {
    let mut tag = Tag::new("EXT-X-MEDIA");
    tag.plain("TYPE", "AUDIO");
    tag.quoted("GROUP-ID", AUDIO_GROUP);
    tag.quoted("NAME", &label.name);
    if let Some(language) = &label.tag {
        tag.quoted("LANGUAGE", language);
    }
    tag.plain("DEFAULT", if default { "YES" } else { "NO" });
    // RFC 8216 §4.3.4.1.1: those that players may choose by themselves differ in language.
    tag.plain(
        "AUTOSELECT",
        if label.first_of_language { "YES" } else { "NO" },
    );
    if let TrackKind::Audio { channels, .. } = track.kind {
        tag.quoted("CHANNELS", &channels.to_string());
    }
    tag.quoted("URI", &child(version, track));
    tag.end(out);
}

fn put_variant(out: &mut String, track: &Track, p: &Presentation, grouped: bool) {
    let (mut peak, mut average) = (p.peak_bandwidth(track), track.average_bitrate());
    if track.is_video() {
        peak = peak.saturating_add(p.audio_peak_bandwidth());
        let dearest = p.audio().map(Track::average_bitrate).max().unwrap_or(0);
        average = average.saturating_add(dearest);
    }
    let mut tag = Tag::new("EXT-X-STREAM-INF");
    tag.plain("BANDWIDTH", &peak.to_string());
    if average > 0 {
        tag.plain("AVERAGE-BANDWIDTH", &average.to_string());
    }
    let codecs = codecs(track, p, grouped);
    if !codecs.is_empty() {
        tag.quoted("CODECS", &codecs);
    }
    if let TrackKind::Video {
        width,
        height,
        frame_rate,
    } = track.kind
    {
        tag.plain("RESOLUTION", &format!("{width}x{height}"));
        if let Some(rate) = decimal(frame_rate) {
            tag.plain("FRAME-RATE", &rate);
        }
    }
    if grouped {
        tag.quoted("AUDIO", AUDIO_GROUP);
    }
    tag.end(out);
}

/// The variant's codec and each of its audio group's, once.
fn codecs(track: &Track, p: &Presentation, grouped: bool) -> String {
    let mut codecs: Vec<&str> = Vec::new();
    for track in std::iter::once(track).chain(p.audio().filter(|_| grouped)) {
        if !track.codec.is_empty() && !codecs.contains(&track.codec.as_str()) {
            codecs.push(&track.codec);
        }
    }
    codecs.join(",")
}

/// Three decimals, rounded to nearest (RFC 8216 §4.3.4.2).
fn decimal(rate: FrameRate) -> Option<String> {
    let den = u64::from(rate.den);
    let thousandths = (u64::from(rate.num) * 1000 + den / 2).checked_div(den)?;
    Some(format!("{}.{:03}", thousandths / 1000, thousandths % 1000))
}

/// A tag with an attribute list (RFC 8216 §4.2).
struct Tag {
    line: String,
    separator: char,
}

impl Tag {
    fn new(name: &str) -> Self {
        Self {
            line: format!("#{name}"),
            separator: ':',
        }
    }

    fn plain(&mut self, name: &str, value: &str) {
        write!(self.line, "{}{name}={value}", self.separator).expect("a String takes all");
        self.separator = ',';
    }

    /// Drops what a quoted string cannot hold: `"` and control characters.
    fn quoted(&mut self, name: &str, value: &str) {
        let value: String = value
            .chars()
            .filter(|c| *c != '"' && !c.is_control())
            .collect();
        self.plain(name, &format!("\"{value}\""));
    }

    fn end(self, out: &mut String) {
        out.push_str(&self.line);
        out.push('\n');
    }
}
