//! Per-title encoding: rates chosen by what a source is.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::{path::Path, process::Command, time::Duration};

use packager::{Metric, Packaged};
use support::{Clip, Ended, OPEN_GOP, Origin, Packager, Published, SOUND, Worker, program};
use tokio::time::Instant;
use wire::{Analysis, Codec, Lead, PackageSettings, TaskKind};

fn packager(ladder: &[u32]) -> Packager {
    Packager {
        per_title: true,
        ..Packager::new(ladder)
    }
}

/// A picture that is easy to encode: one that only moves.
fn easy(secs: u32) -> Clip {
    let picture = "smptebars=size=320x180:rate=25,drawbox=x=40:y=40:w=80:h=50:color=gray,\
                   crop=w=300:h=170:x=mod(n\\,20):y=5,scale=320:180,setsar=1";
    let args = format!("-f lavfi -i {picture} -f lavfi -i {SOUND} -t {secs} {OPEN_GOP} -c:a aac");
    Clip::make("clip.mp4", &args)
}

/// One that no rate under its ceiling encodes well.
fn hard(secs: u32) -> Clip {
    let picture = "testsrc2=size=320x180:rate=25,noise=alls=60:allf=t";
    let codec = "-c:v libx264 -preset ultrafast -crf 12 -pix_fmt yuv420p -g 50";
    Clip::make(
        "clip.mp4",
        &format!("-f lavfi -i {picture} -t {secs} {codec}"),
    )
}

fn analysis(packaged: &Packaged) -> &Analysis {
    assert_eq!(packaged.warnings, Vec::<String>::new());
    packaged.analysis.as_ref().expect("it was analysed")
}

fn len(published: &Published, track: &str) -> usize {
    let segments = published.track(track).segments.values();
    segments.map(|s| s.bytes.len()).sum()
}

