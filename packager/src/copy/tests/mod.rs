//! Copies of real files, judged by ffmpeg.

mod places;
mod sources;
mod streams;

use std::{collections::BTreeMap, fs::File, path::Path, process::Command, sync::Arc, sync::Mutex};

use bytes::Bytes;
use media::bmff::{Fragment, InitInfo, InitKind, init_info};
use proptest::{prelude::*, sample::Index, test_runner::TestRunner};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::AbortHandle,
};
use wire::{PackageSettings, PlannedKind, StoredTrack, TrackId};

use super::{CopyPlan, Verdict, look, publish::Copy, publish::Sink};
use crate::clip::Clip;
use crate::{
    Config, PackagerError,
    encode::segment::{Part, Segment},
    input::Input,
    worker::{api::Api, progress::Shared},
};

/// x264 with B-frames and an IDR picture each second.
const GROUPS: &str = "-c:v libx264 -preset ultrafast -bf 2 -g 30 -pix_fmt yuv420p";

/// Pictures at 30/s and a tone that changes all the time, cut as [`GROUPS`] says.
fn clip(name: &str, secs: u32, args: &str) -> Clip {
    let sources = "-f lavfi -i testsrc2=size=320x180:rate=30 \
                   -f lavfi -i aevalsrc=sin(900*t*t):s=48000";
    Clip::make(
        name,
        &format!("{sources} -t {secs} {GROUPS} -c:a aac {args}"),
    )
}

fn input(path: &Path) -> Input {
    let file = File::open(path).unwrap();
    let len = file.metadata().unwrap().len();
    Input::File {
        file: Arc::new(file),
        path: path.to_owned(),
        len,
    }
}

async fn verdict(clip: &Clip) -> Verdict {
    let settings = PackageSettings::default();
    look(&input(&clip.path()), &settings).await.unwrap()
}

async fn refused(clip: &Clip) -> String {
    match verdict(clip).await {
        Verdict::Refused(reason) => reason,
        other => panic!("{other:?}"),
    }
}

/// Keeps what is published.
#[derive(Default)]
struct Kept(Mutex<BTreeMap<String, Track>>);

#[derive(Debug, Clone, Default)]
struct Track {
    init: Bytes,
    segments: BTreeMap<u32, Segment>,
}

impl Sink for Kept {
    async fn put(&self, track: &TrackId, part: Part) -> Result<(), PackagerError> {
        let mut tracks = self.0.lock().unwrap();
        let track = tracks.entry(track.to_string()).or_default();
        match part {
            Part::Init(init) => track.init = init,
            Part::Segment(segment) => {
                assert!(!track.init.is_empty(), "the init segment comes first");
                track.segments.insert(segment.number, segment);
            }
        }
        Ok(())
    }
}

struct Copied {
    plan: CopyPlan,
    warnings: Vec<String>,
    tracks: BTreeMap<String, Track>,
}

async fn publish(
    input: &Input,
    plan: &CopyPlan,
    stored: &[StoredTrack],
) -> Result<Copied, PackagerError> {
    let (kept, progress) = (Kept::default(), Shared::new());
    let copy = Copy {
        plan,
        input,
        sink: &kept,
        progress: &progress,
    };
    let warnings = copy.run(stored).await?;
    Ok(Copied {
        plan: plan.clone(),
        warnings,
        tracks: kept.0.into_inner().unwrap(),
    })
}

async fn copy_of(input: &Input) -> Copied {
    let verdict = look(input, &PackageSettings::default()).await.unwrap();
    let Verdict::Copy(found) = verdict else {
        panic!("{verdict:?}")
    };
    // The plan reaches the worker as JSON.
    let plan = found.plan;
    let json = serde_json::to_string(&plan).unwrap();
    let plan: CopyPlan = serde_json::from_str(&json).unwrap();
    let copied = publish(input, &plan, &[]).await.unwrap();
    copied.tracks.values().for_each(Track::assert_exact);
    copied
}

async fn copied(clip: &Clip) -> Copied {
    copy_of(&input(&clip.path())).await
}

impl Track {
    fn info(&self) -> InitInfo {
        init_info(&self.init).unwrap()
    }

    /// What each segment holds is what was told of it, and there is no hole.
    fn assert_exact(&self) {
        let info = self.info();
        let mut end = None;
        for (number, (key, segment)) in (0..).zip(&self.segments) {
            let fragment = Fragment::read(&segment.bytes, &info).unwrap();
            assert_eq!((*key, segment.number), (number, number));
            assert_eq!(end.unwrap_or(segment.start), segment.start);
            assert_eq!(fragment.base_decode_time, segment.start);
            assert_eq!(fragment.earliest_presentation_time(), segment.start as i64);
            assert_eq!(fragment.duration(), segment.duration);
            end = Some(fragment.end());
            if matches!(info.kind, InitKind::Video { .. }) {
                assert!(fragment.starts_with_idr(&info));
                assert_iframe(segment, fragment.samples[0].data);
                assert_eq!(fragment.samples[0].flags, 0x0200_0000);
                let second = fragment.samples.get(1);
                assert!(second.is_none_or(|second| second.flags == 0x0101_0000));
            }
        }
    }

