//! Groups of audio renditions, and of text (RFC 8216 §4.3.4.1).

use super::{child, tag::Tag};
use crate::{
    Shown, TrackKind,
    view::View,
    voice::{self, Form, Voice},
};

/// GROUP-ID of all text.
pub(super) const TEXT_GROUP: &str = "text";

/// A group of audio: every voice in one form, or in the form it has.
pub(super) struct Group<'a> {
    /// GROUP-ID.
    pub(super) id: String,
    /// Each voice as it sounds in this group, the default first.
    pub(super) members: Vec<(Voice<'a>, Shown<'a>)>,
}

/// One group for each form of audio, that of the default first. All have the same
/// members, which differ only in URI and CHANNELS, as §4.3.4.1.1 demands: a voice that
/// has no surround is in stereo in the surround group.
pub(super) fn groups<'a>(view: &View<'a>) -> Vec<Group<'a>> {
    let voices: Vec<_> = voice::audio(view.p)
        .into_iter()
        .map(|voice| (voice.shown(&view.audio), voice))
        .filter(|(tracks, _)| !tracks.is_empty())
        .collect();
    let default = voices
        .iter()
        .position(|(tracks, _)| tracks.iter().any(is_default));
    let mut forms: Vec<Form<'a>> = Vec::new();
    let ordered = || {
        let default = default.unwrap_or(0);
        let others = (0..voices.len()).filter(move |n| *n != default);
        std::iter::once(default)
            .chain(others)
            .filter_map(|n| voices.get(n))
    };
    for shown in ordered().flat_map(|(tracks, _)| tracks) {
        let form = voice::form(shown.track);
        if !forms.contains(&form) {
            forms.push(form);
        }
    }
    let group = |(n, form): (usize, &Form<'a>)| Group {
        id: if n == 0 {
            "audio".to_owned()
        } else {
            format!("audio-{}", n + 1)
        },
        members: ordered()
            .map(|(tracks, voice)| {
                let same = tracks.iter().find(|s| voice::form(s.track) == *form);
                (voice.clone(), *same.unwrap_or(&tracks[0]))
            })
            .collect(),
    };
    forms.iter().enumerate().map(group).collect()
}

impl Group<'_> {
    pub(super) fn put(&self, out: &mut String, view: &View<'_>, version: &str) {
        for (n, (voice, shown)) in self.members.iter().enumerate() {
            let like = self.members[..n]
                .iter()
                .any(|(other, _)| other.is_like(voice));
            let mut tag = media("AUDIO", &self.id, voice);
            tag.yes_no("DEFAULT", n == 0);
            // §4.3.4.1.1: those that players may choose by themselves differ.
            tag.yes_no("AUTOSELECT", n == 0 || !like);
            put_characteristics(&mut tag, voice);
            if let TrackKind::Audio { channels, .. } = shown.track.kind {
                tag.quoted("CHANNELS", &channels.to_string());
            }
            tag.quoted("URI", &child(version, shown.track, super::INDEX, view.edit));
            tag.end(out);
        }
    }
}

/// The group of all text; whether there is any. Players show the default without being
/// asked; forced text they always may (§4.3.4.1).
pub(super) fn put_text(out: &mut String, view: &View<'_>, version: &str) -> bool {
    let voices: Vec<_> = voice::text(view.p)
        .into_iter()
        .filter_map(|voice| Some((voice.shown(&view.text).first().copied()?, voice)))
        .collect();
    let default = voices.iter().position(|(shown, _)| is_default(shown));
    for (n, (shown, voice)) in voices.iter().enumerate() {
        let like = voices[..n].iter().any(|(_, other)| other.is_like(voice));
        let mut tag = media("SUBTITLES", TEXT_GROUP, voice);
        tag.yes_no("DEFAULT", default == Some(n));
        tag.yes_no("AUTOSELECT", default == Some(n) || voice.forced || !like);
        tag.yes_no("FORCED", voice.forced);
        put_characteristics(&mut tag, voice);
        tag.quoted("URI", &child(version, shown.track, super::INDEX, view.edit));
        tag.end(out);
    }
    !voices.is_empty()
}

fn media(kind: &str, group: &str, voice: &Voice<'_>) -> Tag {
    let mut tag = Tag::new("EXT-X-MEDIA");
    tag.plain("TYPE", kind);
    tag.quoted("GROUP-ID", group);
    tag.quoted("NAME", &voice.name);
    tag.quoted_if("LANGUAGE", voice.tag.as_deref());
    tag
}

fn put_characteristics(tag: &mut Tag, voice: &Voice<'_>) {
    tag.quoted_if("CHARACTERISTICS", Some(&voice.characteristics.join(",")));
}

fn is_default(shown: &Shown<'_>) -> bool {
    shown.track.label().is_some_and(|label| label.default)
}
