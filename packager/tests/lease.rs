//! A worker and its lease: what breaks, what is lost, and what goes on.

mod support;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use packager::{Config, PackagerError};
use support::{
    Clip, Ended, Faults, Origin, Published, Worker, eventually, ffmpeg_runs_in, package,
};
use wire::{PackageSettings, Stage};

/// Long enough that it is not encoded before the origin has a say.
fn long_clip() -> Clip {
    Clip::with_sound("640x360", "30", 30.0)
}

#[tokio::test]
async fn a_lost_lease_kills_ffmpeg_and_the_worker_asks_for_other_work() {
    let origin = Origin::start(long_clip().bytes()).await;
    origin.fail_with(Faults {
        lease_lost_at: Some(2),
        ..Faults::default()
    });
    origin.offer(&[360]);
    let worker = Worker::start(&origin);
    origin.lease_requests(2).await;
    eventually("ended", || !ffmpeg_runs_in(worker.work_dir.path())).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_deleted_asset_stops_the_work_and_is_not_reported_as_failed() {
    let origin = Origin::start(long_clip().bytes()).await;
    origin.fail_with(Faults {
        cancelled_at: Some(1),
        ..Faults::default()
    });
    origin.offer(&[360]);
    let worker = Worker::start(&origin);
    origin.lease_requests(2).await;
    eventually("ended", || !ffmpeg_runs_in(worker.work_dir.path())).await;
    worker.stop().await;
    assert!(!origin.has_ended());
}

#[tokio::test]
async fn a_worker_that_shuts_down_gives_its_job_back_uncounted() {
    let origin = Origin::start(long_clip().bytes()).await;
    origin.offer(&[360]);
    let worker = Worker::start(&origin);
    origin.stored_segments(1).await;
    worker.stop().await;
    assert_eq!(origin.ended().await, Ended::GivenBack);
}

/// A worker under way, whose leases last one second, when its origin goes away.
async fn left_alone(change: impl FnOnce(&mut Config)) -> (Origin, Worker) {
    let origin = Origin::start(long_clip().bytes()).await;
    origin.fail_with(Faults {
        lease_secs: 1,
        ..Faults::default()
    });
    origin.offer(&[360]);
    let worker = Worker::with(&origin, change);
    origin.stored_segments(1).await;
    origin.goes_away().await;
    assert!(!origin.has_ended());
    (origin, worker)
}

#[tokio::test]
async fn an_origin_that_was_away_for_three_leases_gets_the_rest_of_the_same_attempt() {
    let (origin, worker) = left_alone(|_| {}).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(ffmpeg_runs_in(worker.work_dir.path()));
    origin.comes_back().await;
    assert_eq!(origin.ended().await, Ended::Complete(vec![]));
    assert_eq!(origin.published().track("v360").decoded_frames(), 900);
    worker.stop().await;
}

#[tokio::test]
async fn an_origin_that_is_away_for_longer_than_patience_is_given_up() {
    let patience = Duration::from_secs(1);
    let (_origin, worker) = left_alone(|config| config.patience = patience).await;
    eventually("ended", || !ffmpeg_runs_in(worker.work_dir.path())).await;
    worker.stop().await;
}

#[tokio::test]
async fn an_attempt_that_goes_on_tells_the_speed_of_what_it_encodes() {
    const SPEED: f64 = 4.0;
    let origin = Origin::start(Clip::with_sound("640x360", "30", 40.0).bytes()).await;
    lose(&origin, 12, &[360]).await;
    let before = origin.heartbeats().len();
    let dir = tempfile::tempdir().unwrap();
    let slow = slow_after_skipping(dir.path(), SPEED);
    origin.offer(&[360]);
    let worker = Worker::with(&origin, |config| config.ffmpeg = slow);
    assert_eq!(origin.ended().await, Ended::Complete(vec![]));
    worker.stop().await;
    let beats = origin.heartbeats().split_off(before);
    let encoding: Vec<_> = beats.iter().filter(|b| b.stage == Stage::Encode).collect();
    let speeds: Vec<f64> = encoding.iter().filter_map(|beat| beat.speed).collect();
    assert!(!speeds.is_empty(), "{beats:?}");
    assert!(speeds.iter().all(|s| *s < 2.0 * SPEED), "{speeds:?}");
    // At least four segments of each track were stored: 10 s of 40.
    assert!(encoding.iter().all(|b| b.percent >= 24.0), "{beats:?}");
}

/// An ffmpeg that skips frames as fast as it can, and then encodes at `speed`.
fn slow_after_skipping(dir: &Path, speed: f64) -> PathBuf {
    let script = format!(
        "for arg; do shift; case $arg in *trim=start_pts=*) arg=$arg,realtime=speed={speed};; \
         esac; set -- \"$@\" \"$arg\"; done; exec ffmpeg \"$@\""
    );
    support::program(dir, "slow", &script)
}

#[tokio::test]
async fn the_next_attempt_goes_on_at_the_same_cuts() {
    let clip = long_clip();
    let whole = support::published(&clip, &[360, 240]).await;
    let resumed = resumed(&clip, &[360, 240]).await;
    for name in ["v360", "v240", "a1"] {
        let track = resumed.track(name);
        track.assert_exact();
        assert_eq!(track.cuts(), whole.track(name).cuts(), "{name}");
    }
    assert_eq!(resumed.track("v360").decoded_frames(), 900);
}

#[tokio::test]
async fn the_next_attempt_goes_on_at_the_same_cuts_where_frames_come_at_any_time() {
    let clip = Clip::make(
        "clip.mkv",
        "-f lavfi -i testsrc2=size=640x360:rate=60:duration=30 -vf select='gt(mod(n,7),2)' \
         -fps_mode passthrough -c:v libx264 -preset ultrafast",
    );
    let whole = support::published(&clip, &[360]).await;
    let resumed = resumed(&clip, &[360]).await;
    resumed.track("v360").assert_exact();
    assert_eq!(resumed.track("v360").cuts(), whole.track("v360").cuts());
}

/// What two attempts published, of which the first lost its lease on the way.
async fn resumed(clip: &Clip, ladder: &[u32]) -> Published {
    let origin = Origin::start(clip.bytes()).await;
    lose(&origin, 3 * (ladder.len() + 1), ladder).await;
    let first = origin.published();
    origin.offer(ladder);
    let (ended, published) = package(&origin).await;
    assert_eq!(ended, Ended::Complete(vec![]));
    for (name, track) in &first.tracks {
        assert_eq!(
            track.segments,
            published.track(name).segments[..track.segments.len()]
        );
    }
    published
}

/// An attempt that loses its lease when so many segments are stored.
async fn lose(origin: &Origin, segments: usize, ladder: &[u32]) {
    origin.fail_with(Faults {
        lease_lost_at: Some(segments),
        ..Faults::default()
    });
    origin.offer(ladder);
    let worker = Worker::start(origin);
    origin.lease_requests(2).await;
    worker.stop().await;
    assert!(!origin.has_ended());
    origin.fail_with(Faults::default());
}

#[tokio::test]
async fn another_stored_init_ends_the_job_for_good() {
    let origin = Origin::start(long_clip().bytes()).await;
    lose(&origin, 2, &[360]).await;
    origin.tamper(|published| {
        published.tracks.get_mut("v360").unwrap().init = Some(b"of another encoder"[..].into());
    });
    origin.offer(&[360]);
    let (ended, _) = package(&origin).await;
    assert!(
        matches!(
            ended,
            Ended::Failed {
                permanent: true,
                ..
            }
        ),
        "{ended:?}"
    );
}

#[tokio::test]
async fn a_download_goes_on_where_its_connection_broke() {
    let clip = Clip::silent("320x240", "30", 2.0);
    let bytes = clip.bytes();
    let origin = Origin::start(bytes.clone()).await;
    let source_breaks_after = Some(bytes.len() / 3);
    origin.fail_with(Faults {
        source_breaks_after,
        ..Faults::default()
    });
    origin.offer(&[240]);
    let (ended, published) = package(&origin).await;
    assert_eq!(ended, Ended::Complete(vec![]));
    assert_eq!(published.track("v240").decoded_frames(), 60);
    assert!(origin.source_requests() >= 3);
}

#[tokio::test]
async fn an_origin_that_is_unavailable_for_a_moment_is_asked_again() {
    let clip = Clip::silent("320x240", "30", 3.0);
    let origin = Origin::start(clip.bytes()).await;
    origin.fail_with(Faults {
        unavailable: 4,
        ..Faults::default()
    });
    origin.offer(&[240]);
    let (ended, published) = package(&origin).await;
    assert_eq!(ended, Ended::Complete(vec![]));
    assert_eq!(published.track("v240").decoded_frames(), 90);
}

#[tokio::test]
async fn heartbeats_tell_each_stage_and_growing_progress() {
    let origin = Origin::start(long_clip().bytes()).await;
    origin.offer(&[360, 240]);
    package(&origin).await;
    let heartbeats = origin.heartbeats();
    let encoding = || heartbeats.iter().filter(|beat| beat.stage == Stage::Encode);
    assert!(encoding().count() >= 2, "{heartbeats:?}");
    assert!(
        encoding().is_sorted_by(|a, b| a.percent <= b.percent),
        "{heartbeats:?}"
    );
}

#[tokio::test]
async fn nothing_is_left_in_the_work_folder_after_a_job() {
    let origin = Origin::start(Clip::silent("64x64", "30", 1.0).bytes()).await;
    origin.offer(&[64]);
    let worker = Worker::start(&origin);
    origin.ended().await;
    origin.lease_requests(2).await;
    let own = std::fs::read_dir(worker.work_dir.path())
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let left: Vec<_> = std::fs::read_dir(own.path()).unwrap().flatten().collect();
    assert_eq!(left.len(), 1, "only the lock: {left:?}");
    worker.stop().await;
}

#[tokio::test]
async fn a_refused_join_token_ends_the_worker() {
    let origin = Origin::start(Vec::new()).await;
    let config = support::config(origin.url(), std::env::temp_dir().join("weir-refused"));
    let shutdown = tokio_util::sync::CancellationToken::new();
    let error = packager::run(config, "wrong".to_owned(), shutdown)
        .await
        .unwrap_err();
    assert!(
        matches!(error, PackagerError::JoinRefused { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn an_ffmpeg_without_a_sign_of_life_is_ended() {
    let dir = tempfile::tempdir().unwrap();
    let stuck = support::program(
        dir.path(),
        "stuck",
        "case $2 in -*version|-encoders) \
         exec ffmpeg \"$@\";; esac; exec sleep 1000",
    );
    let origin = Origin::start(Clip::silent("64x64", "30", 1.0).bytes()).await;
    origin.offer_with(PackageSettings {
        ladder: vec![64],
        ..PackageSettings::default()
    });
    let worker = Worker::with(&origin, |config| {
        config.ffmpeg = stuck;
        config.idle_timeout = Duration::from_secs(1);
    });
    let ended = origin.ended().await;
    worker.stop().await;
    let reason = "the encoder failed: ffmpeg made no progress for 1 s".to_owned();
    assert_eq!(
        ended,
        Ended::Failed {
            reason,
            permanent: false
        }
    );
}
