//! `kill -9` of each role in the middle of an encode.

use std::os::unix::fs::PermissionsExt;

use wire::{AssetState, AssetStatus, Stage};

use crate::{
    clip::{Clip, FRAME_RATE},
    fleet::{Asset, Fleet, Role},
    process::{Folder, Settings, at_work_in, eventually},
    published,
};

const SECS: usize = 14;

/// The real ffmpeg, which reads at twice the speed of play: so that an encode lasts
/// seconds, and is surely running when something is killed, on any machine.
pub(crate) const PACED_FFMPEG: &str = "exec ffmpeg -readrate 2 \"$@\"";

#[tokio::test]
async fn the_encode_of_a_killed_worker_is_taken_up_by_the_next() {
    let tools = Folder::new();
    let (mut fleet, asset) = encoding(&tools).await;
    assert!(
        at_work_in(&fleet.work_dir()).len() >= 2,
        "worker and ffmpeg"
    );
    fleet.kill(Role::Worker);
    eventually("its ffmpeg has ended", async || {
        at_work_in(&fleet.work_dir()).is_empty()
    })
    .await;
    assert_eq!(fleet.status(&asset).await.failure, None);
    fleet.launch(Role::Worker).await;
    assert_whole(&fleet, &asset).await;
}

#[tokio::test]
async fn an_encode_outlives_a_killed_edge_and_plays_through_the_next() {
    let tools = Folder::new();
    let (mut fleet, asset) = encoding(&tools).await;
    fleet.at_edge(&asset.path("master.m3u8")).await;
    fleet.kill(Role::Edge);
    fleet.launch(Role::Edge).await;
    assert!(fleet.status(&asset).await.state != AssetState::Ready);
    assert_whole(&fleet, &asset).await;
}

#[tokio::test]
async fn an_encode_outlives_a_killed_origin() {
    let tools = Folder::new();
    let (mut fleet, asset) = encoding(&tools).await;
    fleet.kill(Role::Origin);
    fleet.launch(Role::Origin).await;
    assert!(fleet.status(&asset).await.state != AssetState::Ready);
    assert_whole(&fleet, &asset).await;
}

/// A fleet whose worker encodes at a pace.
pub(crate) async fn paced(tools: &Folder) -> Fleet {
    with_ffmpeg(tools, PACED_FFMPEG, &[]).await
}

/// A fleet whose worker runs this shell script in ffmpeg's place.
pub(crate) async fn with_ffmpeg(tools: &Folder, script: &str, settings: &Settings<'_>) -> Fleet {
    let ffmpeg = tools.join("ffmpeg-script");
    std::fs::write(&ffmpeg, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&ffmpeg, PermissionsExt::from_mode(0o755)).unwrap();
    // A script is no program that a jail would run.
    let own = [
        ("WEIR_WORKER__FFMPEG", ffmpeg.as_str()),
        ("WEIR_WORKER__JAIL", "off"),
    ];
    Fleet::start(&[&own, settings].concat()).await
}

/// A fleet whose worker is in the middle of an encode, with segments stored.
pub(crate) async fn encoding(tools: &Folder) -> (Fleet, Asset) {
    let fleet = paced(tools).await;
    let clip = Clip::with_sound(SECS as f64);
    let asset = fleet.take_in(clip.path()).await;
    fleet.status_when(&asset, is_encoding).await;
    (fleet, asset)
}

pub(crate) fn is_encoding(status: &AssetStatus) -> bool {
    assert_ne!(status.state, AssetState::Ready, "too late to kill anything");
    let progress = status.progress.as_ref();
    progress.is_some_and(|p| p.stage == Stage::Encode && p.percent >= 30.0)
}

/// It becomes ready, plays, and has every frame of the source.
pub(crate) async fn assert_whole(fleet: &Fleet, asset: &Asset) {
    let status = fleet.settled(asset).await;
    assert_eq!(status.state, AssetState::Ready, "{status:?}");
    assert!(status.warnings.is_empty(), "{status:?}");
    fleet.plays(asset).await;
    let tracks = published::fetch(fleet, asset).await;
    for name in ["v240", "v360"] {
        assert_eq!(tracks[name].decoded_frames(), SECS * FRAME_RATE, "{name}");
    }
    let audio_secs = tracks["a1"].decoded_frames() as f64 * 1024.0 / 48_000.0;
    assert!((audio_secs - SECS as f64).abs() < 0.05, "{audio_secs}");
}
