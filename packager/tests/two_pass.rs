//! Two passes: an average that is kept over the whole file, however its bits are spread.

mod support;

use support::{Clip, Ended, Faults, OPEN_GOP, Origin, Packager, Track, Worker};
use wire::{PackageSettings, RateControl, TaskKind};

/// What 180 lines may need at most, at 15 frames/s; they are to average two thirds of that.
const CEILING: f64 = 290_000.0;

fn packager(ladder: &[u32]) -> Packager {
    Packager {
        rate_control: RateControl::TwoPass,
        ..Packager::new(ladder)
    }
}

/// Some spans of hardly anything, then some of far too much.
fn uneven(name: &str) -> Clip {
    let calm = "testsrc2=size=320x180:rate=15:duration=20,noise=alls=4:allf=t";
    let busy = "testsrc2=size=320x180:rate=15:duration=25,noise=alls=30:allf=t";
    let joined = format!("-filter_complex {calm}[a];{busy}[b];[a][b]concat,format=yuv420p");
    Clip::make(name, &format!("{joined} {OPEN_GOP}"))
}

fn assert_on_target(track: &Track, ceiling: f64) {
    let error = track.rate(..) / (ceiling / 1.5) - 1.0;
    assert!(
        error.abs() < 0.03,
        "{} of {ceiling}: {error}",
        track.rate(..)
    );
    let peak = track.peak_rate(2);
    assert!(peak <= 1.1 * ceiling, "{peak} of {ceiling}");
}

#[tokio::test]
async fn the_average_is_the_targets_and_what_is_busy_gets_more() {
    let clip = uneven("clip.mp4");
    let published = packager(&[180]).publish(&clip).await;
    let track = published.track("v180");
    assert_on_target(track, CEILING);
    track.assert_exact();
    assert_eq!(track.decoded_frames(), 675);
    let (calm, busy) = (track.rate(..4), track.rate(8..));
    assert!(busy > 1.2 * calm, "{calm} and {busy}");
}

#[tokio::test]
async fn pictures_at_any_time_average_the_same() {
    let vary = "-vf select='gt(mod(n\\,7)\\,0)' -fps_mode passthrough";
    let clip = uneven("plain.mp4").remade("clip.mkv", &format!("{vary} {OPEN_GOP}"));
    let published = packager(&[180]).publish(&clip).await;
    assert_on_target(published.track("v180"), CEILING);
}

#[tokio::test]
async fn a_still_picture_stays_below_and_says_so() {
    let still = "-f lavfi -i color=gray:size=320x180:rate=15:duration=25";
    let clip = Clip::make("clip.mp4", &format!("{still} {OPEN_GOP}"));
    let (packaged, published) = packager(&[180]).run(&clip).await;
    let short = "v180 has too little in it for its target: it stays below 194 kb/s";
    assert_eq!(packaged.warnings, [short]);
    assert_eq!(published.track("v180").decoded_frames(), 375);
}

#[tokio::test]
async fn bytes_do_not_depend_on_how_many_do_them() {
    let clip = uneven("clip.mp4");
    let mut packager = packager(&[180]);
    packager.workers = 1;
    let expected = packager.publish(&clip).await.tracks;
    packager.workers = 4;
    assert!(packager.publish(&clip).await.tracks == expected);
}

#[tokio::test]
async fn a_first_pass_that_was_lost_is_done_again_before_anything_goes_by_it() {
    let clip = uneven("clip.mp4");
    let origin = Origin::start(clip.bytes()).await;
    origin.fail_with(Faults {
        passes_lost_at: Some(1),
        ..Faults::default()
    });
    offer(&origin);
    let first = worker(&origin);
    origin.asked_after_loss().await;
    first.stop().await;
    origin.lend_again();
    // The second is lost while it encodes.
    origin.fail_with(Faults {
        lease_lost_at: Some(3),
        ..Faults::default()
    });
    let second = worker(&origin);
    origin.asked_after_loss().await;
    second.stop().await;
    origin.lend_again();
    let third = worker(&origin);
    assert_eq!(origin.ended().await, Ended::Complete(vec![]));
    let folder = third.stop().await;
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let of = |kind| {
        let lent = origin.lent();
        let at = lent.iter().position(|(task, _)| task.kind == kind);
        let last = lent.iter().rposition(|(task, _)| task.kind == kind);
        (at.unwrap(), last.unwrap())
    };
    assert!(of(TaskKind::FirstPass).1 < of(TaskKind::Rest).0);
    let whole = packager(&[180, 90]).publish(&clip).await;
    for (name, track) in &whole.tracks {
        assert!(origin.published().track(name).same_bytes(track), "{name}");
    }
}

fn offer(origin: &Origin) {
    origin.offer_with(PackageSettings {
        ladder: vec![180, 90],
        copy: false,
        rate_control: RateControl::TwoPass,
        ..PackageSettings::default()
    });
}

/// A worker with the settings of [`Packager`].
fn worker(origin: &Origin) -> Worker {
    Worker::with(origin, |config| config.preset = "veryfast".to_owned())
}
