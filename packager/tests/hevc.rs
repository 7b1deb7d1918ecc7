//! HEVC beside H.264: renditions of their own, of the same pictures at the same times.

mod support;

use std::path::Path;

use media::bmff::InitKind;
use support::{Clip, Ended, OPEN_GOP, Origin, Packager, Published, SOUND, Worker, program};
use wire::{Codec, Lead, PackageSettings, TaskKind};

const BOTH: [Codec; 2] = [Codec::H264, Codec::Hevc];

fn packager(ladder: &[u32]) -> Packager {
    Packager {
        codecs: BOTH.to_vec(),
        ..Packager::new(ladder)
    }
}

/// Three spans of a moving picture, with a tone.
fn moving() -> Clip {
    let picture = "testsrc2=size=320x180:rate=15:duration=45";
    let codecs = format!("{OPEN_GOP} -c:a aac");
    Clip::make(
        "clip.mp4",
        &format!("-f lavfi -i {picture} -f lavfi -i {SOUND} -t 45 {codecs}"),
    )
}

/// NAL unit types of the slices of a sample, by their lengths.
fn slices(mut sample: &[u8]) -> Vec<u8> {
    let mut kinds = Vec::new();
    while let Some((len, rest)) = sample.split_first_chunk() {
        let len = u32::from_be_bytes(*len) as usize;
        kinds.push(rest[0] >> 1 & 0x3f);
        sample = &rest[len..];
    }
    kinds.retain(|kind| *kind < 32);
    kinds
}

/// The pictures of a track are those of a clip that many, at its cuts, and only its
/// segments' first are IDR pictures.
fn assert_whole(published: &Published, name: &str, like: &str, frames: usize) {
    let track = published.track(name);
    track.assert_exact();
    assert_eq!(track.cuts(), published.track(like).cuts(), "{name}");
    assert_eq!(track.decoded_frames(), frames, "{name}");
    for fragment in track.fragments() {
        assert!(fragment.starts_with_idr(&track.info()));
        let kinds: Vec<u8> = fragment
            .samples
            .iter()
            .flat_map(|s| slices(s.data))
            .collect();
        assert!([19, 20].contains(&kinds[0]), "{}", kinds[0]);
        // From 16 to 21 are all pictures at which decoding can start.
        assert!(!kinds[1..].iter().any(|kind| (16..=21).contains(kind)));
    }
}

#[tokio::test]
async fn each_size_is_in_hevc_too_cut_at_the_same_times() {
    let out = tempfile::tempdir().unwrap();
    let packaged = packager(&[180, 90])
        .write((&moving(), out.path()), |_| {})
        .await;
    let names = ["v180", "v90", "v180-hevc", "v90-hevc", "a1"];
    assert_eq!(packaged.unwrap().tracks, names);
    let published = Published::in_folder(out.path());
    for (name, like) in [("v180-hevc", "v180"), ("v90-hevc", "v90")] {
        assert_whole(&published, name, like, 675);
    }
    for name in ["master.m3u8", "manifest.mpd"] {
        let times = support::published_times(&out.path().join(name));
        assert!(times.len() >= 675, "{name}: {}", times.len());
    }
}

#[tokio::test]
async fn the_codec_string_is_what_ffprobe_sees() {
    let published = packager(&[180]).publish(&moving()).await;
    let track = published.track("v180-hevc");
    // In the order of ffprobe's own.
    let facts = track.facts();
    assert_eq!(facts[..3], ["hevc", "Main", "hvc1"], "{facts:?}");
    assert_eq!(facts[3..6], ["320", "180", "yuv420p"]);
    let level: u32 = facts[6].parse().unwrap();
    assert_eq!(track.info().codec, format!("hvc1.1.6.L{level}.90"));
    assert!(matches!(
        track.info().kind,
        InitKind::Video {
            width: 320,
            height: 180,
            nal_len_bytes: 4
        }
    ));
}

