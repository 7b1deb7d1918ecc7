//! What a DASH manifest must say.

use player_test::{MpdError, check_mpd};

const GOOD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1M2.5S">
  <Period>
    <AdaptationSet contentType="video">
      <SegmentTemplate timescale="1000" media="$Number$.m4s" startNumber="0">
        <SegmentTimeline><S t="0" d="4000" r="14"/><S d="2500"/></SegmentTimeline>
      </SegmentTemplate>
      <Representation id="v720" bandwidth="2000000"/>
      <Representation id="v360" bandwidth="500000"></Representation>
    </AdaptationSet>
    <AdaptationSet contentType="audio">
      <Representation id="a1" bandwidth="128000">
        <SegmentTemplate timescale="48000">
          <SegmentTimeline><S t="1024" d="192000" r="15"/></SegmentTimeline>
        </SegmentTemplate>
      </Representation>
    </AdaptationSet>
  </Period>
</MPD>"#;

fn error(from: &str, to: &str) -> MpdError {
    assert!(GOOD.contains(from), "{from}");
    check_mpd(&GOOD.replacen(from, to, 1)).expect_err("it was spoilt")
}

#[test]
fn a_good_manifest_is_summed_up() {
    let summary = check_mpd(GOOD).unwrap();
    assert_eq!(summary.duration_secs, 62.5);
    let ids: Vec<_> = summary
        .representations
        .iter()
        .map(|r| (r.id.as_str(), r.segments))
        .collect();
    assert_eq!(ids, [("v720", 16), ("v360", 16), ("a1", 16)]);
    assert_eq!(summary.representations[1].duration_secs, 62.5);
    let sound = &summary.representations[2];
    assert_eq!((sound.bandwidth, sound.duration_secs), (128_000, 64.0));
    assert!((sound.start_secs - 1024.0 / 48_000.0).abs() < 1e-9);
}

#[test]
fn a_hole_in_a_timeline_is_an_error() {
    let hole = error(r#"<S d="2500"/>"#, r#"<S t="60001" d="2500"/>"#);
    assert_eq!(
        hole,
        MpdError::Gap {
            found: 60_001,
            expected: 60_000
        }
    );
    let good = GOOD.replace(r#"<S d="2500"/>"#, r#"<S t="60000" d="2500"/>"#);
    assert!(check_mpd(&good).is_ok());
}

#[test]
fn a_manifest_without_what_players_need_is_an_error() {
    let missing = |element, attribute| MpdError::Attribute { element, attribute };
    let duration = missing("MPD", "mediaPresentationDuration");
    for bad in ["", "62.5", "PT", "PT5X", "PT-1S", "P1D", "PTS"] {
        let text = format!("\"{bad}\"");
        assert_eq!(error("\"PT1M2.5S\"", &text), duration, "{bad}");
    }
    assert_eq!(
        error("bandwidth=\"2000000\"", ""),
        missing("Representation", "bandwidth")
    );
    assert_eq!(error("d=\"2500\"", "d=\"x\""), missing("S", "d"));
    assert_eq!(error("r=\"14\"", "r=\"-1\""), missing("S", "r"));
    assert_eq!(
        error("timescale=\"1000\"", "timescale=\"0\""),
        missing("SegmentTemplate", "timescale")
    );
    let empty = error(r#"<S t="1024" d="192000" r="15"/>"#, "");
    assert_eq!(empty, MpdError::NoTimeline("a1".to_owned()));
}

#[test]
fn a_timeline_is_bounded() {
    assert_eq!(
        error("r=\"14\"", "r=\"18446744073709551615\""),
        MpdError::TooLong
    );
    assert_eq!(
        error("d=\"4000\"", "d=\"18446744073709551615\""),
        MpdError::TooLong
    );
}

#[test]
fn a_manifest_that_is_cut_off_or_empty_is_an_error() {
    for len in (0..GOOD.len()).filter(|&len| GOOD.is_char_boundary(len)) {
        assert!(check_mpd(&GOOD[..len]).is_err(), "{len}");
    }
}
