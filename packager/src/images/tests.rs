use std::process::Command;

use super::*;
use crate::{
    clip::{Clip, LONG_GOP},
    probe,
    stored::Stored,
};

async fn made(clip: &Clip) -> (Stored, Made) {
    made_knowing(clip, None).await
}

async fn made_knowing(clip: &Clip, keys_apart_secs: Option<f64>) -> (Stored, Made) {
    let (config, file) = (Config::unjailed(), clip.path());
    let source = probe::probe(&config, &file).await.unwrap();
    let (stored, _origin, outlet) = Stored::start().await;
    let task = Task {
        config: &config,
        file: &file,
        source: &source,
        keys_apart_secs,
        outlet: &outlet,
    };
    let made = run(&task).await.unwrap();
    (stored, made)
}

/// Width of a stored picture, and all of its values in grey.
fn grey(stored: &Stored, path: &str) -> (usize, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("picture.jpg");
    let bytes = stored.bytes(path);
    std::fs::write(&file, &bytes).unwrap();
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(&file)
        .args(["-f", "rawvideo", "-pix_fmt", "gray", "-"])
        .output()
        .unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    let width = jpeg::split(&bytes).unwrap()[0].size.0;
    (width as usize, output.stdout)
}

/// A picture whose light tells the time: 20 at second 0, and 20 more each second.
fn ramp(name: &str, args: &str) -> Clip {
    let light = "-f lavfi -i color=black:size=320x180:rate=10,format=gray,\
                 geq=lum='20+20*floor(T)',format=yuv420p";
    Clip::make(name, &format!("{light} {args}"))
}

/// The light in the middle of each tile of the first row.
fn lights(stored: &Stored, tiles: usize) -> Vec<i32> {
    let (width, values) = grey(stored, "files/storyboard-0.jpg");
    let tile = |n: usize| i32::from(values[45 * width + n * 160 + 80]);
    (0..tiles).map(tile).collect()
}

fn assert_lights(found: &[i32], secs: &[i32], name: &str) {
    let expected: Vec<i32> = secs.iter().map(|s| 20 + 20 * s).collect();
    let near = found.iter().zip(&expected).all(|(a, b)| (a - b).abs() <= 4);
    assert!(
        near && found.len() == expected.len(),
        "{name}: {found:?} {expected:?}"
    );
}

#[tokio::test]
async fn a_tile_shows_the_picture_of_its_time() {
    for (name, args) in [
        ("a.mp4", ""),
        ("late.mkv", "-output_ts_offset 7.3"),
        ("a.ts", "-f mpegts"),
    ] {
        let clip = ramp(name, &format!("-t 9 {LONG_GOP} {args}"));
        let (stored, made) = made(&clip).await;
        let board = made.storyboard.unwrap();
        assert_eq!(
            (board.columns, board.rows, board.images),
            (5, 1, 1),
            "{name}"
        );
        assert_lights(&lights(&stored, 5), &[0, 2, 4, 6, 8], name);
    }
}

#[tokio::test]
async fn of_a_long_source_a_tile_shows_the_last_keyframe_before_it() {
    // Light changes each 10 s; keyframes come each 5 s, the last tile's before the end.
    let clip = Clip::make(
        "long.mp4",
        "-f lavfi -i color=black:size=320x180:rate=2,format=gray,\
         geq=lum='20+20*floor(T/10)',format=yuv420p -t 61 -c:v libx264 -preset ultrafast -g 10 \
         -keyint_min 10 -sc_threshold 0",
    );
    let (stored, made) = made(&clip).await;
    let board = made.storyboard.unwrap();
    assert_eq!((board.columns, board.rows), (10, 4));
    assert_lights(
        &lights(&stored, 10),
        &[0, 0, 0, 0, 0, 1, 1, 1, 1, 1],
        "long",
    );
    let vtt = stored.text("files/storyboard.vtt");
    assert!(vtt.ends_with("00:01:00.000 --> 00:01:01.000\nstoryboard-0.jpg#xywh=0,270,160,90\n"));
}

#[tokio::test]
async fn of_a_short_source_with_many_keyframes_they_are_enough() {
    // A keyframe each 3 s, after which the light rises.
    let rare = "-t 9 -c:v libx264 -preset ultrafast -g 30 -keyint_min 30 -sc_threshold 0";
    let clip = ramp("keys.mp4", rare);
    let (stored, _) = made_knowing(&clip, Some(3.0)).await;
    assert_lights(&lights(&stored, 5), &[0, 0, 3, 6, 6], "keyframes");
    let (stored, _) = made_knowing(&clip, Some(4.1)).await;
    assert_lights(&lights(&stored, 5), &[0, 2, 4, 6, 8], "all");
}

#[tokio::test]
async fn the_poster_is_not_black_where_the_source_is_not() {
    let clip = Clip::make(
        "dark.mp4",
        &format!(
            "-f lavfi -i color=black:size=320x180:rate=10:duration=4 \
             -f lavfi -i testsrc2=size=320x180:rate=10:duration=6 \
             -filter_complex [0][1]concat[v] -map [v] {LONG_GOP} -force_key_frames 4"
        ),
    );
    let (stored, made) = made(&clip).await;
    assert!(made.poster);
    let (width, values) = grey(&stored, "files/poster.jpg");
    let sum: usize = values.iter().map(|v| usize::from(*v)).sum();
    assert_eq!((width, values.len()), (320, 320 * 180));
    assert!(sum / values.len() > 50);
}

#[tokio::test]
async fn posters_are_turned_and_bounded_and_in_standard_colours() {
    let wide = Clip::make(
        "wide.mkv",
        "-f lavfi -i testsrc2=size=1920x1080:rate=5 -t 1 -c:v libx265 -preset ultrafast \
         -x265-params log-level=none -pix_fmt yuv420p10le -color_trc smpte2084 \
         -color_primaries bt2020 -colorspace bt2020nc",
    );
    let (stored, made_of_wide) = made(&wide).await;
    assert_eq!(made_of_wide.warnings, [""; 0]);
    assert_eq!(grey(&stored, "files/poster.jpg").0, 1280);
    let turned =
        Clip::silent("320x180", "25", 1.0).remade("turned.mp4", "-c copy -metadata:s:v rotate=90");
    let (stored, made_of_turned) = made(&turned).await;
    assert_eq!(grey(&stored, "files/poster.jpg").0, 180);
    assert_eq!(made_of_turned.storyboard.unwrap().tile_height, 160);
}

#[tokio::test]
async fn a_cover_is_the_poster_of_a_song_and_chapters_are_listed() {
    let dir = tempfile::tempdir().unwrap();
    let meta = dir.path().join("meta.txt");
    let chapter = "[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1000\ntitle=\"One\"\n";
    std::fs::write(&meta, format!(";FFMETADATA1\n{chapter}")).unwrap();
    let clip = Clip::make(
        "song.m4a",
        &format!(
            "-f lavfi -i testsrc2=size=100x75 -f lavfi -i sine -i {} -map_chapters 2 -t 2 -map 1 \
             -map 0 -c:a aac -c:v mjpeg -frames:v 1 -pix_fmt yuvj420p -disposition:v attached_pic",
            meta.display()
        ),
    );
    let (stored, made) = made(&clip).await;
    assert_eq!((made.poster, made.storyboard), (true, None));
    assert_eq!(stored.paths(), ["files/chapters.json", "files/poster.jpg"]);
    assert_eq!(
        stored.text("files/chapters.json"),
        r#"[{"start":0.0,"end":1.0,"title":"\"One\""}]"#
    );
}
