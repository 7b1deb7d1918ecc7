//! Subtitles of a source, published as WebVTT: in segments for HLS, and whole for DASH.

use std::path::Path;

use futures_util::{TryStreamExt, stream};
use media::vtt;
use wire::TrackId;

use crate::{
    Config, PackagerError, capture::Capture, encode::segment::Segment, outlet::Outlet, probe,
};

pub(crate) use vtt::{Clock, Cue};

/// Longest text of one track, bytes: a hundred times a feature film's. Chosen.
const LEN_MAX: usize = 16 << 20;
/// What ffmpeg is told to add to all times, seconds: it cannot write a cue that starts
/// before zero, and the common zero may lie behind the file's own. Chosen: 100 h.
const AHEAD_SECS: u32 = 360_000;
/// Segments that are on their way to the origin at once.
const UPLOADS: usize = 4;

/// One text track to make.
pub(crate) struct Task<'a> {
    /// The worker's settings.
    pub(crate) config: &'a Config,
    /// The source, on this machine.
    pub(crate) file: &'a Path,
    /// The subtitles.
    pub(crate) text: &'a probe::Text,
    /// Their name in URLs.
    pub(crate) track: &'a TrackId,
    /// The common zero in the file's own time, seconds.
    pub(crate) zero_secs: f64,
    /// When the segments of the video start, microseconds from the common zero; not empty.
    pub(crate) starts_us: &'a [u64],
    /// When the last of them ends.
    pub(crate) end_us: u64,
    /// Takes the results.
    pub(crate) outlet: &'a Outlet,
}

/// Publishes subtitles; gives warnings for viewers.
///
/// # Errors
/// ffmpeg fails, or the outlet does; [`PackagerError::Source`] for cues that last so long that
/// their segments would have no end.
pub(crate) async fn run(task: &Task<'_>) -> Result<Vec<String>, PackagerError> {
    let made = make(task).await?;
    let grid = vtt::Grid::new(task.starts_us, task.end_us);
    let index = task.text.index;
    let too_long = |error| PackagerError::Source(format!("subtitles of stream {index}: {error}"));
    let segments = vtt::bounded(&made.cues, &grid);
    let segments = segments.map(|segment| segment.map(stored).map_err(too_long));
    let store = |segment| async move { task.outlet.put_segment(task.track, &segment).await };
    stream::iter(segments)
        .try_for_each_concurrent(UPLOADS, store)
        .await?;
    let name = format!("{}.vtt", task.track);
    let whole = vtt::write("", &made.cues);
    task.outlet
        .put_file(&name, "text/vtt", whole.into())
        .await?;
    Ok(made.warnings)
}

fn stored(segment: vtt::Segment) -> Segment {
    Segment {
        number: segment.number,
        start: segment.start_ms,
        duration: segment.duration_ms,
        iframe_len: 0,
        bytes: segment.text.into(),
    }
}

/// The cues of a track, on the common zero.
struct Made {
    cues: Vec<Cue>,
    warnings: Vec<String>,
}

async fn make(task: &Task<'_>) -> Result<Made, PackagerError> {
    let index = task.text.index;
    let mut warnings = Vec::new();
    let mut warn = |what: String| warnings.push(format!("subtitles of stream {index}: {what}"));
    let (bytes, errors) = extract(task).await?;
    if errors > 0 {
        warn(format!("parts are damaged ({errors} errors)"));
    }
    let read = tokio::task::spawn_blocking(move || vtt::read(&bytes)).await;
    let read = read.expect("reading does not panic, and is never cancelled");
    if read.broken > 0 {
        let count = read.broken;
        warn(format!("{count} cues could not be read and are left out"));
    }
    if read.too_many {
        let max = vtt::CUES_MAX;
        warn(format!("only the first {max} cues are published"));
    }
    if read.legacy {
        warn("the text is not UTF-8 and was read as Windows-1252".to_owned());
    }
    let zero_ms = f64::from(AHEAD_SECS).mul_add(1000.0, task.zero_secs * 1000.0);
    let end_ms = vtt::to_ms(task.end_us) as i64;
    let cues = vtt::on_zero(read.cues, zero_ms.round() as i64, end_ms);
    Ok(Made { cues, warnings })
}

/// The stream as WebVTT by ffmpeg, and how many errors it met.
async fn extract(task: &Task<'_>) -> Result<(Vec<u8>, u64), PackagerError> {
    let index = task.text.index;
    // WebVTT stays as it is, with its voices and positions; all else is converted, and
    // keeps its line breaks and what is bold, italic or underlined.
    let codec = match task.text.codec.as_str() {
        "webvtt" => "copy",
        _ => "webvtt",
    };
    let capture = Capture {
        // ffmpeg would drop cues that are not UTF-8.
        input: "-copyts -sub_charenc_mode ignore".to_owned(),
        file: task.file,
        outputs: format!(
            "-map 0:{index} -c:s {codec} -map_metadata -1 -map_chapters -1 \
             -output_ts_offset {AHEAD_SECS} -avoid_negative_ts disabled -f webvtt pipe:3"
        ),
        to: None,
        len_max: &[LEN_MAX],
    };
    let mut captured = capture.run(task.config).await?;
    if !captured.ended_well {
        let words = captured.complaints.last_words();
        return Err(PackagerError::Encoder(words));
    }
    Ok((captured.outputs.remove(0), captured.complaints.errors))
}

#[cfg(test)]
mod tests;
