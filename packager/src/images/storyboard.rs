//! Small pictures of the whole source, many in one file, to seek by.

use std::fmt::Write;

use bytes::Bytes;

use crate::{
    PackagerError,
    capture::Capture,
    images::{Task, jpeg, picture, within},
    probe::Video,
    text::Clock,
};

/// Longest side of a tile, pixels.
const SIDE_MAX: u32 = 160;
/// Most tiles across, and down, a sheet.
const ACROSS_MAX: u32 = 10;
/// Most tiles of a source, and the least time between two, seconds.
const TILES_MAX: u32 = 400;
const INTERVAL_MIN: u32 = 2;
/// Longest source of which every frame is decoded where keyframes are far apart, seconds;
/// of a longer one only keyframes are, of which it has enough. Chosen: some seconds of
/// work.
const WHOLE_SECS_MAX: f64 = 60.0;
/// Where keyframes are never further apart than this many tiles, they are enough.
const KEYS_APART_TILES: f64 = 2.0;
/// Longest sheet, bytes: 1600 × 1600 pixels that are all noise.
const SHEET_LEN_MAX: usize = 4 << 20;

/// What a manifest says of it. Tile `n` of sheet `s` shows the source at
/// (`s` × columns × rows + `n`) × interval; tiles run in reading order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Storyboard {
    /// Tiles across a sheet.
    pub(crate) columns: u32,
    /// Tiles down a sheet.
    pub(crate) rows: u32,
    /// Pixels.
    pub(crate) tile_width: u32,
    /// Pixels.
    pub(crate) tile_height: u32,
    /// Time between two tiles.
    pub(crate) interval_secs: u32,
    /// How many sheets: `storyboard-0.jpg` and on.
    pub(crate) images: u32,
}

impl Storyboard {
    /// Of a source of this size and length.
    fn of(size: (u32, u32), duration_secs: f64) -> Self {
        let spread = (duration_secs / f64::from(TILES_MAX)).ceil() as u32;
        let interval_secs = spread.max(INTERVAL_MIN);
        let tiles = tiles(duration_secs, interval_secs);
        let columns = tiles.min(ACROSS_MAX);
        let rows = tiles.div_ceil(columns).min(ACROSS_MAX);
        let (tile_width, tile_height) = within(size, SIDE_MAX);
        Self {
            columns,
            rows,
            tile_width,
            tile_height,
            interval_secs,
            images: tiles.div_ceil(columns * rows),
        }
    }

    /// Which part of which sheet to show when, as WebVTT with media fragments
    /// (W3C Media Fragments §4.2.2).
    pub(super) fn vtt(&self, duration_secs: f64) -> String {
        let mut vtt = "WEBVTT\n".to_owned();
        let (across, sheet) = (self.columns, self.columns * self.rows);
        let (width, height) = (self.tile_width, self.tile_height);
        for tile in 0..tiles(duration_secs, self.interval_secs) {
            let ms = |tile: u32| i64::from(tile) * i64::from(self.interval_secs) * 1000;
            let end = ms(tile + 1).min((duration_secs * 1000.0).round() as i64);
            let (start, end) = (Clock(ms(tile)), Clock(end.max(ms(tile) + 1)));
            let (n, place) = (tile / sheet, tile % sheet);
            let (x, y) = (place % across * width, place / across * height);
            write!(
                vtt,
                "\n{start} --> {end}\nstoryboard-{n}.jpg#xywh={x},{y},{width},{height}\n"
            )
            .expect("a string takes all");
        }
        vtt
    }
}

/// How many tiles show a source that is so long.
fn tiles(duration_secs: f64, interval_secs: u32) -> u32 {
    let tiles = (duration_secs / f64::from(interval_secs)).ceil() as u32;
    tiles.clamp(1, TILES_MAX)
}

