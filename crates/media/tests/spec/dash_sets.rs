//! The sets of an MPD: codecs, surround, text, thumbnails; and clips.

use media::{Edit, ManifestError, Presentation, Storyboard, TrackKind, VideoRange, dash};

use crate::{
    model::{audio, label_mut, presentation, surround, text},
    mpd::{Element, assert_in_schema_order, clip, mpd, representations, timeline},
};

#[test]
fn an_mpd_of_all_that_a_version_may_hold_reads_like_this() {
    let p = full();
    assert_eq!(
        dash::mpd(&p, "ver1", &Edit::default()).unwrap(),
        include_str!("expected-full.mpd")
    );
}

/// Two codecs, surround, a commentary, subtitles and a storyboard.
fn full() -> Presentation {
    let mut p = presentation(5, true);
    p.tracks[0].codec = "hvc1.1.6.L120.90".into();
    p.tracks.remove(2);
    let wide = surround(p.tracks[2].clone(), "a2");
    let mut comment = audio("a3", Some("en"), 5);
    label_mut(&mut comment).name = Some("Director & crew".into());
    let forced = text("t2", "de", true, 5);
    p.tracks
        .extend([wide, comment, text("t1", "en", false, 5), forced]);
    p.files = ["t1.vtt", "t2.vtt"].map(str::to_owned).to_vec();
    p.storyboard = Some(storyboard());
    p
}

fn storyboard() -> Storyboard {
    Storyboard {
        columns: 5,
        rows: 4,
        tile_width: 160,
        tile_height: 90,
        image_millis: 40_000,
        first: 0,
        images: 1,
        image_len_bytes: 50_000,
    }
}

/// The adaptation sets of one type.
fn sets<'a>(mpd: &'a Element, content: &str) -> Vec<&'a Element> {
    let sets = mpd.one("Period").all("AdaptationSet");
    sets.filter(|set| set.attribute("contentType") == content)
        .collect()
}

fn role(set: &Element) -> &str {
    set.one("Role").attribute("value")
}

#[test]
fn every_edit_of_all_that_a_version_may_hold_keeps_the_schemas_order() {
    for query in [
        "",
        "end=8",
        "start=3&end=8",
        "max_height=720&audio=a3&text=none",
    ] {
        assert_in_schema_order(&clip(&full(), query));
    }
}

#[test]
fn there_is_none_while_the_version_grows() {
    let growing = dash::mpd(&presentation(5, false), "ver1", &Edit::default());
    assert_eq!(growing, Err(ManifestError::NotYet));
}

#[test]
fn codecs_are_sets_of_their_own() {
    let mut p = presentation(3, true);
    p.tracks[0].codec = "hvc1.1.6.L120.90".into();
    let mpd = mpd(&p);
    let video = sets(&mpd, "video");
    assert_eq!(video.len(), 2);
    let ids = |set: &Element| set.all("Representation").count();
    assert_eq!((ids(video[0]), ids(video[1])), (1, 2));
    assert_eq!(video[1].attribute("maxHeight"), "720");
}

#[test]
fn a_range_that_is_not_standard_is_essential() {
    for (wide, transfer) in [(VideoRange::Pq, "16"), (VideoRange::Hlg, "18")] {
        let mut p = full();
        if let TrackKind::Video { range, .. } = &mut p.tracks[0].kind {
            *range = wide;
        }
        let mpd = clip(&p, "");
        assert_in_schema_order(&mpd);
        let video = sets(&mpd, "video");
        let values = |set: &Element| -> Vec<String> {
            let properties = set.all("EssentialProperty");
            properties
                .map(|e| e.attribute("value").to_owned())
                .collect()
        };
        assert_eq!(values(video[0]), ["9", transfer, "9"]);
        assert!(values(video[1]).is_empty());
    }
}

#[test]
fn surround_is_a_set_of_the_same_role_and_its_own_channels() {
    let mut p = presentation(3, true);
    let six = surround(p.tracks[3].clone(), "a2");
    let mut eight = surround(audio("a3", Some("fr"), 3), "a3");
    let mut dolby = six.clone();
    (dolby.name, dolby.codec) = ("a4".into(), "ec-3".into());
    if let media::TrackKind::Audio { channels, .. } = &mut eight.kind {
        *channels = 8;
    }
    p.tracks.extend([six, eight, dolby]);
    let mpd = mpd(&p);
    let sets = sets(&mpd, "audio");
    let roles: Vec<&str> = sets.iter().map(|s| role(s)).collect();
    // By voice: English in three forms, then French.
    assert_eq!(roles, ["main", "main", "main", "dub"]);
    let layouts = sets
        .iter()
        .map(|s| s.one("AudioChannelConfiguration").attribute("value"));
    assert_eq!(layouts.collect::<Vec<_>>(), ["2", "6", "F801", "12"]);
}

