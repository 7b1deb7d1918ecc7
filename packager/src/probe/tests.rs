use crate::probe::source::Colour;

use super::*;
use crate::{
    clip::{Clip, LONG_GOP, SOUND},
    probe::timing::Timing,
};

const PICTURE: &str = "-f lavfi -i testsrc2=size=128x96:rate=25";

async fn probed(clip: &Clip) -> Source {
    probe(&Config::unjailed(), &clip.path()).await.unwrap()
}

async fn reason(config: &Config, clip: &Clip) -> String {
    match probe(config, &clip.path()).await {
        Err(PackagerError::Source(reason)) => reason,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

/// A file of chapters or subtitles beside a clip's own, to be read by ffmpeg.
fn beside(dir: &tempfile::TempDir, name: &str, text: &str) -> String {
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

const SRT: &str = "1\n00:00:00,500 --> 00:00:01,500\nhi\n";

#[tokio::test]
async fn a_look_at_first_frames_says_what_one_without_it_does() {
    let dir = tempfile::tempdir().unwrap();
    // Subtitles from the start: then they are among the first packets.
    let srt = beside(&dir, "a.srt", &SRT.replace("00:00:00,500", "00:00:00,000"));
    let clip = Clip::make(
        "copyable.mp4",
        &format!(
            "{PICTURE} -f lavfi -i {SOUND} -i {srt} -t 2 -c:v libx264 -bf 2 -c:a aac \
             -c:s mov_text"
        ),
    );
    let peeked = probe_copyable(&Config::unjailed(), &clip.path()).await;
    let (peeked, source) = (peeked.unwrap(), probed(&clip).await);
    assert_eq!(peeked.zero_secs, source.zero_secs);
    assert_eq!(peeked.audio[0].offset_secs, source.audio[0].offset_secs);
    assert_eq!(peeked.text.len(), 1);
}

#[tokio::test]
async fn every_language_is_a_track_and_surround_comes_behind_stereo() {
    let clip = Clip::make(
        "many.mkv",
        &format!(
            "{PICTURE} -f lavfi -i {SOUND} -t 2 {LONG_GOP} -c:a aac -map 0 -map 1 -map 1 -map 1 \
             -ac:a:1 6 -metadata:s:a:0 language=eng -metadata:s:a:1 language=fre \
             -metadata:s:a:1 title=Français -metadata:s:a:2 language=ger \
             -disposition:a:0 0 -disposition:a:1 default -disposition:a:2 visual_impaired+dub"
        ),
    );
    let source = probed(&clip).await;
    let of = |audio: &Audio| (audio.index, audio.channels, audio.label.default);
    let tracks: Vec<_> = source.audio.iter().map(of).collect();
    assert_eq!(
        tracks,
        [(2, 2, true), (1, 1, false), (3, 1, false), (2, 6, false)]
    );
    assert_eq!(source.audio[0].label.language.as_deref(), Some("fre"));
    assert_eq!(source.audio[0].label.name.as_deref(), Some("Français"));
    assert_eq!(source.audio[0].source_channels, 6);
    assert_eq!(
        source.audio[2].label.characteristics,
        [
            "public.accessibility.describes-video",
            "public.translation.dubbed"
        ]
    );
    assert!(source.audio.iter().all(|a| a.offset_secs.abs() < 0.025));
    assert_eq!(source.warnings, [""; 0]);
}

#[tokio::test]
async fn subtitles_that_are_text_are_tracks() {
    let dir = tempfile::tempdir().unwrap();
    let srt = beside(&dir, "a.srt", SRT);
    let clip = Clip::make(
        "text.mkv",
        &format!(
            "{PICTURE} -i {srt} -t 2 {LONG_GOP} -map 0 -map 1 -map 1 -c:s:0 srt -c:s:1 ass \
             -metadata:s:s:0 language=eng -metadata:s:s:1 title=Signs \
             -disposition:s:0 hearing_impaired -disposition:s:1 default+forced"
        ),
    );
    let source = probed(&clip).await;
    let of = |text: &Text| (text.index, text.codec.clone(), text.forced);
    let tracks: Vec<_> = source.text.iter().map(of).collect();
    assert_eq!(
        tracks,
        [(1, "subrip".to_owned(), false), (2, "ass".to_owned(), true)]
    );
    assert_eq!(
        source.text[0].label.characteristics,
        [
            "public.accessibility.transcribes-spoken-dialog",
            "public.accessibility.describes-music-and-sound"
        ]
    );
    let signs = &source.text[1].label;
    assert_eq!(
        (signs.name.as_deref(), signs.default),
        (Some("Signs"), true)
    );
}

#[test]
fn subtitles_that_are_pictures_are_named_in_a_warning() {
    let report: Report = serde_json::from_str(
        r#"{"streams":[
            {"index":2,"codec_type":"subtitle","codec_name":"hdmv_pgs_subtitle","tags":{"language":"eng"}},
            {"index":3,"codec_type":"subtitle","codec_name":"mov_text"},
            {"index":4,"codec_type":"subtitle"}]}"#,
    )
    .unwrap();
    let mut warnings = Vec::new();
    let text = subtitles::text(&report, &mut warnings);
    assert_eq!(text.len(), 1);
    assert_eq!(
        warnings,
        [
            "subtitles that are pictures are not published: stream 2 (hdmv_pgs_subtitle, eng)",
            "subtitles of an unknown kind are not published: stream 4 (unknown)"
        ]
    );
}

#[tokio::test]
async fn chapters_count_from_the_first_picture() {
    let dir = tempfile::tempdir().unwrap();
    let chapter = |from, to, title: &str| {
        format!("[CHAPTER]\nTIMEBASE=1/1000\nSTART={from}\nEND={to}\ntitle={title}\n")
    };
    let chapters = [chapter(0, 1000, "One"), chapter(1000, 9000, "Two")].concat();
    let meta = beside(&dir, "meta.txt", &format!(";FFMETADATA1\n{chapters}"));
    let clip = Clip::make(
        "chapters.mp4",
        &format!("{PICTURE} -i {meta} -map_chapters 1 -map 0:v -t 2 {LONG_GOP}"),
    );
    let source = probed(&clip).await;
    let (one, two) = (&source.chapters[0], &source.chapters[1]);
    assert_eq!((one.title.as_str(), one.start, one.end), ("One", 0.0, 1.0));
    assert_eq!(
        (two.title.as_str(), two.start, two.end),
        ("Two", 1.0, source.duration_secs)
    );
    // The track that an mp4 keeps its chapters in.
    assert_eq!(source.data_streams, 1);
}

#[tokio::test]
async fn colour_and_depth_of_hdr_are_known() {
    let clip = Clip::make(
        "hlg.mkv",
        &format!(
            "{PICTURE} -t 1 -c:v libx265 -preset ultrafast -x265-params log-level=none \
             -pix_fmt yuv420p10le -color_trc arib-std-b67 -color_primaries bt2020 \
             -colorspace bt2020nc"
        ),
    );
    let video = probed(&clip).await.video.unwrap();
    assert_eq!((video.colour, video.bit_depth), (Colour::Hlg, 10));
    assert_eq!((video.codec.as_str(), video.time_base), ("hevc", (1, 1000)));
    let sdr = Clip::silent("128x96", "25", 1.0);
    let video = probed(&sdr).await.video.unwrap();
    assert_eq!((video.colour, video.bit_depth), (Colour::Sdr, 8));
}

#[tokio::test]
async fn a_cover_is_no_video_but_is_known() {
    let clip = Clip::make(
        "cover.mp3",
        &format!(
            "{PICTURE} -f lavfi -i {SOUND} -t 1 -map 1 -map 0 -c:v mjpeg -frames:v 1 -pix_fmt \
             yuvj420p -disposition:v attached_pic"
        ),
    );
    let source = probed(&clip).await;
    assert_eq!(source.video, None);
    assert_eq!(source.covers, [1]);
}

#[tokio::test]
async fn a_picture_with_too_many_pixels_is_refused() {
    let clip = Clip::silent("320x240", "30", 0.2);
    let config = Config {
        pixels_max: 70_000,
        ..Config::unjailed()
    };
    assert_eq!(
        reason(&config, &clip).await,
        "the picture has 320×240 = 76800 pixels; at most 70000 are accepted"
    );
}

#[tokio::test]
async fn a_frame_rate_over_the_limit_is_refused_where_it_is_true() {
    for name in ["fast.mp4", "fast.mkv"] {
        let args = format!("-f lavfi -i testsrc2=size=64x64:rate=400 -t 1 {LONG_GOP}");
        let clip = Clip::make(name, &args);
        let reason = reason(&Config::unjailed(), &clip).await;
        let told = "the video has 400 frames a second; at most 300 are accepted";
        assert_eq!(reason, told, "{name}");
    }
    // 25 pictures a second in a container that says 1,000.
    let args = "-f lavfi -i testsrc2=size=64x64:rate=25 -t 2 -c:v libvpx -r 1000 -fps_mode vfr";
    let video = probed(&Clip::make("slow.webm", args)).await.video.unwrap();
    let (num, den) = video.timing.rate();
    assert!(num / den <= 120, "{:?}", video.timing);
}

#[tokio::test]
async fn the_index_has_every_picture_by_time_and_where_decoding_can_start() {
    let args = "-f lavfi -i testsrc2=size=64x64:rate=25 -t 4 -c:v libx264 -preset ultrafast -bf 2 \
                -g 25";
    for name in ["index.mp4", "index.mkv", "index.ts"] {
        let clip = Clip::make(name, args);
        let source = probed(&clip).await;
        let video = source.video.as_ref().unwrap();
        assert_eq!(video.timing, Timing::Constant { rate: (25, 1) }, "{name}");
        let index = index(&Config::unjailed(), &clip.path(), video)
            .await
            .unwrap();
        let secs = |pts: i64| {
            let (num, den) = index.time_base;
            pts as f64 * f64::from(num) / f64::from(den) - source.zero_secs
        };
        assert_eq!(index.packets.len(), 100, "{name}");
        for (n, packet) in index.packets.iter().enumerate() {
            assert!(
                (secs(packet.pts) - n as f64 / 25.0).abs() < 0.001,
                "{name} {n}"
            );
            assert_eq!(packet.key, n % 25 == 0, "{name} {n}");
        }
        assert!((secs(index.end) - 4.0).abs() < 0.002, "{name}");
    }
}

#[tokio::test]
async fn a_duration_counts_from_the_first_picture_wherever_the_file_starts() {
    for name in ["late.mp4", "late.mkv", "late.ts", "late.mov"] {
        let clip = Clip::make(
            name,
            &format!("{PICTURE} -t 4 {LONG_GOP} -output_ts_offset 7.3"),
        );
        let source = probed(&clip).await;
        assert!(
            (source.duration_secs - 4.0).abs() < 0.05,
            "{name} {source:?}"
        );
        assert!(source.zero_secs > 7.0, "{name}");
    }
}
