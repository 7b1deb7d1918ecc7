//! Workers that encode spans read those of the source's bytes that they need, each of them
//! once, and write what they would write of all of it.

mod support;

use support::{
    Clip, Ended, Faults, OPEN_GOP, Origin, Packager, Published, SOUND, Worker, eventually,
};
use wire::{PackageSettings, TaskKind};

type Made = (Ended, Published);

const SPANS: [TaskKind; 2] = [TaskKind::Lead, TaskKind::Rest];
const OTHERS: [TaskKind; 4] = [
    TaskKind::Plan,
    TaskKind::Audio,
    TaskKind::Text,
    TaskKind::Images,
];

/// Of this many seconds, 1 MB each, with sound between the pictures.
fn large(secs: u32, codec: &str) -> Clip {
    let noise = "testsrc2=size=320x180:rate=30,noise=alls=60:allf=t";
    let rate = "-b:v 8M -minrate 8M -maxrate 8M -bufsize 8M -preset ultrafast";
    Clip::make(
        "clip.mp4",
        &format!("-f lavfi -i {noise} -f lavfi -i {SOUND} -t {secs} {codec} {rate} -c:a aac"),
    )
}

fn worker(origin: &Origin, kinds: &[TaskKind]) -> Worker {
    Worker::with(origin, |config| {
        config.preset = "veryfast".to_owned();
        config.kinds = kinds.to_vec();
        config.spans = 1;
    })
}

/// An origin whose source one worker reads whole, for the plan and all that are no spans.
async fn planned(clip: &Clip) -> (Origin, Worker) {
    let origin = Origin::start(clip.bytes()).await;
    origin.offer(&[90]);
    let planner = worker(&origin, &OTHERS);
    eventually("planned", || origin.published().plan.is_some()).await;
    (origin, planner)
}

/// What so many workers of spans make of a source, and how much of it they read, as a
/// share of it.
async fn spans(clip: &Clip, workers: usize, faults: Faults) -> (Made, f64) {
    let (origin, planner) = planned(clip).await;
    origin.fail_with(faults);
    let workers: Vec<Worker> = (0..workers).map(|_| worker(&origin, &SPANS)).collect();
    let ended = origin.ended().await;
    for worker in workers.into_iter().chain([planner]) {
        worker.stop().await;
    }
    let len = clip.bytes().len();
    let read = (origin.source_bytes() - len) as f64 / len as f64;
    ((ended, origin.published()), read)
}

async fn assert_same_as_of_all(clip: &Clip, (ended, made): &Made) {
    let (packaged, alone) = Packager::new(&[90]).run(clip).await;
    assert_eq!(*ended, Ended::Complete(packaged.warnings));
    let track = alone.track("v90");
    assert!(made.track("v90").same_bytes(track));
}

#[tokio::test]
async fn a_worker_of_one_span_reads_its_share_of_the_source() {
    let clip = large(90, "-c:v libx264 -bf 2 -g 30");
    let (origin, planner) = planned(&clip).await;
    assert_eq!(origin.source_bytes(), clip.bytes().len());
    let worker = worker(&origin, &SPANS);
    origin.stored_segments(1).await;
    let read = (origin.source_bytes() - clip.bytes().len()) as f64 / clip.bytes().len() as f64;
    // Of six spans one, and what is between it and the next; it may have asked for that.
    assert!((0.1..0.45).contains(&read), "{read}");
    worker.stop().await;
    planner.stop().await;
}

#[tokio::test]
async fn an_analysis_reads_its_samples_and_little_more() {
    let clip = large(60, "-c:v libx264 -bf 2 -g 30");
    let origin = Origin::start(clip.bytes()).await;
    origin.offer_with(PackageSettings {
        ladder: vec![180, 90],
        copy: false,
        per_title: true,
        ..PackageSettings::default()
    });
    let planner = worker(&origin, &OTHERS);
    eventually("planned", || origin.published().plan.is_some()).await;
    let planned = origin.source_bytes();
    let analyst = worker(&origin, &[TaskKind::Analysis]);
    let found = || origin.published().plan.and_then(|plan| plan.analysis);
    eventually("analysed", || found().is_some()).await;
    assert_eq!(found().unwrap().samples, 4);
    let read = (origin.source_bytes() - planned) as f64 / clip.bytes().len() as f64;
    // Four samples of 2 s, what is before and behind each, and the first 8 s.
    assert!((0.2..0.65).contains(&read), "{read}");
    analyst.stop().await;
    planner.stop().await;
}

