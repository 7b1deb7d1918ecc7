//! Presentations to write manifests of.

use media::{FrameRate, Label, Presentation, Segment, Track, TrackKind, VideoRange};
use proptest::prelude::*;

/// Three renditions and an audio track of `segments` segments of 4 s; the last video
/// segment lasts 1.5 s.
pub(crate) fn presentation(segments: usize, sealed: bool) -> Presentation {
    let mut tracks = vec![
        video("v1080", (1920, 1080), 5_000_000, segments),
        video("v720", (1280, 720), 2_500_000, segments),
        video("v480", (854, 480), 1_200_000, segments),
        audio("a1", Some("eng"), segments),
    ];
    for track in &mut tracks {
        if let Some(last) = track.segments.last_mut() {
            last.duration = last.duration * 3 / 8;
        }
    }
    Presentation {
        tracks,
        sealed,
        segment_secs: 4.0,
        ..Presentation::default()
    }
}

/// What a source says of a track: language and title.
pub(crate) fn label(language: Option<&str>, name: Option<&str>) -> Label {
    Label {
        language: language.map(str::to_owned),
        name: name.map(str::to_owned),
        ..Label::default()
    }
}

/// The label of a track that has one.
pub(crate) fn label_mut(track: &mut Track) -> &mut Label {
    match &mut track.kind {
        TrackKind::Audio { label, .. } | TrackKind::Text { label, .. } => label,
        TrackKind::Video { .. } => panic!("video has no label"),
    }
}

/// Subtitles in segments of 4 s.
pub(crate) fn text(name: &str, language: &str, forced: bool, segments: usize) -> Track {
    let label = label(Some(language), None);
    Track {
        name: name.into(),
        kind: TrackKind::Text { label, forced },
        group: 3,
        codec: "wvtt".into(),
        timescale: 1000,
        bitrate_max: 0,
        segments: equal(segments, 4000, 400),
    }
}

/// The same in 5.1.
pub(crate) fn surround(mut track: Track, name: &str) -> Track {
    name.clone_into(&mut track.name);
    if let TrackKind::Audio { channels, .. } = &mut track.kind {
        *channels = 6;
    }
    track.bitrate_max = 384_000;
    track
}

pub(crate) fn video(name: &str, size: (u32, u32), bitrate_max: u64, segments: usize) -> Track {
    let frame_rate = FrameRate {
        num: 30000,
        den: 1001,
    };
    Track {
        name: name.into(),
        kind: TrackKind::Video {
            width: size.0,
            height: size.1,
            frame_rate,
            range: VideoRange::Sdr,
        },
        group: 0,
        codec: "avc1.640028".into(),
        timescale: 15360,
        bitrate_max,
        segments: equal(segments, 4 * 15360, bitrate_max * 4 / 8 / 2),
    }
}

pub(crate) fn audio(name: &str, language: Option<&str>, segments: usize) -> Track {
    let label = label(language, None);
    Track {
        name: name.into(),
        kind: TrackKind::Audio {
            channels: 2,
            sample_rate: 48000,
            label,
        },
        group: 2,
        codec: "mp4a.40.2".into(),
        timescale: 48000,
        bitrate_max: 128_000,
        segments: equal(segments, 4 * 48000, 60_000),
    }
}

/// `count` segments from 0, each of this duration and length.
pub(crate) fn equal(count: usize, duration: u64, len_bytes: u64) -> Vec<Segment> {
    contiguous(std::iter::repeat_n((duration, len_bytes), count))
}

/// Segments of these durations and lengths, one behind the other.
pub(crate) fn contiguous(lengths: impl IntoIterator<Item = (u64, u64)>) -> Vec<Segment> {
    let mut start = 0;
    let next = |(duration, len_bytes)| {
        let segment = Segment {
            start,
            duration,
            len_bytes,
            iframe_len_bytes: len_bytes / 4,
        };
        start = segment.end();
        segment
    };
    lengths.into_iter().map(next).collect()
}

prop_compose! {
    /// Segments of up to twelve seconds, none empty, in the given timescale.
    fn any_segments(timescale: u32)(
        lengths in prop::collection::vec(
            (1..=12 * u64::from(timescale), 0..100_000_000_u64), 1..40,
        )
    ) -> Vec<Segment> {
        contiguous(lengths)
    }
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Video,
    Audio,
    Text,
}

fn any_label() -> impl Strategy<Value = Label> {
    let language = prop::option::of(prop_oneof!["[a-z]{2,3}", ".{0,8}"]);
    let characteristics = prop::collection::vec(".{0,8}", 0..3);
    let parts = (
        language,
        prop::option::of(".{0,8}"),
        any::<bool>(),
        characteristics,
    );
    parts.prop_map(|(language, name, default, characteristics)| Label {
        language,
        name,
        default,
        characteristics,
    })
}

fn any_kind(kind: Kind) -> BoxedStrategy<TrackKind> {
    match kind {
        Kind::Video => (1_u32..8000, 1_u32..8000, any::<[u32; 2]>())
            .prop_map(|(width, height, [num, den])| TrackKind::Video {
                width,
                height,
                frame_rate: FrameRate { num, den },
                range: VideoRange::Sdr,
            })
            .boxed(),
        Kind::Audio => (1_u32..9, 1_u32..200_000, any_label())
            .prop_map(|(channels, sample_rate, label)| TrackKind::Audio {
                channels,
                sample_rate,
                label,
            })
            .boxed(),
        Kind::Text => (any_label(), any::<bool>())
            .prop_map(|(label, forced)| TrackKind::Text { label, forced })
            .boxed(),
    }
}

prop_compose! {
    fn any_track(name: String, kind: Kind)(
        timescale in prop_oneof![Just(1000_u32), Just(15360), Just(48000), Just(90000), 1..=u32::MAX],
    )(
        segments in any_segments(timescale),
        timescale in Just(timescale),
        kind in any_kind(kind),
        group in 0_u32..4,
        codec in prop_oneof![Just("avc1.640028".to_owned()), "x.{0,8}"],
        bitrate_max in any::<u64>(),
    ) -> Track {
        Track { name: name.clone(), kind, group, codec, timescale, bitrate_max, segments }
    }
}

/// Up to three video, audio and text tracks, at least one that plays, of anything.
pub(crate) fn any_presentation() -> impl Strategy<Value = Presentation> {
    let tracks = (0_usize..4, 1_usize..4, 0_usize..4).prop_flat_map(|(videos, audios, texts)| {
        let videos = (0..videos).map(|n| any_track(format!("v{n}"), Kind::Video));
        let audios = (0..audios).map(|n| any_track(format!("a{n}"), Kind::Audio).boxed());
        let texts = (0..texts).map(|n| any_track(format!("t{n}"), Kind::Text).boxed());
        let videos = videos.map(Strategy::boxed);
        videos.chain(audios).chain(texts).collect::<Vec<_>>()
    });
    (tracks, any::<bool>(), 0.1..12.0_f64).prop_map(|(tracks, sealed, segment_secs)| {
        let files = tracks.iter().map(|t| format!("{}.vtt", t.name)).collect();
        Presentation {
            tracks,
            sealed,
            segment_secs,
            files,
            storyboard: None,
            encryption: None,
        }
    })
}
