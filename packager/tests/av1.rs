//! AV1 beside H.264: each segment a run of SVT-AV1, at the same times.

mod support;

use std::path::Path;

use media::bmff::{InitKind, Sample};
use support::{Clip, Ended, Faults, OPEN_GOP, Origin, Packager, Published, SOUND, Worker, program};
use wire::{Codec, Lead, PackageSettings, TaskKind};

const CODECS: [Codec; 3] = [Codec::H264, Codec::Av1, Codec::Opus];

fn packager(ladder: &[u32]) -> Packager {
    Packager {
        codecs: CODECS.to_vec(),
        ..Packager::new(ladder)
    }
}

/// Two spans of a moving picture, with a tone.
fn moving() -> Clip {
    let picture = "testsrc2=size=256x144:rate=30:duration=22";
    let codecs = format!("{OPEN_GOP} -c:a aac");
    Clip::make(
        "clip.mp4",
        &format!("-f lavfi -i {picture} -f lavfi -i {SOUND} -t 22 {codecs}"),
    )
}

/// The pictures of a track are those of a clip that many, at another's cuts. Each segment
/// starts with the init segment's sequence header and a key frame, its only one.
fn assert_whole(published: &Published, name: &str, like: &str, frames: usize) {
    let track = published.track(name);
    track.assert_exact();
    assert_eq!(track.cuts(), published.track(like).cuts(), "{name}");
    assert_eq!(track.decoded_frames(), frames, "{name}");
    for fragment in track.fragments() {
        assert!(fragment.starts_with_idr(&track.info()));
        let flags: Vec<u32> = fragment.samples.iter().map(|s| s.flags).collect();
        let depends = |flags: &u32| flags & Sample::DEPENDENT == Sample::DEPENDENT;
        assert!(
            !depends(&flags[0]) && flags[1..].iter().all(depends),
            "{flags:x?}"
        );
    }
}

#[tokio::test]
async fn each_size_is_in_av1_too_cut_at_the_same_times_and_no_byte_depends_on_who_does_it() {
    let clip = moving();
    let mut packager = packager(&[144, 72]);
    let out = tempfile::tempdir().unwrap();
    let packaged = packager.write((&clip, out.path()), |_| {}).await;
    let names = ["v144", "v72", "v144-av1", "v72-av1", "a1", "a1-opus"];
    assert_eq!(packaged.unwrap().tracks, names);
    let published = Published::in_folder(out.path());
    for (name, like) in [("v144-av1", "v144"), ("v72-av1", "v72")] {
        assert_whole(&published, name, like, 660);
    }
    for name in ["master.m3u8", "manifest.mpd"] {
        let times = support::published_times(&out.path().join(name));
        assert!(times.len() >= 660, "{name}: {}", times.len());
    }
    let dir = tempfile::tempdir().unwrap();
    packager.workers = 1;
    packager.config.ffmpeg = program(dir.path(), "one-core", "exec taskset -c 0 ffmpeg \"$@\"");
    let alone = packager.publish(&clip).await;
    assert!(alone.tracks == published.tracks, "one worker on one core");
}

#[tokio::test]
async fn the_codec_string_is_what_ffprobe_sees_and_h264_is_what_it_is_without() {
    let clip = Clip::silent("320x180", "30", 5.0);
    let published = packager(&[180]).publish(&clip).await;
    let track = published.track("v180-av1");
    let facts = track.facts();
    assert_eq!(facts[..3], ["av1", "Main", "av01"], "{facts:?}");
    assert_eq!(facts[3..6], ["320", "180", "yuv420p"]);
    let level: u32 = facts[6].parse().unwrap();
    assert_eq!(track.info().codec, format!("av01.0.{level:02}M.08"));
    assert!(matches!(
        track.info().kind,
        InitKind::Video {
            width: 320,
            height: 180,
            nal_len_bytes: 0
        }
    ));
    let plain = Packager::new(&[180]).publish(&clip).await;
    assert_eq!(plain.names(), ["v180"]);
    assert!(plain.track("v180").same_bytes(published.track("v180")));
}

