//! What viewers choose from: a language, a commentary, subtitles. One choice may be
//! stored in several forms, such as stereo and surround.

use crate::{Label, Presentation, Shown, Track, TrackKind, language};

/// One choice among audio, or among text tracks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Voice<'a> {
    /// BCP 47 tag, shortest form; `None` when unknown.
    pub(crate) tag: Option<String>,
    /// For the player's menu; no two voices share one.
    pub(crate) name: String,
    /// Whom it is for, as in [`Label::characteristics`].
    pub(crate) characteristics: &'a [String],
    /// Only what must be read to follow.
    pub(crate) forced: bool,
    /// Its forms, in order: of each codec and channel layout at most one.
    pub(crate) tracks: Vec<&'a Track>,
}

/// What players choose a form of a voice by: codec family, and more than two channels.
pub(crate) type Form<'a> = (&'a str, bool);

/// All voices of a version's audio, whether they are shown or not: so names do not
/// change while it grows.
pub(crate) fn audio(p: &Presentation) -> Vec<Voice<'_>> {
    voices(p.audio(), "Audio")
}

/// The same of its text.
pub(crate) fn text(p: &Presentation) -> Vec<Voice<'_>> {
    voices(p.text(), "Subtitles")
}

/// The form of an audio track. All text has one.
pub(crate) fn form(track: &Track) -> Form<'_> {
    let surround = matches!(track.kind, TrackKind::Audio { channels, .. } if channels > 2);
    (track.codec_family(), surround)
}

impl<'a> Voice<'a> {
    /// The tracks of it that are shown.
    pub(crate) fn shown(&self, shown: &[Shown<'a>]) -> Vec<Shown<'a>> {
        let ours = |s: &&Shown<'a>| self.tracks.iter().any(|t| std::ptr::eq(*t, s.track));
        shown.iter().filter(ours).copied().collect()
    }

    /// Meant for a certain need, such as `describes-video`.
    pub(crate) fn is_for(&self, need: &str) -> bool {
        let named = |c: &String| c.strip_prefix("public.accessibility.") == Some(need);
        self.characteristics.iter().any(named)
    }

    /// Players that choose by themselves cannot tell the two apart.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        (&self.tag, self.characteristics, self.forced)
            == (&other.tag, other.characteristics, other.forced)
    }
}

fn voices<'a>(tracks: impl Iterator<Item = &'a Track>, nameless: &str) -> Vec<Voice<'a>> {
    let mut voices: Vec<Voice<'a>> = Vec::new();
    for track in tracks {
        let Some(label) = track.label() else { continue };
        let same = |v: &&mut Voice<'_>| track.is_audio() && is_form_of(track, label, v);
        if let Some(voice) = voices.iter_mut().find(same) {
            voice.tracks.push(track);
            continue;
        }
        let tag = label.language.as_deref().and_then(language::tag);
        let forced = matches!(track.kind, TrackKind::Text { forced: true, .. });
        let plain = plain_name(label, tag.as_deref(), forced, nameless);
        voices.push(Voice {
            tag,
            name: unique(plain, &voices),
            characteristics: &label.characteristics,
            forced,
            tracks: vec![track],
        });
    }
    voices
}

/// The same label in another form.
fn is_form_of(track: &Track, label: &Label, voice: &Voice<'_>) -> bool {
    let first = voice.tracks.first().and_then(|t| t.label());
    let same = first.is_some_and(|first| {
        (&first.language, &first.name, &first.characteristics)
            == (&label.language, &label.name, &label.characteristics)
    });
    same && voice.tracks.iter().all(|t| form(t) != form(track))
}

/// The source's title, else what the language calls itself.
fn plain_name(label: &Label, tag: Option<&str>, forced: bool, nameless: &str) -> String {
    let title = label
        .name
        .as_deref()
        .map(printable)
        .filter(|n| !n.is_empty());
    let name = || tag.map_or_else(|| nameless.to_owned(), language::name);
    title.unwrap_or_else(|| {
        if forced {
            format!("{} (forced)", name())
        } else {
            name()
        }
    })
}

/// Without what a playlist cannot hold: `"` and control characters (RFC 8216 §4.2).
pub(crate) fn printable(text: &str) -> String {
    let kept = text.chars().filter(|c| *c != '"' && !c.is_control());
    kept.collect::<String>().trim().to_owned()
}

fn unique(plain: String, voices: &[Voice<'_>]) -> String {
    let numbered = (2..).map(|n| format!("{plain} {n}"));
    let mut names = std::iter::once(plain.clone()).chain(numbered);
    let free = names.find(|name| voices.iter().all(|v| v.name != *name));
    free.expect("numbers do not run out")
}
