//! As much of DASH-MPD.xsd (ISO/IEC 23009-1) as static presentations use.

use super::{context::Context, language::well_formed, rules, xml::Element};

const BASE: &[&str] = &[
    "FramePacking",
    "AudioChannelConfiguration",
    "ContentProtection",
    "OutputProtection",
    "EssentialProperty",
    "SupplementalProperty",
    "InbandEventStream",
    "Switching",
    "RandomAccess",
    "GroupLabel",
    "Label",
    "ProducerReferenceTime",
    "ContentPopularityRate",
    "Resync",
];
const MPD: &[&str] = &[
    "ProgramInformation",
    "BaseURL",
    "Location",
    "PatchLocation",
    "ServiceDescription",
    "InitializationSet",
    "InitializationGroup",
    "InitializationPresentation",
    "ContentProtection",
    "Period",
    "Metrics",
    "EssentialProperty",
    "SupplementalProperty",
    "UTCTiming",
    "LeapSecondInformation",
];
const PERIOD: &[&str] = &[
    "BaseURL",
    "SegmentBase",
    "SegmentList",
    "SegmentTemplate",
    "AssetIdentifier",
    "EventStream",
    "ServiceDescription",
    "ContentProtection",
    "AdaptationSet",
    "Subset",
    "SupplementalProperty",
    "EmptyAdaptationSet",
    "GroupLabel",
    "Preselection",
];
const ADAPTATION_SET: &[&str] = &[
    "Accessibility",
    "Role",
    "Rating",
    "Viewpoint",
    "ContentComponent",
    "BaseURL",
    "SegmentBase",
    "SegmentList",
    "SegmentTemplate",
    "Representation",
];
const REPRESENTATION: &[&str] = &[
    "BaseURL",
    "ExtendedBandwidth",
    "SubRepresentation",
    "SegmentBase",
    "SegmentList",
    "SegmentTemplate",
];
const TEMPLATE: &[&str] = &[
    "Initialization",
    "RepresentationIndex",
    "FailoverContent",
    "SegmentTimeline",
    "BitstreamSwitching",
];
const DESCRIPTORS: &[&str] = &[
    "Role",
    "Accessibility",
    "Rating",
    "Viewpoint",
    "AudioChannelConfiguration",
    "EssentialProperty",
    "SupplementalProperty",
    "ContentProtection",
    "UTCTiming",
];

/// Judges an element and all below it.
pub(super) fn check(context: &mut Context, place: &str, element: &Element) {
    let at = format!("{place}:{}", element.line);
    let due: Option<Vec<&str>> = match element.name.as_str() {
        "MPD" => Some(MPD.to_vec()),
        "Period" => Some(PERIOD.to_vec()),
        "AdaptationSet" => Some([BASE, ADAPTATION_SET].concat()),
        "Representation" => Some([BASE, REPRESENTATION].concat()),
        "SegmentTemplate" => Some(TEMPLATE.to_vec()),
        "SegmentTimeline" => Some(vec!["Pattern", "S"]),
        _ => None,
    };
    if let Some(due) = due {
        order(context, place, element, &due);
    }
    for words in attributes(element) {
        context.add(rules::DASH_ATTRIBUTE, &at, words);
    }
    if let Some(tag) = element.get("lang").filter(|tag| !well_formed(tag)) {
        context.add(rules::DASH_LANG, &at, format!("lang {tag:?}"));
    }
    for child in &element.children {
        check(context, place, child);
    }
}

fn order(context: &mut Context, place: &str, element: &Element, due: &[&str]) {
    let mut last = 0;
    for child in &element.children {
        let at = format!("{place}:{}", child.line);
        match due.iter().position(|name| *name == child.name) {
            None => context.add(
                rules::DASH_ORDER,
                &at,
                format!("{} in {}", child.name, element.name),
            ),
            Some(found) if found < last => {
                let words = format!("{} after {} in {}", child.name, due[last], element.name);
                context.add(rules::DASH_ORDER, &at, words);
            }
            Some(found) => last = found,
        }
    }
}

