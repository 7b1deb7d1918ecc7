//! What a source is: ffprobe's answer, parsed and judged.

use std::path::Path;

use tokio::time::timeout;

use crate::{
    Config, PackagerError,
    ffprobe::Ffprobe,
    report::{Frame, Frames, Packets, Report, Stream},
    timing::{Timing, steady, timing},
};

/// How many packets are tried to find the first frame: a stream that was cut out of
/// a longer one starts between keyframes.
const PACKETS_TRIED: [u32; 2] = [1, 300];
/// How many packets are looked at to see if a frame rate is true: some containers
/// repeat what a writer claimed.
const PACKETS_TIMED: u32 = 600;
/// By how many places frames can be reordered (ISO/IEC 14496-10 §A.3.1).
const REORDERED_MAX: usize = 16;

/// A source that can be packaged.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Source {
    /// As declared, or measured where nothing is declared, seconds.
    pub(crate) duration_secs: f64,
    /// The picture, if there is one.
    pub(crate) video: Option<Video>,
    /// The sound, if there is any.
    pub(crate) audio: Option<Audio>,
}

/// The video stream that is published.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Video {
    /// Which stream of the file.
    pub(crate) index: usize,
    /// Size as shown: rotated, pixels made square.
    pub(crate) size: (u32, u32),
    /// When its pictures are shown.
    pub(crate) timing: Timing,
    /// Two fields a picture.
    pub(crate) interlaced: bool,
}

/// The audio stream that is published.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Audio {
    /// Which stream of the file.
    pub(crate) index: usize,
    /// Channels to publish: one or two.
    pub(crate) channels: u32,
    /// BCP 47, where the source says it.
    pub(crate) language: Option<String>,
    /// When its first sound is heard, counted from the first picture, seconds; negative
    /// if it is before. 0 without a picture.
    pub(crate) offset_secs: f64,
}

/// Looks at the file.
///
/// # Errors
/// [`PackagerError::Source`] for what cannot be packaged.
pub(crate) async fn probe(config: &Config, file: &Path) -> Result<Source, PackagerError> {
    let looked = timeout(config.probe_timeout, look(&Ffprobe { config, file })).await;
    looked.unwrap_or_else(|_| {
        let waited = config.probe_timeout.as_secs();
        Err(refuse(format!(
            "the file could not be understood within {waited} s"
        )))
    })
}

async fn look(ffprobe: &Ffprobe<'_>) -> Result<Source, PackagerError> {
    let config = ffprobe.config;
    let args = ["-show_format", "-show_streams"];
    let report: Report = ffprobe.ask(&args).await?;
    if report.streams.len() > config.streams_max {
        let (found, max) = (report.streams.len(), config.streams_max);
        return Err(refuse(format!(
            "the file has {found} streams; at most {max} are accepted"
        )));
    }
    let video = match report.video() {
        Some(stream) => Some(video(ffprobe, &report, stream).await?),
        None => None,
    };
    let audio = match report.audio() {
        Some(stream) => Some(audio(ffprobe, &report, stream).await?),
        None => None,
    };
    if video.is_none() && audio.is_none() {
        return Err(refuse(
            "the file has neither video nor sound that can be decoded".into(),
        ));
    }
    let duration_secs = match report.format.duration {
        Some(secs) => secs,
        None => ffprobe.measure().await?,
    };
    check_duration(config, duration_secs)?;
    Ok(Source {
        duration_secs,
        video,
        audio,
    })
}

