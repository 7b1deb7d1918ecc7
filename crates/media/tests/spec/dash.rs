//! The MPD: times, addresses and attributes of its tracks.

use media::{Edit, dash};
use proptest::prelude::*;

use crate::{
    model::{any_presentation, audio, contiguous, label_mut, presentation},
    mpd::{Element, assert_in_schema_order, mpd, parse, representations, timeline, times},
};

#[test]
fn an_mpd_reads_like_this() {
    let mut p = presentation(5, true);
    p.tracks.remove(0);
    let expected = include_str!("expected.mpd");
    assert_eq!(dash::mpd(&p, "ver1", &Edit::default()).unwrap(), expected);
}

#[test]
fn renditions_on_one_timeline_share_it() {
    let mpd = mpd(&presentation(300, true));
    let video = mpd.one("Period").one("AdaptationSet");
    assert_eq!(
        video
            .one("SegmentTemplate")
            .one("SegmentTimeline")
            .children
            .len(),
        2
    );
    assert!(video.all("Representation").all(|r| r.children.is_empty()));
    assert_eq!(video.attribute("segmentAlignment"), "true");
}

#[test]
fn a_rendition_of_other_units_has_its_own_timeline_and_stays_aligned() {
    let mut p = presentation(3, true);
    let copied = &mut p.tracks[0];
    copied.timescale = 90000;
    copied.segments = contiguous([(4 * 90000, 1), (4 * 90000, 1), (4 * 90000 * 3 / 8, 1)]);
    let mpd = mpd(&p);
    let video = mpd.one("Period").one("AdaptationSet");
    assert!(video.all("SegmentTemplate").next().is_none());
    assert_eq!(video.attribute("segmentAlignment"), "true");
    let (set, copied) = representations(&mpd)["v1080"];
    assert_eq!(timeline(set, copied), (90000, times(&p.tracks[0])));
}

#[test]
fn renditions_cut_at_other_times_are_not_called_aligned() {
    let mut p = presentation(3, true);
    p.tracks[1].segments = contiguous([(5 * 15360, 1), (4 * 15360, 1)]);
    let mpd = mpd(&p);
    let video = mpd.one("Period").one("AdaptationSet");
    assert_eq!(video.attribute("segmentAlignment"), "false");
}

#[test]
fn every_audio_track_is_a_set_of_its_own() {
    let mut p = presentation(3, true);
    p.tracks.push(audio("a2", Some("ger"), 3));
    p.tracks.push(audio("a3", None, 3));
    let mpd = mpd(&p);
    let sets: Vec<&Element> = mpd.one("Period").all("AdaptationSet").skip(1).collect();
    let lang = |n: usize| sets[n].attributes.get("lang").map(String::as_str);
    assert_eq!((lang(0), lang(1), lang(2)), (Some("en"), Some("de"), None));
    let role = |n: usize| sets[n].one("Role").attribute("value");
    assert_eq!((role(0), role(1), role(2)), ("main", "dub", "alternate"));
    assert_eq!(sets[1].one("Label").text, "Deutsch");
    assert_eq!(
        sets[1].one("AudioChannelConfiguration").attribute("value"),
        "2"
    );
    let ids: Vec<&str> = sets.iter().map(|s| s.attribute("id")).collect();
    assert_eq!(ids, ["1", "2", "3"]);
}

#[test]
fn a_hole_in_the_timeline_is_shown() {
    let mut p = presentation(3, true);
    p.tracks.truncate(1);
    p.tracks[0].segments[2].start += 100;
    let mpd = mpd(&p);
    let (set, video) = representations(&mpd)["v1080"];
    assert_eq!(timeline(set, video).1, times(&p.tracks[0]));
}

#[test]
fn the_end_is_rounded_up_so_that_no_frame_is_cut() {
    let mut p = presentation(1, true);
    p.tracks.truncate(1);
    p.tracks[0].timescale = 3;
    p.tracks[0].segments = contiguous([(10, 1)]);
    assert_eq!(
        mpd(&p).attribute("mediaPresentationDuration"),
        "PT3.333334S"
    );
}

#[test]
fn tracks_without_segments_are_left_out() {
    let mut p = presentation(3, true);
    p.tracks[0].segments.clear();
    let mpd = mpd(&p);
    let found = representations(&mpd).into_keys().collect::<Vec<_>>();
    assert_eq!(found, ["a1", "v480", "v720"]);
}

#[test]
fn hostile_names_are_escaped() {
    let mut p = presentation(1, true);
    p.tracks[0].name = "v\"<&>'\n\u{0}".into();
    p.tracks[0].codec = "]]><x y=\"1\"/>\t".into();
    label_mut(&mut p.tracks[3]).language = Some("\"><script>".into());
    let mpd = parse(&dash::mpd(&p, "$Time$ /", &Edit::default()).unwrap());
    let (set, video) = representations(&mpd)["v\"<&>'\n\u{fffd}"];
    assert_eq!(video.attribute("codecs"), "]]><x y=\"1\"/>\t");
    let media = set.one("SegmentTemplate").attribute("media");
    assert_eq!(media, "%24Time%24%20%2F/$RepresentationID$/$Number$.m4s");
}

proptest! {
    #[test]
    fn an_mpd_says_what_the_tracks_hold(mut p in any_presentation()) {
        p.sealed = true;
        let mpd = mpd(&p);
        assert_in_schema_order(&mpd);
        let found = representations(&mpd);
        prop_assert_eq!(found.len(), p.tracks.len());
        for track in p.tracks.iter().filter(|t| !t.is_text()) {
            let (set, representation) = found[track.name.as_str()];
            let (timescale, read) = timeline(set, representation);
            prop_assert_eq!(timescale, u64::from(track.timescale));
            prop_assert_eq!(read, times(track));
            prop_assert_eq!(representation.number("bandwidth"), p.peak_bandwidth(track));
        }
    }
}
