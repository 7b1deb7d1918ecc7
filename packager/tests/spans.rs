//! One file, many workers: whoever encodes which span, the result is the same, and no
//! border can be seen or heard.

mod support;

use support::{
    Clip, Ended, Faults, OPEN_GOP, Origin, Packager, SOUND, Worker, numbered, package, program,
};
use wire::{Lead, PackageSettings, TaskKind};

/// Packages a clip of 45 s, at 32 lines, and gives its only track.
async fn small(clip: &Clip) -> support::Track {
    let published = Packager::new(&[32]).publish(clip).await;
    published.track("v32").clone()
}

#[tokio::test]
async fn pictures_keep_their_number_and_time_over_borders() {
    for (rate, frames) in [
        ((30, 1), 1350),
        ((30_000, 1001), 1349),
        ((24_000, 1001), 1079),
    ] {
        let clip = numbered("clip.mp4", &format!("{}/{}", rate.0, rate.1), 45, OPEN_GOP);
        small(&clip).await.assert_counts(frames, rate);
    }
}

#[tokio::test]
async fn times_in_milliseconds_are_understood() {
    let clip = numbered("clip.mkv", "30000/1001", 45, OPEN_GOP);
    small(&clip).await.assert_counts(1349, (30_000, 1001));
}

#[tokio::test]
async fn pictures_at_any_time_keep_it() {
    let vary =
        format!("-vf select='gt(mod(n\\,7)\\,2)',scale=256:32 -fps_mode passthrough {OPEN_GOP}");
    let clip = numbered("plain.mp4", "30", 45, OPEN_GOP).remade("clip.mkv", &vary);
    small(&clip).await.assert_same_pictures(&clip);
}

#[tokio::test]
async fn interlaced_pictures_keep_their_number() {
    let codec = "-c:v libx264 -preset veryfast -bf 3 -g 50 -flags +ildct+ilme -x264-params tff=1";
    let clip = numbered("clip.mp4", "25", 45, codec);
    small(&clip).await.assert_counts(1125, (25, 1));
}

#[tokio::test]
async fn a_source_that_starts_late_starts_at_zero() {
    let plain = numbered("plain.mp4", "30", 45, OPEN_GOP);
    let late = format!(
        "-itsoffset 0.5 -i {} -map 1:v -c copy",
        plain.path().display()
    );
    for name in ["late.mp4", "late.mkv"] {
        let clip = plain.remade(name, &late);
        small(&clip).await.assert_counts(1350, (30, 1));
    }
}

#[tokio::test]
async fn a_source_that_was_cut_out_of_another_starts_with_what_is_shown() {
    let plain = numbered("plain.mp4", "30", 45, OPEN_GOP);
    let cut = format!("-ss 3.2 -i {} -map 1:v -c copy", plain.path().display());
    let clip = plain.remade("cut.mp4", &cut);
    let track = small(&clip).await;
    track.assert_exact();
    let (numbers, shown) = (track.numbers(), support::numbers(&clip.path()));
    assert_eq!(numbers, shown);
    assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]));
}

#[tokio::test]
async fn composition_offsets_of_either_sign_are_the_same() {
    for flags in ["+negative_cts_offsets", "+faststart"] {
        let codec = format!("{OPEN_GOP} -movflags {flags}");
        let clip = numbered("clip.mp4", "30", 45, &codec);
        small(&clip).await.assert_counts(1350, (30, 1));
    }
}

#[tokio::test]
async fn borders_far_from_any_keyframe_are_found() {
    let codec = "-c:v libx264 -preset veryfast -bf 3 -x264-params keyint=900:min-keyint=900";
    let clip = numbered("clip.mp4", "30", 45, codec);
    small(&clip).await.assert_counts(1350, (30, 1));
}

/// Three spans of a moving picture, with a tone.
fn moving() -> Clip {
    let picture = "testsrc2=size=320x180:rate=30:duration=45";
    let codecs = format!("{OPEN_GOP} -c:a aac");
    Clip::make(
        "clip.mp4",
        &format!("-f lavfi -i {picture} -f lavfi -i {SOUND} -t 45 {codecs}"),
    )
}

