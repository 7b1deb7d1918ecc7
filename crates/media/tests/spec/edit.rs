//! What may be left out of a manifest by its query.

use media::{Edit, EditError, ManifestError, Presentation, Time, hls};
use proptest::prelude::*;

use crate::model::{any_presentation, audio, presentation, text};

fn edit(query: &str) -> Edit {
    Edit::parse(query).expect("an edit")
}

fn playlist(p: &Presentation, track: usize, query: &str) -> String {
    hls::media_playlist(&p.tracks[track], p, &edit(query)).expect("a media playlist")
}

fn multivariant(p: &Presentation, query: &str) -> Result<String, ManifestError> {
    hls::multivariant(p, "ver1", &edit(query))
}

/// The tracks that a multivariant playlist names, in order, once.
fn named(p: &Presentation, query: &str) -> Vec<String> {
    let text = multivariant(p, query).expect("a multivariant playlist");
    let uris = text.split("ver1/").skip(1);
    let tracks = uris.filter_map(|uri| uri.split_once('/'));
    let mut names: Vec<String> = tracks.map(|(name, _)| name.to_owned()).collect();
    names.sort();
    names.dedup();
    names
}

#[test]
fn a_query_is_kept_sorted_and_in_its_shortest_form() {
    for (query, canonical) in [
        ("", ""),
        ("key=abc&_HLS_msn=3", ""),
        (
            "text=t1&start=1.500&end=020&audio=en,de,en",
            "audio=de,en&end=20&start=1.5&text=t1",
        ),
        ("start=0&max_height=0720", "max_height=720&start=0"),
        ("st%61rt=%31.0000009&text=none", "start=1&text=none"),
        ("audio=pt-BR%2Ca1", "audio=a1,pt-BR"),
    ] {
        assert_eq!(edit(query).query(), canonical, "{query}");
    }
    assert_eq!(edit("x=1&y"), Edit::default());
    assert_eq!(edit("start=1.000001").start, Some(Time(1_000_001)));
}

#[test]
fn a_query_that_is_doubled_or_malformed_is_refused_in_words() {
    for (query, words) in [
        ("start=1&start=1", "start is given twice"),
        ("audio=a1&x=&%61udio=a2", "audio is given twice"),
        ("start=-1", "start is not a time in seconds"),
        ("start=1e3", "start is not a time in seconds"),
        ("start=.5", "start is not a time in seconds"),
        ("start=1.", "start is not a time in seconds"),
        ("start=1.2.3", "start is not a time in seconds"),
        ("start=NaN", "start is not a time in seconds"),
        ("end=1000000000", "end is not a time in seconds"),
        ("end", "end is not a time in seconds"),
        ("max_height=0", "max_height is not a number of pixels"),
        ("max_height=+720", "max_height is not a number of pixels"),
        (
            "max_height=99999999999",
            "max_height is not a number of pixels",
        ),
        ("audio=", "audio is not a list of tracks or languages"),
        ("audio=en,,de", "audio is not a list of tracks or languages"),
        ("text=none,de", "text is not a list of tracks or languages"),
        ("text=%22%0A", "text is not a list of tracks or languages"),
        ("text=%zz", "text is not a list of tracks or languages"),
        ("text=%ff", "text is not a list of tracks or languages"),
        ("start=5&end=5", "end is not after start"),
        ("end=0", "end is not after start"),
    ] {
        let refused = Edit::parse(query).expect_err(query);
        assert_eq!(refused.to_string(), words, "{query}");
    }
    let many = format!("audio={}", vec!["en"; 65].join(","));
    assert!(matches!(
        Edit::parse(&many),
        Err(EditError::Malformed { .. })
    ));
}

#[test]
fn a_clip_is_the_whole_segments_that_hold_it_by_their_own_numbers() {
    let p = presentation(9, true);
    let expected = "\
#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:4
#EXT-X-MEDIA-SEQUENCE:0
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-START:TIME-OFFSET=1.500000,PRECISE=YES
#EXT-X-MAP:URI=\"init.mp4\"
#EXTINF:4.000000,
2.m4s
#EXTINF:4.000000,
3.m4s
#EXT-X-ENDLIST
";
    for track in 0..4 {
        assert_eq!(playlist(&p, track, "start=9.5&end=16"), expected);
    }
    let start = "#EXT-X-START:TIME-OFFSET=1.500000,PRECISE=YES\n";
    assert!(
        multivariant(&p, "start=9.5&end=16")
            .unwrap()
            .contains(start)
    );
}

#[test]
fn sound_that_is_cut_at_other_frames_keeps_step_with_the_pictures() {
    let mut p = presentation(9, true);
    // Frames of 1024 samples: cut 11 ms after 8 s, and 11 ms before 12 s.
    p.tracks[3].segments[1].duration += 512;
    p.tracks[3].segments[2].start += 512;
    p.tracks[3].segments[2].duration -= 1024;
    p.tracks[3].segments[3].start -= 512;
    p.tracks[3].segments[3].duration += 512;
    let text = playlist(&p, 3, "start=8&end=12");
    let files: Vec<&str> = text.lines().filter(|l| !l.starts_with('#')).collect();
    assert_eq!(files, ["2.m4s"]);
}

