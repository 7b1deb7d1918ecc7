//! What ffmpeg writes, which has known faults.

use std::{path::Path, process::Command};

use player_test::{ValidateOptions, Validation, validate};

const SOURCE: &str = "-v error -f lavfi -i testsrc2=size=320x180:rate=30:duration=5 \
    -f lavfi -i sine=frequency=440:duration=5 -map 0:v -map 1:a \
    -c:v libx264 -preset ultrafast -g 60 -keyint_min 60 -sc_threshold 0 -threads 1 \
    -b:v 300k -c:a aac -b:a 64k";
const HLS: &str = "-f hls -hls_time 2 -hls_playlist_type vod -hls_flags independent_segments \
    -hls_segment_type fmp4 -hls_fmp4_init_filename init_%v.mp4 \
    -hls_segment_filename s_%v_%d.m4s -master_pl_name master.m3u8 \
    -var_stream_map v:0,agroup:sound\0a:0,agroup:sound,default:yes v_%v.m3u8";
const DASH: &str = "-f dash -seg_duration 2 -use_template 1 -use_timeline 1 manifest.mpd";

fn encode(folder: &Path, words: &str) {
    let words = SOURCE.split_whitespace().chain(words.split_whitespace());
    let status = Command::new("ffmpeg")
        .args(words.map(|word| word.replace('\0', " ")))
        .current_dir(folder)
        // SVT-AV1 tells of itself otherwise.
        .env("SVT_LOG", "1")
        .status();
    assert!(status.expect("ffmpeg is installed").success());
}

async fn report(words: &str) -> Validation {
    let folder = tempfile::tempdir().expect("a temporary folder");
    encode(folder.path(), words);
    let target = folder.path().to_str().expect("a path in UTF-8").to_owned();
    validate(ValidateOptions {
        target,
        sample: None,
    })
    .await
    .expect("the folder is there")
}

fn rules(report: &Validation) -> Vec<&str> {
    report.findings.iter().map(|finding| finding.rule).collect()
}

#[tokio::test]
async fn the_nominal_bandwidth_that_ffmpeg_declares_is_found_too_low() {
    let report = report(HLS).await;
    assert!(rules(&report).contains(&"hls-bandwidth"), "{report}");
    // H.264 and AAC as a real encoder writes them are read without complaint.
    for sound in [
        "hls-codecs",
        "hls-resolution",
        "cmaf-idr",
        "cmaf-size",
        "cmaf-boxes",
        "hls-extinf",
    ] {
        assert!(!rules(&report).contains(&sound), "{report}");
    }
}

#[tokio::test]
async fn the_timeline_that_ffmpeg_cuts_by_an_edit_list_is_found_untrue() {
    let report = report(DASH).await;
    assert!(rules(&report).contains(&"dash-segment-times"), "{report}");
    for sound in [
        "dash-xml",
        "dash-order",
        "dash-codecs",
        "dash-size",
        "cmaf-idr",
    ] {
        assert!(!rules(&report).contains(&sound), "{report}");
    }
}

#[tokio::test]
async fn the_sequence_header_of_svt_av1_before_its_first_picture_is_found_to_be_another() {
    let av1 = "-c:v libsvtav1 -preset 12 -t 3";
    let report = report(&format!("{av1} {HLS}")).await;
    assert!(rules(&report).contains(&"cmaf-parameter-sets"), "{report}");
    for sound in ["hls-codecs", "cmaf-idr", "cmaf-size", "cmaf-boxes"] {
        assert!(!rules(&report).contains(&sound), "{report}");
    }
}
