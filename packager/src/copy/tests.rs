//! Copies of real files, judged by ffmpeg.

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

#[tokio::test]
async fn every_picture_keeps_its_bytes_and_its_time() {
    for flags in ["", "-movflags +faststart"] {
        let clip = clip("clip.mp4", 12, flags);
        let copied = copied(&clip).await;
        assert_eq!(copied.tracks.len(), 2);
        assert_eq!(copied.video().starts_secs(), [0.0, 2.0, 4.0, 6.0, 10.0]);
        assert_eq!(copied.video().end_secs(), 12.0);
        assert_same_pictures(&clip.path(), copied.video());
        assert_same_sound(&clip.path(), 0, copied.track("a1"));
    }
}

#[tokio::test]
async fn the_plan_tells_what_is_copied() {
    let clip = clip("clip.mp4", 8, "-metadata:s:a:0 language=fra");
    let Verdict::Copy(found) = verdict(&clip).await else {
        panic!()
    };
    let plan = found.plan;
    assert_eq!((plan.timescale, plan.starts.len()), (15360, 4));
    let names: Vec<String> = plan.track_ids().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["v180-source", "a1"]);
    assert_eq!(
        plan.tracks[0].planned.kind,
        PlannedKind::Video {
            width: 320,
            height: 180,
            frame_rate: (30, 1),
            range: wire::VideoRange::Sdr,
        }
    );
    let PlannedKind::Audio {
        channels, label, ..
    } = &plan.tracks[1].planned.kind
    else {
        panic!()
    };
    assert_eq!((*channels, label.language.as_deref()), (1, Some("fra")));
    assert!(label.default && plan.left.is_empty() && plan.warnings.is_empty());
    assert!(plan.tracks.iter().all(|t| t.planned.bitrate_max > 10_000));
}

#[tokio::test]
async fn a_quicktime_file_is_copied_too() {
    let clip = clip("clip.mov", 6, "");
    let copied = copied(&clip).await;
    assert_same_pictures(&clip.path(), copied.video());
    assert_same_sound(&clip.path(), 0, copied.track("a1"));
}

#[tokio::test]
async fn sound_keeps_its_place_where_its_frames_do_not_start_with_the_picture() {
    // Cut at a keyframe: the sound starts within a frame, and an edit list says so.
    let clip = clip("clip.mp4", 10, "-ar 44100").remade("cut.mp4", "-c copy");
    let path = clip.path();
    let args = format!("-ss 3 -i {} -c copy -map 0", path.display());
    let cut = Clip::make("cut.mp4", &args);
    let copied = copied(&cut).await;
    assert_same_pictures(&cut.path(), copied.video());
    assert_same_sound(&cut.path(), 0, copied.track("a1"));
    let skipped = copied.track("a1").init.windows(4).any(|w| w == b"elst");
    assert!(skipped, "a residual below one frame is in the edit list");
}

#[tokio::test]
async fn an_edit_list_that_starts_within_a_group_is_refused() {
    let clip = clip("clip.mp4", 10, "");
    let args = format!("-ss 3.5 -i {} -c copy", clip.path().display());
    let reason = refused(&Clip::make("cut.mp4", &args)).await;
    assert_eq!(reason, "its edit list starts between two keyframes");
}

#[tokio::test]
async fn keyframes_of_open_groups_are_no_cuts() {
    let open = "-bf 3 -x264-params open-gop=1:keyint=30:min-keyint=30:scenecut=0";
    let reason = refused(&clip("clip.mp4", 14, open)).await;
    assert!(
        reason.contains("keyframes are too far apart: 14.0 s"),
        "{reason}"
    );
}

#[tokio::test]
async fn open_groups_are_merged_up_to_the_next_idr_picture() {
    let open = "-bf 3 -x264-params open-gop=1:keyint=30:min-keyint=30:scenecut=0 \
                -force_key_frames expr:gte(t,n_forced*4) -forced-idr 1";
    let clip = clip("clip.mp4", 12, open);
    let copied = copied(&clip).await;
    assert_eq!(copied.video().starts_secs(), [0.0, 4.0, 8.0]);
    assert_same_pictures(&clip.path(), copied.video());
}

