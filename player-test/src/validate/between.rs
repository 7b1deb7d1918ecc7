//! Rules between the playlists of one multivariant playlist.

use std::collections::BTreeMap;

use super::{
    cmaf::check_offset,
    context::{Context, Track},
    hls::{Child, Children, Multivariant, child},
    init::Kind,
    rules,
    segment::Begins,
    source::Source,
};

/// Judges playlists against each other.
pub(super) fn check(context: &mut Context, m: &Multivariant, children: &Children) {
    let Some((_, first)) = children.first() else {
        return;
    };
    for (_, child) in children {
        let (list, base) = (&child.list, &first.list);
        if list.target != base.target {
            let words = format!(
                "EXT-X-TARGETDURATION {}, elsewhere {}",
                list.target, base.target
            );
            context.add(rules::HLS_TARGET_EQUAL, &list.place, words);
        }
        if list.ended != base.ended {
            context.add(
                rules::HLS_END,
                &list.place,
                "ended where another playlist is not, or the other way",
            );
        }
        if list.sequence != base.sequence {
            let words = format!(
                "EXT-X-MEDIA-SEQUENCE {}, elsewhere {}",
                list.sequence, base.sequence
            );
            context.add(rules::HLS_SEQUENCE, &list.place, words);
        }
        check_independent(
            context,
            m.independent || list.independent,
            &list.place,
            &child.track,
        );
    }
    let growing = |child: &Child| child.list.kind.as_deref() == Some("EVENT") && !child.list.ended;
    if growing(first) && !m.start {
        context.add(
            rules::HLS_START,
            &m.place,
            "a growing EVENT without EXT-X-START",
        );
    }
    let videos: Vec<&Child> = m
        .variants
        .iter()
        .filter_map(|v| child(children, v))
        .filter(|c| is(c, Kind::Video))
        .collect();
    for two in videos.windows(2) {
        check_aligned(context, two[0], two[1]);
    }
    check_durations(context, &videos);
    let mut groups: BTreeMap<_, Vec<&Child>> = BTreeMap::new();
    for r in &m.renditions {
        let group = (
            r.get("TYPE").unwrap_or_default(),
            r.get("GROUP-ID").unwrap_or_default(),
        );
        groups.entry(group).or_default().extend(child(children, r));
    }
    for group in groups.values() {
        check_durations(context, group);
        let pairs = videos
            .first()
            .into_iter()
            .flat_map(|video| group.iter().map(move |audio| (video, audio)));
        for (video, audio) in pairs.filter(|(_, audio)| is(audio, Kind::Audio)) {
            check_offset(&mut context.report, &video.track, &audio.track);
            let apart = audio.list.secs() - video.list.secs();
            if apart.abs() > video.list.target as f64 {
                context.add(
                    rules::HLS_COVER,
                    &audio.list.place,
                    format!("covers {apart:+.3} s against the picture"),
                );
            }
        }
    }
}

fn is(child: &Child, kind: Kind) -> bool {
    child
        .track
        .facts
        .as_ref()
        .is_some_and(|facts| facts.kind == kind)
}

pub(super) fn check_independent(context: &mut Context, said: bool, place: &str, track: &Track) {
    let bad = track
        .measured()
        .filter(|m| matches!(m.begins, Begins::Not(_)))
        .count();
    if said && bad > 0 {
        context.add(
            rules::HLS_INDEPENDENT,
            place,
            format!("{bad} segments are not independent"),
        );
    }
}

fn check_durations(context: &mut Context, group: &[&Child]) {
    for two in group.windows(2) {
        let (a, b) = (&two[0].list, &two[1].list);
        let apart = b.secs() - a.secs();
        if apart.abs() > a.target as f64 {
            let words = format!("{:.3} s, {} lasts {:.3} s", b.secs(), a.place, a.secs());
            context.add(rules::HLS_DURATION, &b.place, words);
        }
    }
}

/// Segments with one number begin at one time, within a frame.
fn check_aligned(context: &mut Context, a: &Child, b: &Child) {
    let (Some(of_a), Some(of_b)) = (&a.track.facts, &b.track.facts) else {
        return;
    };
    let frame = a.track.frame_secs().max(b.track.frame_secs());
    for (at, ((_, x), (part, y))) in a.track.segments.iter().zip(&b.track.segments).enumerate() {
        let (Some(x), Some(y)) = (x, y) else { continue };
        let (x, y) = (of_a.secs(x.start), of_b.secs(y.start));
        if (x - y).abs() > frame {
            let words = format!(
                "segment {at} begins at {y:.3} s, in {} at {x:.3} s",
                a.list.place
            );
            context.add(rules::HLS_ALIGNED, &Source::show(&part.url), words);
            return;
        }
    }
}
