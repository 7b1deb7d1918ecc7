//! DASH manifests (ISO/IEC 23009-1) as far as Weir writes them: static, one period,
//! `SegmentTemplate` with `SegmentTimeline`.

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};

/// Most segments of one timeline. Chosen: two weeks of 2 s segments.
const SEGMENTS_MAX: u64 = 600_000;

/// What a manifest says.
#[derive(Debug, Clone, PartialEq)]
pub struct MpdSummary {
    /// `mediaPresentationDuration`, seconds.
    pub duration_secs: f64,
    /// In the order of the document.
    pub representations: Vec<RepresentationSummary>,
}

/// What a manifest says of one representation.
#[derive(Debug, Clone, PartialEq)]
pub struct RepresentationSummary {
    /// `id`.
    pub id: String,
    /// Bits per second.
    pub bandwidth: u64,
    /// How many segments its timeline lists.
    pub segments: u64,
    /// Where the first begins, seconds.
    pub start_secs: f64,
    /// Sum of its segments, seconds.
    pub duration_secs: f64,
}

/// What is wrong with a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MpdError {
    /// Not XML.
    #[error("not well-formed XML: {0}")]
    Xml(String),
    /// Something that must be there is not, or is no number.
    #[error("{element} without a valid {attribute}")]
    Attribute {
        /// Name of the element.
        element: &'static str,
        /// Name of the attribute.
        attribute: &'static str,
    },
    /// A representation without segments.
    #[error("representation {0} has no timeline")]
    NoTimeline(String),
    /// No representation at all.
    #[error("no representation")]
    Empty,
    /// A segment does not begin where the one before ended.
    #[error("a segment begins at {found} where {expected} was due")]
    Gap {
        /// Where it begins, in units of the timescale.
        found: u64,
        /// Where the one before ended.
        expected: u64,
    },
    /// A timeline that never ends, or times that cannot be added.
    #[error("a timeline is too long")]
    TooLong,
}

/// Reads a manifest: every representation has a timeline without a hole.
///
/// # Errors
/// [`MpdError`], the first thing that is wrong.
pub fn check_mpd(text: &str) -> Result<MpdSummary, MpdError> {
    let mut reader = Reader::from_str(text);
    let mut walk = Walk::default();
    let mut depth = 0_u32;
    loop {
        match reader
            .read_event()
            .map_err(|error| MpdError::Xml(error.to_string()))?
        {
            Event::Start(element) => {
                depth += 1;
                walk.enter(&element)?;
            }
            Event::Empty(element) => {
                walk.enter(&element)?;
                walk.leave(element.local_name().as_ref())?;
            }
            Event::End(element) => {
                depth -= 1;
                walk.leave(element.local_name().as_ref())?;
            }
            Event::Eof if depth > 0 => return Err(MpdError::Xml("it ends too early".to_owned())),
            Event::Eof => return walk.finish(),
            _ => {}
        }
    }
}

/// Where the walk stands.
#[derive(Debug, Default)]
struct Walk {
    duration_secs: Option<f64>,
    /// Of the adaptation set, which its representations inherit.
    shared: Option<Timeline>,
    /// Of the representation being read.
    own: Option<Timeline>,
    representation: Option<(String, u64)>,
    representations: Vec<RepresentationSummary>,
}

#[derive(Debug, Clone, Copy)]
struct Timeline {
    timescale: u64,
    start: u64,
    end: u64,
    segments: u64,
}

impl Walk {
    fn enter(&mut self, element: &BytesStart<'_>) -> Result<(), MpdError> {
        match element.local_name().as_ref() {
            "MPD" => {
                let text = text(element, "MPD", "mediaPresentationDuration")?;
                let attribute = "mediaPresentationDuration";
                let seconds = seconds(&text).ok_or(MpdError::Attribute {
                    element: "MPD",
                    attribute,
                })?;
                self.duration_secs = Some(seconds);
            }
            "AdaptationSet" => self.shared = None,
            "Representation" => {
                let bandwidth = number(element, "Representation", "bandwidth")?;
                self.representation = Some((text(element, "Representation", "id")?, bandwidth));
                self.own = None;
            }
            "SegmentTemplate" => {
                let timescale = optional(element, "SegmentTemplate", "timescale")?.unwrap_or(1);
                if timescale == 0 {
                    let attribute = "timescale";
                    return Err(MpdError::Attribute {
                        element: "SegmentTemplate",
                        attribute,
                    });
                }
                let timeline = Timeline {
                    timescale,
                    start: 0,
                    end: 0,
                    segments: 0,
                };
                *self.timeline() = Some(timeline);
            }
            "S" => {
                let s = [
                    optional(element, "S", "t")?,
                    Some(number(element, "S", "d")?),
                    optional(element, "S", "r")?,
                ];
                let timeline = self
                    .timeline()
                    .as_mut()
                    .ok_or(MpdError::NoTimeline("?".into()))?;
                timeline.extend(s[0], s[1].unwrap_or_default(), s[2].unwrap_or_default())?;
            }
            _ => {}
        }
        Ok(())
    }

