//! What of a growing version is shown, whatever its workers finish first.

use std::collections::BTreeSet;

use media::{Edit, ManifestError, Presentation, Segment, Track, hls};
use proptest::prelude::*;

use crate::model::{audio, equal, text, video};

/// As of a long source: a copy and its sound, a lead, two more renditions, a second
/// language and subtitles, each track in 8 segments of 4 s.
fn whole() -> Presentation {
    let group = |mut track: Track, group| {
        track.group = group;
        track
    };
    Presentation {
        tracks: vec![
            group(video("v1080-source", (1920, 1080), 5_000_000, 8), 0),
            group(video("v720", (1280, 720), 2_500_000, 8), 2),
            group(video("v480", (854, 480), 1_200_000, 8), 2),
            group(video("v360", (640, 360), 600_000, 8), 1),
            group(audio("a1", Some("en"), 8), 3),
            group(audio("a2", Some("de"), 8), 3),
            group(text("t1", "en", false, 8), 4),
        ],
        segment_secs: 4.0,
        ..Presentation::default()
    }
}

/// The same with the first segments of each track.
fn with(stored: [usize; 7]) -> Presentation {
    let mut p = whole();
    for (track, stored) in p.tracks.iter_mut().zip(stored) {
        track.segments.truncate(stored);
    }
    p
}

fn listed(stored: [usize; 7]) -> Vec<String> {
    let p = with(stored);
    p.listing().names().map(str::to_owned).collect()
}

fn shown(stored: [usize; 7]) -> Vec<usize> {
    let p = with(stored);
    let listing = p.listing();
    let shown = |track| listing.shown(track).segments.len();
    p.tracks.iter().map(shown).collect()
}

#[test]
fn nothing_is_listed_before_three_segments_of_picture_and_sound() {
    assert_eq!(listed([2, 0, 0, 2, 8, 8, 8]), [""; 0]);
    assert_eq!(listed([8, 0, 0, 2, 2, 8, 8]), [""; 0]);
    assert_eq!(listed([3, 0, 0, 2, 3, 0, 0]), ["v1080-source", "a1"]);
    let none = hls::multivariant(&with([2; 7]), "ver1", &Edit::default());
    assert_eq!(none, Err(ManifestError::NotYet));
}

#[test]
fn another_group_is_listed_when_each_of_its_renditions_covers_the_base() {
    let base = ["v1080-source", "a1"];
    assert_eq!(listed([5, 5, 4, 4, 8, 0, 0]), base);
    assert_eq!(
        listed([5, 5, 5, 4, 8, 0, 0]),
        ["v1080-source", "v720", "v480", "a1"]
    );
    assert_eq!(
        listed([5, 0, 0, 5, 8, 0, 0]),
        ["v1080-source", "v360", "a1"]
    );
}

#[test]
fn the_lead_is_the_base_where_there_is_no_copy_yet() {
    assert_eq!(listed([0, 0, 0, 3, 4, 0, 0]), ["v360", "a1"]);
}

#[test]
fn another_language_and_text_are_listed_when_they_cover_the_base() {
    assert_eq!(
        listed([4, 0, 0, 0, 4, 4, 4]),
        ["v1080-source", "a1", "a2", "t1"]
    );
    assert_eq!(listed([4, 0, 0, 0, 4, 3, 3]), ["v1080-source", "a1"]);
}

#[test]
fn pictures_are_shown_as_far_as_their_group_and_the_main_sound_go() {
    assert_eq!(shown([6, 5, 4, 7, 5, 1, 8]), [5, 4, 4, 5, 5, 1, 7]);
    assert_eq!(shown([6, 4, 5, 7, 5, 1, 8]), [5, 4, 4, 5, 5, 1, 7]);
}

#[test]
fn the_default_of_the_source_is_the_main_sound() {
    let mut p = with([4, 0, 0, 0, 4, 3, 0]);
    crate::model::label_mut(&mut p.tracks[5]).default = true;
    assert_eq!(p.listing().shown(&p.tracks[0]).segments.len(), 3);
}

#[test]
fn sound_whose_frames_end_a_little_earlier_still_covers() {
    let mut p = with([3, 0, 0, 0, 3, 0, 0]);
    p.tracks[4].segments[2].duration -= 1024;
    assert!(p.listing().is_playable());
    p.tracks[4].segments[2].duration -= 8 * 1024;
    assert!(!p.listing().is_playable());
}