#[tokio::test]
async fn sound_that_starts_a_little_late_keeps_its_time_and_later_sound_is_left() {
    let source = clip("clip.mp4", 6, "");
    let path = source.path();
    for (late, is_copied) in [(0.25, true), (0.9, false)] {
        let inputs = format!("-i {} -itsoffset {late}", path.display());
        let maps = "-map 0:v -map 1:a -c copy";
        let clip = Clip::make(
            "late.mp4",
            &format!("{inputs} -i {} {maps}", path.display()),
        );
        let copied = copied(&clip).await;
        assert_eq!(copied.tracks.len(), if is_copied { 2 } else { 1 });
        if is_copied {
            let show = "-select_streams a -show_entries stream=start_time -of csv=p=0";
            let start = String::from_utf8(run("ffprobe", show, &clip.path(), "")).unwrap();
            let (start, ours): (f64, f64) = (
                start.trim().parse().unwrap(),
                copied.track("a1").starts_secs()[0],
            );
            assert!(
                start > 0.2 && (start - ours).abs() < 0.001,
                "{start} {ours}"
            );
        } else {
            assert_eq!(
                copied.plan.left[0].reason,
                "it starts 0.9 s after the picture"
            );
        }
    }
}

#[tokio::test]
async fn keyframes_too_far_apart_are_refused_with_the_reason() {
    let reason = refused(&Clip::silent("320x180", "30", 12.0)).await;
    assert!(
        reason.contains("12.0 s without one from 0.0 s on"),
        "{reason}"
    );
}

#[tokio::test]
async fn what_not_every_player_shows_is_refused() {
    let plain = clip("clip.mp4", 3, "");
    let turned = plain.remade("turned.mp4", "-c copy -metadata:s:v:0 rotate=90");
    assert_eq!(refused(&turned).await, "it is turned or mirrored");
    for (args, reason) in [
        ("-vf setsar=4/3", "its pixels are not square"),
        (
            "-pix_fmt yuv444p",
            "H.264 profile 244 is not for every player",
        ),
        ("-flags +ilme+ildct", "it is interlaced"),
        ("-c:v mpeg4", "its video codec is mp4v"),
        ("-level 6.2", "H.264 level 6.2 is above 5.1"),
        ("-movflags +frag_keyframe", "it is already fragmented"),
    ] {
        assert_eq!(refused(&clip("clip.mp4", 3, args)).await, reason);
    }
}

#[tokio::test]
async fn turning_copying_off_is_a_reason() {
    let clip = clip("clip.mp4", 1, "");
    let settings = PackageSettings {
        copy: false,
        ..PackageSettings::default()
    };
    let verdict = look(&input(&clip.path()), &settings).await.unwrap();
    assert_eq!(
        verdict,
        Verdict::Refused("copying is turned off".to_owned())
    );
}

#[tokio::test]
async fn pictures_at_any_time_keep_theirs() {
    let vfr = "-vf select=mod(n\\,7)*mod(n\\,5) -fps_mode passthrough -enc_time_base -1 \
               -force_key_frames expr:gte(t,n_forced*1)";
    let clip = clip("clip.mp4", 9, vfr);
    let copied = copied(&clip).await;
    assert_same_pictures(&clip.path(), copied.video());
    let starts = copied.video().starts_secs();
    assert!(starts.len() >= 4, "{starts:?}");
}

