//! The DASH manifest (ISO/IEC 23009-1, profile `isoff-live:2011`).

use crate::{
    FrameRate, Presentation, Segment, Track, TrackKind,
    language::{self, Label},
    uri::path_segment,
    xml::{Attributes, Writer},
};

/// The MPD of a whole version: `static`, whatever `p.sealed` says, as players read one
/// only once. Its URLs are `<version>/<track>/init.mp4` and `<version>/<track>/<n>.m4s`,
/// from 0. Tracks without segments are left out.
#[must_use]
pub fn mpd(p: &Presentation, version: &str) -> String {
    let mut xml = Writer::document();
    xml.open("MPD", root(p));
    xml.open("Period", vec![("id", "0".into()), ("start", "PT0S".into())]);
    let video: Vec<&Track> = p.video().filter(|t| !t.segments.is_empty()).collect();
    let audio: Vec<&Track> = p.audio().filter(|t| !t.segments.is_empty()).collect();
    if !video.is_empty() {
        put_video(&mut xml, p, &video, version);
    }
    let labels = language::labels(audio.iter().copied());
    for (n, (track, label)) in audio.iter().zip(&labels).enumerate() {
        put_audio(&mut xml, p, track, (n, label, audio.len() > 1), version);
    }
    xml.finish()
}

fn root(p: &Presentation) -> Attributes {
    vec![
        ("xmlns", "urn:mpeg:dash:schema:mpd:2011".into()),
        ("profiles", "urn:mpeg:dash:profile:isoff-live:2011".into()),
        ("type", "static".into()),
        ("mediaPresentationDuration", duration(p)),
        // With each bandwidth the peak over a segment, a segment ahead is enough.
        ("minBufferTime", format!("PT{}S", p.target_secs())),
    ]
}

/// The end of the longest track, rounded up: players cut what goes beyond, and MSE drops
/// a frame whose end is beyond the window's.
fn duration(p: &Presentation) -> String {
    let micros = p.tracks.iter().map(|t| {
        let micros = (u128::from(t.end()) * 1_000_000).div_ceil(u128::from(t.timescale.max(1)));
        u64::try_from(micros).unwrap_or(u64::MAX)
    });
    let micros = micros.max().unwrap_or(0);
    format!("PT{}.{:06}S", micros / 1_000_000, micros % 1_000_000)
}

fn put_video(xml: &mut Writer, p: &Presentation, tracks: &[&Track], version: &str) {
    let first = tracks[0];
    let same_times = tracks.iter().all(|t| same_times(first, t));
    let mut set = adaptation_set(0, "video", same_times);
    set.extend(video_bounds(tracks));
    xml.open("AdaptationSet", set);
    let shared = tracks.iter().all(|t| same_timeline(first, t));
    if shared {
        put_template(xml, first, version);
    }
    for track in tracks {
        put_representation(xml, p, track, if shared { None } else { Some(version) });
    }
    xml.close();
}

/// One set per audio track, as two tracks of one language (a commentary, say) are no
/// qualities of one another. `place`: number, label, and whether there are others.
fn put_audio(
    xml: &mut Writer,
    p: &Presentation,
    track: &Track,
    place: (usize, &Label, bool),
    version: &str,
) {
    let (n, label, one_of_many) = place;
    let mut set = adaptation_set(n + 1, "audio", true);
    set.extend(label.tag.iter().map(|tag| ("lang", tag.clone())));
    xml.open("AdaptationSet", set);
    if let TrackKind::Audio { channels, .. } = track.kind {
        xml.empty(
            "AudioChannelConfiguration",
            descriptor(
                "urn:mpeg:dash:23003:3:audio_channel_configuration:2011",
                &channels.to_string(),
            ),
        );
    }
    if one_of_many {
        xml.text("Label", &label.name);
    }
    let role = if n == 0 { "main" } else { "alternate" };
    xml.empty("Role", descriptor("urn:mpeg:dash:role:2011", role));
    put_template(xml, track, version);
    put_representation(xml, p, track, None);
    xml.close();
}

fn adaptation_set(id: usize, content: &'static str, aligned: bool) -> Attributes {
    vec![
        ("id", id.to_string()),
        ("contentType", content.into()),
        ("mimeType", format!("{content}/mp4")),
        ("segmentAlignment", aligned.to_string()),
        ("startWithSAP", "1".into()),
    ]
}

fn descriptor(scheme: &str, value: &str) -> Attributes {
    vec![("schemeIdUri", scheme.into()), ("value", value.into())]
}

