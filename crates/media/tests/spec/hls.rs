//! Playlists, read back by m3u8-rs.

use m3u8_rs::{MasterPlaylist, MediaPlaylist, MediaPlaylistType};
use media::{Edit, Presentation, hls};
use proptest::prelude::*;

use crate::model::{any_presentation, audio, contiguous, equal, label_mut, presentation};

fn text_of(p: &Presentation) -> String {
    hls::multivariant(p, "ver1", &Edit::default()).expect("a multivariant playlist")
}

fn playlist_text(p: &Presentation, track: usize) -> String {
    hls::media_playlist(&p.tracks[track], p, &Edit::default()).expect("a media playlist")
}

fn multivariant(p: &Presentation) -> MasterPlaylist {
    let text = text_of(p);
    m3u8_rs::parse_master_playlist_res(text.as_bytes()).expect("a multivariant playlist")
}

fn playlist(p: &Presentation, track: usize) -> MediaPlaylist {
    let text = playlist_text(p, track);
    m3u8_rs::parse_media_playlist_res(text.as_bytes()).expect("a media playlist")
}

#[test]
fn a_sealed_playlist_reads_like_this() {
    let p = presentation(2, true);
    let expected = "\
#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:4
#EXT-X-MEDIA-SEQUENCE:0
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MAP:URI=\"init.mp4\"
#EXTINF:4.000000,
0.m4s
#EXTINF:1.500000,
1.m4s
#EXT-X-ENDLIST
";
    assert_eq!(playlist_text(&p, 0), expected);
}

#[test]
fn a_multivariant_playlist_reads_like_this() {
    let mut p = presentation(3, false);
    p.tracks.truncate(1);
    p.tracks.push(audio("a1", Some("eng"), 3));
    let expected = "\
#EXTM3U
#EXT-X-VERSION:7
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-START:TIME-OFFSET=0
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"English\",LANGUAGE=\"en\",DEFAULT=YES,\
AUTOSELECT=YES,CHANNELS=\"2\",URI=\"ver1/a1/index.m3u8\"
#EXT-X-STREAM-INF:BANDWIDTH=5128000,AVERAGE-BANDWIDTH=3277895,\
CODECS=\"avc1.640028,mp4a.40.2\",RESOLUTION=1920x1080,FRAME-RATE=29.970,AUDIO=\"audio\"
ver1/v1080/index.m3u8
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=909091,CODECS=\"avc1.640028\",RESOLUTION=1920x1080,\
URI=\"ver1/v1080/iframes.m3u8\"
";
    assert_eq!(text_of(&p), expected);
}

#[test]
fn a_growing_playlist_starts_at_the_beginning_and_does_not_end() {
    let growing = playlist(&presentation(3, false), 0);
    assert_eq!(growing.playlist_type, Some(MediaPlaylistType::Event));
    assert_eq!(growing.start.unwrap().time_offset, 0.0);
    assert!(!growing.end_list);
    assert_eq!(
        multivariant(&presentation(3, false))
            .start
            .unwrap()
            .time_offset,
        0.0
    );
}

#[test]
fn a_sealed_playlist_ends_and_starts_where_players_like() {
    let sealed = playlist(&presentation(3, true), 0);
    assert_eq!(sealed.playlist_type, Some(MediaPlaylistType::Vod));
    assert!(sealed.end_list && sealed.start.is_none());
    assert!(multivariant(&presentation(3, true)).start.is_none());
}

#[test]
fn a_growing_playlist_is_only_ever_added_to() {
    let whole = presentation(9, false);
    let text = |segments: usize, sealed: bool| {
        let mut p = Presentation {
            sealed,
            ..whole.clone()
        };
        p.tracks
            .iter_mut()
            .for_each(|t| t.segments.truncate(segments));
        playlist_text(&p, 0)
    };
    for segments in 3..9 {
        assert!(text(segments + 1, false).starts_with(&text(segments, false)));
    }
    let body = |text: &str| text.split_once("#EXT-X-MAP").unwrap().1.to_owned();
    assert_eq!(
        body(&text(9, true)),
        body(&text(9, false)) + "#EXT-X-ENDLIST\n"
    );
}

