//! Packaging into a folder, without a server.

mod support;

use std::sync::Mutex;

use packager::PackagerError;
use support::{Clip, OPEN_GOP, Packager, numbered};

#[tokio::test]
async fn a_folder_that_holds_something_is_refused_and_left_as_it_is() {
    let out = tempfile::tempdir().unwrap();
    std::fs::write(out.path().join("mine"), "kept").unwrap();
    let clip = Clip::silent("64x64", "30", 1.0);
    let refused = Packager::new(&[64])
        .write((&clip, out.path()), |_| {})
        .await;
    assert!(
        matches!(refused, Err(PackagerError::Output { .. })),
        "{refused:?}"
    );
    let names: Vec<_> = std::fs::read_dir(out.path()).unwrap().flatten().collect();
    assert_eq!(names.len(), 1);
    assert_eq!(std::fs::read(names[0].path()).unwrap(), b"kept");
}

#[tokio::test]
async fn a_refused_source_leaves_nothing_behind() {
    let parent = tempfile::tempdir().unwrap();
    let out = parent.path().join("out");
    let clip = Clip::silent("64x64", "30", 1.0);
    std::fs::write(clip.path(), "no video").unwrap();
    let refused = Packager::new(&[64]).write((&clip, &out), |_| {}).await;
    assert!(
        matches!(refused, Err(PackagerError::Source(_))),
        "{refused:?}"
    );
    assert!(!out.exists());
}

#[tokio::test]
async fn an_encoder_that_fails_on_the_way_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    // The third span's seek.
    let script = "case \"$*\" in *\"-ss 2\"*) exit 1;; *) exec ffmpeg \"$@\";; esac";
    let mut packager = Packager::new(&[32]);
    packager.config.ffmpeg = support::program(dir.path(), "breaks", script);
    let clip = numbered("clip.mp4", "30", 45, OPEN_GOP);
    let failed = packager.write((&clip, &out), |_| {}).await;
    assert!(
        matches!(failed, Err(PackagerError::Encoder(_))),
        "{failed:?}"
    );
    assert!(!out.exists());
}

#[tokio::test]
async fn progress_grows_from_nothing_to_all() {
    let told = Mutex::new(Vec::new());
    let clip = Clip::with_sound("640x360", "30", 45.0);
    let out = tempfile::tempdir().unwrap();
    let tell = |far: packager::Far| told.lock().unwrap().push(far.fraction);
    Packager::new(&[360, 180])
        .write((&clip, out.path()), tell)
        .await
        .unwrap();
    let told = told.into_inner().unwrap();
    assert!(told.len() > 3 && told.is_sorted(), "{told:?}");
    assert_eq!((told[0], told[told.len() - 1]), (0.0, 1.0));
}

#[tokio::test]
async fn a_folder_is_a_version_that_players_open() {
    let out = tempfile::tempdir().unwrap();
    let clip = Clip::with_sound("320x180", "30", 45.0);
    let packager = Packager::new(&[180]);
    packager.write((&clip, out.path()), |_| {}).await.unwrap();
    for name in [
        "master.m3u8",
        "v180/index.m3u8",
        "a1/index.m3u8",
        "v180/iframes.m3u8",
    ] {
        assert!(out.path().join(name).exists(), "{name}");
    }
    for name in ["master.m3u8", "manifest.mpd"] {
        let times = support::published_times(&out.path().join(name));
        assert!(times.len() >= 1350, "{name}: {}", times.len());
    }
}