/// SSIM of luma of a track's pictures to the clip's, by another way than the packager's.
fn ssim(published: &Published, track: &str, clip: &Clip) -> f64 {
    let file = published.track(track).file();
    let height = &track[1..];
    let graph = format!(
        "[0:v]scale=-2:{height}:flags=bicubic,format=yuv420p,setpts=N/25/TB[a];\
         [1:v]setpts=N/25/TB[b];[a][b]ssim"
    );
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "info", "-i"])
        .arg(clip.path())
        .arg("-i")
        .arg(file.path())
        .args(["-lavfi", &graph, "-f", "null", "-"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let (_, rest) = text.split_once("SSIM Y:").expect("it was compared");
    let number = rest.split_whitespace().next().unwrap();
    number.parse().unwrap()
}

#[tokio::test]
async fn what_is_easy_gets_fewer_bits_and_the_quality_that_is_aimed_at() {
    let clip = easy(24);
    let (packaged, chosen) = packager(&[180, 90]).run(&clip).await;
    let fixed = Packager::new(&[180, 90]).publish(&clip).await;
    let analysis = analysis(&packaged);
    assert_eq!((analysis.samples, analysis.sampled_secs), (1, 2.0));
    for (rate, name) in analysis.renditions.iter().zip(["v180", "v90"]) {
        assert_eq!((rate.track.as_str(), rate.fixed.crf), (name, 21.0));
        assert!(
            rate.chosen.crf > 21.0 && rate.chosen.crf <= 31.0,
            "{rate:?}"
        );
        assert!(rate.chosen.quality >= 0.98, "{rate:?}");
        let (less, more) = (len(&chosen, name), len(&fixed, name));
        assert!(less < more, "{less} of {more}");
        let saved = 100.0 - less as f64 / more as f64 * 100.0;
        assert!(
            (saved - rate.saving_percent).abs() < 12.0,
            "{saved}: {rate:?}"
        );
        assert!(ssim(&chosen, name, &clip) > 0.975, "{name}");
        assert_eq!(chosen.track(name).cuts(), fixed.track(name).cuts());
    }
    assert!(chosen.track("a1").same_bytes(fixed.track("a1")));
}

#[tokio::test]
async fn what_is_hard_is_encoded_as_without() {
    let clip = hard(4);
    let (packaged, chosen) = packager(&[180]).run(&clip).await;
    let rate = &analysis(&packaged).renditions[0];
    assert_eq!((rate.chosen, rate.saving_percent), (rate.fixed, 0.0));
    assert!(rate.chosen.quality < 0.98, "{rate:?}");
    let fixed = Packager::new(&[180]).publish(&clip).await;
    assert!(chosen.track("v180").same_bytes(fixed.track("v180")));
}

#[tokio::test]
async fn a_source_is_always_analysed_alike() {
    let clip = easy(32);
    let mut one = packager(&[180]);
    (one.workers, one.config.spans) = (1, 1);
    let mut two = packager(&[180]);
    (two.workers, two.config.spans) = (2, 2);
    let (first, published) = one.run(&clip).await;
    let (second, again) = two.run(&clip).await;
    assert_eq!(analysis(&first).samples, 2);
    assert_eq!(first.analysis, second.analysis);
    assert!(published.track("v180").same_bytes(again.track("v180")));
}

#[tokio::test]
async fn odd_sources_are_analysed_too() {
    let made = |name: &str, args: &str| Clip::make(name, &format!("-f lavfi -i {args}"));
    let x264 = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p";
    let picture = "testsrc2=size=320x180:rate=25";
    let pq = "-c:v libx265 -preset ultrafast -pix_fmt yuv420p10le -color_trc smpte2084 \
              -color_primaries bt2020 -colorspace bt2020nc -x265-params log-level=error";
    let times = "setpts=PTS+0.013*mod(N\\,3)/TB";
    let odd = [
        (
            "a picture",
            made("one.mp4", &format!("{picture} -frames:v 1 {x264}")),
        ),
        (
            "short",
            made("short.mp4", &format!("{picture} -t 0.6 {x264}")),
        ),
        (
            "at any time",
            made(
                "vfr.mkv",
                &format!("{picture} -t 5 -vf {times} -fps_mode vfr {x264}"),
            ),
        ),
        ("HDR", made("hdr.mp4", &format!("{picture} -t 2 {pq}"))),
    ];
    for (what, clip) in odd {
        let (packaged, published) = packager(&[180]).run(&clip).await;
        let found = packaged.analysis.as_ref();
        let found = found.unwrap_or_else(|| panic!("{what}: {:?}", packaged.warnings));
        assert_eq!(found.renditions.len(), 1, "{what}");
        published.track("v180").assert_exact();
    }
}

#[tokio::test]
async fn what_cannot_be_analysed_is_packaged_all_the_same() {
    let sound = Clip::make("clip.m4a", &format!("-f lavfi -i {SOUND} -t 2 -c:a aac"));
    let (packaged, _) = packager(&[180]).run(&sound).await;
    assert_eq!((packaged.analysis, packaged.warnings), (None, vec![]));
    let damaged = hard(4);
    let mut bytes = damaged.bytes();
    let (from, to) = (bytes.len() / 6, bytes.len() / 2);
    bytes[from..to].fill(0xff);
    std::fs::write(damaged.path(), bytes).unwrap();
    let (packaged, published) = packager(&[180]).run(&damaged).await;
    assert!(!packaged.warnings.is_empty());
    published.track("v180").assert_exact();
}

#[tokio::test]
async fn an_analysis_that_takes_too_long_is_ended_and_nothing_is_chosen() {
    let dir = tempfile::tempdir().unwrap();
    let script = "case \"$*\" in *ssim*) exec sleep 60;; *) exec ffmpeg \"$@\";; esac";
    let clip = easy(3);
    let mut slow = packager(&[180]);
    slow.config.ffmpeg = program(dir.path(), "slow", script);
    slow.config.analysis_timeout = Duration::from_secs(1);
    let began = Instant::now();
    let (packaged, published) = slow.run(&clip).await;
    assert!(began.elapsed() < Duration::from_secs(30));
    assert_eq!(packaged.analysis, None);
    let [warning] = packaged.warnings.as_slice() else {
        panic!("{:?}", packaged.warnings)
    };
    assert!(warning.contains("longer than 1 s"), "{warning}");
    let fixed = Packager::new(&[180]).publish(&clip).await;
    assert!(published.track("v180").same_bytes(fixed.track("v180")));
}

#[tokio::test]
async fn an_ffmpeg_without_the_metric_is_named_and_nothing_is_chosen() {
    let dir = tempfile::tempdir().unwrap();
    let script = "case \"$*\" in *libvmaf*) echo \"[error] No such filter: 'libvmaf'\" >&2; exit 1;; \
                  *) exec ffmpeg \"$@\";; esac";
    let mut poor = packager(&[180]);
    poor.config.ffmpeg = program(dir.path(), "poor", script);
    (poor.config.quality_metric, poor.config.quality_target) = (Metric::Vmaf, 93.0);
    let (packaged, _) = poor.run(&easy(1)).await;
    assert_eq!(packaged.analysis, None);
    let [warning] = packaged.warnings.as_slice() else {
        panic!("{:?}", packaged.warnings)
    };
    assert!(warning.contains("No such filter: 'libvmaf'"), "{warning}");
}

/// Which factors ffmpeg was asked for, of each command that encodes for publishing.
fn factors(log: &Path, codec: &str) -> Vec<Vec<String>> {
    let log = std::fs::read_to_string(log).unwrap();
    let crfs = |line: &str| -> Vec<String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let pairs = words.windows(2).filter(|pair| pair[0] == "-crf");
        pairs.map(|pair| pair[1].to_owned()).collect()
    };
    let encodes = log.lines().filter(|line| line.contains(codec));
    let mut all: Vec<_> = encodes.map(crfs).collect();
    // A sample is encoded with both.
    all.retain(|crfs| !crfs.is_empty() && crfs != &["21", "31"]);
    all.dedup();
    all
}