#[tokio::test]
async fn every_language_of_sound_is_copied_and_what_does_not_fit_is_named() {
    let sources = "-f lavfi -i testsrc2=size=320x180:rate=30 -f lavfi -i sine=440 \
                   -f lavfi -i sine=880 -f lavfi -i sine=330";
    let maps = "-map 0 -map 1 -map 2 -map 3 -metadata:s:a:0 language=eng \
                -metadata:s:a:2 language=deu -c:a aac -c:a:1 ac3";
    let clip = Clip::make("clip.mp4", &format!("{sources} -t 6 {GROUPS} {maps}"));
    let copied = copied(&clip).await;
    let left = &copied.plan.left;
    assert_eq!(left.len(), 1);
    assert_eq!((left[0].source, left[0].audio_index), (3, 1));
    assert_eq!(left[0].reason, "its codec is ac-3");
    let languages = copied
        .plan
        .tracks
        .iter()
        .filter_map(|t| match &t.planned.kind {
            PlannedKind::Audio { label, .. } => label.language.as_deref(),
            _ => None,
        });
    assert_eq!(languages.collect::<Vec<_>>(), ["eng", "deu"]);
    assert_same_sound(&clip.path(), 0, copied.track("a1"));
    assert_same_sound(&clip.path(), 2, copied.track("a2"));
}

#[tokio::test]
async fn sound_that_is_longer_than_the_pictures_is_cut_on() {
    let sources = "-f lavfi -i testsrc2=size=320x180:rate=30:duration=4 \
                   -f lavfi -i aevalsrc=sin(900*t*t):s=48000:duration=15";
    let clip = Clip::make("clip.mp4", &format!("{sources} {GROUPS} -c:a aac"));
    let copied = copied(&clip).await;
    assert_eq!(copied.video().starts_secs(), [0.0, 2.0]);
    let sound = copied.track("a1");
    assert!(sound.segments.len() >= 4 && sound.end_secs() > 14.9);
    assert_same_sound(&clip.path(), 0, sound);
}

#[tokio::test]
async fn a_file_that_is_cut_short_is_published_as_far_as_it_goes() {
    let clip = clip("clip.mp4", 12, "-movflags +faststart");
    let whole = pictures(&clip.path());
    let file = File::options().write(true).open(clip.path()).unwrap();
    file.set_len(file.metadata().unwrap().len() * 6 / 10)
        .unwrap();
    let copied = copied(&clip).await;
    let end = copied.video().end_secs();
    assert!((4.0..9.0).contains(&end) && end.fract() == 0.0, "{end}");
    let warning = format!("the source is cut short: {end:.1} s of 12.0 s");
    assert_eq!(copied.warnings, [warning]);
    assert_pictures(&whole[..(end * 30.0) as usize], copied.video());
    assert!((copied.track("a1").end_secs() - end).abs() < 0.2);
}

#[tokio::test]
async fn a_file_without_its_index_is_refused() {
    let clip = clip("clip.mp4", 6, "");
    let file = File::options().write(true).open(clip.path()).unwrap();
    file.set_len(file.metadata().unwrap().len() / 2).unwrap();
    let reason = refused(&clip).await;
    assert!(reason.starts_with("it has no index (moov)"), "{reason}");
}

#[tokio::test]
async fn what_is_not_mp4_is_left_to_others() {
    let mkv = clip("clip.mkv", 1, "");
    assert_eq!(verdict(&mkv).await, Verdict::NotMp4);
    for bytes in [
        &b""[..],
        b"ftyp",
        &[0; 100],
        b"\0\0\0\x08text\0\0\0\x08moov",
    ] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let verdict = look(&input(file.path()), &PackageSettings::default()).await;
        assert_eq!(verdict.unwrap(), Verdict::NotMp4, "{bytes:?}");
    }
}

#[test]
fn a_damaged_index_never_ends_a_worker() {
    let clip = clip("clip.mp4", 4, "-movflags +faststart");
    let bytes = clip.bytes();
    let moov = 0..bytes.windows(4).position(|w| w == b"mdat").unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let damage = prop::collection::vec((any::<Index>(), any::<u8>()), 1..6);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(300));
    let checked = runner.run(&damage, |damage| {
        let mut bytes = bytes.clone();
        for (at, byte) in damage {
            bytes[at.index(moov.len())] = byte;
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let input = input(file.path());
        // Whatever it is taken for, it is told: a panic fails the test.
        let verdict = runtime.block_on(look(&input, &PackageSettings::default()));
        if let Ok(Verdict::Copy(found)) = verdict {
            let _ = runtime.block_on(publish(&input, &found.plan, &[]));
        }
        Ok(())
    });
    checked.unwrap();
}