#[tokio::test]
async fn bytes_do_not_depend_on_who_encodes_what() {
    let clip = moving();
    let mut packager = packager(&[180]);
    let expected = packager.publish(&clip).await.tracks;
    packager.workers = 1;
    assert!(packager.publish(&clip).await.tracks == expected, "1 worker");
    let dir = tempfile::tempdir().unwrap();
    packager.config.ffmpeg = program(dir.path(), "one-core", "exec taskset -c 0 ffmpeg \"$@\"");
    assert!(packager.publish(&clip).await.tracks == expected, "one core");
}

#[tokio::test]
async fn without_the_option_nothing_of_it_is_there_and_h264_is_the_same() {
    let clip = moving();
    let plain = Packager::new(&[180]).publish(&clip).await;
    let both = packager(&[180]).publish(&clip).await;
    assert_eq!(plain.names(), ["a1", "v180"]);
    for name in plain.names() {
        assert!(plain.track(name).same_bytes(both.track(name)), "{name}");
    }
}

#[tokio::test]
async fn no_two_segments_exceed_the_planned_rate() {
    let noise = "-f lavfi -i testsrc2=size=320x180:rate=30:duration=20,noise=alls=60:allf=t";
    let codec = "-c:v libx264 -preset ultrafast -crf 30";
    let clip = Clip::make("clip.mp4", &format!("{noise} {codec}"));
    let published = packager(&[180]).publish(&clip).await;
    // Three fifths of what H.264 gets at this size, 410 kb/s.
    let peak = published.track("v180-hevc").peak_rate(2);
    let planned = 250_000.0;
    assert!(peak > 0.8 * planned, "the noise is not enough: {peak}");
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
    let (avc, hevc) = (published.track("v90"), published.track("v90-hevc"));
    assert!(avc.times().len() > 20);
    assert_eq!(avc.times(), hevc.times());
}

#[tokio::test]
async fn a_copy_has_hevc_beside_it_cut_where_it_is() {
    let codec = "-c:v libx264 -preset ultrafast -bf 2 -g 60 -sc_threshold 0 -pix_fmt yuv420p";
    let picture = "-f lavfi -i testsrc2=size=320x180:rate=30";
    let clip = Clip::make("clip.mp4", &format!("{picture} -t 14 {codec}"));
    let mut packager = packager(&[180]);
    packager.copy = true;
    let published = packager.publish(&clip).await;
    assert!(published.names().ends_with(&["v180-hevc", "v180-source"]));
    assert_whole(&published, "v180-hevc", "v180-source", 420);
}

/// A clip in HDR, two seconds long, and what it becomes.
async fn hdr(transfer: &str) -> (Published, String, String) {
    let tags = format!("color_primaries=bt2020:color_trc={transfer}:colorspace=bt2020nc:range=tv");
    let clip = Clip::make(
        "clip.mp4",
        &format!(
            "-f lavfi -i testsrc2=size=320x180:rate=30 -vf format=yuv420p10le,setparams={tags} -t 2 \
             -c:v libx265 -preset ultrafast -x265-params log-level=error"
        ),
    );
    let out = tempfile::tempdir().expect("a folder");
    let packager = packager(&[180]);
    packager
        .write((&clip, out.path()), |_| {})
        .await
        .expect("it is packaged");
    let read = |name: &str| std::fs::read_to_string(out.path().join(name)).expect("a manifest");
    (
        Published::in_folder(out.path()),
        read("master.m3u8"),
        read("manifest.mpd"),
    )
}

