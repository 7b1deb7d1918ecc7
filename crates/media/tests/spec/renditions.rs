//! Languages, surround, subtitles and trick play in HLS.

use m3u8_rs::{AlternativeMedia, AlternativeMediaType, MasterPlaylist};
use media::{Edit, ManifestError, Presentation, TrackKind, VideoRange, hls};

use crate::model::{audio, label, label_mut, presentation, surround, text};

fn multivariant(p: &Presentation) -> MasterPlaylist {
    let text = hls::multivariant(p, "ver1", &Edit::default()).expect("a playlist");
    m3u8_rs::parse_master_playlist_res(text.as_bytes()).expect("a multivariant playlist")
}

fn group<'a>(list: &'a MasterPlaylist, id: &str) -> Vec<&'a AlternativeMedia> {
    list.alternatives
        .iter()
        .filter(|m| m.group_id == id)
        .collect()
}

/// Name, CHANNELS and URI of each member.
fn members(list: &MasterPlaylist, id: &str) -> Vec<String> {
    let members = group(list, id).into_iter().map(|m| {
        let channels = m
            .channels
            .as_ref()
            .map_or(String::new(), ToString::to_string);
        format!(
            "{} {channels} {}",
            m.name,
            m.uri.as_deref().unwrap_or_default()
        )
    });
    members.collect()
}

#[test]
fn surround_is_another_group_of_the_same_members() {
    let mut p = presentation(3, true);
    p.tracks.push(surround(p.tracks[3].clone(), "a2"));
    p.tracks.push(audio("a3", Some("de"), 3));
    p.tracks[4].codec = "ec-3".into();
    let list = multivariant(&p);
    let stereo = [
        "English 2 ver1/a1/index.m3u8",
        "Deutsch 2 ver1/a3/index.m3u8",
    ];
    assert_eq!(members(&list, "audio"), stereo);
    let wide = [
        "English 6 ver1/a2/index.m3u8",
        "Deutsch 2 ver1/a3/index.m3u8",
    ];
    assert_eq!(members(&list, "audio-2"), wide);
    let variants: Vec<_> = list.variants.iter().filter(|v| !v.is_i_frame).collect();
    assert_eq!(variants.len(), 6, "each rendition with each group");
    let codecs = |n: usize| (variants[n].audio.as_deref(), variants[n].codecs.as_deref());
    assert_eq!(codecs(0), (Some("audio"), Some("avc1.640028,mp4a.40.2")));
    assert_eq!(
        codecs(3),
        (Some("audio-2"), Some("avc1.640028,ec-3,mp4a.40.2"))
    );
}

#[test]
fn the_default_is_what_the_source_plays_and_comes_first() {
    let mut p = presentation(3, true);
    p.tracks.push(audio("a2", Some("de"), 3));
    label_mut(&mut p.tracks[4]).default = true;
    let list = multivariant(&p);
    let audio = group(&list, "audio");
    let column: Vec<_> = audio.iter().map(|m| (m.name.as_str(), m.default)).collect();
    assert_eq!(column, [("Deutsch", true), ("English", false)]);
}

#[test]
fn a_name_is_the_sources_title_else_the_language_else_what_it_is() {
    let mut p = presentation(3, true);
    let titles = [
        (Some("en"), Some("Director's \"cut\"\n")),
        (None, None),
        (Some("xx"), Some(" ")),
    ];
    for (n, (language, name)) in titles.into_iter().enumerate() {
        let mut track = audio(&format!("a{}", n + 2), None, 3);
        *label_mut(&mut track) = label(language, name);
        p.tracks.push(track);
    }
    let list = multivariant(&p);
    let names: Vec<_> = list.alternatives.iter().map(|m| m.name.as_str()).collect();
    assert_eq!(names, ["English", "Director's cut", "Audio", "xx"]);
}

#[test]
fn players_choose_by_themselves_only_what_they_can_tell_apart() {
    let mut p = presentation(3, true);
    let mut described = audio("a2", Some("en"), 3);
    let need = "public.accessibility.describes-video";
    label_mut(&mut described).characteristics.push(need.into());
    p.tracks.extend([described, audio("a3", Some("en"), 3)]);
    let list = multivariant(&p);
    let column: Vec<_> = list.alternatives.iter().map(|m| m.autoselect).collect();
    assert_eq!(column, [true, true, false]);
    assert_eq!(list.alternatives[1].characteristics.as_deref(), Some(need));
}

#[test]
fn subtitles_are_a_group_and_forced_ones_are_marked() {
    let mut p = presentation(3, true);
    p.tracks.push(text("t1", "en", false, 3));
    p.tracks.push(text("t2", "en", true, 3));
    let list = multivariant(&p);
    let text = group(&list, "text");
    let column = |n: usize| {
        let m: &AlternativeMedia = text[n];
        (m.name.as_str(), m.default, m.autoselect, m.forced)
    };
    assert_eq!(column(0), ("English", false, true, false));
    assert_eq!(column(1), ("English (forced)", false, true, true));
    assert!(
        text.iter()
            .all(|m| m.media_type == AlternativeMediaType::Subtitles)
    );
    let mut variants = list.variants.iter().filter(|v| !v.is_i_frame);
    assert!(variants.all(|v| v.subtitles.as_deref() == Some("text")));
}

