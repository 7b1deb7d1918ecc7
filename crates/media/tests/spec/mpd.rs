//! An MPD, read back by quick-xml.

use std::collections::BTreeMap;

use media::{Edit, Presentation, Segment, Track, dash};
use quick_xml::{Reader, XmlVersion, events::Event};

/// An element with its attributes, text and children.
#[derive(Debug, Default)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) text: String,
    pub(crate) children: Vec<Element>,
}

impl Element {
    pub(crate) fn attribute(&self, name: &str) -> &str {
        self.attributes
            .get(name)
            .unwrap_or_else(|| panic!("{name} in {self:?}"))
    }

    pub(crate) fn number(&self, name: &str) -> u64 {
        self.attribute(name).parse().expect("a number")
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    pub(crate) fn one(&self, name: &str) -> &Element {
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

pub(crate) fn parse(text: &str) -> Element {
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

pub(crate) fn mpd(p: &Presentation) -> Element {
    clip(p, "")
}

pub(crate) fn clip(p: &Presentation, query: &str) -> Element {
    let edit = Edit::parse(query).expect("an edit");
    parse(&dash::mpd(p, "ver1", &edit).expect("an MPD"))
}

/// The adaptation set and representation of every track, by its id.
pub(crate) fn representations(mpd: &Element) -> BTreeMap<&str, (&Element, &Element)> {
    let sets = mpd.one("Period").all("AdaptationSet");
    let both = |set| Element::all(set, "Representation").map(move |r| (set, r));
    sets.flat_map(both)
        .map(|(set, r)| (r.attribute("id"), (set, r)))
        .collect()
}

/// Timescale, and `(start, duration)` of every segment, as a player reads them.
pub(crate) fn timeline(set: &Element, representation: &Element) -> (u64, Vec<(u64, u64)>) {
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

pub(crate) fn times(track: &Track) -> Vec<(u64, u64)> {
    track
        .segments
        .iter()
        .map(|s: &Segment| (s.start, s.duration))
        .collect()
}

/// Children in the order of the MPD schema (ISO/IEC 23009-1 §5.3.7.3, §5.3.3.3).
pub(crate) fn assert_in_schema_order(element: &Element) {
    let order = [
        "AudioChannelConfiguration",
        "EssentialProperty",
        "Label",
        "Accessibility",
        "Role",
        "BaseURL",
        "SegmentTemplate",
        "Representation",
        "AdaptationSet",
        "SegmentTimeline",
        "S",
        "Period",
    ];
    let place = |e: &Element| order.iter().position(|n| *n == e.name).expect("known");
    assert!(element.children.is_sorted_by_key(place), "{element:?}");
    element.children.iter().for_each(assert_in_schema_order);
}
