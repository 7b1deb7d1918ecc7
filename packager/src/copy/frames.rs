//! Pictures and their times: those that edits show, and those that the file has.

use media::bmff::mp4::{Edit, Movie, Placed, Track};

/// One picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    /// Media time, before edits.
    pub(super) time: i64,
    pub(super) duration: u32,
    pub(super) offset: u64,
    pub(super) size: u32,
    /// The file says that decoding can start here. Not to be trusted.
    pub(super) sync: bool,
}

impl From<Placed> for Frame {
    fn from(placed: Placed) -> Self {
        Self {
            time: placed.presentation_time,
            duration: placed.duration,
            offset: placed.offset,
            size: placed.size,
            sync: placed.sync,
        }
    }
}

/// Leaves the frames that the edit shows, and those they are decoded from; gives the
/// number of the first.
pub(super) fn trim(
    frames: &mut Vec<Frame>,
    edit: &Edit,
    movie: &Movie,
    track: &Track,
) -> Result<u32, String> {
    let from = edit.media_time.unwrap_or(0);
    let length = u128::from(edit.duration) * u128::from(track.timescale);
    let until = match edit.duration {
        0 => i64::MAX,
        _ => from.saturating_add(ticks(length / u128::from(movie.timescale))),
    };
    // Half of a frame is forgiven: the movie's timescale is coarser than the track's.
    let shown = |frame: &Frame| {
        let middle = frame.time + i64::from(frame.duration / 2);
        middle >= from && middle < until
    };
    let Some(last) = frames.iter().rposition(shown) else {
        return Err("its edit list shows no picture".to_owned());
    };
    frames.truncate(last + 1);
    let zero = frames.iter().filter(|f| shown(f)).map(|f| f.time).min();
    let first = frames
        .iter()
        .position(|f| Some(f.time) == zero)
        .unwrap_or(0);
    let hidden = |frame: &Frame| frame.time < frames[first].time;
    if frames[..first].iter().any(|f| !hidden(f)) || frames[first..].iter().any(hidden) {
        return Err("its edit list starts between two keyframes".to_owned());
    }
    frames.drain(..first);
    Ok(first as u32)
}

fn ticks(ticks: u128) -> i64 {
    i64::try_from(ticks).unwrap_or(i64::MAX)
}

/// How long frames are shown, seconds.
pub(super) fn span(frames: &[Frame], zero: i64, timescale: u32) -> f64 {
    let end = frames.iter().map(|f| f.time + i64::from(f.duration)).max();
    (end.unwrap_or(zero) - zero) as f64 / f64::from(timescale)
}

/// Drops the frames from the last keyframe on whose group is not all in the file.
pub(super) fn cut_short(
    frames: &mut Vec<Frame>,
    file_len: u64,
    whole_secs: f64,
    timescale: u32,
) -> Result<Vec<String>, String> {
    let outside = |frame: &Frame| frame.offset + u64::from(frame.size) > file_len;
    let Some(missing) = frames.iter().position(outside) else {
        return Ok(Vec::new());
    };
    let closed = closed(frames);
    let end = (1..=missing).rev().find(|n| frames[*n].sync && closed[*n]);
    let Some(end) = end else {
        return Err("it is cut short before its second keyframe".to_owned());
    };
    let secs = (frames[end].time - frames[0].time) as f64 / f64::from(timescale);
    frames.truncate(end);
    Ok(vec![format!(
        "the source is cut short: {secs:.1} s of {whole_secs:.1} s"
    )])
}

/// Which frames separate: all before in decode order are shown before, all behind later.
pub(super) fn closed(frames: &[Frame]) -> Vec<bool> {
    let mut closed = vec![true; frames.len()];
    let mut latest = i64::MIN;
    for (frame, closed) in frames.iter().zip(&mut closed) {
        *closed = latest < frame.time;
        latest = latest.max(frame.time);
    }
    let mut earliest = i64::MAX;
    for (frame, closed) in frames.iter().zip(&mut closed).rev() {
        *closed &= frame.time < earliest;
        earliest = earliest.min(frame.time);
    }
    closed
}

/// No two frames at one time; when the last one's time ends.
pub(super) fn check_times(frames: &[Frame]) -> Result<i64, String> {
    let mut times: Vec<(i64, u32)> = frames.iter().map(|f| (f.time, f.duration)).collect();
    times.sort_unstable();
    if times.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err("two of its pictures have one time".to_owned());
    }
    if times
        .windows(2)
        .any(|pair| pair[1].0 - pair[0].0 > i64::from(i32::MAX))
    {
        return Err("one of its pictures is shown too long".to_owned());
    }
    let (last, duration) = *times.last().ok_or("it shows no picture")?;
    // Some writers give the last picture no duration: it is shown like the one before.
    let before = times
        .iter()
        .rev()
        .nth(1)
        .map_or(1, |before| last - before.0);
    Ok(last
        + if duration > 0 {
            i64::from(duration)
        } else {
            before
        })
}
