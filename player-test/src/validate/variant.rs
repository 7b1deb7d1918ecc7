//! Whether a variant is what its `EXT-X-STREAM-INF` says.

use super::{
    cmaf::size,
    codec::agrees,
    context::{Context, Track},
    hls::{Child, Children, Multivariant, Named, child, members},
    init::Kind,
    rate, rules,
};

/// Judges one `EXT-X-STREAM-INF` by what it names.
pub(super) fn check(context: &mut Context, m: &Multivariant, variant: &Named, children: &Children) {
    let Some(main) = child(children, variant) else {
        return;
    };
    let sounds: Vec<&Child> = variant
        .get("AUDIO")
        .map(|group| {
            members(m, "AUDIO", group)
                .filter_map(|r| child(children, r))
                .collect()
        })
        .unwrap_or_default();
    check_codecs(context, variant, main, &sounds);
    check_picture(context, variant, &main.track);
    check_rates(context, variant, main, &sounds);
}

fn check_codecs(context: &mut Context, variant: &Named, main: &Child, sounds: &[&Child]) {
    let Some(said) = variant.get("CODECS") else {
        return;
    };
    let said: Vec<&str> = said.split(',').map(str::trim).collect();
    let facts = std::iter::once(&main)
        .chain(sounds)
        .filter_map(|child| child.track.facts.as_ref());
    let mut named = vec![false; said.len()];
    let mut complete = true;
    for facts in facts.clone() {
        let found = said.iter().position(|said| agrees(said, &facts.codec));
        match found {
            Some(at) => named[at] = true,
            None => {
                let words = format!(
                    "CODECS {:?} does not name {:?}",
                    said.join(","),
                    facts.codec
                );
                context.add(rules::HLS_CODECS, &variant.place, words);
            }
        }
        complete &= facts.init.tracks.len() == 1;
    }
    complete &= facts.count() == 1 + sounds.len();
    let text = |codec: &str| codec.starts_with("wvtt") || codec.starts_with("stpp");
    for (said, named) in said.iter().zip(named) {
        if complete && !named && !text(said) {
            context.add(
                rules::HLS_CODECS,
                &variant.place,
                format!("CODECS names {said:?}, which nothing is"),
            );
        }
    }
}

fn check_picture(context: &mut Context, variant: &Named, track: &Track) {
    let Some(facts) = track
        .facts
        .as_ref()
        .filter(|facts| facts.kind == Kind::Video)
    else {
        return;
    };
    match variant.get("RESOLUTION") {
        None => context.add(
            rules::HLS_RESOLUTION,
            &variant.place,
            "a variant with a picture has no RESOLUTION",
        ),
        Some(said) if said != size(facts.shown) && said != size(facts.coded) => {
            let words = format!(
                "RESOLUTION {said}, tkhd says {}, the sample entry {}",
                size(facts.shown),
                size(facts.coded)
            );
            context.add(rules::HLS_RESOLUTION, &variant.place, words);
        }
        Some(_) => {}
    }
    let range = variant.get("VIDEO-RANGE").unwrap_or("SDR");
    if range != facts.range() {
        let words = format!("VIDEO-RANGE {range}, it is {}", facts.range());
        context.add(rules::HLS_RANGE, &variant.place, words);
    }
    if let (Some(said), Some(found)) = (variant.number("FRAME-RATE"), track.frame_rate())
        && (said / found - 1.0).abs() > 0.005
    {
        context.add(
            rules::HLS_FRAME_RATE,
            &variant.place,
            format!("FRAME-RATE {said}, it has {found:.3}"),
        );
    }
}

/// Bits and seconds of each segment, as far as they were read.
fn weights(child: &Child) -> Vec<rate::Weight> {
    let both = child.list.segments.iter().zip(&child.track.segments);
    // Times are written to a microsecond.
    both.map_while(|(listed, (_, m))| Some((m.as_ref()?.bytes as f64 * 8.0, listed.secs + 0.5e-6)))
        .collect()
}

fn check_rates(context: &mut Context, variant: &Named, main: &Child, sounds: &[&Child]) {
    let dearest =
        |rate: &dyn Fn(&Child) -> f64| sounds.iter().map(|child| rate(child)).fold(0.0, f64::max);
    let peak = |child: &Child| rate::peak(&weights(child), child.list.target as f64);
    let average = |child: &Child| rate::average(&weights(child));
    let (found, mean) = (
        peak(main) + dearest(&peak),
        average(main) + dearest(&average),
    );
    let Some(said) = variant.number("BANDWIDTH") else {
        return;
    };
    // A bit a second for each sum that was rounded.
    if said + 2.0 < found {
        let words = format!("BANDWIDTH {said}, the measured peak is {found:.0}");
        context.add(rules::HLS_BANDWIDTH, &variant.place, words);
    }
    let all = |child: &Child| child.track.whole().is_some() && child.list.ended;
    if !all(main) || !sounds.iter().all(|child| all(child)) {
        return;
    }
    if said > found * 1.1 {
        let words = format!(
            "BANDWIDTH {said} is {:.2} times the measured peak {found:.0}",
            said / found
        );
        context.add(rules::HLS_BANDWIDTH_HIGH, &variant.place, words);
    }
    if let Some(said) = variant.number("AVERAGE-BANDWIDTH")
        && (said / mean - 1.0).abs() > 0.1
    {
        context.add(
            rules::HLS_AVERAGE,
            &variant.place,
            format!("AVERAGE-BANDWIDTH {said}, measured {mean:.0}"),
        );
    }
}
