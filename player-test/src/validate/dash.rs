//! DASH manifests (ISO/IEC 23009-1): static, `SegmentTemplate` with `SegmentTimeline`, or
//! a whole file by `BaseURL`.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    cmaf::check_offset,
    context::{Context, Part, Track},
    init::Kind,
    representation, rules,
    schema::{self, seconds},
    source::Source,
    text,
    xml::{self, Element},
};
use crate::url::Url;

/// Most segments of one timeline. Chosen: two weeks of 2 s segments.
const SEGMENTS_MAX: u64 = 600_000;

/// A representation with what it inherits.
pub(super) struct Representation<'a> {
    pub(super) place: String,
    set: &'a Element,
    pub(super) own: &'a Element,
    base: Url,
    /// `minBufferTime`.
    pub(super) buffer_secs: f64,
}

impl Representation<'_> {
    /// An attribute that may stand at either (§5.3.7).
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.own.get(name).or_else(|| self.set.get(name))
    }

    /// Value of a property with this scheme, essential or not, at either.
    pub(super) fn property(&self, scheme: &str) -> Option<&str> {
        let both = self.own.children.iter().chain(&self.set.children);
        let mut properties = both.filter(|e| {
            let name = e.name.as_str();
            matches!(name, "EssentialProperty" | "SupplementalProperty")
                && e.get("schemeIdUri") == Some(scheme)
        });
        properties.next()?.get("value")
    }
}

/// What a timeline lists.
pub(super) struct Timeline {
    pub(super) timescale: f64,
    /// Start and duration of each segment, units.
    pub(super) segments: Vec<(u64, u64)>,
    offset: u64,
}

/// Reads a manifest and all that it names.
pub(super) async fn check(context: &mut Context, url: &Url) {
    let Some((base, text)) = context.document(url).await else {
        return;
    };
    let place = Source::show(&base);
    let mpd = match xml::parse(&text) {
        Ok(root) if root.name == "MPD" => root,
        Ok(root) => {
            return context.add(
                rules::DASH_XML,
                &place,
                format!("the root is {}, not MPD", root.name),
            );
        }
        Err(words) => return context.add(rules::DASH_XML, &place, words),
    };
    schema::check(context, &place, &mpd);
    let buffer_secs = mpd.get("minBufferTime").and_then(seconds).unwrap_or(0.0);
    let Some(base) = rebase(context, &place, &base, &mpd) else {
        return;
    };
    let mut total = 0.0;
    for period in mpd.all("Period") {
        check_ids(context, &place, period);
        let Some(base) = rebase(context, &place, &base, period) else {
            continue;
        };
        let mut tracks = Vec::new();
        for set in period.all("AdaptationSet") {
            let Some(base) = rebase(context, &place, &base, set) else {
                continue;
            };
            for own in set.all("Representation") {
                let place = format!("{place}:{}", own.line);
                let Some(base) = rebase(context, &place, &base, own) else {
                    continue;
                };
                let of = Representation {
                    place,
                    set,
                    own,
                    base,
                    buffer_secs,
                };
                tracks.extend(check_representation(context, &of).await);
            }
            check_timescales(context, &place, set, &tracks);
        }
        total += check_period(context, &tracks);
    }
    check_duration(context, &place, &mpd, total);
}

fn rebase(context: &mut Context, place: &str, base: &Url, element: &Element) -> Option<Url> {
    let Some(reference) = element.one("BaseURL") else {
        return Some(base.clone());
    };
    join(context, place, base, &reference.text)
}

fn join(context: &mut Context, place: &str, base: &Url, reference: &str) -> Option<Url> {
    let joined = base.join(reference);
    joined
        .map_err(|error| context.add(rules::FETCH, place, format!("{reference:?}: {error}")))
        .ok()
}

fn check_ids(context: &mut Context, place: &str, period: &Element) {
    let (mut sets, mut own) = (BTreeSet::new(), BTreeSet::new());
    for set in period.all("AdaptationSet") {
        let twice = set.get("id").is_some_and(|id| !sets.insert(id));
        if twice {
            context.add(
                rules::DASH_ID,
                &format!("{place}:{}", set.line),
                "an AdaptationSet's id is there twice",
            );
        }
        for representation in set.all("Representation") {
            if representation.get("id").is_some_and(|id| !own.insert(id)) {
                let words = "a Representation's id is there twice";
                context.add(
                    rules::DASH_ID,
                    &format!("{place}:{}", representation.line),
                    words,
                );
            }
        }
    }
}

