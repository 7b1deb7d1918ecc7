//! A worker and its lease: what breaks, what is lost, and what goes on.

mod support;

use std::time::Duration;

use packager::{Config, PackagerError};
use support::{
    Clip, Ended, Faults, Origin, Published, Worker, eventually, ffmpeg_runs_in, package,
};
use wire::{Stage, TaskKind};

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
    origin.asked_after_loss().await;
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
    origin.asked_after_loss().await;
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
    assert!(origin.given_back().contains(&TaskKind::Rest));
    assert!(!origin.has_ended());
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
    lose(&origin, 3 * ladder.len(), ladder).await;
    let first = origin.published();
    let (ended, published) = package(&origin).await;
    assert_eq!(ended, Ended::Complete(vec![]));
    for (name, track) in &first.tracks {
        let then = &published.track(name).segments;
        assert!(track.segments.iter().all(|(n, old)| then[n] == *old));
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
    origin.asked_after_loss().await;
    worker.stop().await;
    assert!(!origin.has_ended());
    origin.lend_again();
}

#[tokio::test]
async fn another_stored_init_ends_the_job_for_good() {
    let origin = Origin::start(long_clip().bytes()).await;
    lose(&origin, 2, &[360]).await;
    origin.tamper(|published| {
        published.tracks.get_mut("v360").unwrap().init = Some(b"of another encoder"[..].into());
    });
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
    let beats = origin.heartbeats();
    let jobs = origin.lent().len();
    let mut encoding = (0..jobs).map(|job| {
        let own = beats.iter().filter(move |beat| beat.job == job);
        let encoding = own.filter(|beat| beat.progress.stage == Stage::Encode);
        encoding.map(|beat| beat.progress.percent)
    });
    assert!(encoding.clone().flatten().count() >= jobs - 1, "{beats:?}");
    assert!(encoding.all(|percents| percents.is_sorted()), "{beats:?}");
}

#[tokio::test]
async fn the_last_source_stays_while_its_worker_lives() {
    let origin = Origin::start(Clip::silent("64x64", "30", 1.0).bytes()).await;
    origin.offer(&[64]);
    let worker = Worker::start(&origin);
    origin.ended().await;
    let found = || std::fs::read_dir(worker.work_dir.path()).unwrap().flatten();
    let own = found().next().unwrap().path();
    assert!(own.join("version-1/source").exists());
    assert_eq!(origin.source_requests(), 1);
    let work_dir = worker.stop().await;
    assert_eq!(std::fs::read_dir(work_dir.path()).unwrap().count(), 0);
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
        "case $2 in -version|-encoders|error) \
         exec ffmpeg \"$@\";; esac; exec sleep 1000",
    );
    let origin = Origin::start(Clip::silent("64x64", "30", 1.0).bytes()).await;
    origin.offer(&[64]);
    let worker = Worker::with(&origin, |config| {
        config.ffmpeg = stuck;
        config.idle_timeout = Duration::from_secs(1);
        config.kinds = vec![TaskKind::Plan, TaskKind::Rest];
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
