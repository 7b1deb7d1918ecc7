//! `weir backup` of an origin that works, and `weir restore` when all of it is lost.

use wire::AssetState;

use crate::{
    clip::Clip,
    fleet::{Fleet, Role},
    process::eventually,
};

#[tokio::test]
async fn what_was_published_plays_and_what_was_being_made_is_made_from_a_backup() {
    let mut fleet = Fleet::start(&[]).await;
    let whole = fleet.publish(Clip::with_words(7.0).path()).await;
    let begun = fleet.take_in(Clip::in_spans(25.0).path()).await;
    eventually("it is being encoded", async || {
        let state = fleet.status(&begun).await.state;
        assert_ne!(state, AssetState::Ready, "too late to be in the middle");
        fleet
            .metric(Role::Worker, "weir_worker_segments_total", "")
            .await
            >= 8.0
    })
    .await;
    let data = fleet.data_dir();
    let (data, backup) = (data.to_str().unwrap(), fleet.folder.join("backup"));
    let ended = fleet
        .run(&["backup", "--data-dir", data, "--to", &backup])
        .await;
    assert_eq!(ended.code, 0, "{ended:?}");
    for role in [Role::Origin, Role::Worker, Role::Edge] {
        fleet.kill(role);
    }
    std::fs::remove_dir_all(data).unwrap();
    let ended = fleet
        .run(&["restore", "--from", &backup, "--data-dir", data])
        .await;
    assert_eq!(ended.code, 0, "{ended:?}");
    for role in [Role::Origin, Role::Worker, Role::Edge] {
        fleet.launch(role).await;
    }
    fleet.is_valid(&whole).await;
    fleet.plays(&whole).await;
    let status = fleet.settled(&begun).await;
    assert_eq!(status.state, AssetState::Ready, "{status:?}");
    fleet.is_valid(&begun).await;
}

#[tokio::test]
async fn what_is_no_backup_is_not_restored_and_says_so() {
    let fleet = Fleet::of(&[], &[]).await;
    let (from, to) = (fleet.folder.join("nothing"), fleet.folder.join("new"));
    let ended = fleet
        .run(&["restore", "--from", &from, "--data-dir", &to])
        .await;
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(
        ended
            .err
            .contains("is no backup, or one that was not finished"),
        "{ended:?}"
    );
    let ended = fleet
        .run(&["backup", "--data-dir", &to, "--to", &from])
        .await;
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(
        !std::path::Path::new(&to).exists(),
        "a data_dir is not made by the way"
    );
}
