//! What came of an input against what its row states.

use std::path::Path;

use packager::{Packaged, PackagerError};

use crate::{
    input::{End, Expected, Frames, OddInput},
    support::{Published, Track},
    sync,
};

/// Furthest that two times which should be one may be apart, seconds: containers with
/// times in milliseconds are half of that away from the truth.
const NEAR_SECS: f64 = 0.001;

pub(crate) fn judge(
    input: &OddInput,
    ended: &Result<Packaged, PackagerError>,
    out: &Path,
) -> Result<(), String> {
    let packaged = match (&input.end, ended) {
        (End::Refused(why), Err(fault)) => return refused(why, fault, out),
        (_, Err(fault)) => return Err(format!("{fault}")),
        (_, Ok(packaged)) => packaged,
    };
    let warnings = &packaged.warnings;
    let expected = match &input.end {
        End::Published(expected) if warnings.is_empty() => expected,
        End::Warned(expected, why) if warnings.iter().any(|w| w.contains(why)) => expected,
        End::Salvaged(expected) => expected,
        _ => return Err(format!("{packaged:?}")),
    };
    let published = Published::in_folder(out);
    tracks(expected, packaged, &published)?;
    pictures(expected, &published)?;
    length(expected, &published)?;
    match expected.synced {
        true => sync::check(&input.file, &published),
        false => Ok(()),
    }
}

/// For good, in these words, and nothing stays.
fn refused(why: &str, fault: &PackagerError, out: &Path) -> Result<(), String> {
    if !fault.is_permanent() || !fault.to_string().contains(why) {
        return Err(format!("refused: {fault:?}"));
    }
    if out.exists() {
        return Err("a refused source leaves a folder behind".to_owned());
    }
    Ok(())
}

/// As many of each kind as the source has, and the folder has those that were told.
fn tracks(expected: &Expected, packaged: &Packaged, published: &Published) -> Result<(), String> {
    let count = |kind: char| {
        packaged
            .tracks
            .iter()
            .filter(|t| t.starts_with(kind))
            .count()
    };
    let found = (count('v') > 0, count('a'), count('t'));
    if found != (expected.frames.is_some(), expected.audio, expected.text) {
        return Err(format!("published as {:?}", packaged.tracks));
    }
    let mut told: Vec<&str> = packaged.tracks.iter().map(String::as_str).collect();
    told.sort_unstable();
    if told != published.names() {
        return Err(format!("{told:?} told, {:?} there", published.names()));
    }
    Ok(())
}

/// Each rendition decodes without a fault to the expected pictures, at the same times as
/// all others.
fn pictures(expected: &Expected, published: &Published) -> Result<(), String> {
    let videos = published.names().into_iter().filter(|n| n.starts_with('v'));
    let mut first: Option<&Track> = None;
    for name in videos {
        let track = published.track(name);
        track.assert_exact();
        let (decoded, times) = (sync::levels(track)?.len(), track.times());
        let fits = match expected.frames {
            Some(Frames::Exactly(frames)) => decoded == frames,
            Some(Frames::AtLeast(frames)) => decoded >= frames,
            None => false,
        };
        if !fits || decoded != times.len() {
            let (all, frames) = (times.len(), expected.frames);
            return Err(format!("{name}: {decoded} of {all} frames, not {frames:?}"));
        }
        let due = (0..times.len()).map(|n| expected.time(n));
        at(
            name,
            &times,
            &due.collect::<Option<Vec<_>>>().unwrap_or_default(),
        )?;
        if let Some(first) = first {
            at(name, &times, &first.times())?;
            at(name, &track.starts_secs(), &first.starts_secs())?;
            at(name, &[track.end_secs()], &[first.end_secs()])?;
        }
        first = first.or(Some(track));
    }
    Ok(())
}

/// These are those, as far as there are any.
fn at(name: &str, times: &[f64], due: &[f64]) -> Result<(), String> {
    let away = times
        .iter()
        .zip(due)
        .find(|(t, due)| (*t - *due).abs() > NEAR_SECS);
    match away {
        Some((time, due)) => Err(format!("{name}: {time} s, due at {due} s")),
        None if !due.is_empty() && times.len() != due.len() => {
            Err(format!("{name}: {} and {}", times.len(), due.len()))
        }
        None => Ok(()),
    }
}

/// The longest track is as long as the source; sound has no hole.
fn length(expected: &Expected, published: &Published) -> Result<(), String> {
    let names = published
        .names()
        .into_iter()
        .filter(|n| !n.starts_with('t'));
    let tracks: Vec<&Track> = names.map(|name| published.track(name)).collect();
    let end = tracks
        .iter()
        .map(|track| track.end_secs())
        .fold(0.0, f64::max);
    let exact = matches!(expected.frames, None | Some(Frames::Exactly(_)));
    if exact && (end - expected.secs).abs() > 0.1 {
        return Err(format!("it is {end} s long, not {}", expected.secs));
    }
    for track in tracks {
        let cuts = track.cuts();
        if let Some(hole) = cuts.windows(2).find(|two| two[0].0 + two[0].1 != two[1].0) {
            return Err(format!("a hole at {hole:?}"));
        }
    }
    Ok(())
}