#[test]
fn playlists_of_an_edit_repeat_it_and_segments_do_not() {
    let p = presentation(3, true);
    let text = multivariant(&p, "start=1&max_height=480").unwrap();
    let query = "?max_height=480&start=1";
    assert!(text.contains(&format!("\nver1/v480/index.m3u8{query}\n")));
    assert!(text.contains(&format!("URI=\"ver1/a1/index.m3u8{query}\"")));
    assert!(text.contains(&format!("URI=\"ver1/v480/iframes.m3u8{query}\"")));
    assert!(!playlist(&p, 2, "start=1").contains('?'));
}

#[test]
fn tracks_are_chosen_by_height_name_and_language() {
    let mut p = presentation(3, true);
    p.tracks.push(audio("a2", Some("pt-BR"), 3));
    p.tracks.push(text("t1", "deu", false, 3));
    for (query, tracks) in [
        ("max_height=720", "a1 a2 t1 v480 v720"),
        ("max_height=720&audio=a1&text=none", "a1 v480 v720"),
        ("max_height=480&audio=pt&text=de", "a2 t1 v480"),
        ("max_height=480&audio=PT-br,xx", "a2 t1 v480"),
        ("max_height=480&audio=none", "t1 v480"),
    ] {
        assert_eq!(named(&p, query).join(" "), tracks, "{query}");
    }
    let upright = |p: &mut Presentation| {
        if let media::TrackKind::Video { width, height, .. } = &mut p.tracks[1].kind {
            std::mem::swap(width, height);
        }
    };
    upright(&mut p);
    assert!(named(&p, "max_height=720").contains(&"v720".into()));
}

#[test]
fn an_edit_that_leaves_nothing_says_why() {
    let p = presentation(3, true);
    for (query, words) in [
        ("max_height=479", "every rendition is higher than 479"),
        ("audio=fr,de", "no audio track is de,fr"),
        ("text=t1", "no text track is t1"),
        ("start=9.5", "it ends before 9.5 seconds"),
    ] {
        assert_eq!(multivariant(&p, query).unwrap_err().to_string(), words);
    }
    let mut sound = p.clone();
    sound.tracks.drain(..3);
    assert_eq!(
        multivariant(&sound, "audio=none"),
        Err(ManifestError::Nothing)
    );
    let mut late = p.clone();
    late.tracks[0]
        .segments
        .iter_mut()
        .for_each(|s| s.start += 10 * 15360);
    assert_eq!(multivariant(&late, "end=9"), Err(ManifestError::Nothing));
    let out = hls::media_playlist(&p.tracks[0], &p, &edit("max_height=720"));
    assert_eq!(out, Err(ManifestError::LeftOut("v1080".into())));
}

#[test]
fn a_clip_of_what_is_still_to_come_is_not_there_yet() {
    let p = presentation(3, false);
    assert_eq!(multivariant(&p, "start=100"), Err(ManifestError::NotYet));
}

#[test]
fn a_clip_ends_as_soon_as_the_version_has_grown_beyond_it() {
    let text = |segments| playlist(&presentation(segments, false), 0, "start=5&end=11");
    assert!(text(5).ends_with("#EXT-X-ENDLIST\n"));
    assert!(text(5).contains("PLAYLIST-TYPE:VOD"));
    let open = playlist(&presentation(5, false), 0, "start=5&end=30");
    assert!(open.contains("PLAYLIST-TYPE:EVENT") && !open.contains("ENDLIST"));
}

prop_compose! {
    fn any_edit()(
        from in prop::option::of(0_u64..100_000_000),
        len in prop::option::of(1_u64..100_000_000),
        max_height in prop::option::of(1_u32..8000),
        audio in prop::option::of("none|a[0-3]|[a-z]{2}(,a[0-3])?"),
        text in prop::option::of("none|t[0-3](,t0)?"),
        key_format in prop::option::of("clearkey|identity"),
    ) -> Edit {
        let mut query = vec!["key=k".to_owned()];
        query.extend(from.map(|t| format!("start={}", Time(t))));
        query.extend(len.map(|t| format!("end={}", Time(from.unwrap_or(0) + t))));
        query.extend(max_height.map(|h| format!("max_height={h}")));
        query.extend(audio.map(|a| format!("audio={a}")));
        query.extend(text.map(|t| format!("text={t}")));
        query.extend(key_format.map(|f| format!("key_format={f}")));
        edit(&query.join("&"))
    }
}

proptest! {
    #[test]
    fn what_an_edit_writes_it_reads_back(edit in any_edit()) {
        prop_assert_eq!(Edit::parse(&edit.query()), Ok(edit));
    }

    #[test]
    fn any_query_is_read_or_refused(query in ".{0,80}") {
        if let Ok(edit) = Edit::parse(&query) {
            prop_assert_eq!(Edit::parse(&edit.query()), Ok(edit));
        }
    }

    #[test]
    fn every_playlist_of_every_edit_parses(p in any_presentation(), edit in any_edit()) {
        if let Ok(text) = hls::multivariant(&p, "ver1", &edit) {
            let read = m3u8_rs::parse_master_playlist_res(text.as_bytes());
            prop_assert!(!read.expect("a playlist").variants.is_empty());
        }
        for track in &p.tracks {
            let media = hls::media_playlist(track, &p, &edit);
            let iframes = hls::iframe_playlist(track, &p, &edit);
            for text in [media, iframes].into_iter().flatten() {
                let read = m3u8_rs::parse_media_playlist_res(text.as_bytes());
                let longest = read.as_ref().map(|r| r.segments.iter().map(|s| s.duration));
                let longest = longest.expect("a playlist").fold(0.0, f32::max);
                prop_assert!(longest.round() as u64 <= p.target_secs());
            }
        }
    }
}