#[tokio::test]
async fn bytes_do_not_depend_on_who_encodes_what() {
    let clip = moving();
    let mut packager = Packager::new(&[180]);
    let expected = packager.publish(&clip).await.tracks;
    for workers in [1, 4] {
        packager.workers = workers;
        assert!(
            packager.publish(&clip).await.tracks == expected,
            "{workers}"
        );
    }
    let dir = tempfile::tempdir().unwrap();
    packager.config.ffmpeg = program(dir.path(), "one-core", "exec taskset -c 0 ffmpeg \"$@\"");
    assert!(packager.publish(&clip).await.tracks == expected, "one core");
}

#[tokio::test]
async fn another_worker_goes_on_in_a_lost_span_to_the_same_bytes() {
    let clip = moving();
    let origin = Origin::start(clip.bytes()).await;
    origin.fail_with(Faults {
        lease_lost_at: Some(6),
        ..Faults::default()
    });
    origin.offer(&[180]);
    let first = worker(&origin);
    origin.asked_after_loss().await;
    first.stop().await;
    origin.lend_again();
    let others = [worker(&origin), worker(&origin)];
    assert_eq!(origin.ended().await, Ended::Complete(vec![]));
    for other in others {
        other.stop().await;
    }
    let alone = Packager::new(&[180]).publish(&clip).await;
    let stored = origin.published();
    for (name, track) in &alone.tracks {
        assert!(stored.track(name).same_bytes(track), "{name}");
    }
}

/// A worker with the settings of [`Packager`].
fn worker(origin: &Origin) -> Worker {
    Worker::with(origin, |config| config.preset = "veryfast".to_owned())
}

#[tokio::test]
async fn every_span_stores_the_same_parameter_sets() {
    let origin = Origin::start(numbered("clip.mp4", "30", 45, OPEN_GOP).bytes()).await;
    origin.offer(&[32]);
    let (ended, published) = package(&origin).await;
    assert_eq!(ended, Ended::Complete(vec![]));
    let tasks = published.plan.unwrap().tasks;
    let spans = tasks.iter().filter(|t| t.kind == TaskKind::Rest).count();
    assert!(spans >= 3, "{spans}");
    // Others than the first are refused by the origin.
    assert_eq!(origin.inits(), vec!["v32"; spans]);
}

#[tokio::test]
async fn a_worker_with_other_tools_is_never_lent_a_span() {
    let origin = Origin::start(numbered("clip.mp4", "30", 45, OPEN_GOP).bytes()).await;
    origin.fail_with(Faults {
        lease_lost_at: Some(1),
        ..Faults::default()
    });
    origin.offer(&[32]);
    let first = Worker::start(&origin);
    origin.asked_after_loss().await;
    origin.lend_again();
    let dir = tempfile::tempdir().unwrap();
    let script = "case $2 in -version) echo ffmpeg version 0.other;; *) exec ffmpeg \"$@\";; esac";
    let other = program(dir.path(), "other", script);
    let other = Worker::with(&origin, |config| config.ffmpeg = other);
    origin.asked_with("ffmpeg 0.other, x264 1", 2).await;
    origin.ended().await;
    first.stop().await;
    other.stop().await;
    let own = |(_, toolchain): &(wire::Task, String)| toolchain.contains("x264 1");
    assert!(origin.lent().iter().all(own), "{:?}", origin.lent());
    assert!(origin.lent().iter().all(|lent| !lent.1.contains("other")));
}

#[tokio::test]
async fn a_damaged_middle_leaves_all_pictures_at_their_times() {
    let clip = moving();
    let mut bytes = clip.bytes();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 50_000].fill(0);
    std::fs::write(clip.path(), bytes).unwrap();
    let (packaged, published) = Packager::new(&[180]).run(&clip).await;
    assert_eq!(packaged.warnings, ["parts of the source are damaged"]);
    let track = published.track("v180");
    track.assert_exact();
    let due: Vec<f64> = (0..1350).map(|n| f64::from(n) / 30.0).collect();
    let times = track.times();
    assert_eq!(times.len(), due.len());
    assert!(
        times
            .iter()
            .zip(due)
            .all(|(time, due)| (time - due).abs() < 1e-4)
    );
}

