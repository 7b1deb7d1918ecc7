//! What a storyboard looks like: small pictures of the video, tiled in a few files.

use std::collections::BTreeSet;

/// Tiled pictures `storyboard-<n>.jpg`, each file the same grid over the same length of
/// time; the last may be filled in part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storyboard {
    /// Pictures side by side.
    pub columns: u32,
    /// Pictures one below another.
    pub rows: u32,
    /// Width of one picture, pixels.
    pub tile_width: u32,
    /// Height of one picture, pixels.
    pub tile_height: u32,
    /// Time that a whole file covers, milliseconds.
    pub image_millis: u64,
    /// Number of the first file.
    pub first: u32,
    /// How many files.
    pub images: u32,
    /// Size of the largest file, bytes; 0 where unknown.
    pub image_len_bytes: u64,
}

/// A cue of the storyboard's WebVTT: one picture.
struct Cue {
    millis: u64,
    image: u32,
    area: [u32; 4],
}

impl Storyboard {
    /// Reads a version's `storyboard.vtt`: cues of equal length whose text is
    /// `storyboard-<n>.jpg#xywh=<x>,<y>,<width>,<height>` (Media Fragments §4.2.2).
    /// `None` where it is of another shape.
    #[must_use]
    pub fn from_vtt(text: &str) -> Option<Self> {
        let lines: Vec<&str> = text.lines().collect();
        let timed = lines.windows(2).filter(|pair| pair[0].contains("-->"));
        let cues: Vec<Cue> = timed
            .map(|pair| cue(pair[0], pair[1]))
            .collect::<Option<_>>()?;
        let [_, _, width, height] = cues.first()?.area;
        if width == 0 || height == 0 {
            return None;
        }
        let columns = cues
            .iter()
            .map(|c| c.area[0] / width)
            .max()?
            .checked_add(1)?;
        let rows = cues
            .iter()
            .map(|c| c.area[1] / height)
            .max()?
            .checked_add(1)?;
        let images: BTreeSet<u32> = cues.iter().map(|c| c.image).collect();
        let (first, last) = (*images.first()?, *images.last()?);
        let without_hole = u64::from(last - first) + 1 == images.len() as u64;
        let tiles = u64::from(columns) * u64::from(rows);
        Some(Self {
            columns,
            rows,
            tile_width: width,
            tile_height: height,
            image_millis: cues.first()?.millis.checked_mul(tiles).filter(|&m| m > 0)?,
            first,
            images: u32::try_from(images.len()).ok().filter(|_| without_hole)?,
            image_len_bytes: 0,
        })
    }
}

fn cue(times: &str, payload: &str) -> Option<Cue> {
    let (from, to) = times.split_once("-->")?;
    let to = to.split_whitespace().next()?;
    let (file, area) = payload.trim().split_once("#xywh=")?;
    let file = file.rsplit('/').next()?;
    let number = file.strip_prefix("storyboard-")?.strip_suffix(".jpg")?;
    let area: Vec<u32> = area
        .split(',')
        .map(|n| n.parse().ok())
        .collect::<Option<_>>()?;
    Some(Cue {
        millis: millis(to)?.checked_sub(millis(from.trim())?)?,
        image: number.parse().ok()?,
        area: area.try_into().ok()?,
    })
}

/// A WebVTT timestamp, `[hh:]mm:ss.ttt`.
fn millis(stamp: &str) -> Option<u64> {
    let (clock, fraction) = stamp.split_once('.')?;
    let mut secs: u64 = 0;
    for part in clock.split(':') {
        secs = secs.checked_mul(60)?.checked_add(part.parse().ok()?)?;
    }
    let fraction: u64 = fraction.parse().ok().filter(|_| fraction.len() == 3)?;
    secs.checked_mul(1000)?.checked_add(fraction)
}
