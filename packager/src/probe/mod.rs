//! What a source is: ffprobe's answer, parsed and judged.

pub(crate) mod ffprobe;
pub(crate) mod light;
pub(crate) mod report;
pub(crate) mod source;
pub(crate) mod timeline;
pub(crate) mod timing;

mod index;
mod peek;
mod picture;
mod sound;
mod subtitles;

use std::path::Path;

use tokio::time::timeout;

use crate::{
    Config, PackagerError,
    probe::{
        ffprobe::Ffprobe,
        light::Light,
        report::{ENTRIES, Frame, Frames, Report, Stream},
        source::Colour,
    },
};

pub(crate) use crate::probe::source::{Audio, Chapter, Source, Text, Video};
#[cfg(test)]
pub(crate) use index::Packet;
pub(crate) use index::{Index, index};

/// How many packets are tried to find the first frame: a stream that was cut out of
/// a longer one starts between keyframes.
const PACKETS_TRIED: [u32; 2] = [1, 300];
/// Most chapters that are published. Chosen: far more than anyone scrolls through.
const CHAPTERS_MAX: usize = 500;

/// Looks at the file.
///
/// # Errors
/// [`PackagerError::Source`] for what cannot be packaged.
pub(crate) async fn probe(config: &Config, file: &Path) -> Result<Source, PackagerError> {
    in_time(config, look(Ffprobe::new(config, file), false)).await
}

/// Looks at a file whose index says that its streams can be copied: with one run of
/// ffprobe, where it suffices.
///
/// # Errors
/// As [`probe`].
pub(crate) async fn probe_copyable(config: &Config, file: &Path) -> Result<Source, PackagerError> {
    in_time(config, look(Ffprobe::new(config, file), true)).await
}

async fn in_time(
    config: &Config,
    look: impl Future<Output = Result<Source, PackagerError>>,
) -> Result<Source, PackagerError> {
    timeout(config.probe_timeout, look)
        .await
        .unwrap_or_else(|_| {
            let waited = config.probe_timeout.as_secs();
            Err(refuse(format!(
                "the file could not be understood within {waited} s"
            )))
        })
}

/// `peek`: the first frames are decoded at once, before it is known what they are.
async fn look(mut ffprobe: Ffprobe<'_>, peek: bool) -> Result<Source, PackagerError> {
    let config = ffprobe.config;
    let mut entries = format!("{ENTRIES}:stream_side_data={}", light::ENTRIES);
    let report: Report = if peek {
        entries.push_str(peek::ENTRIES);
        let args = ["-show_entries", &entries, "-read_intervals", peek::PACKETS];
        ffprobe.ask(&args).await?
    } else {
        ffprobe.ask(&["-show_entries", &entries]).await?
    };
    ffprobe.first_frames = peek::first_frames(&report);
    let ffprobe = &ffprobe;
    if report.streams.len() > config.streams_max {
        let (found, max) = (report.streams.len(), config.streams_max);
        return Err(refuse(format!(
            "the file has {found} streams; at most {max} are accepted"
        )));
    }
    if let Some(secs) = report.duration() {
        check_duration(config, secs)?;
    }
    let mut warnings = Vec::new();
    let ((video, picture_secs), heard) = tokio::try_join!(
        video(ffprobe, &report),
        sound::heard(ffprobe, &report, &mut warnings),
    )?;
    picture::warn(&report, &mut warnings);
    let first_sound = heard.first().map(|(_, time)| *time);
    let zero_secs = picture_secs.or(first_sound).unwrap_or(0.0);
    let audio = sound::tracks(&heard, zero_secs);
    if video.is_none() && audio.is_empty() {
        return Err(refuse(
            "the file has neither video nor sound that can be decoded".into(),
        ));
    }
    let duration_secs = match report.duration() {
        Some(secs) => secs,
        None => ffprobe.measure(None).await?,
    };
    check_duration(config, duration_secs)?;
    Ok(Source {
        format: report.format.format_name.clone(),
        duration_secs,
        zero_secs,
        video,
        audio,
        text: subtitles::text(&report, &mut warnings),
        chapters: chapters(&report, zero_secs, duration_secs),
        covers: covers(&report),
        data_streams: data_streams(&report),
        warnings,
    })
}

