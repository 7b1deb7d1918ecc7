//! Presentations to write manifests of.

use media::{FrameRate, Presentation, Segment, Track, TrackKind};
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
    }
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
        },
        codec: "avc1.640028".into(),
        timescale: 15360,
        bitrate_max,
        segments: equal(segments, 4 * 15360, bitrate_max * 4 / 8 / 2),
    }
}

pub(crate) fn audio(name: &str, language: Option<&str>, segments: usize) -> Track {
    let language = language.map(str::to_owned);
    Track {
        name: name.into(),
        kind: TrackKind::Audio {
            channels: 2,
            sample_rate: 48000,
            language,
        },
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

fn any_track(name: String, audio: bool) -> impl Strategy<Value = Track> {
    let timescale = prop_oneof![
        Just(1000_u32),
        Just(15360),
        Just(48000),
        Just(90000),
        1..=u32::MAX
    ];
    let parts = (
        timescale,
        any::<u64>(),
        ".{0,8}",
        1_u32..8000,
        1_u32..8000,
        any::<[u32; 2]>(),
    );
    parts.prop_flat_map(
        move |(timescale, bitrate_max, text, width, height, [num, den])| {
            let name = name.clone();
            any_segments(timescale).prop_map(move |segments| {
                let frame_rate = FrameRate { num, den };
                let kind = if audio {
                    let language = Some(text.clone());
                    TrackKind::Audio {
                        channels: width,
                        sample_rate: height,
                        language,
                    }
                } else {
                    TrackKind::Video {
                        width,
                        height,
                        frame_rate,
                    }
                };
                let codec = format!("x{text}");
                Track {
                    name: name.clone(),
                    kind,
                    codec,
                    timescale,
                    bitrate_max,
                    segments,
                }
            })
        },
    )
}

/// Up to three video and three audio tracks, at least one in all, of anything.
pub(crate) fn any_presentation() -> impl Strategy<Value = Presentation> {
    let tracks = (0_usize..4, 1_usize..4).prop_flat_map(|(videos, audios)| {
        let videos = (0..videos).map(|n| any_track(format!("v{n}"), false).boxed());
        let audios = (0..audios).map(|n| any_track(format!("a{n}"), true).boxed());
        videos.chain(audios).collect::<Vec<_>>()
    });
    (tracks, any::<bool>(), 0.1..12.0_f64).prop_map(|(tracks, sealed, segment_secs)| Presentation {
        tracks,
        sealed,
        segment_secs,
    })
}
