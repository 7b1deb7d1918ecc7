//! Manifests, each spoilt in one way.

use crate::presentation::{
    Case,
    Spoil::{Drop, Edit, Patch},
    check,
};

const MPD: &str = "manifest.mpd";

pub(crate) const CASES: &[Case] = &[
    ("fetch", Drop("t1.vtt")),
    ("dash-xml", Edit(MPD, "</Period>", "")),
    (
        "dash-xml",
        Edit(MPD, "id=\"0\" contentType", "id=\"0\" id=\"0\" contentType"),
    ),
    (
        "dash-order",
        Edit(
            MPD,
            "<Role schemeIdUri=\"urn:mpeg:dash:role:2011\" value=\"main\"/>",
            "<BaseURL>./</BaseURL><Role schemeIdUri=\"urn:mpeg:dash:role:2011\" value=\"main\"/>",
        ),
    ),
    (
        "dash-transfer",
        Edit(
            MPD,
            "<SegmentTemplate",
            "<EssentialProperty schemeIdUri=\"urn:mpeg:mpegB:cicp:TransferCharacteristics\" \
             value=\"18\"/><SegmentTemplate",
        ),
    ),
    ("dash-order", Edit(MPD, "<Role ", "<Rolle ")),
    ("dash-attribute", Edit(MPD, " minBufferTime=\"PT2S\"", "")),
    (
        "dash-attribute",
        Edit(MPD, "mediaPresentationDuration=\"PT5S\"", ""),
    ),
    (
        "dash-attribute",
        Edit(MPD, "schemeIdUri=\"urn:mpeg:dash:role:2011\" ", ""),
    ),
    ("dash-attribute", Edit(MPD, "d=\"15360\"", "d=\"x\"")),
    ("dash-attribute", Edit(MPD, "mimeType=\"audio/mp4\" ", "")),
    ("dash-id", Edit(MPD, "id=\"v384\"", "id=\"v192\"")),
    (
        "dash-id",
        Edit(MPD, "id=\"1\" contentType", "id=\"0\" contentType"),
    ),
    (
        "dash-timeline",
        Edit(MPD, "<S d=\"15360\"/>", "<S t=\"61441\" d=\"15360\"/>"),
    ),
    ("dash-timeline", Edit(MPD, "r=\"1\"", "r=\"999999999\"")),
    (
        "dash-segment-times",
        Edit(MPD, "d=\"47104\"", "d=\"47105\""),
    ),
    (
        "dash-segment-times",
        Edit(MPD, "timescale=\"48000\"", "timescale=\"44100\""),
    ),
    ("dash-codecs", Edit(MPD, "mp4a.40.2", "mp4a.40.5")),
    ("dash-codecs", Edit(MPD, "codecs=\"mp4a.40.2\"", "")),
    ("dash-size", Edit(MPD, "height=\"384\"", "height=\"360\"")),
    (
        "dash-frame-rate",
        Edit(MPD, "frameRate=\"30\"", "frameRate=\"25\""),
    ),
    (
        "dash-sampling-rate",
        Edit(MPD, "Rate=\"48000\"", "Rate=\"44100\""),
    ),
    (
        "dash-bandwidth",
        Edit(
            MPD,
            "id=\"v384\" bandwidth=\"",
            "id=\"v384\" bandwidth=\"1\" was=\"",
        ),
    ),
    (
        "dash-bandwidth-high",
        Edit(MPD, "id=\"v384\" bandwidth=\"", "id=\"v384\" bandwidth=\"9"),
    ),
    ("dash-duration", Edit(MPD, "\"PT5S\"", "\"PT5.1S\"")),
    (
        "dash-start-with-sap",
        Patch("v384/2.m4s", b"mdat", 4, &[0x41]),
    ),
    (
        "dash-lang",
        Edit(MPD, "lang=\"en\"", "lang=\"english language\""),
    ),
];

#[tokio::test]
async fn each_spoilt_manifest_is_found() {
    check(CASES).await;
}
