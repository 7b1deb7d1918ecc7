//! `weir export`: a folder that holds what the origin serves.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use crate::{
    clip::Clip,
    fleet::{Asset, Fleet, Role},
    process::{Ended, Folder},
};

const FAILED: i32 = 1;
const CONFIG: i32 = 3;
const REFUSED: i32 = 6;

async fn export(fleet: &Fleet, asset: &str, dir: &str) -> Ended {
    let (origin, admin) = (fleet.origin_url(), fleet.folder.join("data/admin-token"));
    let operator = ["--origin", &origin, "--admin-file", &admin];
    fleet
        .run(&[&["export", asset, dir], &operator[..]].concat())
        .await
}

/// All files below a folder, by their path in it.
fn files(root: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap();
                found.insert(name.to_str().unwrap().to_owned());
            }
        }
    }
    found
}

/// Every file of the folder is what the origin serves under its name.
async fn must_equal_what_is_served(fleet: &Fleet, asset: &Asset, dir: &str) -> BTreeSet<String> {
    let files = files(Path::new(dir));
    for name in &files {
        let served = fleet.at_origin(&format!("/v/{}/{name}", asset.id)).await;
        assert_eq!(served.status, 200, "{name}");
        let written = std::fs::read(Path::new(dir).join(name)).unwrap();
        assert!(served.body == written, "{name}");
    }
    files
}

#[tokio::test]
async fn an_export_is_valid_and_byte_for_byte_what_the_origin_serves() {
    let fleet = Fleet::start(&[]).await;
    let asset = fleet.publish(Clip::with_words(7.0).path()).await;
    let dir = fleet.folder.join("exported");
    let ended = export(&fleet, &asset.id, &dir).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let files = must_equal_what_is_served(&fleet, &asset, &dir).await;
    let version = fleet.status(&asset).await.version;
    for name in [
        "poster.jpg",
        "storyboard.vtt",
        "storyboard-0.jpg",
        "t1.vtt",
        "t1/3.vtt",
        "a1/init.mp4",
        "v240/iframes.m3u8",
        "v360/3.m4s",
    ] {
        assert!(
            files.contains(&format!("{version}/{name}")),
            "{name}: {files:?}"
        );
    }
    let ended = fleet.run(&["validate", &dir]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
}

#[tokio::test]
async fn av1_and_opus_are_served_edited_and_exported_validly() {
    let codecs = ("WEIR_ORIGIN__CODECS", "[\"h264\", \"av1\", \"opus\"]");
    let ladder = ("WEIR_ORIGIN__LADDER", "[180, 120]");
    let fleet = Fleet::start(&[codecs, ladder]).await;
    let asset = fleet.publish(Clip::with_words(5.0).path()).await;
    fleet.is_valid(&asset).await;
    let small = format!("{}?max_height=120", asset.hls);
    let edited = fleet.run(&["validate", &small]).await;
    assert_eq!(edited.code, 0, "{edited:?}");
    let dir = fleet.folder.join("exported");
    let ended = export(&fleet, &asset.id, &dir).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let files = must_equal_what_is_served(&fleet, &asset, &dir).await;
    let version = fleet.status(&asset).await.version;
    for name in [
        "v180-av1/1.m4s",
        "v120-av1/iframes.m3u8",
        "a1-opus/init.mp4",
    ] {
        assert!(
            files.contains(&format!("{version}/{name}")),
            "{name}: {files:?}"
        );
    }
    let ended = fleet.run(&["validate", &dir]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
}

#[tokio::test]
async fn an_export_that_was_interrupted_loads_only_what_is_not_whole() {
    let fleet = Fleet::start(&[]).await;
    let asset = fleet.publish(Clip::with_words(7.0).path()).await;
    let dir = fleet.folder.join("exported");
    let ended = export(&fleet, &asset.id, &dir).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let version = fleet.status(&asset).await.version;
    let path = |name: &str| Path::new(&dir).join(version.as_str()).join(name);
    std::fs::remove_file(path("v240/1.m4s")).unwrap();
    std::fs::rename(path("v240/2.m4s"), path("v240/2.m4s.part")).unwrap();
    std::fs::write(path("a1/0.m4s"), b"cut").unwrap();
    let ended = export(&fleet, &asset.id, &dir).await;
    assert!(ended.out.contains(" 3 of them new"), "{ended:?}");
    must_equal_what_is_served(&fleet, &asset, &dir).await;
}

#[tokio::test]
async fn whoever_holds_a_key_exports_through_an_edge() {
    let fleet = Fleet::start(&[]).await;
    let asset = fleet.publish(Clip::with_sound(3.0).path()).await;
    let dir = fleet.folder.join("exported");
    let ended = fleet.run(&["export", &asset.hls, &dir]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    must_equal_what_is_served(&fleet, &asset, &dir).await;
    let without = format!("{}/v/{}/master.m3u8", fleet.edge_url(), asset.id);
    let other = fleet.folder.join("other");
    let ended = fleet.run(&["export", &without, &other]).await;
    assert_eq!(ended.code, REFUSED, "{ended:?}");
    assert!(!Path::new(&other).exists());
}

#[tokio::test]
async fn what_is_not_ready_is_not_exported() {
    let fleet = Fleet::of(&[Role::Origin], &[]).await;
    let asset = fleet.take_in(Clip::with_sound(2.0).path()).await;
    let dir = fleet.folder.join("exported");
    let ended = export(&fleet, &asset.id, &dir).await;
    assert_eq!(ended.code, FAILED, "{ended:?}");
    assert!(ended.err.contains("is still being packaged"), "{ended:?}");
    assert!(!Path::new(&dir).exists());
}

#[tokio::test]
async fn a_folder_with_anything_else_in_it_stays_as_it_was() {
    let fleet = Fleet::start(&[]).await;
    let asset = fleet.publish(Clip::with_sound(2.0).path()).await;
    let dir = Folder::new();
    std::fs::write(dir.path().join("mine.txt"), b"mine").unwrap();
    let ended = export(&fleet, &asset.id, dir.path().to_str().unwrap()).await;
    assert_eq!(ended.code, CONFIG, "{ended:?}");
    assert!(ended.err.contains("holds mine.txt"), "{ended:?}");
    assert_eq!(files(dir.path()), BTreeSet::from(["mine.txt".to_owned()]));
}