    fn file(&self) -> tempfile::NamedTempFile {
        let file = tempfile::Builder::new().suffix(".mp4").tempfile().unwrap();
        let segments = self.segments.values().map(|s| &s.bytes[..]);
        let all: Vec<&[u8]> = [&self.init[..]].into_iter().chain(segments).collect();
        std::fs::write(file.path(), all.concat()).unwrap();
        file
    }

    fn starts_secs(&self) -> Vec<f64> {
        let scale = f64::from(self.info().timescale);
        let starts = self.segments.values().map(|s| s.start as f64 / scale);
        starts.collect()
    }

    fn end_secs(&self) -> f64 {
        let last = self.segments.values().last().unwrap();
        (last.start + last.duration) as f64 / f64::from(self.info().timescale)
    }
}

/// Up to `iframe_len` stands the head, and all of the first picture.
fn assert_iframe(segment: &Segment, picture: &[u8]) {
    let head = &segment.bytes[..segment.iframe_len as usize];
    assert!(head.ends_with(picture));
    assert_eq!(&head[head.len() - picture.len() - 4..][..4], b"mdat");
}

impl Copied {
    fn track(&self, name: &str) -> &Track {
        let names: Vec<_> = self.tracks.keys().collect();
        self.tracks.get(name).unwrap_or_else(|| panic!("{names:?}"))
    }

    fn video(&self) -> &Track {
        self.track("v180-source")
    }
}

fn run(program: &str, args: &str, path: &Path, then: &str) -> Vec<u8> {
    let output = Command::new(program)
        .args(["-v", "error"])
        .args(args.split_whitespace())
        .arg(path)
        .args(then.split_whitespace())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{errors}");
    output.stdout
}

/// Time from the first, in seconds, and digest of all decoded pictures.
fn pictures(path: &Path) -> Vec<(f64, String)> {
    let digests = "-map 0:v:0 -fps_mode passthrough -enc_time_base 1:90000 -f framemd5 -";
    let out = String::from_utf8(run("ffmpeg", "-i", path, digests)).unwrap();
    let lines = out.lines().filter(|line| !line.starts_with('#'));
    let lines: Vec<(i64, String)> = lines
        .map(|line| {
            let fields: Vec<&str> = line.split(',').map(str::trim).collect();
            (fields[2].parse().unwrap(), fields[5].to_owned())
        })
        .collect();
    let first = lines[0].0;
    let since = |(time, digest): (i64, String)| ((time - first) as f64 / 90_000.0, digest);
    lines.into_iter().map(since).collect()
}

fn assert_same_pictures(source: &Path, copied: &Track) {
    assert_pictures(&pictures(source), copied);
}

fn assert_pictures(source: &[(f64, String)], copied: &Track) {
    let ours = pictures(copied.file().path());
    assert_eq!(ours.len(), source.len());
    for (ours, source) in ours.iter().zip(source) {
        assert!((ours.0 - source.0).abs() < 0.001, "{} {}", ours.0, source.0);
        assert_eq!(ours.1, source.1, "at {}", ours.0);
    }
}

/// Decoded sound of the first or a later audio track.
fn sound(path: &Path, track: usize) -> Vec<i16> {
    let pcm = format!("-map 0:a:{track} -ac 1 -f s16le -");
    let bytes = run("ffmpeg", "-i", path, &pcm);
    bytes
        .chunks_exact(2)
        .map(|b| i16::from_le_bytes([b[0], b[1]]))
        .collect()
}

/// What is heard of a copied track from zero on. ffmpeg places the first frame of a
/// fragmented file before zero, as the edit list says, but does not drop it.
fn presented(copied: &Track) -> Vec<i16> {
    let file = copied.file();
    let show = "-show_entries packet=pts -read_intervals %+#1 -of csv=p=0";
    let pts = String::from_utf8(run("ffprobe", show, file.path(), "")).unwrap();
    let pts: i64 = pts
        .lines()
        .next()
        .unwrap()
        .trim_matches(',')
        .parse()
        .unwrap();
    let skip = usize::try_from(-pts).unwrap_or(0);
    assert!(skip < 1024, "a whole frame is dropped");
    sound(file.path(), 0).split_off(skip)
}

/// The same sound at the same time, but for the first frame, which the decoder makes of
/// one that is not there, and the last.
fn assert_same_sound(source: &Path, index: usize, copied: &Track) {
    let (theirs, ours) = (sound(source, index), presented(copied));
    let len = theirs.len().min(ours.len());
    assert!(
        theirs.len().abs_diff(ours.len()) <= 2048,
        "{} {}",
        theirs.len(),
        ours.len()
    );
    let from = 2048;
    let off = |shift: usize| -> u64 {
        let pairs = theirs[from..len - 2048]
            .iter()
            .zip(&ours[from + shift - 8..]);
        pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).sum()
    };
    // A sample is 0.02 ms: the movie's timescale, and so ffmpeg's edit, is coarser.
    let best = (0..16).min_by_key(|shift| off(*shift)).unwrap();
    assert!(
        (7..=9).contains(&best),
        "shifted by {} samples",
        best as i64 - 8
    );
    let mean = off(best) / len as u64;
    assert!(mean < 4, "{mean}");
}