#[tokio::test]
async fn the_next_attempt_goes_on_behind_what_is_stored() {
    let clip = clip("clip.mp4", 12, "");
    let whole = copied(&clip).await;
    let stored = StoredTrack {
        track: "v180-source".parse().unwrap(),
        init: true,
        segments: 3,
    };
    let rest = publish(&input(&clip.path()), &whole.plan, &[stored])
        .await
        .unwrap();
    let numbers = rest.video().segments.keys().copied();
    assert_eq!(numbers.collect::<Vec<_>>(), [3, 4]);
    assert_eq!(rest.video().segments[&3], whole.video().segments[&3]);
    assert_eq!(rest.track("a1").segments.len(), 5);
}

#[tokio::test]
async fn another_source_than_planned_is_no_copy() {
    let clip = clip("clip.mp4", 12, "");
    let plan = copied(&clip).await.plan;
    let other = Clip::silent("320x180", "25", 8.0);
    let refused = publish(&input(&other.path()), &plan, &[]).await;
    assert!(matches!(refused, Err(PackagerError::Source(_))));
}

/// Serves one file by range, as an origin does to the key of a job.
async fn serve(bytes: Vec<u8>) -> (Input, AbortHandle) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let (len, bytes) = (bytes.len() as u64, Arc::new(bytes));
    let server = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let bytes = Arc::clone(&bytes);
            tokio::spawn(async move {
                let mut asked = Vec::new();
                while stream.read_buf(&mut asked).await.is_ok_and(|n| n > 0) {
                    if !asked.ends_with(b"\r\n\r\n") {
                        continue;
                    }
                    let text = String::from_utf8_lossy(&asked).to_lowercase();
                    let range = text.split("range: bytes=").nth(1).unwrap();
                    let (from, last) = range.split_once('-').unwrap();
                    let last: usize = last.split_whitespace().next().unwrap().parse().unwrap();
                    let body = &bytes[from.parse().unwrap()..=last];
                    let head = "HTTP/1.1 206 Partial Content\r\ncontent-length:";
                    let head = format!("{head} {}\r\n\r\n", body.len());
                    let answer = [head.as_bytes(), body].concat();
                    stream.write_all(&answer).await.unwrap();
                    asked.clear();
                }
            });
        }
    });
    let config = Config {
        origin,
        ..Config::default()
    };
    let lease = serde_json::json!({
        "job": "j1", "attempt": 1, "attempts_max": 3, "lease_secs": 60, "key": "key",
        "asset": "a1", "version": "v1", "source_len_bytes": len,
        "settings": PackageSettings::default(), "task": wire::Task::plan(),
        "plan": null, "stored": [],
    });
    let lease = serde_json::from_value(lease).unwrap();
    let job = Api::new(&config).unwrap().job(&lease).unwrap();
    (Input::Origin { job, len }, server.abort_handle())
}

#[tokio::test]
async fn a_source_at_the_origin_gives_the_same_segments_as_a_file() {
    // Long enough for segments to cross the pieces that it is read in.
    let clip = clip(
        "clip.mp4",
        12,
        "-vf scale=320:180,noise=alls=90:allf=t -crf 10",
    );
    let bytes = clip.bytes();
    assert!(bytes.len() > 9 << 20, "{}", bytes.len());
    let from_file = copied(&clip).await;
    let (input, server) = serve(bytes).await;
    let from_origin = copy_of(&input).await;
    server.abort();
    assert_eq!(from_origin.plan, from_file.plan);
    for (name, track) in &from_file.tracks {
        let theirs = &from_origin.tracks[name];
        assert_eq!(theirs.init, track.init);
        assert!(theirs.segments == track.segments, "{name}");
    }
}