#[tokio::test]
async fn no_two_segments_exceed_the_planned_rate() {
    let noise = "-f lavfi -i testsrc2=size=640x360:rate=30:duration=30,noise=alls=60:allf=t";
    let clip = Clip::make(
        "clip.mp4",
        &format!("{noise} -c:v libx264 -preset ultrafast -crf 30"),
    );
    let origin = Origin::start(clip.bytes()).await;
    origin.offer(&[360]);
    let worker = worker(&origin);
    assert_eq!(origin.ended().await, Ended::Complete(vec![]));
    worker.stop().await;
    let published = origin.published();
    let planned = published.plan.as_ref().unwrap().tracks[0].bitrate_max as f64;
    let peak = published.track("v360").peak_rate(2);
    assert!(peak > 0.8 * planned, "the noise is not enough: {peak}");
    assert!(peak <= 1.1 * planned, "{peak} of {planned}");
}

#[tokio::test]
async fn a_long_source_is_encoded_once_at_its_lowest_before_all_else() {
    let codec = "-c:v libx264 -preset ultrafast -g 25";
    let clip = Clip::make(
        "clip.mp4",
        &format!("-f lavfi -i testsrc2=size=64x36:rate=5:duration=605 {codec}"),
    );
    let origin = Origin::start(clip.bytes()).await;
    origin.offer(&[36, 18]);
    let worker = Worker::start(&origin);
    origin.stored_segments(12).await;
    worker.stop().await;
    let mut tasks = origin.published().plan.unwrap().tasks;
    let is_picture = |task: &wire::Task| matches!(task.kind, TaskKind::Lead | TaskKind::Rest);
    tasks.retain(is_picture);
    let of = |task: &wire::Task| (task.kind, task.tracks[0].to_string());
    let (lead, rest) = tasks.split_at(tasks.len() / 2);
    assert!(
        lead.iter()
            .all(|task| of(task) == (TaskKind::Lead, "v18".to_owned()))
    );
    assert!(
        rest.iter()
            .all(|task| of(task) == (TaskKind::Rest, "v36".to_owned()))
    );
    // Lent in the plan's order.
    let lent: Vec<_> = origin
        .lent()
        .into_iter()
        .map(|lent| lent.0)
        .filter(is_picture)
        .collect();
    assert!(lent.len() >= 2 && tasks.starts_with(&lent), "{lent:?}");
}

#[tokio::test]
async fn there_is_no_lead_where_nobody_wants_one() {
    let clip = numbered("clip.mp4", "30", 45, OPEN_GOP);
    let origin = Origin::start(clip.bytes()).await;
    origin.offer_with(PackageSettings {
        ladder: vec![32, 16],
        copy: false,
        lead: Lead::Off,
        ..PackageSettings::default()
    });
    let (ended, published) = package(&origin).await;
    assert_eq!(ended, Ended::Complete(vec![]));
    let tasks = published.plan.unwrap().tasks;
    assert!(tasks.iter().all(|task| task.kind != TaskKind::Lead));
    assert!(tasks.iter().any(|task| task.tracks.len() == 2));
}

#[tokio::test]
async fn a_long_source_is_packaged_whole() {
    let clip = Clip::make(
        "clip.mp4",
        "-f lavfi -i testsrc2=size=64x36:rate=1:duration=605 -c:v libx264 -preset ultrafast -g 20",
    );
    let published = Packager::new(&[36, 18]).publish(&clip).await;
    for name in ["v36", "v18"] {
        published.track(name).assert_exact();
        assert_eq!(published.track(name).decoded_frames(), 605, "{name}");
    }
    assert_eq!(published.track("v36").cuts(), published.track("v18").cuts());
}