/// A storyboard and its sheets; `None` if nothing can be decoded.
pub(super) async fn make(
    task: &Task<'_>,
    video: &Video,
) -> Result<Option<(Storyboard, Vec<Bytes>)>, PackagerError> {
    let storyboard = Storyboard::of(video.size, task.source.duration_secs);
    let captured = capture(task, video, &storyboard).run(task.config).await?;
    let stream = captured.outputs.into_iter().next().unwrap_or_default();
    let sheets = jpeg::split(&stream).unwrap_or_default();
    let (across, down) = (storyboard.columns, storyboard.rows);
    let size = (
        across * storyboard.tile_width,
        down * storyboard.tile_height,
    );
    let whole = sheets.len() == storyboard.images as usize;
    if !whole || sheets.iter().any(|sheet| sheet.size != size) {
        let (said, found) = (captured.complaints.last_words(), sheets.len());
        tracing::debug!(said, found, "no storyboard");
        return Ok(None);
    }
    let stream = Bytes::from(stream);
    let sheets = sheets.into_iter().map(|sheet| stream.slice(sheet.range));
    Ok(Some((storyboard, sheets.collect())))
}

fn capture<'a>(task: &Task<'a>, video: &Video, storyboard: &Storyboard) -> Capture<'a> {
    let (zero, duration_secs) = (task.source.zero_secs, task.source.duration_secs);
    // Nobody sees blocks in a tile; and threads for single frames cost a quarter more CPU.
    let apart_max = KEYS_APART_TILES * f64::from(storyboard.interval_secs);
    let dense = task.keys_apart_secs.is_some_and(|secs| secs <= apart_max);
    let skip = if dense || duration_secs > WHOLE_SECS_MAX {
        "-skip_frame nokey -skip_loop_filter all -threads 1"
    } else {
        ""
    };
    let Storyboard {
        columns,
        rows,
        interval_secs,
        images,
        ..
    } = storyboard;
    let tiles = tiles(duration_secs, *interval_secs);
    let picture = picture(video, (storyboard.tile_width, storyboard.tile_height));
    // A tile shows the last picture at or before its time; the last picture stays to
    // the end.
    let filters = format!(
        "setpts=PTS-({zero:.6}/TB),fps=fps=1/{interval_secs}:round=up:start_time=0,{picture},\
         scale=out_range=full,format=yuvj420p,\
         tpad=stop=-1:stop_mode=clone,trim=end_frame={tiles},tile={columns}x{rows}"
    );
    Capture {
        input: format!("-copyts {skip}"),
        file: task.file,
        outputs: format!(
            "-filter_complex [0:{}]{filters}[sheets] -map [sheets] -fps_mode passthrough \
             -frames:v {images} -c:v mjpeg -q:v 5 -f image2pipe pipe:3",
            video.index
        ),
        to: None,
        len_max: &[SHEET_LEN_MAX * 4],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_two_seconds_apart_or_four_hundred() {
        let of = |secs| {
            let board = Storyboard::of((1920, 1080), secs);
            let grid = (board.columns, board.rows);
            (grid, board.interval_secs, board.images)
        };
        assert_eq!(of(0.04), ((1, 1), 2, 1));
        assert_eq!(of(9.0), ((5, 1), 2, 1));
        assert_eq!(of(60.0), ((10, 3), 2, 1));
        assert_eq!(of(202.0), ((10, 10), 2, 2));
        assert_eq!(of(800.0), ((10, 10), 2, 4));
        assert_eq!(of(801.0), ((10, 10), 3, 3));
        assert_eq!(of(12.0 * 3600.0), ((10, 10), 108, 4));
    }

    #[test]
    fn tiles_keep_the_shape_of_the_picture() {
        let of = |size| {
            let board = Storyboard::of(size, 60.0);
            (board.tile_width, board.tile_height)
        };
        assert_eq!(of((1920, 1080)), (160, 90));
        assert_eq!(of((1080, 1920)), (90, 160));
        assert_eq!(of((64, 48)), (64, 48));
        assert_eq!(of((8192, 2)), (160, 2));
    }

    #[test]
    fn cues_name_each_tile_in_reading_order_up_to_the_end() {
        let board = Storyboard::of((1920, 1080), 205.0);
        let vtt = board.vtt(205.0);
        let cues: Vec<&str> = vtt.split("\n\n").collect();
        assert_eq!(cues.len(), 1 + 103);
        let eleventh = "00:00:22.000 --> 00:00:24.000\nstoryboard-0.jpg#xywh=160,90,160,90";
        assert_eq!(cues[12], eleventh);
        let last = "00:03:24.000 --> 00:03:25.000\nstoryboard-1.jpg#xywh=320,0,160,90\n";
        assert_eq!(cues[103], last);
    }
}
