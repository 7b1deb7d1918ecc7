//! Rules of init segments, segments and tracks, whoever lists them.

use super::{
    context::Track,
    init::{Facts, Kind},
    report::{Rule, Validation},
    rules,
    segment::{Begins, Measured},
    source::Source,
};
use crate::boxes::BoxError;

/// Most that sound may be off where edit lists are ignored: one AAC frame at 48 kHz.
const IGNORING_SECS: f64 = 0.022;
/// Most that it may be off where they are obeyed. Chosen.
const HONOURING_SECS: f64 = 0.001;
/// A track that begins this much later is meant to. Chosen.
const LATE_SECS: f64 = 0.25;
/// Room for what doubles cannot say.
const EPSILON: f64 = 1e-6;

/// Which rule a structure that cannot be read breaks.
pub(super) fn rule_of(error: &BoxError) -> Rule {
    match error {
        BoxError::SamplesOverrun { .. } => rules::CMAF_MDAT,
        BoxError::UnknownTrack(_) => rules::CMAF_TRACK_ID,
        BoxError::Gap { .. } => rules::CMAF_TFDT,
        _ => rules::CMAF_BOXES,
    }
}

/// Judges an init segment.
pub(super) fn check_init(report: &mut Validation, place: &str, facts: &Facts) {
    let tracks = facts.init.tracks.len();
    if tracks != 1 {
        report.add(rules::CMAF_TRACKS, place, format!("{tracks} tracks"));
    }
    if facts.kind == Kind::Video && (facts.media_time.is_some() || facts.empty.0 > 0) {
        let words = format!(
            "an edit list, by which the picture moves {:.4} s",
            facts.edit_secs()
        );
        report.add(rules::CMAF_EDIT, place, words);
    }
    if let Some(sps) = facts.of_sps.filter(|sps| *sps != facts.coded) {
        let words = format!(
            "the sample entry says {}, its parameter set {}",
            size(facts.coded),
            size(sps)
        );
        report.add(rules::CMAF_SIZE, place, words);
    }
    if facts.av1.as_ref().is_some_and(|av1| !av1.is_consistent()) {
        let words = "av1C says other than the sequence header in it";
        report.add(rules::CMAF_SETS, place, words);
    }
    if facts.encrypted {
        report.add(
            rules::CMAF_CRYPT,
            place,
            "encrypted: NAL units are not looked into",
        );
    }
}

/// `1280x720`.
pub(super) fn size((width, height): (u32, u32)) -> String {
    format!("{width}x{height}")
}

/// Judges a segment by itself.
pub(super) fn check_segment(report: &mut Validation, place: &str, m: &Measured, facts: &Facts) {
    if m.astray > 0 {
        let words = format!("{} of {} samples are not in an mdat", m.astray, m.samples);
        report.add(rules::CMAF_MDAT, place, words);
    }
    if facts.kind != Kind::Video {
        return;
    }
    if m.earliest != m.start {
        let (found, tfdt) = (facts.secs(m.earliest), facts.secs(m.start));
        let words = format!("first shown at {found:.4} s, tfdt says {tfdt:.4} s");
        report.add(rules::CMAF_EARLIEST, place, words);
    }
    if let Begins::Not(what) = &m.begins {
        report.add(
            rules::CMAF_IDR,
            place,
            format!("begins with a picture that is no IDR: {what}"),
        );
    }
    if m.foreign_sets > 0 {
        let words = format!(
            "{} parameter sets that the init segment does not have",
            m.foreign_sets
        );
        report.add(rules::CMAF_SETS, place, words);
    }
}

/// Judges a track as a whole: each segment begins where the one before ended.
pub(super) fn check_track(report: &mut Validation, track: &Track) {
    for two in track.segments.windows(2) {
        let [(_, Some(before)), (part, Some(next))] = two else {
            continue;
        };
        if before.end != next.start {
            let words = format!("tfdt {}, the one before ends at {}", next.start, before.end);
            report.add(rules::CMAF_TFDT, &Source::show(&part.url), words);
        }
    }
}

/// Judges where sound begins against where the picture does.
pub(super) fn check_offset(report: &mut Validation, video: &Track, audio: &Track) {
    let first = |track: &Track| {
        let facts = track.facts.clone()?;
        let first = track.segments.first()?.1.as_ref()?;
        Some((facts.secs(first.earliest), facts))
    };
    let (Some((picture, video_facts)), Some((sound, facts))) = (first(video), first(audio)) else {
        return;
    };
    let edit = facts.edit_secs();
    // What is cut off at the front does not begin before the picture.
    let honouring = if edit < 0.0 {
        (sound + edit).max(0.0)
    } else {
        sound + edit
    };
    let honouring = honouring - (picture + video_facts.edit_secs()).max(0.0);
    let ignoring = sound - picture;
    let apart = if ignoring.abs() > edit.abs() {
        ignoring
    } else {
        edit
    };
    // A part cut out of the middle begins where its segments do: within a frame of sound.
    let middle = picture > 1.0;
    if honouring > LATE_SECS {
        report.add(
            rules::CMAF_LATE,
            &audio.place,
            format!("begins {honouring:.3} s after the picture"),
        );
    } else if apart.abs() > IGNORING_SECS + EPSILON {
        let words = format!(
            "sound is {:.1} ms off where edit lists are ignored",
            apart * 1e3
        );
        report.add(rules::CMAF_OFFSET, &audio.place, words);
    } else if honouring.abs() > HONOURING_SECS + EPSILON && !middle {
        let words = format!(
            "sound is {:.1} ms off where edit lists are obeyed",
            honouring * 1e3
        );
        report.add(rules::CMAF_OFFSET, &audio.place, words);
    }
}
