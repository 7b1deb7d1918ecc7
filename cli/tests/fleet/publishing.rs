//! From a file to what a viewer sees and hears, through separate processes.

use crate::{
    clip::{Clip, FRAME_RATE},
    fleet::Fleet,
    kills::paced,
    process::Folder,
    published,
};

#[tokio::test]
async fn an_uploaded_file_plays_through_the_edge() {
    let fleet = Fleet::start(&[]).await;
    let asset = fleet.publish(Clip::with_sound(7.0).path()).await;
    let report = fleet.plays(&asset).await;
    assert_eq!(report["http_errors"], serde_json::json!({}), "{report}");
    assert!(report["played_secs"].as_f64().unwrap() > 6.9, "{report}");
    let pops = report["cache"]["pops"].as_object().unwrap();
    assert_eq!(pops.keys().collect::<Vec<_>>(), ["weir-fra"], "{report}");
}

#[tokio::test]
async fn every_rendition_decodes_without_a_fault_to_the_sources_frames() {
    let fleet = Fleet::start(&[]).await;
    let asset = fleet.publish(Clip::with_sound(7.0).path()).await;
    let tracks = published::fetch(&fleet, &asset).await;
    let names: Vec<_> = tracks.keys().map(String::as_str).collect();
    assert_eq!(names, ["a1", "v240", "v360", "v360-source"]);
    for name in &names[1..] {
        assert_eq!(tracks[*name].decoded_frames(), 7 * FRAME_RATE, "{name}");
    }
    let audio_secs = tracks["a1"].decoded_frames() as f64 * 1024.0 / 48_000.0;
    assert!((audio_secs - 7.0).abs() < 0.05, "{audio_secs}");
}

#[tokio::test]
async fn sound_and_picture_start_together_and_stay_where_they_were() {
    let fleet = Fleet::start(&[]).await;
    let asset = fleet.publish(Clip::with_flash_and_beep(4.0).path()).await;
    let tracks = published::fetch(&fleet, &asset).await;
    let (sound, beep) = (&tracks["a1"], tracks["a1"].first_loud());
    for name in ["v240", "v360-source"] {
        let (starts, flash) = (tracks[name].times()[0], tracks[name].first_white());
        assert!((sound.times()[0] - starts).abs() < 0.020, "{name} {starts}");
        assert!((flash - 1.0).abs() < 0.001, "{name} {flash}");
        assert!((beep - flash).abs() < 0.020, "{name} {beep} {flash}");
    }
}

#[tokio::test]
async fn an_upload_without_a_terminal_tells_how_far_it_is_in_lines() {
    let tools = Folder::new();
    let fleet = paced(&tools).await;
    let clip = Clip::with_sound(8.0);
    let ended = fleet.upload(clip.path(), &["--wait"]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let lines: Vec<_> = ended.err.lines().collect();
    assert!(lines.contains(&"upload 100 %"), "{lines:?}");
    let packaging = |line: &&&str| !line.starts_with("upload ") && line.ends_with(" %");
    assert!(lines.iter().any(|line| packaging(&line)), "{lines:?}");
}