/// Picture shape of the largest rendition, and the largest of everything.
fn video_bounds(tracks: &[&Track]) -> Attributes {
    let sizes = || {
        tracks.iter().filter_map(|t| match t.kind {
            TrackKind::Video {
                width,
                height,
                frame_rate,
            } => Some((width, height, frame_rate)),
            TrackKind::Audio { .. } => None,
        })
    };
    let mut bounds = Vec::new();
    if let Some((width, height, _)) = sizes().max_by_key(|(w, h, _)| u64::from(*w) * u64::from(*h))
    {
        let (x, y) = reduced(width, height);
        bounds.push(("par", format!("{x}:{y}")));
    }
    bounds.extend(
        sizes()
            .map(|(w, _, _)| w)
            .max()
            .map(|w| ("maxWidth", w.to_string())),
    );
    bounds.extend(
        sizes()
            .map(|(_, h, _)| h)
            .max()
            .map(|h| ("maxHeight", h.to_string())),
    );
    let fastest = sizes()
        .map(|(_, _, rate)| rate)
        .filter(|rate| rate.den > 0)
        // a/b < c/d exactly when a·d < c·b.
        .max_by(|a, b| {
            let cross = |x: &FrameRate, y: &FrameRate| u64::from(x.num) * u64::from(y.den);
            cross(a, b).cmp(&cross(b, a))
        });
    bounds.extend(
        fastest
            .and_then(fraction)
            .map(|rate| ("maxFrameRate", rate)),
    );
    bounds
}

/// `own_template`: the version, where the set's template does not hold.
fn put_representation(
    xml: &mut Writer,
    p: &Presentation,
    track: &Track,
    own_template: Option<&str>,
) {
    let mut attributes = vec![
        ("id", track.name.clone()),
        ("bandwidth", p.peak_bandwidth(track).to_string()),
        ("codecs", track.codec.clone()),
    ];
    match track.kind {
        TrackKind::Video {
            width,
            height,
            frame_rate,
        } => {
            attributes.push(("width", width.to_string()));
            attributes.push(("height", height.to_string()));
            attributes.extend(fraction(frame_rate).map(|rate| ("frameRate", rate)));
        }
        TrackKind::Audio { sample_rate, .. } => {
            attributes.push(("audioSamplingRate", sample_rate.to_string()));
        }
    }
    let Some(version) = own_template else {
        return xml.empty("Representation", attributes);
    };
    xml.open("Representation", attributes);
    put_template(xml, track, version);
    xml.close();
}

fn put_template(xml: &mut Writer, track: &Track, version: &str) {
    let version = path_segment(version);
    xml.open(
        "SegmentTemplate",
        vec![
            ("timescale", track.timescale.to_string()),
            ("startNumber", "0".into()),
            (
                "initialization",
                format!("{version}/$RepresentationID$/init.mp4"),
            ),
            (
                "media",
                format!("{version}/$RepresentationID$/$Number$.m4s"),
            ),
        ],
    );
    xml.open("SegmentTimeline", Vec::new());
    let mut expected = None;
    for run in track
        .segments
        .chunk_by(|a, b| a.duration == b.duration && a.end() == b.start)
    {
        xml.empty("S", timeline_entry(run, &mut expected));
    }
    xml.close();
    xml.close();
}

/// One `S` for segments of equal duration; `t` only where it does not follow from the
/// entry before (ISO/IEC 23009-1 §5.3.9.6).
fn timeline_entry(run: &[Segment], expected: &mut Option<u64>) -> Attributes {
    let (first, last) = (run[0], run[run.len() - 1]);
    let mut entry = Vec::new();
    if *expected != Some(first.start) {
        entry.push(("t", first.start.to_string()));
    }
    entry.push(("d", first.duration.to_string()));
    if run.len() > 1 {
        entry.push(("r", (run.len() - 1).to_string()));
    }
    *expected = Some(last.end());
    entry
}

/// One timeline can stand for both.
fn same_timeline(a: &Track, b: &Track) -> bool {
    let times = |s: &Segment| (s.start, s.duration);
    a.timescale == b.timescale
        && a.segments
            .iter()
            .map(times)
            .eq(b.segments.iter().map(times))
}

/// The segments of both start at the same instants, in whatever units.
fn same_times(a: &Track, b: &Track) -> bool {
    let instant = |time: u64, other: &Track| u128::from(time) * u128::from(other.timescale);
    a.segments.len() == b.segments.len()
        && a.segments
            .iter()
            .zip(&b.segments)
            .all(|(x, y)| instant(x.start, b) == instant(y.start, a))
}

fn fraction(rate: FrameRate) -> Option<String> {
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