fn check_duration(config: &Config, secs: f64) -> Result<(), PackagerError> {
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

async fn video(
    ffprobe: &Ffprobe<'_>,
    report: &Report,
    stream: &Stream,
) -> Result<Video, PackagerError> {
    let (width, height) = (stream.width, stream.height);
    if width == 0 || height == 0 {
        return Err(refuse(
            "the size of the picture is unknown: the video is damaged".into(),
        ));
    }
    let max = ffprobe.config.side_max;
    if width > max || height > max {
        return Err(refuse(format!(
            "the picture is {width}×{height} pixels; at most {max}×{max} are accepted"
        )));
    }
    let mut timing = timing(stream);
    if let Timing::Constant { rate } = timing
        && !report.format.has_exact_rates()
        && !steady(
            &picture_times(ffprobe, stream).await?,
            stream.r_frame_rate(),
        )
    {
        timing = Timing::Variable { average: rate };
    }
    Ok(Video {
        index: stream.index,
        size: shown_size(stream),
        timing,
        interlaced: matches!(stream.field_order.as_str(), "tt" | "bb" | "tb" | "bt"),
    })
}

/// The times of the first packets of a stream, in order of presentation, without the
/// last, whose neighbours may be missing.
async fn picture_times(ffprobe: &Ffprobe<'_>, stream: &Stream) -> Result<Vec<f64>, PackagerError> {
    let (index, interval) = (stream.index.to_string(), format!("%+#{PACKETS_TIMED}"));
    let args = [
        "-select_streams",
        &index,
        "-show_entries",
        "packet=pts_time",
        "-read_intervals",
        &interval,
    ];
    let report: Packets = ffprobe.ask(&args).await?;
    let mut times: Vec<f64> = report
        .packets
        .iter()
        .filter_map(|packet| packet.pts_time)
        .collect();
    times.sort_by(f64::total_cmp);
    times.truncate(times.len().saturating_sub(REORDERED_MAX));
    Ok(times)
}

async fn audio(
    ffprobe: &Ffprobe<'_>,
    report: &Report,
    stream: &Stream,
) -> Result<Audio, PackagerError> {
    // Measured on what is decoded: containers and ffmpeg disagree on where a file starts.
    let offset_secs = match report.video() {
        Some(picture) => {
            let (picture, sound) =
                tokio::try_join!(first_frame(ffprobe, picture), first_frame(ffprobe, stream))?;
            sound - picture
        }
        None => 0.0,
    };
    let (index, channels) = (stream.index, stream.channels.min(2));
    Ok(Audio {
        index,
        channels,
        language: stream.language(),
        offset_secs,
    })
}

/// The size on a screen with square pixels, after rotation. Nothing grows: a pixel
/// wider than high makes the picture lower.
fn shown_size(stream: &Stream) -> (u32, u32) {
    let (wide, high) = stream.sample_aspect().unwrap_or((1, 1));
    let (mut width, mut height) = (f64::from(stream.width), f64::from(stream.height));
    if wide >= high {
        height = height * f64::from(high) / f64::from(wide);
    } else {
        width = width * f64::from(wide) / f64::from(high);
    }
    let size = (
        width.round().max(2.0) as u32,
        height.round().max(2.0) as u32,
    );
    if stream.is_turned() {
        (size.1, size.0)
    } else {
        size
    }
}

/// When the first frame that can be decoded is shown or heard, seconds in the file's
/// own time.
async fn first_frame(ffprobe: &Ffprobe<'_>, stream: &Stream) -> Result<f64, PackagerError> {
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
            return Ok(time);
        }
    }
    Ok(stream.start_time.unwrap_or(0.0))
}

fn refuse(reason: String) -> PackagerError {
    PackagerError::Source(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(json: &str) -> Stream {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_turned_picture_is_planned_as_it_is_shown() {
        let turned =
            stream(r#"{"index":0,"width":1920,"height":1080,"side_data_list":[{"rotation":-90}]}"#);
        assert_eq!(shown_size(&turned), (1080, 1920));
    }

    #[test]
    fn pixels_become_square_and_nothing_grows() {
        let wide = stream(r#"{"index":0,"width":800,"height":640,"sample_aspect_ratio":"64:45"}"#);
        assert_eq!(shown_size(&wide), (800, 450));
        let high = stream(r#"{"index":0,"width":720,"height":480,"sample_aspect_ratio":"8:9"}"#);
        assert_eq!(shown_size(&high), (640, 480));
    }
}