#[tokio::test]
async fn no_two_segments_exceed_the_planned_rate() {
    let noise = "-f lavfi -i testsrc2=size=320x180:rate=30:duration=10,noise=alls=20:allf=t";
    let codec = "-c:v libx264 -preset ultrafast -crf 20";
    let clip = Clip::make("clip.mp4", &format!("{noise} {codec}"));
    let published = packager(&[180]).publish(&clip).await;
    // Three fifths of what H.264 gets at this size, 410 kb/s.
    let peak = published.track("v180-av1").peak_rate(2);
    let planned = 250_000.0;
    assert!(peak > 0.7 * planned, "the noise is not enough: {peak}");
    assert!(peak <= 1.1 * planned, "{peak} of {planned}");
}

#[tokio::test]
async fn pictures_at_any_time_keep_it() {
    let filter = "select='eq(n,floor(sqrt(n))*floor(sqrt(n)))' -fps_mode passthrough";
    let clip = Clip::make(
        "clip.mp4",
        &format!("-f lavfi -i testsrc2=size=160x90:rate=30 -t 20 -vf {filter} -c:v libx264 -bf 0"),
    );
    let published = packager(&[90]).publish(&clip).await;
    let (avc, av1) = (published.track("v90"), published.track("v90-av1"));
    assert!(avc.times().len() > 20);
    assert_eq!(avc.times(), av1.times());
    assert_whole(&published, "v90-av1", "v90", avc.times().len());
}

#[tokio::test]
async fn a_copy_has_av1_beside_it_cut_where_it_is() {
    let codec = "-c:v libx264 -preset ultrafast -bf 2 -g 60 -sc_threshold 0 -pix_fmt yuv420p";
    let picture = "-f lavfi -i testsrc2=size=160x90:rate=30";
    let clip = Clip::make("clip.mp4", &format!("{picture} -t 9 {codec}"));
    let mut packager = packager(&[90]);
    packager.copy = true;
    let published = packager.publish(&clip).await;
    assert!(published.names().ends_with(&["v90-av1", "v90-source"]));
    assert_whole(&published, "v90-av1", "v90-source", 270);
}

#[tokio::test]
async fn hdr_is_kept() {
    let tags = "color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc:range=tv";
    let clip = Clip::make(
        "clip.mp4",
        &format!(
            "-f lavfi -i testsrc2=size=160x90:rate=30 -vf format=yuv420p10le,setparams={tags} \
             -t 2 -c:v libx265 -preset ultrafast -x265-params log-level=error"
        ),
    );
    let out = tempfile::tempdir().unwrap();
    let packager = packager(&[90]);
    packager.write((&clip, out.path()), |_| {}).await.unwrap();
    let published = Published::in_folder(out.path());
    let facts = published.track("v90-av1").facts();
    assert_eq!(facts[5], "yuv420p10le", "{facts:?}");
    assert_eq!(facts[7..], ["tv", "bt2020nc", "smpte2084", "bt2020"]);
    let codec = "av01.0.00M.10.0.111.09.16.09.0";
    assert_eq!(published.track("v90-av1").info().codec, codec);
    let read = |name: &str| std::fs::read_to_string(out.path().join(name)).unwrap();
    let master = read("master.m3u8");
    let of_av1 = |line: &&str| line.starts_with("#EXT-X-STREAM-INF") && line.contains(codec);
    let line = master.lines().find(of_av1).unwrap();
    assert!(
        line.contains("VIDEO-RANGE=PQ") && line.contains("SCORE=2"),
        "{line}"
    );
    let property = "cicp:TransferCharacteristics\" value=\"16\"";
    let mpd = read("manifest.mpd");
    assert_eq!(mpd.matches("contentType=\"video\"").count(), 2, "{mpd}");
    assert_eq!(mpd.matches(property).count(), 1, "{mpd}");
}