/// How long a stream of the file lasts, seconds, by its packets: all are looked at.
pub(crate) async fn measure(
    config: &Config,
    file: &Path,
    stream: usize,
) -> Result<f64, PackagerError> {
    Ffprobe::new(config, file).measure(Some(stream)).await
}

/// The video, and when its first picture is shown in the file's own time.
async fn video(
    ffprobe: &Ffprobe<'_>,
    report: &Report,
) -> Result<(Option<Video>, Option<f64>), PackagerError> {
    let Some(&stream) = report.videos().first() else {
        return Ok((None, None));
    };
    // Before anything is decoded.
    picture::check_size(ffprobe, stream)?;
    let (mut video, first) = tokio::try_join!(
        picture::video(ffprobe, report, stream),
        first_frame(ffprobe, stream)
    )?;
    if video.colour == Colour::Pq {
        video.light = Light::look(ffprobe, stream).await?;
    }
    let shown = first.or(stream.start_time).unwrap_or(0.0);
    Ok((Some(video), Some(shown)))
}

/// There is something to play, and not too much.
pub(crate) fn check_duration(config: &Config, secs: f64) -> Result<(), PackagerError> {
    let max = config.duration_max.as_secs_f64();
    if !(secs > 0.0 && secs.is_finite()) {
        return Err(refuse(
            "the file has no duration: there is nothing to play".into(),
        ));
    }
    if secs > max {
        let (hours, max) = (secs / 3600.0, max / 3600.0);
        return Err(refuse(format!(
            "the file is {hours:.1} h long; at most {max:.1} h are accepted"
        )));
    }
    Ok(())
}

/// When the first frame that can be decoded is shown or heard, seconds in the file's
/// own time. Measured on what is decoded: containers and ffmpeg disagree on where a file
/// starts.
async fn first_frame(ffprobe: &Ffprobe<'_>, stream: &Stream) -> Result<Option<f64>, PackagerError> {
    if let Some(known) = ffprobe.first_frames.get(&stream.index) {
        return Ok(Some(*known));
    }
    for packets in PACKETS_TRIED {
        let (index, interval) = (stream.index.to_string(), format!("%+#{packets}"));
        let entries = "frame=pts_time,best_effort_timestamp_time";
        let args = [
            "-select_streams",
            &index,
            "-show_entries",
            entries,
            "-read_intervals",
            &interval,
        ];
        let report: Frames = ffprobe.ask(&args).await?;
        if let Some(time) = report.frames.iter().find_map(Frame::time) {
            return Ok(Some(time));
        }
    }
    Ok(None)
}

/// What of the file's chapters lies within it, by time.
fn chapters(report: &Report, zero_secs: f64, duration_secs: f64) -> Vec<Chapter> {
    let within = |secs: f64| (secs - zero_secs).clamp(0.0, duration_secs);
    let read = report.chapters.iter().filter_map(|chapter| {
        let (start, end) = (within(chapter.start_time?), within(chapter.end_time?));
        let title = chapter.title();
        (start < end).then_some(Chapter { start, end, title })
    });
    let mut chapters: Vec<Chapter> = read.collect();
    chapters.sort_by(|a, b| a.start.total_cmp(&b.start));
    chapters.truncate(CHAPTERS_MAX);
    chapters
}

fn covers(report: &Report) -> Vec<usize> {
    let covers = report.of_type("video").filter(|s| s.is_cover());
    covers.map(|stream| stream.index).collect()
}

fn data_streams(report: &Report) -> usize {
    let media = |kind: &str| matches!(kind, "video" | "audio" | "subtitle");
    let streams = report.streams.iter();
    streams.filter(|s| !media(&s.codec_type)).count()
}

fn refuse(reason: String) -> PackagerError {
    PackagerError::Source(reason)
}

#[cfg(test)]
mod tests;