/// What is wrong with the attributes of an element.
fn attributes(element: &Element) -> Vec<String> {
    let required: &[&str] = match element.name.as_str() {
        "MPD" => &["profiles", "minBufferTime"],
        "Representation" => &["id", "bandwidth"],
        "S" => &["d"],
        name if DESCRIPTORS.contains(&name) => &["schemeIdUri"],
        _ => &[],
    };
    let name = &element.name;
    let missing = required.iter().filter(|due| element.get(due).is_none());
    let mut found: Vec<String> = missing.map(|due| format!("{name} without {due}")).collect();
    for (key, value) in &element.attributes {
        let valid = match key.as_str() {
            "bandwidth"
            | "width"
            | "height"
            | "timescale"
            | "startNumber"
            | "t"
            | "d"
            | "duration"
            | "presentationTimeOffset"
            | "maxWidth"
            | "maxHeight"
            | "minWidth"
            | "minHeight" => value.parse::<u64>().is_ok() || key == "duration" && name == "Period",
            "r" => value.parse::<i64>().is_ok_and(|r| r >= -1),
            "mediaPresentationDuration" | "minBufferTime" | "maxSegmentDuration" | "start" => {
                seconds(value).is_some()
            }
            "frameRate" | "maxFrameRate" | "minFrameRate" => ratio(value).is_some(),
            "type" if name == "MPD" => matches!(value.as_str(), "static" | "dynamic"),
            "startWithSAP" | "subsegmentStartsWithSAP" => value.parse().is_ok_and(|n: u8| n <= 6),
            "id" if name == "AdaptationSet" => value.parse::<u32>().is_ok(),
            "id" => !value.is_empty() && !value.contains(char::is_whitespace),
            _ => true,
        };
        if !valid {
            found.push(format!("{name} with {key}={value:?}"));
        }
    }
    found
}

/// `30` or `30000/1001`.
pub(super) fn ratio(text: &str) -> Option<f64> {
    let (over, under) = text.split_once('/').unwrap_or((text, "1"));
    let (over, under): (u32, u32) = (over.parse().ok()?, under.parse().ok()?);
    (over > 0 && under > 0).then(|| f64::from(over) / f64::from(under))
}

/// `P1DT2H3M4.5S` (XML Schema's duration without years and months), seconds.
pub(super) fn seconds(text: &str) -> Option<f64> {
    let rest = text.strip_prefix('P')?;
    let (days, time) = rest
        .split_once('T')
        .map_or((rest, None), |(days, time)| (days, Some(time)));
    if rest.is_empty() || time == Some("") {
        return None;
    }
    let (mut sum, rest) = units(days, &[('D', 86_400.0)])?;
    if !rest.is_empty() {
        return None;
    }
    let (more, rest) = units(
        time.unwrap_or_default(),
        &[('H', 3600.0), ('M', 60.0), ('S', 1.0)],
    )?;
    sum += more;
    rest.is_empty().then_some(sum)
}

fn units<'a>(mut rest: &'a str, units: &[(char, f64)]) -> Option<(f64, &'a str)> {
    let mut sum = 0.0;
    for (unit, worth) in units {
        let Some((digits, after)) = rest.split_once(*unit) else {
            continue;
        };
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        sum += worth * digits.parse::<f64>().ok().filter(|_| plain)?;
        rest = after;
    }
    Some((sum, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_ratios_read_as_xml_schema_writes_them() {
        for (text, expected) in [
            ("PT1M2.5S", Some(62.5)),
            ("P1DT1H", Some(90_000.0)),
            ("P", None),
            ("PT", None),
            ("PT-1S", None),
            ("1", None),
            ("PT5", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
        assert_eq!(
            (ratio("25"), ratio("30/0"), ratio("x")),
            (Some(25.0), None, None)
        );
    }
}
