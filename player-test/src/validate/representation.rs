//! Whether a representation is what the manifest says of it.

use super::{
    cmaf::size,
    codec::agrees,
    context::{Context, Track},
    dash::{Representation, Timeline},
    init::{Facts, Kind},
    rate, rules,
    schema::ratio,
    segment::Begins,
    source::Source,
};

/// `S@t` and `S@d` are what the segments say, to a unit of the coarser timescale.
pub(super) fn check_times(
    context: &mut Context,
    of: &Representation<'_>,
    timeline: &Timeline,
    track: &Track,
    facts: &Facts,
) {
    let unit = (1.0 / timeline.timescale).max(facts.secs(1)) + 1e-9;
    for ((start, each), (part, measured)) in timeline.segments.iter().zip(&track.segments) {
        let Some(m) = measured else { continue };
        let said = (
            *start as f64 / timeline.timescale,
            *each as f64 / timeline.timescale,
        );
        let found = (facts.secs(m.start), facts.secs(m.end - m.start));
        // Units of one timescale are compared as such.
        let off = if timeline.timescale == f64::from(facts.timescale) {
            unit / 2.0
        } else {
            unit
        };
        if (said.0 - found.0).abs() > off || (said.1 - found.1).abs() > off {
            let words = format!(
                "timeline {:.6} s for {:.6} s, {} begins at {:.6} s and lasts {:.6} s",
                said.0,
                said.1,
                Source::show(&part.url),
                found.0,
                found.1
            );
            context.add(rules::DASH_TIMES, &of.place, words);
        }
    }
}

pub(super) fn check_facts(
    context: &mut Context,
    of: &Representation<'_>,
    track: &Track,
    facts: &Facts,
) {
    match of.get("codecs") {
        None => context.add(rules::DASH_CODECS, &of.place, "no codecs"),
        Some(said) if !agrees(said, &facts.codec) => {
            context.add(
                rules::DASH_CODECS,
                &of.place,
                format!("codecs {said:?}, it is {:?}", facts.codec),
            );
        }
        Some(_) => {}
    }
    if facts.kind == Kind::Video {
        check_picture(context, of, track, facts);
    }
    let rate = of
        .get("audioSamplingRate")
        .and_then(|said| said.parse::<u32>().ok());
    // Opus and HE-AAC may be played at another rate than their sample entry says.
    if let Some(said) =
        rate.filter(|said| facts.codec == "mp4a.40.2" && *said != facts.sampling_rate)
    {
        let words = format!("audioSamplingRate {said}, it is {}", facts.sampling_rate);
        context.add(rules::DASH_SAMPLING, &of.place, words);
    }
    let sap = of
        .get("startWithSAP")
        .is_some_and(|sap| sap == "1" || sap == "2");
    let bad = track
        .measured()
        .filter(|m| matches!(m.begins, Begins::Not(_)))
        .count();
    if sap && bad > 0 {
        context.add(
            rules::DASH_SAP,
            &of.place,
            format!("{bad} segments do not begin with what startWithSAP says"),
        );
    }
}

/// A picture in PQ or HLG says so, and no other does: players without such a screen take
/// another set.
fn check_transfer(context: &mut Context, of: &Representation<'_>, facts: &Facts) {
    let wide = |transfer: &u16| [16, 18].contains(transfer);
    let said = of.property("urn:mpeg:mpegB:cicp:TransferCharacteristics");
    let said = said.and_then(|value| value.parse().ok()).filter(wide);
    let found = facts.transfer.filter(wide);
    if said != found {
        let words = |transfer: Option<u16>| transfer.map_or("none".to_owned(), |t| t.to_string());
        let (said, found) = (words(said), words(found));
        let words = format!("transfer of PQ or HLG {said}, the sample entry has {found}");
        context.add(rules::DASH_RANGE, &of.place, words);
    }
}

fn check_picture(context: &mut Context, of: &Representation<'_>, track: &Track, facts: &Facts) {
    check_transfer(context, of, facts);
    let said: Option<(u32, u32)> = of
        .get("width")
        .and_then(|w| w.parse().ok())
        .zip(of.get("height").and_then(|h| h.parse().ok()));
    match said {
        None => context.add(rules::DASH_SIZE, &of.place, "no width and height"),
        Some(said) if said != facts.coded && said != facts.shown => {
            let words = format!(
                "{}, the sample entry says {}",
                size(said),
                size(facts.coded)
            );
            context.add(rules::DASH_SIZE, &of.place, words);
        }
        Some(_) => {}
    }
    let rates = of.get("frameRate").and_then(ratio).zip(track.frame_rate());
    if let Some((said, found)) = rates.filter(|(said, found)| (said / found - 1.0).abs() > 0.005) {
        context.add(
            rules::DASH_FRAME_RATE,
            &of.place,
            format!("frameRate {said:.3}, it has {found:.3}"),
        );
    }
}

pub(super) fn check_rate(
    context: &mut Context,
    of: &Representation<'_>,
    track: &Track,
    facts: &Facts,
) {
    let (Some(all), Some(said)) = (track.whole(), of.own.number::<f64>("bandwidth")) else {
        return;
    };
    let weights: Vec<rate::Weight> = all
        .iter()
        .map(|m| (m.bytes as f64 * 8.0, facts.secs(m.end - m.start)))
        .collect();
    if !rate::sustains(&weights, said + 1.0, of.buffer_secs) {
        let words = format!(
            "bandwidth {said} with minBufferTime {} s does not sustain it: {:.0} on the average",
            of.buffer_secs,
            rate::average(&weights)
        );
        context.add(rules::DASH_BANDWIDTH, &of.place, words);
    }
    let dearest = weights
        .iter()
        .map(|(bits, secs)| bits / secs.max(1e-3))
        .fold(0.0, f64::max);
    if said > 2.0 * dearest {
        let words = format!("bandwidth {said}, the dearest segment has {dearest:.0}");
        context.add(rules::DASH_BANDWIDTH_HIGH, &of.place, words);
    }
}