/// A track and the end of its last segment, seconds from the period's start.
type Checked = (u32, Track, f64);

async fn check_representation(context: &mut Context, of: &Representation<'_>) -> Option<Checked> {
    let mime = of.get("mimeType");
    if mime.is_none() {
        context.add(
            rules::DASH_ATTRIBUTE,
            &of.place,
            "Representation without mimeType",
        );
    }
    let template = merged(of);
    let whole = template.is_empty() && of.own.one("SegmentTemplate").is_none();
    if whole && mime == Some("text/vtt") {
        text::check_file(context, &of.base).await;
        return None;
    }
    if mime.is_some_and(|mime| mime.starts_with("image/")) || whole {
        let part = Part {
            url: of.base.clone(),
            range: None,
            lock: None,
        };
        if of.own.one("BaseURL").is_some() {
            context.bytes(&part).await;
        } else if whole {
            context.add(
                rules::DASH_TIMELINE,
                &of.place,
                "neither SegmentTemplate nor BaseURL",
            );
        }
        return None;
    }
    let timeline = timeline(context, of, &template)?;
    let track = load(context, of, &template, &timeline).await?;
    if let Some(facts) = track.facts.clone() {
        representation::check_times(context, of, &timeline, &track, &facts);
        representation::check_facts(context, of, &track, &facts);
        representation::check_rate(context, of, &track, &facts);
    }
    let end = timeline
        .segments
        .last()
        .map_or(0, |(start, each)| start + each);
    let secs = end.saturating_sub(timeline.offset) as f64 / timeline.timescale;
    Some((of.set.line.try_into().unwrap_or(u32::MAX), track, secs))
}

/// Attributes of `SegmentTemplate`, those nearer to the representation first.
fn merged(of: &Representation<'_>) -> BTreeMap<String, String> {
    let templates = [of.set, of.own].map(|element| element.one("SegmentTemplate"));
    templates
        .into_iter()
        .flatten()
        .flat_map(|t| t.attributes.clone())
        .collect()
}

fn timeline(
    context: &mut Context,
    of: &Representation<'_>,
    template: &BTreeMap<String, String>,
) -> Option<Timeline> {
    let lists = [of.own, of.set].map(|e| {
        e.one("SegmentTemplate")
            .and_then(|t| t.one("SegmentTimeline"))
    });
    let Some(list) = lists.into_iter().flatten().next() else {
        context.add(rules::DASH_TIMELINE, &of.place, "no SegmentTimeline");
        return None;
    };
    let number = |name: &str| template.get(name).and_then(|text| text.parse().ok());
    let offset = number("presentationTimeOffset").unwrap_or(0);
    let (mut segments, mut next) = (Vec::new(), None);
    for s in list.all("S") {
        let start: u64 = s.number("t").or(next).unwrap_or(0);
        if let Some(due) = next.filter(|due| *due != start) {
            let words = format!("a segment begins at {start} where {due} was due");
            context.add(rules::DASH_TIMELINE, &of.place, words);
        }
        let (each, repeat): (u64, u64) = (s.number("d").unwrap_or(0), s.number("r").unwrap_or(0));
        let end = each
            .checked_mul(repeat.saturating_add(1))
            .and_then(|all| all.checked_add(start));
        let (Some(end), true) = (
            end,
            repeat < SEGMENTS_MAX && segments.len() < SEGMENTS_MAX as usize,
        ) else {
            context.add(
                rules::DASH_TIMELINE,
                &of.place,
                "a timeline that is too long",
            );
            return None;
        };
        segments.extend((0..=repeat).map(|at| (start + at * each, each)));
        next = Some(end);
    }
    if segments.is_empty() {
        context.add(
            rules::DASH_TIMELINE,
            &of.place,
            "a SegmentTimeline without a segment",
        );
    }
    let timescale = number("timescale").unwrap_or(1).max(1) as f64;
    Some(Timeline {
        timescale,
        segments,
        offset,
    })
}

