//! One picture that stands for the whole.

use bytes::Bytes;

use crate::{
    PackagerError,
    capture::Capture,
    images::{Task, jpeg, picture, within},
};

/// Longest side, pixels. Chosen: what a page shows at most before it plays.
const SIDE_MAX: u32 = 1280;
/// Where it is looked for, as parts of the duration: openings are often black.
const PLACES: [f64; 4] = [0.1, 0.3, 0.6, 0.0];
/// From how many frames the most typical is taken, after a keyframe.
const FRAMES: u32 = 30;
/// Mean light of a picture that is not black, of 255. Chosen: night scenes are above it.
const LIGHT_MIN: u8 = 20;
/// Longest poster, bytes.
const LEN_MAX: usize = 4 << 20;
/// The picture again in so many grey pixels, to tell its light by.
const GREY: usize = 16 * 16;

/// A poster; `None` if nothing can be decoded.
pub(super) async fn make(task: &Task<'_>) -> Result<Option<Bytes>, PackagerError> {
    let mut best: Option<Candidate> = None;
    for place in places(task) {
        let Some(candidate) = try_at(task, place).await? else {
            continue;
        };
        if best
            .as_ref()
            .is_none_or(|best| best.light < candidate.light)
        {
            best = Some(candidate);
        }
        if best.as_ref().is_some_and(|best| best.light >= LIGHT_MIN) {
            break;
        }
    }
    Ok(best.map(|best| best.bytes))
}

struct Candidate {
    bytes: Bytes,
    light: u8,
}

/// Seconds from the start of the file.
fn places(task: &Task<'_>) -> Vec<f64> {
    if task.source.video.is_none() {
        return vec![0.0];
    }
    let secs = |part: &f64| part * task.source.duration_secs;
    PLACES.iter().map(secs).collect()
}

async fn try_at(task: &Task<'_>, secs: f64) -> Result<Option<Candidate>, PackagerError> {
    let (stream, filters) = filters(task);
    let capture = Capture {
        // To a keyframe: a source with few of them costs no more.
        input: format!("-noaccurate_seek -ss {secs:.3}"),
        file: task.file,
        outputs: format!(
            "-filter_complex [0:{stream}]{filters},split[a][b];\
             [a]scale=out_range=full,format=yuvj420p[poster];\
             [b]scale=16:16:out_range=full,format=gray[grey] \
             -fps_mode passthrough -map [poster] -frames:v 1 -c:v mjpeg -q:v 3 -f image2pipe pipe:3 \
             -fps_mode passthrough -map [grey] -frames:v 1 -f rawvideo pipe:4"
        ),
        to: None,
        len_max: &[LEN_MAX, GREY],
    };
    let mut captured = capture.run(task.config).await?;
    let (grey, poster) = (captured.outputs.pop(), captured.outputs.pop());
    let (grey, poster) = (grey.unwrap_or_default(), poster.unwrap_or_default());
    let whole = jpeg::split(&poster).is_some_and(|pictures| pictures.len() == 1);
    if !whole || grey.len() != GREY {
        tracing::debug!(secs, said = captured.complaints.last_words(), "no poster");
        return Ok(None);
    }
    let sum: usize = grey.iter().map(|light| usize::from(*light)).sum();
    Ok(Some(Candidate {
        bytes: poster.into(),
        light: (sum / GREY) as u8,
    }))
}

/// The stream, and what makes a poster of its pictures.
fn filters(task: &Task<'_>) -> (usize, String) {
    let Some(video) = &task.source.video else {
        let cover = task.source.covers.first().copied().unwrap_or(0);
        let scale = format!(
            "scale='min({SIDE_MAX},iw)':'min({SIDE_MAX},ih)':\
             force_original_aspect_ratio=decrease:force_divisible_by=2,setsar=1"
        );
        return (cover, scale);
    };
    let fields = if video.interlaced { "yadif," } else { "" };
    let picture = picture(video, within(video.size, SIDE_MAX));
    (
        video.index,
        format!("{fields}{picture},format=yuv420p,thumbnail=n={FRAMES}"),
    )
}
