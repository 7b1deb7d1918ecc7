//! Sets of audio.

use super::{Sets, descriptor, protection, put_representation, put_role, segmented, timeline};
use crate::{
    Shown, TrackKind,
    view::View,
    voice::{self, Voice},
    xml::{Attributes, Writer},
};

/// Whom audio is for (ETSI TS 102 822-3-1, as DASH-IF IOP names it): 1 is the visually
/// impaired, 2 the hard of hearing.
const PURPOSE: &str = "urn:tva:metadata:cs:AudioPurposeCS:2007";

/// One set per audio track, as two tracks of one language (a commentary, say) are no
/// qualities of one another, and players switch between channel layouts only with a
/// break.
pub(super) fn put(sets: &mut Sets<'_>, view: &View<'_>, version: &str) {
    let voices = voice::audio(view.p);
    let shown: Vec<_> = voices.iter().map(|v| (v, v.shown(&view.audio))).collect();
    let shown: Vec<_> = shown
        .into_iter()
        .filter(|(_, tracks)| !tracks.is_empty())
        .collect();
    let default = shown
        .iter()
        .position(|(_, tracks)| tracks.iter().any(is_default));
    let Some((main, _)) = shown.get(default.unwrap_or(0)) else {
        return;
    };
    for (voice, tracks) in &shown {
        for track in tracks {
            put_set(sets, (view, version), track, (voice, main, shown.len() > 1));
        }
    }
}

/// `place`: the voice, the one that plays by default, and whether there are others.
fn put_set(
    sets: &mut Sets<'_>,
    (view, version): (&View<'_>, &str),
    shown: &Shown<'_>,
    place: (&Voice<'_>, &Voice<'_>, bool),
) {
    let (voice, main, one_of_many) = place;
    let mut attributes = segmented(true);
    attributes.extend(voice.tag.iter().map(|tag| ("lang", tag.clone())));
    sets.open("audio", "audio/mp4", attributes);
    let xml = &mut *sets.xml;
    if let TrackKind::Audio { channels, .. } = shown.track.kind {
        let layout = channel_layout(shown.track.codec_family(), channels);
        xml.empty("AudioChannelConfiguration", layout);
    }
    protection::put(xml, view, shown.track);
    if one_of_many {
        xml.text("Label", &voice.name);
    }
    put_purpose(xml, voice);
    put_role(xml, role(voice, main));
    timeline::put_template(xml, view, shown, version);
    put_representation(xml, view, shown, None);
    xml.close();
}

fn put_purpose(xml: &mut Writer, voice: &Voice<'_>) {
    for (need, value) in [
        ("describes-video", "1"),
        ("enhances-speech-intelligibility", "2"),
    ] {
        if voice.is_for(need) {
            xml.empty("Accessibility", descriptor(PURPOSE, value));
        }
    }
}

/// ISO/IEC 23009-1 §5.8.5.5.
fn role(voice: &Voice<'_>, main: &Voice<'_>) -> &'static str {
    if voice == main {
        "main"
    } else if voice.is_for("describes-video") {
        "description"
    } else if voice.tag.is_some() && main.tag.is_some() && voice.tag != main.tag {
        "dub"
    } else {
        "alternate"
    }
}

/// Up to 5.1 the number of ISO/IEC 23003-3's layout is the number of channels; above, it
/// is not, and the code points of ISO/IEC 23091-3 have their own scheme. Dolby's codecs
/// have theirs: a bit for each loudspeaker (ETSI TS 102 366 I.1.2.1).
fn channel_layout(family: &str, channels: u32) -> Attributes {
    let dolby = "tag:dolby.com,2014:dash:audio_channel_configuration:2011";
    let cicp = "urn:mpeg:mpegB:cicp:ChannelConfiguration";
    let usual = "urn:mpeg:dash:23003:3:audio_channel_configuration:2011";
    match (family, channels) {
        ("ac-3" | "ec-3", 1) => descriptor(dolby, "4000"),
        ("ac-3" | "ec-3", 2) => descriptor(dolby, "A000"),
        ("ac-3" | "ec-3", 6) => descriptor(dolby, "F801"),
        (_, 7) => descriptor(cicp, "11"),
        (_, 8) => descriptor(cicp, "12"),
        _ => descriptor(usual, &channels.to_string()),
    }
}

fn is_default(shown: &Shown<'_>) -> bool {
    shown.track.label().is_some_and(|label| label.default)
}
