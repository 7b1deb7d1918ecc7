//! Playlists, each spoilt in one way.

use crate::{
    bytes::{Segment, segment},
    presentation::{
        Case, Files,
        Spoil::{Drop, Edit, EditAll, Patch, With},
        check, video_segment,
    },
};

const MASTER: &str = "master.m3u8";
const V192: &str = "v192/index.m3u8";

pub(crate) const CASES: &[Case] = &[
    ("fetch", Drop("v384/1.m4s")),
    (
        "fetch",
        Edit(
            MASTER,
            "#EXT-X-MEDIA:TYPE=SUB",
            "#EXT-X-SESSION-DATA:DATA-ID=\"poster\",URI=\"poster.jpg\"\n#EXT-X-MEDIA:TYPE=SUB",
        ),
    ),
    (
        "fetch",
        Edit(
            MASTER,
            "\nv384/index.m3u8",
            "\nhttps://elsewhere/index.m3u8",
        ),
    ),
    (
        "hls-parse",
        Edit(MASTER, "DEFAULT=YES,AUTO", "DEFAULT=YES,,AUTO"),
    ),
    (
        "hls-parse",
        Edit(V192, "TARGETDURATION:2", "TARGETDURATION:2.5"),
    ),
    ("hls-parse", Edit(V192, "#EXTINF:1.000000,", "#EXTINF:x,")),
    ("hls-required-tag", Edit(V192, "#EXTM3U\n", "")),
    (
        "hls-required-tag",
        Edit(V192, "#EXT-X-TARGETDURATION:2\n", ""),
    ),
    ("hls-required-tag", Edit(V192, "#EXTINF:1.000000,\n", "")),
    (
        "hls-required-tag",
        Edit(MASTER, "CODECS=\"avc1.42c01e,mp4a.40.2\",", ""),
    ),
    ("hls-version", Edit(V192, "VERSION:7", "VERSION:5")),
    (
        "hls-version",
        Edit("t1/index.m3u8", "VERSION:7", "VERSION:2"),
    ),
    (
        "hls-target-duration",
        EditAll("TARGETDURATION:2", "TARGETDURATION:1"),
    ),
    (
        "hls-target-duration-equal",
        Edit("a1/index.m3u8", "TARGETDURATION:2", "TARGETDURATION:3"),
    ),
    (
        "hls-target-duration-equal",
        Edit("t1/index.m3u8", "TARGETDURATION:2", "TARGETDURATION:3"),
    ),
    (
        "hls-extinf",
        Edit(V192, "EXTINF:1.000000", "EXTINF:1.002000"),
    ),
    (
        "hls-media-sequence",
        Edit("a1/index.m3u8", "SEQUENCE:0", "SEQUENCE:1"),
    ),
    (
        "hls-media-sequence",
        Edit(
            V192,
            "#EXT-X-ENDLIST",
            "#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-ENDLIST",
        ),
    ),
    ("hls-end", EditAll("#EXT-X-ENDLIST\n", "")),
    ("hls-end", Edit("a1/index.m3u8", "#EXT-X-ENDLIST\n", "")),
    ("hls-map", Edit(V192, "#EXT-X-MAP:URI=\"init.mp4\"\n", "")),
    (
        "hls-map",
        Edit(V192, "URI=\"init.mp4\"", "BYTERANGE=\"9@0\""),
    ),
    (
        "hls-codecs",
        Edit(MASTER, "avc1.42c01e,mp4a", "avc1.64001f,mp4a"),
    ),
    ("hls-codecs", Edit(MASTER, ",mp4a.40.2", "")),
    ("hls-codecs", Edit(MASTER, ",mp4a.40.2", ",mp4a.40.2,ec-3")),
    (
        "hls-video-range",
        Edit(MASTER, "FRAME-RATE=", "VIDEO-RANGE=PQ,FRAME-RATE="),
    ),
    ("hls-resolution", Edit(MASTER, "640x384", "640x360")),
    ("hls-resolution", Edit(MASTER, "RESOLUTION=640x384,", "")),
    (
        "hls-frame-rate",
        Edit(MASTER, "FRAME-RATE=30.000", "FRAME-RATE=29.800"),
    ),
    (
        "hls-bandwidth",
        Edit(MASTER, ":BANDWIDTH=", ":BANDWIDTH=1,X-WAS="),
    ),
    (
        "hls-bandwidth-high",
        Edit(MASTER, ":BANDWIDTH=", ":BANDWIDTH=900000,X-WAS="),
    ),
    (
        "hls-average-bandwidth",
        Edit(MASTER, "AVERAGE-BANDWIDTH=", "AVERAGE-BANDWIDTH=1"),
    ),
    (
        "hls-group",
        Edit(MASTER, ",AUDIO=\"audio\"", ",AUDIO=\"other\""),
    ),
    ("hls-group", Edit(MASTER, ",SUBTITLES=\"text\"", "")),
    (
        "hls-default",
        Edit(
            MASTER,
            "#EXT-X-MEDIA:TYPE=SUBTITLES",
            "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"B\",DEFAULT=YES,URI=\"a1/index.m3u8\"\n#EXT-X-MEDIA:TYPE=SUBTITLES",
        ),
    ),
    (
        "hls-default",
        Edit(MASTER, "AUTOSELECT=YES", "AUTOSELECT=NO"),
    ),
    (
        "hls-language",
        Edit(
            MASTER,
            "LANGUAGE=\"en\",DEFAULT",
            "LANGUAGE=\"en_US\",DEFAULT",
        ),
    ),
    (
        "hls-name",
        Edit(
            MASTER,
            "#EXT-X-MEDIA:TYPE=SUBTITLES",
            "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"English\",URI=\"a1/index.m3u8\"\n#EXT-X-MEDIA:TYPE=SUBTITLES",
        ),
    ),
    (
        "hls-independent-segments",
        Patch("v192/1.m4s", b"mdat", 4, &[0x41]),
    ),
    (
        "hls-aligned",
        With(|f| {
            // The second segment begins two frames early: 58 and 62 pictures.
            let first = Segment {
                samples: (58, 512),
                ..video_segment(0)
            };
            let second = Segment {
                samples: (62, 512),
                start: 58 * 512,
                ..video_segment(1)
            };
            f.put("v192/0.m4s", segment(&first));
            f.put("v192/1.m4s", segment(&second));
        }),
    ),
    (
        "hls-rendition-duration",
        Edit(
            V192,
            "#EXTINF:2.000000,\n1.m4s\n#EXTINF:1.000000,\n2.m4s\n",
            "",
        ),
    ),
    (
        "hls-cover",
        Edit(
            "a1/index.m3u8",
            "#EXTINF:2.005333,\n1.m4s\n#EXTINF:0.981333,\n2.m4s\n",
            "",
        ),
    ),
    (
        "hls-cover",
        Edit(
            "t1/index.m3u8",
            "#EXTINF:2.000000,\n1.vtt\n#EXTINF:1.000000,\n2.vtt\n",
            "",
        ),
    ),
    ("hls-start", With(|f| growing(f, ""))),
    (
        "hls-iframes",
        Edit("v192/iframes.m3u8", "@0\n2.m4s", "@1\n2.m4s"),
    ),
    (
        "hls-iframes",
        Edit("v192/iframes.m3u8", "#EXT-X-I-FRAMES-ONLY\n", ""),
    ),
    (
        "hls-aes-128",
        Edit(V192, "#EXT-X-MAP", "#EXT-X-KEY:METHOD=AES-128\n#EXT-X-MAP"),
    ),
    ("hls-aes-128", With(clear_under_a_key)),
];