#[tokio::test]
async fn without_an_index_there_is_no_av1_and_a_warning() {
    let clip = Clip::make(
        "clip.dv",
        "-f lavfi -i testsrc2=size=720x576:rate=25 -t 1 -target pal-dv",
    );
    let (packaged, published) = packager(&[180]).run(&clip).await;
    let warning = "AV1 left out: the source has no index by which it could be split";
    assert!(
        packaged.warnings.iter().any(|w| w == warning),
        "{packaged:?}"
    );
    assert_eq!(published.track("v180").decoded_frames(), 25);
    assert!(!published.tracks.contains_key("v180-av1"));
}

/// What a worker does with settings of this ladder and AV1.
fn settings() -> PackageSettings {
    PackageSettings {
        ladder: vec![144, 72],
        copy: false,
        lead: Lead::On,
        codecs: CODECS.to_vec(),
        ..PackageSettings::default()
    }
}

#[tokio::test]
async fn workers_do_av1_last_in_spans_and_go_on_behind_what_is_stored() {
    let clip = moving();
    let origin = Origin::start(clip.bytes()).await;
    // All of H.264 is stored, and of AV1 a part.
    origin.fail_with(Faults {
        lease_lost_at: Some(7 * 2 + 4),
        ..Faults::default()
    });
    origin.offer_with(settings());
    let log = tempfile::tempdir().unwrap();
    let runs = log.path().join("runs");
    let script = format!(
        "case \"$*\" in *frames:v*) ;; *svtav1*) echo run >> {};; esac; exec ffmpeg \"$@\"",
        runs.display()
    );
    let ffmpeg = program(log.path(), "counted", &script);
    let worker = Worker::with(&origin, |config| {
        config.ffmpeg = ffmpeg;
        config.spans = 1;
    });
    origin.asked_after_loss().await;
    let before = origin.published();
    origin.lend_again();
    assert_eq!(origin.ended().await, Ended::Complete(vec![]));
    worker.stop().await;
    let published = origin.published();
    for (name, like) in [("v144-av1", "v144"), ("v72-av1", "v72")] {
        assert_whole(&published, name, like, 660);
        let kept = &before.track(name).segments;
        assert!(!kept.is_empty(), "{name}: the lease was lost too early");
        assert!(
            kept.iter()
                .all(|(n, s)| published.track(name).segments[n] == *s)
        );
    }
    let segments = published.track("v144-av1").segments.len();
    let runs = std::fs::read_to_string(runs).unwrap().lines().count();
    // One may have been under way, or have stored one rendition and not the other.
    assert!(runs <= segments + 1, "{runs} runs for {segments} segments");
    let plan = published.plan.unwrap();
    let kinds: Vec<TaskKind> = plan.tasks.iter().map(|t| t.kind).collect();
    assert_eq!(kinds[kinds.len() - 2..], [TaskKind::Av1; 2]);
    assert!(plan.toolchain.contains(", SVT-AV1 "), "{}", plan.toolchain);
}

/// A script in place of ffmpeg that has no SVT-AV1.
fn without_svt_av1(dir: &Path) -> std::path::PathBuf {
    let script = "case \"$*\" in *-encoders*) ffmpeg \"$@\" | grep -v libsvtav1;; \
                  *) exec ffmpeg \"$@\";; esac";
    program(dir, "poor", script)
}

#[tokio::test]
async fn a_worker_without_svt_av1_says_so_and_leaves_it_to_others() {
    let dir = tempfile::tempdir().unwrap();
    let clip = Clip::silent("160x90", "30", 3.0);
    let origin = Origin::start(clip.bytes()).await;
    origin.offer_with(settings());
    let worker = Worker::with(&origin, |config| {
        config.ffmpeg = without_svt_av1(dir.path());
    });
    match origin.ended().await {
        Ended::Failed { reason, permanent } => {
            let words = reason.contains("no encoder of av1");
            assert!(words && !permanent, "{reason}");
        }
        other => panic!("{other:?}"),
    }
    worker.stop().await;
}
