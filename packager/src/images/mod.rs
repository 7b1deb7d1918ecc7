//! Pictures of a source for pages and players: a poster, a storyboard to seek by, and
//! the list of its chapters.

mod jpeg;
mod poster;
mod storyboard;

use std::path::Path;

use bytes::Bytes;

use crate::{
    Config, PackagerError,
    outlet::Outlet,
    probe::{Source, Video},
};

pub(crate) use storyboard::Storyboard;

/// What to make pictures of.
pub(crate) struct Task<'a> {
    /// The worker's settings.
    pub(crate) config: &'a Config,
    /// The source, on this machine.
    pub(crate) file: &'a Path,
    /// What it is.
    pub(crate) source: &'a Source,
    /// Longest time from one keyframe of it to the next, seconds, where that is known.
    pub(crate) keys_apart_secs: Option<f64>,
    /// Takes the results.
    pub(crate) outlet: &'a Outlet,
}

/// What was made of it.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Made {
    /// There is a `poster.jpg`.
    pub(crate) poster: bool,
    /// There are a `storyboard.vtt` and its pictures.
    pub(crate) storyboard: Option<Storyboard>,
    /// What could not be made.
    pub(crate) warnings: Vec<String>,
}

/// Makes `chapters.json`, `poster.jpg`, `storyboard.vtt` and
/// `storyboard-<n>.jpg`, as far as the source has what they show. A picture that cannot
/// be made is a warning.
///
/// # Errors
/// The outlet fails, or ffmpeg cannot be run.
pub(crate) async fn run(task: &Task<'_>) -> Result<Made, PackagerError> {
    let (source, outlet) = (task.source, task.outlet);
    let mut made = Made::default();
    if !source.chapters.is_empty() {
        put_json(outlet, "chapters.json", &source.chapters).await?;
    }
    if source.video.is_some() || !source.covers.is_empty() {
        match poster::make(task).await? {
            Some(bytes) => {
                outlet.put_file("poster.jpg", "image/jpeg", bytes).await?;
                made.poster = true;
            }
            None => made.warnings.push("no poster could be made".to_owned()),
        }
    }
    if let Some(video) = &source.video {
        match storyboard::make(task, video).await? {
            Some((storyboard, sheets)) => {
                put_storyboard(task, &storyboard, sheets).await?;
                made.storyboard = Some(storyboard);
            }
            None => made.warnings.push("no storyboard could be made".to_owned()),
        }
    }
    Ok(made)
}

async fn put_storyboard(
    task: &Task<'_>,
    storyboard: &Storyboard,
    sheets: Vec<Bytes>,
) -> Result<(), PackagerError> {
    let outlet = task.outlet;
    for (n, sheet) in sheets.into_iter().enumerate() {
        let name = format!("storyboard-{n}.jpg");
        outlet.put_file(&name, "image/jpeg", sheet).await?;
    }
    let vtt = storyboard.vtt(task.source.duration_secs).into();
    outlet.put_file("storyboard.vtt", "text/vtt", vtt).await
}

async fn put_json(
    outlet: &Outlet,
    name: &str,
    value: &impl serde::Serialize,
) -> Result<(), PackagerError> {
    let json = serde_json::to_vec(value).expect("plain values are always JSON");
    outlet.put_file(name, "application/json", json.into()).await
}

/// Filters from a decoded picture to one of this size in standard colours. It is made
/// small first, so that all else is cheap.
fn picture(video: &Video, (width, height): (u32, u32)) -> String {
    let mut filters = format!("scale={width}:{height},setsar=1");
    if let Some(to_sdr) = video.colour.to_sdr() {
        filters = format!("{filters},{to_sdr}");
    }
    filters
}

/// The largest size of the same shape inside a square, not above the picture's own; both
/// sides even, as JPEG's colours are.
fn within((width, height): (u32, u32), side_max: u32) -> (u32, u32) {
    let factor = (f64::from(side_max) / f64::from(width.max(height).max(1))).min(1.0);
    let even = |side: u32| (((f64::from(side) * factor) / 2.0).round() as u32 * 2).max(2);
    (even(width), even(height))
}

#[cfg(test)]
mod tests;
