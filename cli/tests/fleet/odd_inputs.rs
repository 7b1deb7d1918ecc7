//! What is no whole video: each ends in a stated way, told to whoever uploads.

use wire::AssetState;

use crate::{
    clip::{Clip, FRAME_RATE},
    fleet::{Asset, Fleet},
    process::{Folder, run},
    published,
};

/// The file was refused.
const REFUSED: i32 = 6;

#[tokio::test]
async fn a_text_file_fails_with_words_at_the_uploader_and_at_the_viewer() {
    let fleet = Fleet::start(&[]).await;
    let clip = Clip::of_bytes("notes.mp4", &b"hello\nworld\n".repeat(100));
    let asset = assert_fails(&fleet, &clip, "not video or sound").await;
    let reply = fleet.at_edge(&asset.path("master.m3u8")).await;
    assert_eq!(reply.status, 404);
    assert_eq!(reply.problem(), wire::kind::PACKAGING_FAILED);
    let said = String::from_utf8_lossy(&reply.body).into_owned();
    assert!(said.contains("not video or sound"), "{said}");
}

#[tokio::test]
async fn an_empty_file_fails_and_is_said_to_be_empty() {
    let fleet = Fleet::start(&[]).await;
    let clip = Clip::of_bytes("empty.mp4", b"");
    assert_fails(&fleet, &clip, "the file is empty").await;
}

#[tokio::test]
async fn an_mp4_without_its_index_fails_and_is_said_to_be_cut_short() {
    let fleet = Fleet::start(&[]).await;
    let clip = Clip::with_sound(4.0).first_half();
    assert_fails(&fleet, &clip, "the file is cut short").await;
}

#[tokio::test]
async fn an_mp4_cut_short_behind_its_index_plays_and_carries_a_warning() {
    let fleet = Fleet::start(&[]).await;
    let clip = Clip::index_first(8.0).first_half();
    let ended = fleet.upload(clip.path(), &["--wait"]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.out.contains("warning: "), "{ended:?}");
    assert!(ended.out.contains("cut short"), "{ended:?}");
    let asset = Asset::told_by(&ended);
    let warnings = fleet.status(&asset).await.warnings;
    assert!(
        warnings.iter().any(|words| words.contains("of 8.0 s")),
        "{warnings:?}"
    );
    fleet.plays(&asset).await;
    let frames = published::fetch(&fleet, &asset).await["v360"].decoded_frames();
    assert!(
        (2 * FRAME_RATE..6 * FRAME_RATE).contains(&frames),
        "{frames}"
    );
}

#[tokio::test]
async fn sound_alone_plays() {
    let fleet = Fleet::start(&[]).await;
    let asset = fleet.publish(Clip::sound_alone(5.0).path()).await;
    assert_eq!(fleet.status(&asset).await.state, AssetState::Ready);
    fleet.plays(&asset).await;
    let tracks = published::fetch(&fleet, &asset).await;
    assert_eq!(tracks.keys().collect::<Vec<_>>(), ["a1"]);
    let secs = tracks["a1"].decoded_frames() as f64 * 1024.0 / 48_000.0;
    assert!((secs - 5.0).abs() < 0.05, "{secs}");
}

#[tokio::test]
async fn a_clip_of_half_a_second_plays() {
    let fleet = Fleet::start(&[]).await;
    let asset = fleet.publish(Clip::with_sound(0.48).path()).await;
    assert_eq!(fleet.status(&asset).await.state, AssetState::Ready);
    fleet.plays(&asset).await;
    let tracks = published::fetch(&fleet, &asset).await;
    for name in ["v240", "v360-source"] {
        assert_eq!(tracks[name].decoded_frames(), 12, "{name}");
    }
}

#[tokio::test]
async fn what_is_no_file_is_told_before_anything_is_sent() {
    let home = Folder::new();
    let none = home.join("none.mp4");
    let ended = run(home.path(), &["upload", &none]).await;
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(
        ended.err.contains(&format!("can't read {none}")),
        "{ended:?}"
    );
    let folder = home.path().to_str().unwrap();
    let ended = run(home.path(), &["upload", folder]).await;
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(
        ended.err.contains(&format!("{folder} is not a file")),
        "{ended:?}"
    );
}

/// `weir upload --wait` and the API both say that it failed, in these words.
async fn assert_fails(fleet: &Fleet, clip: &Clip, words: &str) -> Asset {
    let ended = fleet.upload(clip.path(), &["--wait"]).await;
    assert_eq!(ended.code, REFUSED, "{ended:?}");
    assert!(ended.err.contains(words), "{ended:?}");
    let asset = Asset::told_by(&ended);
    let status = fleet.status(&asset).await;
    assert_eq!(status.state, AssetState::Failed, "{status:?}");
    assert!(status.failure.unwrap().contains(words));
    asset
}
