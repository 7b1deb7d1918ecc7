//! One file, encoded by several workers.

use wire::AssetState;

use crate::{
    clip::{Clip, FRAME_RATE},
    fleet::{Asset, Fleet, Role},
    kills::with_ffmpeg,
    process::{Folder, at_work_in, eventually},
    published,
};

const SECS: usize = 45;
/// Spans of 10 to 20 s then take seconds each, so that each worker has one at a time.
const PACED_FFMPEG: &str = "exec ffmpeg -readrate 4 \"$@\"";
const TRACKS: [&str; 3] = ["a1", "v240", "v360"];

#[tokio::test]
async fn a_file_is_whole_when_one_of_its_workers_is_killed_and_the_bytes_are_those_of_one() {
    let tools = Folder::new();
    let clip = Clip::in_spans(SECS as f64);
    let (mut shared, asset) = at_two_workers(&tools, &clip).await;
    shared.kill(Role::SecondWorker);
    let status = shared.settled(&asset).await;
    assert_eq!(status.state, AssetState::Ready, "{status:?}");
    assert!(status.warnings.is_empty(), "{status:?}");
    let tracks = published::fetch(&shared, &asset).await;
    assert_eq!(tracks.keys().collect::<Vec<_>>(), TRACKS);
    for name in ["v240", "v360"] {
        assert_eq!(tracks[name].decoded_frames(), SECS * FRAME_RATE, "{name}");
        let due = (0..SECS * FRAME_RATE).map(|n| n as f64 / FRAME_RATE as f64);
        let times = tracks[name].times();
        assert!(times.iter().copied().eq(due), "{name}: {times:?}");
    }
    drop(shared);

    let alone = Fleet::start(&[]).await;
    let asset = alone.publish(clip.path()).await;
    let of_one = published::fetch(&alone, &asset).await;
    for name in TRACKS {
        assert!(tracks[name].equals(&of_one[name]), "{name}");
    }
}

/// Both workers encode, and the second has stored some of what it does.
async fn at_two_workers(tools: &Folder, clip: &Clip) -> (Fleet, Asset) {
    let mut fleet = with_ffmpeg(tools, PACED_FFMPEG, &[]).await;
    fleet.launch(Role::SecondWorker).await;
    let asset = fleet.take_in(clip.path()).await;
    eventually("both are at work", async || {
        let state = fleet.status(&asset).await.state;
        assert_ne!(state, AssetState::Ready, "too late to kill anything");
        let encode = |role| at_work_in(&fleet.work_dir_of(role)).len() >= 2;
        let stored = fleet.metric(Role::SecondWorker, "weir_worker_segments_total", "");
        stored.await >= 2.0 && encode(Role::Worker) && encode(Role::SecondWorker)
    })
    .await;
    (fleet, asset)
}