async fn load(
    context: &mut Context,
    of: &Representation<'_>,
    template: &BTreeMap<String, String>,
    timeline: &Timeline,
) -> Option<Track> {
    let Some((init, media)) = template.get("initialization").zip(template.get("media")) else {
        context.add(
            rules::DASH_ATTRIBUTE,
            &of.place,
            "SegmentTemplate without initialization or media",
        );
        return None;
    };
    let first: u64 = template
        .get("startNumber")
        .and_then(|n| n.parse().ok())
        .unwrap_or(1);
    let url = join(context, &of.place, &of.base, &fill(init, of.own, 0, 0)?)?;
    let mut parts = Vec::with_capacity(timeline.segments.len());
    for ((start, _), number) in timeline.segments.iter().zip(first..) {
        let Some(reference) = fill(media, of.own, number, *start) else {
            context.add(
                rules::DASH_ATTRIBUTE,
                &of.place,
                format!("SegmentTemplate with media={media:?}"),
            );
            return None;
        };
        parts.push(Part {
            url: join(context, &of.place, &of.base, &reference)?,
            range: None,
            lock: None,
        });
    }
    Some(
        context
            .track(
                &of.place,
                Some(&Part {
                    url,
                    range: None,
                    lock: None,
                }),
                parts,
            )
            .await,
    )
}

/// A template with its identifiers replaced (§5.3.9.4.4).
fn fill(template: &str, of: &Element, number: u64, time: u64) -> Option<String> {
    let mut filled = String::new();
    for (at, part) in template.split('$').enumerate() {
        let (name, width) = part.split_once("%0").unwrap_or((part, "1d"));
        let width: usize = width.trim_end_matches('d').parse().unwrap_or(1);
        match name {
            _ if at % 2 == 0 => filled += part,
            "" => filled.push('$'),
            "RepresentationID" => filled += of.get("id")?,
            "Bandwidth" => filled += of.get("bandwidth")?,
            "Number" => filled += &format!("{number:0width$}"),
            "Time" => filled += &format!("{time:0width$}"),
            _ => return None,
        }
    }
    Some(filled)
}

/// Representations of one set have one timescale.
fn check_timescales(context: &mut Context, place: &str, set: &Element, tracks: &[Checked]) {
    let of_set = tracks
        .iter()
        .filter(|(line, ..)| usize::try_from(*line) == Ok(set.line));
    let scales: BTreeSet<u32> = of_set
        .filter_map(|(_, t, _)| t.facts.as_ref().map(|f| f.timescale))
        .collect();
    if scales.len() > 1 {
        context.add(
            rules::CMAF_TIMESCALE,
            &format!("{place}:{}", set.line),
            format!("timescales {scales:?} in one set"),
        );
    }
}

/// How long the longest track of a period is, seconds.
fn check_period(context: &mut Context, tracks: &[Checked]) -> f64 {
    let of = |kind| {
        tracks
            .iter()
            .filter(move |(_, t, _)| t.facts.as_ref().is_some_and(|f| f.kind == kind))
    };
    if let Some((_, video, _)) = of(Kind::Video).next() {
        for (_, audio, _) in of(Kind::Audio) {
            check_offset(&mut context.report, video, audio);
        }
    }
    tracks.iter().map(|(_, _, end)| *end).fold(0.0, f64::max)
}

fn check_duration(context: &mut Context, place: &str, mpd: &Element, total: f64) {
    if mpd.get("type") == Some("dynamic") {
        return;
    }
    match mpd.get("mediaPresentationDuration").and_then(seconds) {
        None => context.add(
            rules::DASH_ATTRIBUTE,
            place,
            "a static MPD without mediaPresentationDuration",
        ),
        // A frame of 24 a second.
        Some(said) if (said - total).abs() > 1.0 / 23.0 => {
            context.add(
                rules::DASH_DURATION,
                place,
                format!("mediaPresentationDuration {said} s, the longest track {total:.3} s"),
            );
        }
        Some(_) => {}
    }
}