    fn leave(&mut self, name: &str) -> Result<(), MpdError> {
        if name != "Representation" {
            return Ok(());
        }
        let Some((id, bandwidth)) = self.representation.take() else {
            return Ok(());
        };
        let timeline = self
            .own
            .take()
            .or(self.shared)
            .filter(|timeline| timeline.segments > 0);
        let Some(timeline) = timeline else {
            return Err(MpdError::NoTimeline(id));
        };
        let seconds = |units: u64| units as f64 / timeline.timescale as f64;
        self.representations.push(RepresentationSummary {
            id,
            bandwidth,
            segments: timeline.segments,
            start_secs: seconds(timeline.start),
            duration_secs: seconds(timeline.end - timeline.start),
        });
        Ok(())
    }

    fn finish(self) -> Result<MpdSummary, MpdError> {
        let attribute = "mediaPresentationDuration";
        let duration_secs = self.duration_secs.ok_or(MpdError::Attribute {
            element: "MPD",
            attribute,
        })?;
        if self.representations.is_empty() {
            return Err(MpdError::Empty);
        }
        Ok(MpdSummary {
            duration_secs,
            representations: self.representations,
        })
    }

    fn timeline(&mut self) -> &mut Option<Timeline> {
        if self.representation.is_some() {
            &mut self.own
        } else {
            &mut self.shared
        }
    }
}

impl Timeline {
    /// Takes in one `S`: `repeat` more segments like it follow.
    fn extend(&mut self, at: Option<u64>, each: u64, repeat: u64) -> Result<(), MpdError> {
        match at {
            Some(at) if self.segments == 0 => (self.start, self.end) = (at, at),
            Some(found) if found != self.end => {
                return Err(MpdError::Gap {
                    found,
                    expected: self.end,
                });
            }
            _ => {}
        }
        if repeat >= SEGMENTS_MAX || self.segments >= SEGMENTS_MAX {
            return Err(MpdError::TooLong);
        }
        self.segments += repeat + 1;
        let added = each.checked_mul(repeat + 1).ok_or(MpdError::TooLong)?;
        self.end = self.end.checked_add(added).ok_or(MpdError::TooLong)?;
        Ok(())
    }
}

fn text(
    element: &BytesStart<'_>,
    name: &'static str,
    attribute: &'static str,
) -> Result<String, MpdError> {
    let missing = MpdError::Attribute {
        element: name,
        attribute,
    };
    let found = element
        .try_get_attribute(attribute)
        .map_err(|error| MpdError::Xml(error.to_string()))?;
    let value = found
        .ok_or(missing)?
        .normalized_value(XmlVersion::Implicit1_0);
    value
        .map(Into::into)
        .map_err(|error| MpdError::Xml(error.to_string()))
}

fn number(
    element: &BytesStart<'_>,
    name: &'static str,
    attribute: &'static str,
) -> Result<u64, MpdError> {
    let wrong = MpdError::Attribute {
        element: name,
        attribute,
    };
    text(element, name, attribute)?.parse().map_err(|_| wrong)
}

fn optional(
    element: &BytesStart<'_>,
    name: &'static str,
    attribute: &'static str,
) -> Result<Option<u64>, MpdError> {
    match element.try_get_attribute(attribute) {
        Ok(None) => Ok(None),
        _ => number(element, name, attribute).map(Some),
    }
}

/// A duration of hours, minutes and seconds, `PT1H2M3.5S` (ISO 8601 as XML Schema has it).
fn seconds(text: &str) -> Option<f64> {
    let mut rest = text.strip_prefix("PT").filter(|rest| !rest.is_empty())?;
    let mut sum = 0.0;
    for (unit, worth) in [('H', 3600.0), ('M', 60.0), ('S', 1.0)] {
        if let Some((digits, after)) = rest.split_once(unit) {
            sum += worth
                * digits
                    .parse::<f64>()
                    .ok()
                    .filter(|n| n.is_finite() && *n >= 0.0)?;
            rest = after;
        }
    }
    rest.is_empty().then_some(sum)
}