/// A key is named, and the segments are as they were.
fn clear_under_a_key(files: &mut Files) {
    files.put("v192/key", [7; 16]);
    let key = "#EXT-X-KEY:METHOD=AES-128,URI=\"key\"\n#EXTINF:2.000000,\n0.m4s";
    files.edit(V192, "#EXTINF:2.000000,\n0.m4s", key);
}

/// All playlists as they stand while packaging.
fn growing(files: &mut Files, start: &str) {
    files.edit_all("#EXT-X-ENDLIST\n", "");
    files.edit_all("TYPE:VOD\n", &format!("TYPE:EVENT\n{start}"));
    files.edit(
        MASTER,
        "#EXT-X-INDEPENDENT-SEGMENTS\n",
        &format!("#EXT-X-INDEPENDENT-SEGMENTS\n{start}"),
    );
}

#[tokio::test]
async fn each_spoilt_playlist_is_found() {
    check(CASES).await;
}

#[tokio::test]
async fn a_growing_presentation_that_starts_at_its_beginning_breaks_no_rule() {
    let mut files = Files::good();
    growing(&mut files, "#EXT-X-START:TIME-OFFSET=0\n");
    // Planned rates are higher than those of the first segments.
    files.edit(MASTER, ":BANDWIDTH=", ":BANDWIDTH=900000,X-WAS=");
    let report = files.validate(None).await;
    assert!(report.findings.is_empty(), "{report}");
}