#[test]
fn sound_in_longer_segments_than_the_pictures_covers_them() {
    let mut p = with([3, 0, 0, 0, 3, 0, 0]);
    p.tracks[0].segments[2].duration /= 2;
    assert_eq!(
        p.listing().names().collect::<Vec<_>>(),
        ["v1080-source", "a1"]
    );
    assert_eq!(p.listing().shown(&p.tracks[4]).segments.len(), 3);
}

#[test]
fn a_whole_version_is_listed_whole_however_long_its_tracks_are() {
    let mut p = with([1, 8, 2, 3, 1, 5, 0]);
    p.sealed = true;
    let listing = p.listing();
    assert_eq!(listing.names().count(), 6, "all but the empty one");
    assert_eq!(listing.shown(&p.tracks[1]).segments.len(), 8);
}

#[test]
fn sound_alone_is_listed_by_its_own_segments() {
    let mut p = with([0, 0, 0, 0, 3, 2, 0]);
    p.tracks.drain(..4);
    assert_eq!(p.listing().names().collect::<Vec<_>>(), ["a1"]);
    p.tracks[1].segments = equal(3, 4 * 48000, 1);
    assert_eq!(p.listing().names().collect::<Vec<_>>(), ["a1", "a2"]);
}

/// The segments that are stored, of each track, after each of some PUTs.
fn arrivals() -> impl Strategy<Value = Vec<(usize, usize)>> {
    let all: Vec<(usize, usize)> = (0..7).flat_map(|t| (0..8).map(move |n| (t, n))).collect();
    Just(all).prop_shuffle()
}

/// What the catalogue knows: of each track the stored segments without a hole.
fn stored(puts: &[(usize, usize)]) -> Presentation {
    let mut p = whole();
    for (t, track) in p.tracks.iter_mut().enumerate() {
        let have: BTreeSet<usize> = puts.iter().filter(|p| p.0 == t).map(|p| p.1).collect();
        let until = (0..8).find(|n| !have.contains(n)).unwrap_or(8);
        track.segments.truncate(until);
    }
    p
}

fn names(p: &Presentation) -> BTreeSet<String> {
    p.listing().names().map(str::to_owned).collect()
}

fn end_secs(track: &Track, segments: &[Segment]) -> f64 {
    segments
        .last()
        .map_or(0.0, |s| s.end() as f64 / f64::from(track.timescale))
}

proptest! {
    #[test]
    fn media_playlists_only_grow_in_whatever_order_segments_come(puts in arrivals()) {
        let mut before: Vec<String> = vec![String::new(); 7];
        for n in 0..=puts.len() {
            let p = stored(&puts[..n]);
            for (track, before) in p.tracks.iter().zip(&mut before) {
                let now = hls::media_playlist(track, &p, &Edit::default());
                let now = now.unwrap_or_default();
                prop_assert!(now.starts_with(before.as_str()), "{now} after {before}");
                *before = now;
            }
        }
    }

    #[test]
    fn what_is_playable_stays_so(puts in arrivals()) {
        let playable = |n: &usize| stored(&puts[..*n]).listing().is_playable();
        let since = (0..=puts.len()).find(playable).expect("all of it is playable");
        prop_assert!((since..=puts.len()).all(|n| playable(&n)));
    }

    #[test]
    fn others_join_a_base_that_stands_and_none_leaves(puts in arrivals(), base in 3_usize..=8) {
        let is_base = |put: &&(usize, usize)| put.0 == 0 || put.0 == 4;
        let mut have: Vec<(usize, usize)> = puts.iter().filter(is_base).copied().collect();
        have.retain(|put| put.1 < base);
        let mut before = names(&stored(&have));
        for put in puts.iter().filter(|put| !is_base(put)) {
            have.push(*put);
            let now = names(&stored(&have));
            prop_assert!(now.is_superset(&before), "{now:?} after {before:?}");
            before = now;
        }
        prop_assert_eq!(before.len(), 7, "all cover it in the end");
    }

    #[test]
    fn what_is_listed_has_all_that_the_base_shows(puts in arrivals(), n in 0_usize..=56) {
        let p = stored(&puts[..n]);
        let listing = p.listing();
        // The base is of the lowest group that shows three segments.
        let three = listing.video.iter().filter(|s| s.segments.len() >= 3);
        if let Some(base) = three.min_by_key(|s| s.track.group) {
            let end = end_secs(base.track, base.segments);
            for shown in listing.video.iter().chain(&listing.audio).chain(&listing.text) {
                prop_assert!(end_secs(shown.track, shown.segments) >= end - 0.1);
            }
        }
    }
}