#[tokio::test]
async fn workers_take_what_was_chosen_and_the_lead_does_not_wait_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let script = format!("echo \"$@\" >>{}; exec ffmpeg \"$@\"", log.display());
    let origin = Origin::start(easy(12).bytes()).await;
    origin.offer_with(PackageSettings {
        ladder: vec![180, 90],
        copy: false,
        lead: Lead::On,
        codecs: vec![Codec::H264, Codec::Hevc],
        per_title: true,
        ..PackageSettings::default()
    });
    let ffmpeg = program(dir.path(), "logs", &script);
    let worker = Worker::with(&origin, |config| config.ffmpeg = ffmpeg);
    assert_eq!(origin.ended().await, Ended::Complete(vec![]));
    worker.stop().await;
    let plan = origin.published().plan.unwrap();
    let kinds: Vec<TaskKind> = plan.tasks.iter().map(|task| task.kind).collect();
    assert_eq!(
        kinds[1..4],
        [TaskKind::Lead, TaskKind::Analysis, TaskKind::Rest]
    );
    let analysis = plan.analysis.unwrap();
    let [rate] = analysis.renditions.as_slice() else {
        panic!("{analysis:?}")
    };
    assert_eq!(rate.track.as_str(), "v180");
    let chosen = rate.chosen.crf;
    let h264 = factors(&log, "libx264");
    assert_eq!(h264, [vec!["21".to_owned()], vec![chosen.to_string()]]);
    // The same step above its own; what was encoded ahead says nothing.
    let hevc = [chosen + 4.0, 25.0].map(|crf| crf.to_string());
    assert_eq!(factors(&log, "libx265"), [hevc.to_vec()]);
}