#[test]
fn audio_that_describes_the_pictures_says_so() {
    let mut p = presentation(3, true);
    let mut described = audio("a2", Some("en"), 3);
    label_mut(&mut described).characteristics = vec!["public.accessibility.describes-video".into()];
    p.tracks.push(described);
    let mpd = mpd(&p);
    let set = sets(&mpd, "audio")[1];
    assert_eq!(role(set), "description");
    assert_eq!(set.one("Accessibility").attribute("value"), "1");
    assert_eq!(set.one("Label").text, "English 2");
}

#[test]
fn text_is_a_whole_file_where_the_version_holds_it() {
    let mut p = presentation(3, true);
    p.tracks.extend([
        text("t1", "en", false, 3),
        text("t2", "de", true, 3),
        text("t3", "fr", false, 3),
    ]);
    let needs = &mut label_mut(&mut p.tracks[4]).characteristics;
    needs.push("public.accessibility.transcribes-spoken-dialog".into());
    p.files = vec!["t1.vtt".into(), "t2.vtt".into()];
    let mpd = mpd(&p);
    let text = sets(&mpd, "text");
    assert_eq!(text.len(), 2, "no file, no set");
    assert_eq!(
        (role(text[0]), role(text[1])),
        ("caption", "forced-subtitle")
    );
    assert_eq!(text[0].attribute("mimeType"), "text/vtt");
    assert_eq!(text[1].attribute("lang"), "de");
    assert_eq!(text[1].one("Label").text, "Deutsch (forced)");
    let url = &text[0].one("Representation").one("BaseURL").text;
    assert_eq!(url, "ver1/t1.vtt");
}

#[test]
fn a_storyboard_is_tiled_thumbnails() {
    let mut p = presentation(3, true);
    p.storyboard = Some(storyboard());
    let mpd = mpd(&p);
    let image = sets(&mpd, "image")[0];
    let representation = image.one("Representation");
    let side = |name| representation.number(name);
    assert_eq!((side("width"), side("height")), (800, 360));
    assert_eq!(side("bandwidth"), 10_000);
    let tile = representation.one("EssentialProperty");
    let scheme = "http://dashif.org/guidelines/thumbnail_tile";
    assert_eq!(tile.attribute("schemeIdUri"), scheme);
    assert_eq!(tile.attribute("value"), "5x4");
    let template = image.one("SegmentTemplate");
    assert_eq!(template.attribute("media"), "ver1/storyboard-$Number$.jpg");
    assert_eq!(
        (template.number("duration"), template.number("timescale")),
        (40_000, 1000)
    );
}

#[test]
fn a_clip_has_its_exact_bounds_and_the_segments_own_numbers() {
    let mpd = clip(&presentation(9, true), "start=9.5&end=21.25&max_height=720");
    assert_eq!(mpd.attribute("mediaPresentationDuration"), "PT11.750000S");
    let found = representations(&mpd);
    assert_eq!(
        found.keys().copied().collect::<Vec<_>>(),
        ["a1", "v480", "v720"]
    );
    for (track, timescale) in [("v720", 15360), ("a1", 48000)] {
        let (set, representation) = found[track];
        let template = set.one("SegmentTemplate");
        assert_eq!(template.number("startNumber"), 2);
        assert_eq!(
            template.number("presentationTimeOffset"),
            timescale * 19 / 2
        );
        // 8 to 24 s: the whole segments that hold the clip.
        let expected: Vec<_> = (2..6).map(|n| (n * 4 * timescale, 4 * timescale)).collect();
        assert_eq!(timeline(set, representation).1, expected);
    }
}

#[test]
fn a_clip_from_the_middle_is_without_what_cannot_be_moved() {
    let mut p = presentation(9, true);
    p.tracks.push(text("t1", "en", false, 9));
    p.files.push("t1.vtt".into());
    assert_eq!(sets(&clip(&p, "end=8"), "text").len(), 1);
    assert_eq!(sets(&clip(&p, "start=4"), "text").len(), 0);
}
