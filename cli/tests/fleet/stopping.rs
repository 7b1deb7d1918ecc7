//! SIGTERM: each role ends what it does, within its deadline, and says that all is well.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    clip::Clip,
    fleet::{Fleet, Role},
    kills::{assert_whole, encoding},
    link::Link,
    process::{Folder, Process, at_work_in, eventually, weir},
};

/// How long a role may take: `drain`, as set here, and a second to be scheduled in.
const DRAIN: (&str, Duration) = ("4s", Duration::from_secs(5));

#[tokio::test]
async fn an_idle_fleet_stops_though_its_origin_goes_first() {
    let mut fleet = Fleet::start(&drain()).await;
    for role in [Role::Origin, Role::Edge, Role::Worker] {
        assert_stops(&mut fleet, role).await;
    }
}

#[tokio::test]
async fn an_idle_fleet_stops_though_its_origin_goes_last() {
    let mut fleet = Fleet::start(&drain()).await;
    for role in [Role::Worker, Role::Edge, Role::Origin] {
        assert_stops(&mut fleet, role).await;
    }
}

#[tokio::test]
async fn a_worker_that_stops_gives_its_encode_back() {
    let tools = Folder::new();
    let (mut fleet, asset) = encoding(&tools).await;
    assert_stops(&mut fleet, Role::Worker).await;
    eventually("its ffmpeg has ended", async || {
        at_work_in(&fleet.work_dir()).is_empty()
    })
    .await;
    let left = std::fs::read_dir(fleet.work_dir()).unwrap();
    assert_eq!(left.count(), 0, "nothing is left in its folder");
    fleet.launch(Role::Worker).await;
    assert_whole(&fleet, &asset).await;
}

#[tokio::test]
async fn an_origin_stops_though_an_upload_hangs_and_keeps_what_came() {
    let mut fleet = Fleet::of(&[Role::Origin], &drain()).await;
    let clip = Clip::of_bytes("big.mp4", &vec![7; 4 << 20]);
    let link = Link::to(fleet.origin(), 2 << 20).await;
    let mut command = weir(fleet.folder.path(), &[]);
    command.arg("upload").arg(clip.path());
    command.args(["--origin", &link.url()]);
    let mut upload = Process::start(command, fleet.folder.join("upload.log").into());
    eventually("the origin has read what came", async || {
        let lengths = fleet.sources().into_iter().map(|source| source.metadata());
        lengths.flatten().any(|source| source.len() > 2_000_000)
    })
    .await;
    assert_stops(&mut fleet, Role::Origin).await;
    link.open();
    fleet.launch(Role::Origin).await;
    let ended = upload.ended().await;
    assert!(ended.success(), "{ended} {}", upload.log_tail());
    let sent = link.passed_bytes();
    assert!(
        sent < 6_000_000,
        "what came is not sent again: {sent} bytes"
    );
}

fn drain() -> [(&'static str, &'static str); 2] {
    [
        ("WEIR_ORIGIN__DRAIN", DRAIN.0),
        ("WEIR_EDGE__DRAIN", DRAIN.0),
    ]
}

async fn assert_stops(fleet: &mut Fleet, role: Role) {
    let began = Instant::now();
    let status = fleet.stop(role).await;
    let took = began.elapsed();
    let log = fleet.process(role).log_tail();
    assert_eq!(status.code(), Some(0), "{role:?}: {log}");
    assert!(took <= DRAIN.1, "{role:?} took {took:?}: {log}");
}