#[test]
fn target_duration_never_changes_while_segments_keep_to_the_plan() {
    for (planned, first, longest, target) in [
        (4.0, 0.5, 4.04, 4),
        (4.0, 4.0, 4.49, 4),
        (3.4, 3.4, 3.6, 4),
        (2.5, 2.0, 2.54, 3),
    ] {
        let mut p = presentation(0, false);
        p.segment_secs = planned;
        let units = |secs: f64| ((secs * 15360.0) as u64, 1);
        let targets = [vec![], vec![first], vec![first, longest]].map(|secs| {
            p.tracks[0].segments = contiguous(secs.into_iter().map(units));
            p.target_secs()
        });
        assert_eq!(targets, [target; 3], "{planned}");
    }
}

#[test]
fn target_duration_is_that_of_the_longest_segment_of_any_track() {
    let mut p = presentation(2, true);
    p.tracks[3].segments = equal(1, 65 * 4800, 1); // 6.5 s
    assert_eq!(playlist(&p, 0).target_duration, 7);
    assert_eq!(playlist(&p, 3).target_duration, 7);
}

#[test]
fn roundings_of_durations_do_not_add_up() {
    let mut p = presentation(0, true);
    p.tracks[0].timescale = 30000;
    p.tracks[0].segments = equal(10_000, 119_119, 1); // 119 frames at 30000/1001
    let text = playlist_text(&p, 0);
    let secs = text
        .lines()
        .filter_map(|l| l.strip_prefix("#EXTINF:")?.strip_suffix(','));
    let micros: u64 = secs
        .map(|s| s.replace('.', "").parse::<u64>().unwrap())
        .sum();
    assert_eq!(micros, 39_706_333_333); // 10,000 · 119,119 / 30,000 s
}

#[test]
fn bandwidth_is_planned_while_growing_and_measured_once_sealed() {
    let bandwidth = |sealed| {
        let variants = multivariant(&presentation(3, sealed)).variants;
        variants
            .iter()
            .find(|v| v.uri.contains("v1080"))
            .unwrap()
            .bandwidth
    };
    // Video segments of 4 s hold half of what the plan allows, audio 60 kB. The last ones
    // hold as much in 1.5 s and are judged with their neighbours: 8 s of bits in 5.5 s,
    // for the audio more than was planned.
    assert_eq!(bandwidth(false), 5_000_000 + 174_546);
    assert_eq!(bandwidth(true), 3_636_364 + 174_546);
}

#[test]
fn a_short_last_segment_is_judged_with_its_neighbour() {
    let mut p = presentation(0, true);
    let track = &mut p.tracks[0];
    let second = 15360;
    track.segments = contiguous([(4 * second, 400_000), (second, 500_000)]);
    assert_eq!(track.peak_bitrate(4), 900_000 * 8 / 5);
    track.segments[1].duration = 2 * second; // half a target: it counts alone
    assert_eq!(track.peak_bitrate(4), 500_000 * 8 / 2);
    track.segments.truncate(0);
    assert_eq!(track.peak_bitrate(4), 0);
    track.segments = contiguous([(second, 500_000)]);
    assert_eq!(track.peak_bitrate(4), 500_000 * 8);
}

