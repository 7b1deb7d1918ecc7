//! Whether picture and sound are together: the first flash and the first beep, in the
//! source as ffmpeg decodes it, and in what is published.

use std::{
    path::Path,
    process::{Command, Output},
};

use crate::support::{Published, Track};

/// Farthest that the beep may move from the flash, seconds.
const MOVED_MAX: f64 = 0.001;
/// Samples of sound a second, as measured.
const RATE: f64 = 48_000.0;
/// Of the beep: radians a second, and samples.
const TONE: f64 = 6000.0;
const BEEP_LEN: usize = 4800;
/// A white picture, after any codec.
const WHITE: u8 = 200;

/// The beep is as far from the flash as in the source.
pub(crate) fn check(source: &Path, published: &Published) -> Result<(), String> {
    let meant = beep(source)? - flash_of(source)?;
    let sound = published.track("a1").file();
    let beep = beep(sound.path())?;
    for name in published.names() {
        if !name.starts_with('v') {
            continue;
        }
        let track = published.track(name);
        let white = levels(track)?.iter().position(|level| *level > WHITE);
        let flash = track.times()[white.ok_or(format!("{name}: no flash"))?];
        let moved = beep - flash - meant;
        println!(
            "{:>24} {name}: beep after flash moved by {:+.3} ms",
            "",
            moved * 1e3
        );
        if moved.abs() > MOVED_MAX {
            return Err(format!(
                "{name}: flash at {flash:.4} s, beep at {beep:.4} s, {meant:+.4} s in the source"
            ));
        }
    }
    Ok(())
}

/// The mean brightness of each picture, where a decoder finds no fault.
pub(crate) fn levels(track: &Track) -> Result<Vec<u8>, String> {
    let args = "-vf scale=1:1:flags=area,format=gray -fps_mode passthrough -f rawvideo -";
    let output = decode("error", track.file().path(), args);
    match String::from_utf8_lossy(&output.stderr).trim() {
        "" => Ok(output.stdout),
        fault => Err(format!("it does not decode: {fault}")),
    }
}

/// When a file's first white picture is shown, seconds of its own time.
fn flash_of(file: &Path) -> Result<f64, String> {
    let args = "-map 0:v:0 -vf scale=1:1:flags=area,format=gray,showinfo -fps_mode passthrough \
                -f rawvideo -";
    let output = decode("info", file, args);
    let white = output.stdout.iter().position(|level| *level > WHITE);
    let times = told(&output, "showinfo", "pts_time:");
    white
        .and_then(|n| times.get(n).copied())
        .ok_or_else(|| "the source has no flash".to_owned())
}

/// When a file's first beep starts, seconds of its own time: where most of a tone as long
/// as the beep is. What a codec smears about its edges moves that by less than 0.1 ms.
fn beep(file: &Path) -> Result<f64, String> {
    let args = "-map 0:a:0 -af aformat=sample_rates=48000:channel_layouts=mono,ashowinfo \
                -f f32le -";
    let output = decode("info", file, args);
    let samples = output.stdout.as_chunks::<4>().0.iter();
    // The tone's part of all sound so far, in and out of phase.
    let (mut sums, mut sum) = (vec![(0.0, 0.0)], (0.0, 0.0));
    for (n, sample) in samples.enumerate() {
        let (sin, cos) = (TONE * n as f64 / RATE).sin_cos();
        let level = f64::from(f32::from_le_bytes(*sample));
        sum = (sum.0 + level * sin, sum.1 + level * cos);
        sums.push(sum);
    }
    let power = |n: usize| {
        let (from, to) = (sums[n], sums[n + BEEP_LEN]);
        (to.0 - from.0).hypot(to.1 - from.1)
    };
    let last = sums.len().saturating_sub(BEEP_LEN);
    let most = (0..last).max_by(|a, b| power(*a).total_cmp(&power(*b)));
    let at = most.filter(|at| power(*at) > BEEP_LEN as f64 / 10.0);
    at.and_then(|at| time_of(&output, at))
        .ok_or_else(|| "no beep".to_owned())
}

/// When sample `n` is heard: frames need not follow on each other without a hole.
fn time_of(output: &Output, n: usize) -> Option<f64> {
    let lens = told(output, "ashowinfo", "nb_samples:");
    let frames = told(output, "ashowinfo", "pts_time:").into_iter().zip(lens);
    let mut before = 0.0;
    for (start, len) in frames {
        if (n as f64) < before + len {
            return Some(start + (n as f64 - before) / RATE);
        }
        before += len;
    }
    None
}

/// Numbers that a filter told of each frame that passed it.
fn told(output: &Output, filter: &str, name: &str) -> Vec<f64> {
    let said = String::from_utf8_lossy(&output.stderr);
    let lines = said
        .lines()
        .filter(|line| line.contains(&format!("Parsed_{filter}")));
    let number = |line: &str| {
        let text = line.split_once(name)?.1;
        text.split_whitespace().next()?.parse().ok()
    };
    lines.filter_map(number).collect()
}

fn decode(loglevel: &str, file: &Path, args: &str) -> Output {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", loglevel, "-nostats", "-copyts", "-i"]);
    command.arg(format!("file:{}", file.display()));
    command.args(args.split_whitespace()).output().unwrap()
}