#[tokio::test]
async fn a_worker_of_all_spans_reads_no_byte_twice() {
    let clip = large(60, OPEN_GOP);
    let (made, read) = spans(&clip, 1, Faults::default()).await;
    assert!((0.9..=1.0).contains(&read), "{read}");
    assert_same_as_of_all(&clip, &made).await;
}

#[tokio::test]
async fn workers_that_share_a_source_do_not_read_all_of_it_each() {
    let clip = large(90, OPEN_GOP);
    let (made, read) = spans(&clip, 2, Faults::default()).await;
    assert!(read < 1.6, "{read}");
    assert_same_as_of_all(&clip, &made).await;
}

#[tokio::test]
async fn a_span_goes_on_where_a_connection_broke() {
    let clip = large(45, OPEN_GOP);
    let breaks = Faults {
        source_breaks_after: Some(1_000_000),
        ..Faults::default()
    };
    let (made, read) = spans(&clip, 1, breaks).await;
    assert!(read <= 1.0, "{read}");
    assert_same_as_of_all(&clip, &made).await;
}

/// Three workers, so that most of the file is a hole for each.
async fn assert_same_in_parts(clip: &Clip) {
    let (made, read) = spans(clip, 3, Faults::default()).await;
    assert!(read < 2.5, "{read}");
    assert_same_as_of_all(clip, &made).await;
}

#[tokio::test]
async fn an_index_at_either_end_is_found() {
    let clip = large(45, OPEN_GOP);
    assert_same_in_parts(&clip.remade("front.mp4", "-c copy -movflags +faststart")).await;
    assert_same_in_parts(&clip.remade("clip.mov", "-c copy")).await;
}

#[tokio::test]
async fn edits_and_offsets_of_either_sign_move_the_range_with_the_pictures() {
    let clip = large(45, OPEN_GOP);
    let name = clip.path().display().to_string();
    for (name, args) in [
        (
            "negative.mp4",
            "-c copy -movflags +negative_cts_offsets".to_owned(),
        ),
        (
            "late.mp4",
            format!("-itsoffset 0.5 -i {name} -map 1:v -map 0:a -c copy"),
        ),
        (
            "cut.mp4",
            format!("-ss 3.2 -i {name} -map 1:v -map 1:a -c copy"),
        ),
    ] {
        assert_same_in_parts(&clip.remade(name, &args)).await;
    }
}

#[tokio::test]
async fn pictures_of_hevc_and_at_any_time_are_found() {
    let hevc = "-c:v libx265 -x265-params log-level=error:bframes=3:open-gop=1:keyint=50";
    assert_same_in_parts(&large(45, hevc)).await;
    let vary = "-vf select='gt(mod(n\\,7)\\,2)' -fps_mode passthrough -c:v libx264 -b:v 8M \
        -preset ultrafast -bf 3 -g 60 -c:a copy";
    assert_same_in_parts(&large(60, OPEN_GOP).remade("vary.mp4", vary)).await;
}

#[tokio::test]
async fn what_is_damaged_or_cut_short_is_the_same_in_parts() {
    let clip = large(45, OPEN_GOP).remade("front.mp4", "-c copy -movflags +faststart");
    let whole = clip.bytes();
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle..middle + 200_000].fill(0);
    let cut = whole[..whole.len() * 9 / 10].to_vec();
    for bytes in [damaged, cut] {
        std::fs::write(clip.path(), bytes).unwrap();
        assert_same_in_parts(&clip).await;
    }
}
