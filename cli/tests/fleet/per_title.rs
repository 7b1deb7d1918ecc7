//! Bit rates chosen by what a source is, with ffmpeg in its jail.

use wire::AssetState;

use crate::{
    clip::Clip,
    fleet::Fleet,
    process::{Folder, run},
};

const CONFIG: i32 = 3;

#[tokio::test]
async fn an_asset_says_what_was_chosen_for_it_and_what_that_saves() {
    let fleet = Fleet::start(&[
        ("WEIR_ORIGIN__PER_TITLE", "true"),
        ("WEIR_ORIGIN__PUBLISH_SOURCE", "false"),
        ("WEIR_ORIGIN__LEAD", "on"),
    ])
    .await;
    let asset = fleet.take_in(Clip::with_keyframes(6.0).path()).await;
    let status = fleet.settled(&asset).await;
    assert_eq!(status.state, AssetState::Ready, "{status:?}");
    assert_eq!(status.warnings, Vec::<String>::new());
    let analysis = status.analysis.expect("it was analysed");
    assert_eq!((analysis.metric.as_str(), analysis.target), ("ssim", 0.98));
    // The lowest was encoded ahead.
    let [rate] = analysis.renditions.as_slice() else {
        panic!("{analysis:?}")
    };
    assert_eq!((rate.track.as_str(), rate.fixed.crf), ("v360", 21.0));
    assert!(rate.chosen.bitrate <= rate.fixed.bitrate, "{rate:?}");
    fleet.plays(&asset).await;
    fleet.is_valid(&asset).await;
}

#[tokio::test]
async fn packaging_prints_what_was_chosen_for_each_rendition() {
    let home = Folder::new();
    let clip = Clip::with_keyframes(4.0);
    let file = clip.path().to_str().unwrap();
    let common = ["package", file, "--out", "out", "--per-title"];
    let options = ["--no-copy", "--ladder", "180,90"];
    let ended = run(home.path(), &[&common[..], &options].concat()).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let lines: Vec<&str> = ended.out.lines().collect();
    for (line, name) in lines.iter().zip(["v180: factor ", "v90: factor "]) {
        assert!(line.starts_with(name), "{ended:?}");
        assert!(line.contains(" % of factor 21, "), "{ended:?}");
    }
    assert_eq!(lines.len(), 3, "{ended:?}");
}

#[tokio::test]
async fn a_quality_that_cannot_be_is_refused() {
    let home = Folder::new();
    std::fs::write(home.join("weir.toml"), "[worker]\nquality_target = 98.0\n").unwrap();
    let clip = Clip::with_keyframes(1.0);
    let file = clip.path().to_str().unwrap();
    let ended = run(home.path(), &["package", file, "--out", "out"]).await;
    assert_eq!(ended.code, CONFIG, "{ended:?}");
    assert!(ended.err.contains("worker.quality_target"), "{ended:?}");
}
