//! The MPD, read back by quick-xml.

use std::collections::BTreeMap;

use media::{Presentation, Segment, Track, TrackKind, dash};
use proptest::prelude::*;
use quick_xml::{Reader, XmlVersion, events::Event};

use crate::model::{any_presentation, audio, contiguous, presentation};

/// An element with its attributes, text and children.
#[derive(Debug, Default)]
struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    text: String,
    children: Vec<Element>,
}

impl Element {
    fn attribute(&self, name: &str) -> &str {
        self.attributes
            .get(name)
            .unwrap_or_else(|| panic!("{name} in {self:?}"))
    }

    fn number(&self, name: &str) -> u64 {
        self.attribute(name).parse().expect("a number")
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    fn one(&self, name: &str) -> &Element {
        let found = self.children.iter().find(|child| child.name == name);
        found.unwrap_or_else(|| panic!("{name} in {self:?}"))
    }
}

fn element(start: &quick_xml::events::BytesStart<'_>) -> Element {
    let mut element = Element {
        name: start.name().as_ref().to_owned(),
        ..Element::default()
    };
    for attribute in start.attributes() {
        let attribute = attribute.expect("well-formed, no attribute twice");
        let value = attribute
            .normalized_value(XmlVersion::Explicit1_0)
            .expect("good entities");
        element
            .attributes
            .insert(attribute.key.as_ref().to_owned(), value.into_owned());
    }
    element
}

fn parse(text: &str) -> Element {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    loop {
        let closed = match reader.read_event().expect("well-formed XML") {
            Event::Start(start) => {
                open.push(element(&start));
                continue;
            }
            Event::Empty(start) => element(&start),
            Event::End(_) => open.pop().expect("quick-xml pairs them"),
            Event::Text(text) => {
                open.iter_mut()
                    .last()
                    .into_iter()
                    .for_each(|e| e.text.push_str(text.trim()));
                continue;
            }
            Event::Eof => panic!("no root element, or it is not closed"),
            _ => continue,
        };
        match open.last_mut() {
            Some(parent) => parent.children.push(closed),
            None => return closed,
        }
    }
}

fn mpd(p: &Presentation) -> Element {
    parse(&dash::mpd(p, "ver1"))
}

/// The adaptation set and representation of every track, by its id.
fn representations(mpd: &Element) -> BTreeMap<&str, (&Element, &Element)> {
    let sets = mpd.one("Period").all("AdaptationSet");
    let both = |set| Element::all(set, "Representation").map(move |r| (set, r));
    sets.flat_map(both)
        .map(|(set, r)| (r.attribute("id"), (set, r)))
        .collect()
}

/// Timescale, and `(start, duration)` of every segment, as a player reads them.
fn timeline(set: &Element, representation: &Element) -> (u64, Vec<(u64, u64)>) {
    let template = representation
        .all("SegmentTemplate")
        .next()
        .unwrap_or_else(|| set.one("SegmentTemplate"));
    let (mut next, mut times) = (0, Vec::new());
    for s in template.one("SegmentTimeline").all("S") {
        let repeats = s
            .attributes
            .get("r")
            .map_or(0, |r| r.parse().expect("a number"));
        next = s
            .attributes
            .get("t")
            .map_or(next, |t| t.parse().expect("a number"));
        for _ in 0..=repeats {
            times.push((next, s.number("d")));
            next += s.number("d");
        }
    }
    (template.number("timescale"), times)
}

fn times(track: &Track) -> Vec<(u64, u64)> {
    track
        .segments
        .iter()
        .map(|s: &Segment| (s.start, s.duration))
        .collect()
}

#[test]
fn an_mpd_reads_like_this() {
    let mut p = presentation(5, true);
    p.tracks.remove(0);
    let expected = include_str!("expected.mpd");
    assert_eq!(dash::mpd(&p, "ver1"), expected);
}

#[test]
fn renditions_on_one_timeline_share_it() {
    let mpd = mpd(&presentation(300, true));
    let video = mpd.one("Period").one("AdaptationSet");
    assert_eq!(
        video
            .one("SegmentTemplate")
            .one("SegmentTimeline")
            .children
            .len(),
        2
    );
    assert!(video.all("Representation").all(|r| r.children.is_empty()));
    assert_eq!(video.attribute("segmentAlignment"), "true");
}

#[test]
fn a_rendition_of_other_units_has_its_own_timeline_and_stays_aligned() {
    let mut p = presentation(3, true);
    let copied = &mut p.tracks[0];
    copied.timescale = 90000;
    copied.segments = contiguous([(4 * 90000, 1), (4 * 90000, 1), (4 * 90000 * 3 / 8, 1)]);
    let mpd = mpd(&p);
    let video = mpd.one("Period").one("AdaptationSet");
    assert!(video.all("SegmentTemplate").next().is_none());
    assert_eq!(video.attribute("segmentAlignment"), "true");
    let (set, copied) = representations(&mpd)["v1080"];
    assert_eq!(timeline(set, copied), (90000, times(&p.tracks[0])));
}

#[test]
fn renditions_cut_at_other_times_are_not_called_aligned() {
    let mut p = presentation(3, true);
    p.tracks[1].segments = contiguous([(5 * 15360, 1), (4 * 15360, 1)]);
    let mpd = mpd(&p);
    let video = mpd.one("Period").one("AdaptationSet");
    assert_eq!(video.attribute("segmentAlignment"), "false");
}

#[test]
fn every_audio_track_is_a_set_of_its_own() {
    let mut p = presentation(3, true);
    p.tracks.push(audio("a2", Some("ger"), 3));
    p.tracks.push(audio("a3", None, 3));
    let mpd = mpd(&p);
    let sets: Vec<&Element> = mpd.one("Period").all("AdaptationSet").skip(1).collect();
    let lang = |n: usize| sets[n].attributes.get("lang").map(String::as_str);
    assert_eq!((lang(0), lang(1), lang(2)), (Some("en"), Some("de"), None));
    let role = |n: usize| sets[n].one("Role").attribute("value");
    assert_eq!((role(0), role(1)), ("main", "alternate"));
    assert_eq!(sets[1].one("Label").text, "Deutsch");
    assert_eq!(
        sets[1].one("AudioChannelConfiguration").attribute("value"),
        "2"
    );
    let ids: Vec<&str> = sets.iter().map(|s| s.attribute("id")).collect();
    assert_eq!(ids, ["1", "2", "3"]);
}

#[test]
fn a_hole_in_the_timeline_is_shown() {
    let mut p = presentation(3, true);
    p.tracks.truncate(1);
    p.tracks[0].segments[2].start += 100;
    let mpd = mpd(&p);
    let (set, video) = representations(&mpd)["v1080"];
    assert_eq!(timeline(set, video).1, times(&p.tracks[0]));
}

#[test]
fn the_end_is_rounded_up_so_that_no_frame_is_cut() {
    let mut p = presentation(1, true);
    p.tracks.truncate(1);
    p.tracks[0].timescale = 3;
    p.tracks[0].segments = contiguous([(10, 1)]);
    assert_eq!(
        mpd(&p).attribute("mediaPresentationDuration"),
        "PT3.333334S"
    );
}

#[test]
fn tracks_without_segments_are_left_out() {
    let mut p = presentation(3, true);
    p.tracks[0].segments.clear();
    let mpd = mpd(&p);
    let found = representations(&mpd).into_keys().collect::<Vec<_>>();
    assert_eq!(found, ["a1", "v480", "v720"]);
}

#[test]
fn hostile_names_are_escaped() {
    let mut p = presentation(1, true);
    p.tracks[0].name = "v\"<&>'\n\u{0}".into();
    p.tracks[0].codec = "]]><x y=\"1\"/>\t".into();
    let TrackKind::Audio { language, .. } = &mut p.tracks[3].kind else {
        panic!("audio")
    };
    *language = Some("\"><script>".into());
    let mpd = parse(&dash::mpd(&p, "$Time$ /"));
    let (set, video) = representations(&mpd)["v\"<&>'\n\u{fffd}"];
    assert_eq!(video.attribute("codecs"), "]]><x y=\"1\"/>\t");
    let media = set.one("SegmentTemplate").attribute("media");
    assert_eq!(media, "%24Time%24%20%2F/$RepresentationID$/$Number$.m4s");
}

proptest! {
    #[test]
    fn an_mpd_says_what_the_tracks_hold(p in any_presentation()) {
        let mpd = mpd(&p);
        let found = representations(&mpd);
        prop_assert_eq!(found.len(), p.tracks.len());
        for track in &p.tracks {
            let (set, representation) = found[track.name.as_str()];
            let (timescale, read) = timeline(set, representation);
            prop_assert_eq!(timescale, u64::from(track.timescale));
            prop_assert_eq!(read, times(track));
            prop_assert_eq!(representation.number("bandwidth"), p.peak_bandwidth(track));
        }
    }
}
