//! The video stream that is published.

use crate::{
    PackagerError,
    probe::{
        ffprobe::Ffprobe,
        refuse,
        report::{Packets, Report, Stream},
        source::{Colour, Video},
        timing::{Timing, steady, timing},
    },
};

/// How many packets are looked at to see if a frame rate is true: some containers
/// repeat what a writer claimed.
const PACKETS_TIMED: u32 = 600;
/// By how many places frames can be reordered (ISO/IEC 14496-10 §A.3.1).
const REORDERED_MAX: usize = 16;

pub(super) async fn video(
    ffprobe: &Ffprobe<'_>,
    report: &Report,
    stream: &Stream,
) -> Result<Video, PackagerError> {
    let mut timing = timing(stream);
    let constant = matches!(timing, Timing::Constant { .. });
    let claims_too_much = claimed_rate(stream) > f64::from(ffprobe.config.frame_rate_max);
    if claims_too_much || (constant && !report.format.has_exact_rates()) {
        let times = picture_times(ffprobe, stream).await?;
        check_rate(ffprobe, &times)?;
        if constant && !report.format.has_exact_rates() && !steady(&times, stream.r_frame_rate()) {
            timing = Timing::Variable {
                average: timing.rate(),
            };
        }
    }
    Ok(Video {
        index: stream.index,
        codec: stream.codec_name.clone(),
        size: shown_size(stream),
        timing,
        interlaced: matches!(stream.field_order.as_str(), "tt" | "bb" | "tb" | "bt"),
        colour: colour(stream),
        light: None,
        bit_depth: stream.bit_depth(),
        duration_secs: stream.duration,
        time_base: stream.time_base().unwrap_or((1, 1000)),
    })
}

/// What an uploader should know of pictures that are not shown as they could be.
pub(super) fn warn(report: &Report, warnings: &mut Vec<String>) {
    let videos = report.videos();
    if let [first, others @ ..] = videos.as_slice()
        && !others.is_empty()
    {
        let (first, all) = (first.index, videos.len());
        warnings.push(format!(
            "of {all} video streams only stream {first} is published"
        ));
    }
    // Its pictures are in a colour space that only its own decoders know.
    if videos.first().and_then(|s| s.dolby_vision()) == Some(5) {
        warnings.push("the picture is Dolby Vision profile 5: colours will be wrong".to_owned());
    }
}

/// A picture that is too large is refused before memory is taken for it.
pub(super) fn check_size(ffprobe: &Ffprobe<'_>, stream: &Stream) -> Result<(), PackagerError> {
    let (width, height) = (stream.width, stream.height);
    if width == 0 || height == 0 {
        return Err(refuse(
            "the size of the picture is unknown: it is damaged, or larger than 8192×8192".into(),
        ));
    }
    let max = ffprobe.config.side_max;
    if width > max || height > max {
        return Err(refuse(format!(
            "the picture is {width}×{height} pixels; at most {max}×{max} are accepted"
        )));
    }
    let (pixels, max) = (
        u64::from(width) * u64::from(height),
        ffprobe.config.pixels_max,
    );
    if pixels > max {
        return Err(refuse(format!(
            "the picture has {width}×{height} = {pixels} pixels; at most {max} are accepted"
        )));
    }
    Ok(())
}

/// The highest rate that the file could mean, frames per second.
fn claimed_rate(stream: &Stream) -> f64 {
    let value = |(num, den): (u32, u32)| f64::from(num) / f64::from(den);
    stream.avg_frame_rate().map_or(0.0, value)
}

/// Containers claim 1,000 frames/s where they mean milliseconds: only times are believed.
fn check_rate(ffprobe: &Ffprobe<'_>, times: &[f64]) -> Result<(), PackagerError> {
    let max = ffprobe.config.frame_rate_max;
    let (Some(first), Some(last)) = (times.first(), times.last()) else {
        return Ok(());
    };
    let rate = (times.len() - 1) as f64 / (last - first);
    if rate.is_finite() && rate > f64::from(max) {
        return Err(refuse(format!(
            "the video has {rate:.0} frames a second; at most {max} are accepted"
        )));
    }
    Ok(())
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

fn colour(stream: &Stream) -> Colour {
    match stream.color_transfer.as_str() {
        "smpte2084" => Colour::Pq,
        "arib-std-b67" => Colour::Hlg,
        _ => Colour::Sdr,
    }
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
