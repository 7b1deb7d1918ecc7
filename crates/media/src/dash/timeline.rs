//! Segments and their times (ISO/IEC 23009-1 §5.3.9).

use super::start_micros;
use crate::{
    Segment, Shown,
    uri::folder,
    view::View,
    xml::{Attributes, Writer},
};

/// The template of a track's segments. Times are those of the whole version; in a clip
/// `presentationTimeOffset` says which of them is the period's start.
pub(super) fn put_template(xml: &mut Writer, view: &View<'_>, shown: &Shown<'_>, version: &str) {
    let folder = folder(version);
    let timescale = shown.track.timescale;
    let mut attributes = vec![
        ("timescale", timescale.to_string()),
        ("startNumber", shown.first.to_string()),
    ];
    let offset = (u128::from(start_micros(view)) * u128::from(timescale) + 500_000) / 1_000_000;
    if offset > 0 {
        attributes.push(("presentationTimeOffset", offset.to_string()));
    }
    attributes.extend([
        (
            "initialization",
            format!("{folder}$RepresentationID$/init.mp4"),
        ),
        ("media", format!("{folder}$RepresentationID$/$Number$.m4s")),
    ]);
    xml.open("SegmentTemplate", attributes);
    xml.open("SegmentTimeline", Vec::new());
    let mut expected = None;
    for run in shown
        .segments
        .chunk_by(|a, b| a.duration == b.duration && a.end() == b.start)
    {
        xml.empty("S", timeline_entry(run, &mut expected));
    }
    xml.close();
    xml.close();
}

/// One `S` for segments of equal duration; `t` only where it does not follow from the
/// entry before (ISO/IEC 23009-1 §5.3.9.6).
fn timeline_entry(run: &[Segment], expected: &mut Option<u64>) -> Attributes {
    let (first, last) = (run[0], run[run.len() - 1]);
    let mut entry = Vec::new();
    if *expected != Some(first.start) {
        entry.push(("t", first.start.to_string()));
    }
    entry.push(("d", first.duration.to_string()));
    if run.len() > 1 {
        entry.push(("r", (run.len() - 1).to_string()));
    }
    *expected = Some(last.end());
    entry
}

/// One template can stand for both.
pub(super) fn same_timeline(a: &Shown<'_>, b: &Shown<'_>) -> bool {
    let times = |s: &Segment| (s.start, s.duration);
    a.track.timescale == b.track.timescale
        && a.first == b.first
        && a.segments
            .iter()
            .map(times)
            .eq(b.segments.iter().map(times))
}

/// The segments of both start at the same instants, in whatever units.
pub(super) fn same_times(a: &Shown<'_>, b: &Shown<'_>) -> bool {
    let instant =
        |time: u64, other: &Shown<'_>| u128::from(time) * u128::from(other.track.timescale);
    a.segments.len() == b.segments.len()
        && a.segments
            .iter()
            .zip(b.segments)
            .all(|(x, y)| instant(x.start, b) == instant(y.start, a))
}
