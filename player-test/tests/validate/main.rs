//! What the validator finds, and what it does not.

mod bytes;
mod cmaf;
mod dash;
mod ffmpeg;
mod hls;
mod http;
mod presentation;
mod text;

use std::collections::BTreeSet;

use player_test::validation_rules;
use presentation::Files;

#[tokio::test]
async fn a_presentation_as_it_should_be_breaks_no_rule() {
    let report = Files::good().validate(None).await;
    assert!(report.findings.is_empty(), "{report}");
    // Two documents, five playlists; inits, media and text, and one whole file.
    assert_eq!(report.checked.documents, 7);
    assert_eq!(report.checked.segments, 3 + 9 + 3 + 1);
}

#[tokio::test]
async fn a_sample_reads_less_and_finds_the_same_of_what_it_reads() {
    let report = Files::good().validate(Some(2)).await;
    assert!(report.findings.is_empty(), "{report}");
    assert_eq!(report.checked.segments, 3 + 6 + 2 + 1);
}

#[test]
fn every_rule_has_a_test_that_breaks_it() {
    let tables = [hls::CASES, cmaf::CASES, dash::CASES, text::CASES];
    let mut broken: BTreeSet<_> = tables.concat().into_iter().map(|(rule, _)| rule).collect();
    broken.extend(http::RULES);
    let rules: BTreeSet<_> = validation_rules().map(|(rule, _)| rule).collect();
    assert_eq!(broken, rules);
}

#[tokio::test]
async fn a_fault_that_is_everywhere_is_told_ten_times_and_counted() {
    let mut files = Files::good();
    let one = String::from_utf8(files.0["v192/index.m3u8"].clone()).unwrap();
    let more = "#EXTINF:9.0,\n0.m4s\n".repeat(30) + "#EXT-X-ENDLIST";
    files.put("v192/index.m3u8", one.replace("#EXT-X-ENDLIST", &more));
    let report = files.validate(None).await;
    let told = report
        .findings
        .iter()
        .filter(|f| f.rule == "hls-target-duration")
        .count();
    assert_eq!((told, report.left_out["hls-target-duration"]), (10, 20));
    assert!(!report.valid());
}