#[tokio::test]
async fn hdr_is_kept_in_hevc_and_becomes_standard_range_in_h264() {
    for (transfer, range, number) in [("smpte2084", "PQ", 16), ("arib-std-b67", "HLG", 18)] {
        let (published, master, mpd) = hdr(transfer).await;
        let hevc = published.track("v180-hevc").facts();
        assert_eq!(hevc[1], "Main 10", "{hevc:?}");
        assert_eq!(hevc[5], "yuv420p10le", "{hevc:?}");
        assert_eq!(hevc[7..], ["tv", "bt2020nc", transfer, "bt2020"]);
        let codec = published.track("v180-hevc").info().codec;
        assert!(codec.starts_with("hvc1.2.4.L"), "{codec}");
        let avc = published.track("v180").facts();
        assert_eq!((avc[5].as_str(), avc[9].as_str()), ("yuv420p", "bt709"));
        let line = |codec: &str| {
            let mut lines = master
                .lines()
                .filter(|l| l.contains("STREAM-INF") && l.contains(codec));
            assert_eq!(
                lines.clone().count(),
                2,
                "pictures, and those of trick play"
            );
            (
                lines.next().unwrap().to_owned(),
                lines.next().unwrap().to_owned(),
            )
        };
        let kept = format!(",VIDEO-RANGE={range},");
        for (codec, range) in [("hvc1.2", kept.as_str()), ("avc1", ",VIDEO-RANGE=SDR,")] {
            let (plain, iframes) = line(codec);
            let has = |l: &str| format!("{l},").contains(range);
            assert!(has(&plain) && has(&iframes), "{plain}\n{iframes}");
        }
        let transfer = "urn:mpeg:mpegB:cicp:TransferCharacteristics";
        let property =
            format!("<EssentialProperty schemeIdUri=\"{transfer}\" value=\"{number}\"/>");
        assert_eq!(mpd.matches(&property).count(), 1, "{mpd}");
    }
}

#[tokio::test]
async fn standard_range_goes_without_saying() {
    let out = tempfile::tempdir().unwrap();
    let clip = Clip::silent("320x180", "30", 3.0);
    let packager = packager(&[180]);
    packager.write((&clip, out.path()), |_| {}).await.unwrap();
    let read = |name: &str| std::fs::read_to_string(out.path().join(name)).unwrap();
    assert!(!read("master.m3u8").contains("VIDEO-RANGE"));
    assert!(!read("manifest.mpd").contains("urn:mpeg:mpegB:cicp:Transfer"));
}

/// What a worker does with settings of this ladder and HEVC.
fn settings() -> PackageSettings {
    PackageSettings {
        ladder: vec![180, 90],
        copy: false,
        lead: Lead::On,
        codecs: BOTH.to_vec(),
        ..PackageSettings::default()
    }
}

#[tokio::test]
async fn workers_do_hevc_last_and_in_spans() {
    let origin = Origin::start(moving().bytes()).await;
    origin.offer_with(settings());
    let (ended, published) = support::package(&origin).await;
    assert_eq!(ended, Ended::Complete(vec![]));
    let plan = published.plan.clone().unwrap();
    let hevc = plan.tasks.iter().filter(|t| t.kind == TaskKind::Hevc);
    assert_eq!(hevc.clone().count(), 3);
    assert!(hevc.clone().all(|task| task.tracks.len() == 2));
    let kinds: Vec<TaskKind> = plan.tasks.iter().map(|t| t.kind).collect();
    assert_eq!(kinds[kinds.len() - 3..], [TaskKind::Hevc; 3]);
    assert!(plan.toolchain.contains(", x265 "), "{}", plan.toolchain);
    for (name, like) in [("v180-hevc", "v180"), ("v90-hevc", "v90")] {
        assert_whole(&published, name, like, 675);
    }
}

/// A script in place of ffmpeg that has no x265.
fn without_x265(dir: &Path) -> std::path::PathBuf {
    let script = "case \"$*\" in *-encoders*) ffmpeg \"$@\" | grep -v libx265;; \
                  *) exec ffmpeg \"$@\";; esac";
    program(dir, "poor", script)
}

#[tokio::test]
async fn a_worker_without_x265_says_so_and_leaves_it_to_others() {
    let dir = tempfile::tempdir().unwrap();
    let mut poor = packager(&[180]);
    poor.config.ffmpeg = without_x265(dir.path());
    let clip = Clip::silent("320x180", "30", 3.0);
    let out = dir.path().join("out");
    let error = poor.write((&clip, &out), |_| {}).await.unwrap_err();
    assert!(error.to_string().contains("no encoder of hevc"), "{error}");
    assert!(!out.exists());

    let origin = Origin::start(clip.bytes()).await;
    origin.offer_with(settings());
    let worker = Worker::with(&origin, |config| config.ffmpeg = without_x265(dir.path()));
    match origin.ended().await {
        Ended::Failed { reason, permanent } => {
            assert!(
                reason.contains("no encoder of hevc") && !permanent,
                "{reason}"
            );
        }
        other => panic!("{other:?}"),
    }
    worker.stop().await;
}