#[test]
fn at_most_one_text_is_on_by_default() {
    let mut p = presentation(3, true);
    for name in ["t1", "t2", "t3"] {
        p.tracks.push(text(name, "en", false, 3));
    }
    label_mut(&mut p.tracks[5]).default = true;
    label_mut(&mut p.tracks[6]).default = true;
    let list = multivariant(&p);
    let column: Vec<_> = group(&list, "text")
        .iter()
        .map(|m| (m.default, m.autoselect))
        .collect();
    assert_eq!(column, [(false, true), (true, true), (false, false)]);
}

#[test]
fn a_text_playlist_reads_like_this() {
    let mut p = presentation(2, true);
    p.tracks.push(text("t1", "en", false, 2));
    let expected = "\
#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:4
#EXT-X-MEDIA-SEQUENCE:0
#EXT-X-PLAYLIST-TYPE:VOD
#EXTINF:4.000000,
0.vtt
#EXTINF:4.000000,
1.vtt
#EXT-X-ENDLIST
";
    let text = hls::media_playlist(&p.tracks[4], &p, &Edit::default()).unwrap();
    assert_eq!(text, expected);
}

#[test]
fn an_iframe_playlist_reads_like_this() {
    let p = presentation(2, true);
    let expected = "\
#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:4
#EXT-X-MEDIA-SEQUENCE:0
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-I-FRAMES-ONLY
#EXT-X-MAP:URI=\"init.mp4\"
#EXTINF:4.000000,
#EXT-X-BYTERANGE:312500@0
0.m4s
#EXTINF:1.500000,
#EXT-X-BYTERANGE:312500@0
1.m4s
#EXT-X-ENDLIST
";
    let text = hls::iframe_playlist(&p.tracks[0], &p, &Edit::default()).unwrap();
    assert_eq!(text, expected);
}

#[test]
fn trick_play_is_offered_only_where_every_first_picture_is_known() {
    let mut p = presentation(3, true);
    p.tracks[0].segments[2].iframe_len_bytes = 0;
    let list = multivariant(&p);
    let iframes: Vec<_> = list.variants.iter().filter(|v| v.is_i_frame).collect();
    let uris: Vec<_> = iframes.iter().map(|v| v.uri.as_str()).collect();
    assert_eq!(uris, ["ver1/v720/iframes.m3u8", "ver1/v480/iframes.m3u8"]);
    // A quarter of the segment: 8 s of bits in 5.5 s.
    assert_eq!(iframes[0].bandwidth, 454_546);
    assert_eq!(iframes[0].codecs.as_deref(), Some("avc1.640028"));
    for track in [0, 3] {
        let none = hls::iframe_playlist(&p.tracks[track], &p, &Edit::default());
        assert_eq!(
            none,
            Err(ManifestError::LeftOut(p.tracks[track].name.clone()))
        );
    }
}

#[test]
fn only_several_codecs_need_a_score() {
    let score = |p: &Presentation| {
        let text = hls::multivariant(p, "ver1", &Edit::default()).unwrap();
        let lines = text.lines().filter(|l| l.starts_with("#EXT-X-STREAM-INF"));
        let value = |l: &str| Some(l.split("SCORE=").nth(1)?.split(',').next()?.to_owned());
        lines.filter_map(value).collect::<Vec<_>>()
    };
    let mut p = presentation(3, true);
    assert!(score(&p).is_empty());
    let mut hevc = p.tracks[1].clone();
    (hevc.name, hevc.codec) = ("v720-hevc".into(), "hvc1.1.6.L93.90".into());
    p.tracks.insert(1, hevc);
    // v720 is the first variant; then 1080 and 480, and behind all of H.264 720 by HEVC.
    assert_eq!(score(&p), ["2", "4", "1", "3"]);
}

#[test]
fn ranges_are_told_of_all_where_one_is_wide() {
    let mut p = presentation(3, true);
    let text = |p: &Presentation| hls::multivariant(p, "ver1", &Edit::default()).unwrap();
    assert!(!text(&p).contains("VIDEO-RANGE"));
    let mut wide = p.tracks[1].clone();
    (wide.name, wide.codec) = ("v720-hevc".into(), "hvc1.2.4.L93.90".into());
    if let TrackKind::Video { range, .. } = &mut wide.kind {
        *range = VideoRange::Hlg;
    }
    p.tracks.push(wide);
    // Of each the pictures, and those of trick play.
    assert_eq!(text(&p).matches("VIDEO-RANGE=SDR").count(), 6);
    assert_eq!(text(&p).matches("VIDEO-RANGE=HLG").count(), 2);
}
