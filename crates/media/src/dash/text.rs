//! Sets of text, each a whole WebVTT file beside the segments (DASH-IF IOP 4.3 §6.4.2).

use super::{Sets, descriptor, put_role};
use crate::{
    uri::{folder, path_segment},
    view::View,
    voice::{self, Voice},
};

/// One set for each text track whose whole file the version holds.
pub(super) fn put(sets: &mut Sets<'_>, view: &View<'_>, version: &str) {
    for voice in voice::text(view.p) {
        for shown in voice.shown(&view.text) {
            let file = format!("{}.vtt", shown.track.name);
            if !view.p.files.contains(&file) {
                continue;
            }
            let lang = voice.tag.iter().map(|tag| ("lang", tag.clone()));
            sets.open("text", "text/vtt", lang.collect());
            let xml = &mut *sets.xml;
            xml.text("Label", &voice.name);
            if is_caption(&voice) {
                // 2: for the hard of hearing.
                let purpose = descriptor("urn:tva:metadata:cs:AudioPurposeCS:2007", "2");
                xml.empty("Accessibility", purpose);
            }
            put_role(xml, role(&voice));
            let bandwidth = shown.average_bitrate().max(1).to_string();
            let id = shown.track.name.clone();
            xml.open("Representation", vec![("id", id), ("bandwidth", bandwidth)]);
            let url = format!("{}{}", folder(version), path_segment(&file));
            xml.text("BaseURL", &url);
            xml.close();
            xml.close();
        }
    }
}

/// ISO/IEC 23009-1 §5.8.5.5.
fn role(voice: &Voice<'_>) -> &'static str {
    if voice.forced {
        "forced-subtitle"
    } else if is_caption(voice) {
        "caption"
    } else {
        "subtitle"
    }
}

fn is_caption(voice: &Voice<'_>) -> bool {
    voice.is_for("transcribes-spoken-dialog") || voice.is_for("describes-music-and-sound")
}