#[test]
fn the_first_variant_is_one_that_most_can_afford() {
    let names = |p: &Presentation| {
        let variants = multivariant(p).variants.into_iter();
        let uris = variants.filter(|v| !v.is_i_frame);
        uris.map(|v| v.uri.split('/').nth(1).unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let mut p = presentation(3, false);
    assert_eq!(names(&p), ["v720", "v1080", "v480"]);
    p.tracks.iter_mut().for_each(|t| t.bitrate_max += 3_000_000);
    assert_eq!(names(&p), ["v480", "v1080", "v720"]);
}

#[test]
fn sound_alone_is_a_variant_without_a_group() {
    let mut p = presentation(3, true);
    p.tracks.drain(..3);
    let list = multivariant(&p);
    assert_eq!((list.variants.len(), list.alternatives.len()), (1, 0));
    let variant = &list.variants[0];
    assert_eq!(variant.uri, "ver1/a1/index.m3u8");
    assert_eq!(variant.codecs.as_deref(), Some("mp4a.40.2"));
    assert_eq!((variant.resolution, variant.audio.as_deref()), (None, None));
}

#[test]
fn languages_of_sound_alone_are_renditions_of_one_variant() {
    let mut p = presentation(3, true);
    p.tracks.drain(..3);
    p.tracks.push(audio("a2", Some("de"), 3));
    let list = multivariant(&p);
    assert_eq!((list.variants.len(), list.alternatives.len()), (1, 2));
    assert_eq!(list.variants[0].audio.as_deref(), Some("audio"));
}

#[test]
fn pictures_alone_have_no_audio_group() {
    let mut p = presentation(3, true);
    p.tracks.pop();
    let list = multivariant(&p);
    assert!(list.alternatives.is_empty());
    assert!(list.variants.iter().all(|v| v.audio.is_none()));
    assert_eq!(list.variants[0].codecs.as_deref(), Some("avc1.640028"));
}

#[test]
fn of_many_audio_tracks_one_is_the_default_and_each_has_its_own_name() {
    let mut p = presentation(3, true);
    for (name, language) in [("a2", Some("deu")), ("a3", Some("en")), ("a4", None)] {
        p.tracks.push(audio(name, language, 3));
    }
    let media = multivariant(&p).alternatives;
    let column = |n: usize| {
        let m = &media[n];
        (
            m.name.as_str(),
            m.language.as_deref(),
            m.default,
            m.autoselect,
        )
    };
    assert_eq!(column(0), ("English", Some("en"), true, true));
    assert_eq!(column(1), ("Deutsch", Some("de"), false, true));
    assert_eq!(column(2), ("English 2", Some("en"), false, false));
    assert_eq!(column(3), ("Audio", None, false, true));
}

#[test]
fn hostile_names_break_no_line() {
    let mut p = presentation(1, true);
    p.tracks[0].name = "v\"\n#EXT-X-ENDLIST\r/../$".into();
    p.tracks[0].codec = "avc1\"\n,EVIL=YES".into();
    label_mut(&mut p.tracks[3]).language = Some("en\"\n#EXT-X-KEY".into());
    let text = hls::multivariant(&p, "a b\n", &Edit::default()).unwrap();
    assert_eq!(text.lines().count(), 3 + 1 + 2 * 3 + 3);
    assert!(text.contains("a%20b%0A/v%22%0A%23EXT-X-ENDLIST%0D%2F..%2F%24/index.m3u8"));
    assert!(text.contains("CODECS=\"avc1,EVIL=YES,mp4a.40.2\""));
}

proptest! {
    #[test]
    fn a_playlist_says_what_the_track_holds(mut p in any_presentation()) {
        p.sealed = true;
        for (n, track) in p.tracks.iter().enumerate() {
            let read = playlist(&p, n);
            prop_assert_eq!(read.segments.len(), track.segments.len());
            let extension = if track.is_text() { "vtt" } else { "m4s" };
            for (k, (said, is)) in read.segments.iter().zip(&track.segments).enumerate() {
                let secs = is.duration as f64 / f64::from(track.timescale);
                prop_assert!((f64::from(said.duration) - secs).abs() < 1e-5, "{said:?} {secs}");
                prop_assert_eq!(&said.uri, &format!("{k}.{extension}"));
                // RFC 8216 §4.3.3.1
                prop_assert!(said.duration.round() as u64 <= read.target_duration);
            }
            let map = read.segments[0].map.as_ref().map(|map| map.uri.as_str());
            prop_assert_eq!(map, if track.is_text() { None } else { Some("init.mp4") });
            prop_assert_eq!((read.version, read.media_sequence), (Some(7), 0));
            prop_assert!(read.end_list);
        }
    }

    #[test]
    fn a_multivariant_playlist_of_a_whole_version_lists_every_track(mut p in any_presentation()) {
        p.sealed = true;
        let read = multivariant(&p);
        let renditions = read.alternatives.iter().filter_map(|m| m.uri.as_ref());
        let variants = read.variants.iter().filter(|v| !v.is_i_frame).map(|v| &v.uri);
        let mut uris: Vec<&String> = variants.chain(renditions).collect();
        uris.sort();
        uris.dedup();
        let mut expected: Vec<String> =
            p.tracks.iter().map(|t| format!("ver1/{}/index.m3u8", t.name)).collect();
        expected.sort();
        prop_assert_eq!(uris, expected.iter().collect::<Vec<_>>());
        for variant in &read.variants {
            prop_assert!(variant.average_bandwidth.unwrap_or(1) <= variant.bandwidth);
            prop_assert!(variant.codecs.is_some());
        }
    }
}
