//! Subtitles, each spoilt in one way.

use crate::presentation::{Case, Spoil::Edit, check};

pub(crate) const CASES: &[Case] = &[
    ("vtt-header", Edit("t1.vtt", "WEBVTT", "WEBVT")),
    ("vtt-header", Edit("t1/1.vtt", "WEBVTT", "WEBVTT1")),
    (
        "vtt-timestamp-map",
        Edit(
            "t1/1.vtt",
            "X-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\n",
            "",
        ),
    ),
    (
        "vtt-timestamp-map",
        Edit("t1/1.vtt", "MPEGTS:0", "MPEGTS:x"),
    ),
    ("vtt-cue", Edit("t1.vtt", "00:00:04.900", "00:00:04.000")),
    ("vtt-cue", Edit("t1/2.vtt", "00:00:04.900", "4.9")),
    (
        "vtt-cue-time",
        Edit("t1/2.vtt", "MPEGTS:0", "MPEGTS:900000"),
    ),
    (
        "vtt-border",
        Edit("t1/1.vtt", "over the border", "over a border"),
    ),
    (
        "vtt-border",
        Edit("t1/0.vtt", "00:00:02.500", "00:00:02.000"),
    ),
];

#[tokio::test]
async fn each_spoilt_text_is_found() {
    check(CASES).await;
}
