//! Subtitles: those that can become text, and words for those that cannot.

use wire::TrackLabel;

use crate::probe::{
    report::{Report, Stream},
    source::Text,
};

/// Most tracks of text. Chosen: as many languages as a feature film is sold in.
const TRACKS_MAX: usize = 40;
/// How many streams a warning names.
const NAMED_MAX: usize = 8;
/// What ffmpeg reads as text, by its names.
const TEXT: [&str; 7] = ["subrip", "srt", "mov_text", "ass", "ssa", "webvtt", "text"];
/// What is pictures: it would have to be read by a machine.
const PICTURES: [&str; 5] = [
    "dvd_subtitle",
    "hdmv_pgs_subtitle",
    "dvb_subtitle",
    "xsub",
    "dvb_teletext",
];

pub(super) fn text(report: &Report, warnings: &mut Vec<String>) -> Vec<Text> {
    let of = |wanted: fn(&str) -> bool| -> Vec<&Stream> {
        let streams = report.of_type("subtitle");
        streams.filter(|s| wanted(&s.codec_name)).collect()
    };
    let pictures = of(|codec| PICTURES.contains(&codec));
    if !pictures.is_empty() {
        let names = names(&pictures);
        warnings.push(format!(
            "subtitles that are pictures are not published: {names}"
        ));
    }
    let unknown = of(|codec| !PICTURES.contains(&codec) && !TEXT.contains(&codec));
    if !unknown.is_empty() {
        let names = names(&unknown);
        warnings.push(format!(
            "subtitles of an unknown kind are not published: {names}"
        ));
    }
    let mut streams = of(|codec| TEXT.contains(&codec));
    if streams.len() > TRACKS_MAX {
        let found = streams.len();
        warnings.push(format!(
            "of {found} subtitles only {TRACKS_MAX} are published"
        ));
        streams.truncate(TRACKS_MAX);
    }
    let mut text: Vec<Text> = streams.into_iter().map(track).collect();
    let mut defaults = text.iter_mut().filter(|text| text.label.default);
    defaults.next();
    defaults.for_each(|text| text.label.default = false);
    text
}

fn track(stream: &Stream) -> Text {
    let is = &stream.disposition;
    let characteristics = if is.hearing_impaired | is.captions == 0 {
        Vec::new()
    } else {
        vec![
            "public.accessibility.transcribes-spoken-dialog".to_owned(),
            "public.accessibility.describes-music-and-sound".to_owned(),
        ]
    };
    Text {
        index: stream.index,
        codec: stream.codec_name.clone(),
        label: TrackLabel {
            language: stream.language(),
            name: stream.title(),
            default: is.default != 0,
            characteristics,
        },
        forced: is.forced != 0,
    }
}

/// `stream 3 (hdmv_pgs_subtitle, eng)`, and how many more.
fn names(streams: &[&Stream]) -> String {
    let name = |stream: &&Stream| {
        let (index, codec) = (stream.index, stream.codec_name.as_str());
        let codec = if codec.is_empty() { "unknown" } else { codec };
        match stream.language() {
            Some(language) => format!("stream {index} ({codec}, {language})"),
            None => format!("stream {index} ({codec})"),
        }
    };
    let mut names: Vec<String> = streams.iter().take(NAMED_MAX).map(name).collect();
    if streams.len() > NAMED_MAX {
        names.push(format!("and {} more", streams.len() - NAMED_MAX));
    }
    names.join(", ")
}
