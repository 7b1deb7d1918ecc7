//! Init segments and segments, each spoilt in one way.

use crate::{
    bytes::{Init, Segment, init, segment},
    presentation::{
        Case, Files,
        Spoil::{Edit, Patch, With},
        audio_init, check, video_init, video_segment,
    },
};

const SMALL: (u16, u16) = (320, 192);

pub(crate) const CASES: &[Case] = &[
    (
        "cmaf-boxes",
        With(|f| {
            f.put("v192/1.m4s", &f.0["v192/1.m4s"].clone()[..99]);
        }),
    ),
    ("cmaf-boxes", Patch("a1/init.mp4", b"mvex", 4, b"????trey")),
    (
        "cmaf-one-track",
        With(|f| {
            f.put(
                "v192/init.mp4",
                init(Init {
                    tracks: 2,
                    ..video_init(SMALL)
                }),
            );
        }),
    ),
    (
        "cmaf-tfdt",
        Patch("a1/1.m4s", b"tfdt", 4, &96_257_u32.to_be_bytes()),
    ),
    (
        "cmaf-earliest",
        With(|f| {
            put(
                f,
                Segment {
                    offset: 512,
                    ..video_segment(1)
                },
            );
        }),
    ),
    ("cmaf-idr", Patch("v192/1.m4s", b"mdat", 4, &[0x41])),
    (
        "cmaf-video-edit",
        With(|f| {
            f.put(
                "v192/init.mp4",
                init(Init {
                    edit: Some(512),
                    ..video_init(SMALL)
                }),
            );
        }),
    ),
    ("cmaf-mdat", Patch("v192/1.m4s", b"trun", 8, &[0, 0, 0, 9])),
    (
        "cmaf-mdat",
        Patch("v192/1.m4s", b"trun", 16, &[0, 0, 0x10, 0]),
    ),
    (
        "cmaf-track-id",
        Patch("v192/1.m4s", b"tfhd", 4, &[0, 0, 0, 9]),
    ),
    (
        "cmaf-timescale",
        With(|f| {
            f.put(
                "v192/init.mp4",
                init(Init {
                    timescale: 30_720,
                    ..video_init(SMALL)
                }),
            );
        }),
    ),
    ("cmaf-size", Patch("v192/init.mp4", b"avc1", 24, &[1, 0])),
    (
        "cmaf-parameter-sets",
        With(|f| {
            put(
                f,
                Segment {
                    nal: 0x67,
                    ..video_segment(1)
                },
            );
        }),
    ),
    (
        "cmaf-av-offset",
        With(|f| {
            f.put(
                "a1/init.mp4",
                init(Init {
                    edit: Some(2112),
                    ..audio_init()
                }),
            );
        }),
    ),
    (
        "cmaf-av-offset",
        Patch("a1/0.m4s", b"tfdt", 4, &480_u32.to_be_bytes()),
    ),
    (
        "cmaf-late-track",
        Patch("a1/0.m4s", b"tfdt", 4, &48_000_u32.to_be_bytes()),
    ),
    (
        "cmaf-encrypted",
        Edit(
            "a1/index.m3u8",
            "#EXT-X-MAP",
            "#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXT-X-MAP",
        ),
    ),
];

fn put(files: &mut Files, of: Segment) {
    files.put("v192/1.m4s", segment(&of));
}

#[tokio::test]
async fn each_spoilt_segment_is_found() {
    check(CASES).await;
}

#[tokio::test]
async fn priming_that_an_edit_list_cuts_off_is_sound_in_time() {
    let mut files = Files::good();
    files.put(
        "a1/init.mp4",
        init(Init {
            edit: Some(1024),
            ..audio_init()
        }),
    );
    let report = files.validate(None).await;
    assert!(report.findings.is_empty(), "{report}");
}
