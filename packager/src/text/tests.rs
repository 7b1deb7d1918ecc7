use super::*;
use crate::{
    clip::{Clip, LONG_GOP},
    stored::Stored,
};

const PICTURE: &str = "-f lavfi -i testsrc2=size=64x64:rate=25";
const SRT: &str = "1\n00:00:00,500 --> 00:00:01,500\none <i>it</i>\n\n\
                   2\n00:00:01,800 --> 00:00:02,500\ntwo & <3\n\n\
                   3\n00:00:03,500 --> 00:00:09,000\nlast\n";
const ASS: &str = "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\n\
    Format: Name, Fontname, Fontsize, Alignment\nStyle: Default,Arial,20,2\n\n[Events]\n\
    Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n\
    Dialogue: 0,0:00:00.50,0:00:01.50,Default,,0,0,0,,{\\an8\\i1}Hi{\\i0}\\N\\Nyou\n\
    Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,{\\p1}m 0 0 l 9 0 9 9{\\p0}\n\
    Dialogue: 1,0:00:02.00,0:00:03.00,Default,,0,0,0,,x --> y\n\
    Dialogue: 0,0:00:02.00,0:00:03.00,Default,,0,0,0,,x --> y\n";

/// Four seconds of picture with subtitles of a file of this name and text.
fn clip(name: &str, subtitles: (&str, &[u8]), args: &str) -> Clip {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(subtitles.0);
    std::fs::write(&path, subtitles.1).unwrap();
    let path = path.display();
    Clip::make(
        name,
        &format!(
            "{PICTURE} -sub_charenc_mode ignore -i {path} -t 4 -map 0 -map 1 {LONG_GOP} {args}"
        ),
    )
}

/// Everything of a clip's first subtitles, put to an origin.
async fn published(clip: &Clip) -> (Stored, Vec<String>) {
    let (config, file) = (Config::unjailed(), clip.path());
    let source = probe::probe(&config, &file).await.unwrap();
    let (stored, _origin, outlet) = Stored::start().await;
    let task = Task {
        config: &config,
        file: &file,
        text: &source.text[0],
        track: &"t1".parse().unwrap(),
        zero_secs: source.zero_secs,
        starts_us: &[0, 2_000_000],
        end_us: 4_000_000,
        outlet: &outlet,
    };
    let warnings = run(&task).await.unwrap();
    (stored, warnings)
}

async fn whole(clip: &Clip) -> String {
    let (stored, warnings) = published(clip).await;
    assert_eq!(warnings, [""; 0]);
    stored.text("files/t1.vtt")
}

const ONE: &str = "\n00:00:00.500 --> 00:00:01.500\none <i>it</i>\n";
const TWO: &str = "\n00:00:01.800 --> 00:00:02.500\ntwo &amp; &lt;3\n";
const LAST: &str = "\n00:00:03.500 --> 00:00:04.000\nlast\n";

#[tokio::test]
async fn subrip_becomes_segments_and_a_whole_file() {
    let clip = clip("a.mkv", ("a.srt", SRT.as_bytes()), "-c:s srt");
    let (stored, warnings) = published(&clip).await;
    assert_eq!(warnings, [""; 0]);
    let first = "tracks/t1/segments/0?start=0&duration=2000&iframe=0";
    let second = "tracks/t1/segments/1?start=2000&duration=2000&iframe=0";
    assert_eq!(stored.paths(), ["files/t1.vtt", first, second]);
    let head = "WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\n";
    assert_eq!(stored.text(first), format!("{head}{ONE}{TWO}"));
    assert_eq!(stored.text(second), format!("{head}{TWO}{LAST}"));
    let all = format!("WEBVTT\n{ONE}{TWO}{LAST}");
    assert_eq!(stored.text("files/t1.vtt"), all);
}

#[tokio::test]
async fn times_count_from_the_first_picture_wherever_the_file_starts() {
    let srt = ("a.srt", SRT.as_bytes());
    for (name, args) in [
        ("late.mkv", "-c:s srt -output_ts_offset 10"),
        ("late.mp4", "-c:s mov_text -output_ts_offset 10"),
        (
            "early.mkv",
            "-c:s srt -output_ts_offset -0.2 -avoid_negative_ts make_zero",
        ),
    ] {
        let all = whole(&clip(name, srt, args)).await;
        assert_eq!(all, format!("WEBVTT\n{ONE}{TWO}{LAST}"), "{name}");
    }
}

#[tokio::test]
async fn what_is_shown_before_the_first_picture_is_cut_off() {
    let clip = clip("a.mkv", ("a.srt", SRT.as_bytes()), "-c:s srt");
    let late = clip.remade(
        "late.mkv",
        "-filter_complex [0:v]setpts=PTS+1/TB[v] -map [v] -map 0:s -c:s copy -c:v libx264 \
         -preset ultrafast",
    );
    let all = whole(&late).await;
    let first = "WEBVTT\n\n00:00:00.000 --> 00:00:00.500\none <i>it</i>\n";
    assert!(all.starts_with(first), "{all}");
    assert!(
        all.ends_with("\n00:00:02.500 --> 00:00:04.000\nlast\n"),
        "{all}"
    );
}

#[tokio::test]
async fn styled_subtitles_are_words_without_drawings_and_twins() {
    let all = whole(&clip("a.mkv", ("a.ass", ASS.as_bytes()), "-c:s ass")).await;
    let hi = "\n00:00:00.500 --> 00:00:01.500\n<i>Hi</i>\nyou\n";
    let arrow = "\n00:00:02.000 --> 00:00:03.000\nx --&gt; y\n";
    assert_eq!(all, format!("WEBVTT\n{hi}{arrow}"));
}

#[tokio::test]
async fn webvtt_keeps_its_voices_and_positions() {
    let vtt = "WEBVTT\n\none\n00:00:00.500 --> 00:00:01.500 line:0 align:start\n<v Bob>Hi\n";
    for name in ["a.mkv", "a.webm"] {
        let codec = if name == "a.webm" { "-c:v libvpx" } else { "" };
        let args = format!("-c:s copy {codec}");
        let all = whole(&clip(name, ("a.vtt", vtt.as_bytes()), &args)).await;
        let cue = "\n00:00:00.500 --> 00:00:01.500 line:0 align:start\n<v Bob>Hi\n";
        assert_eq!(all, format!("WEBVTT\n{cue}"), "{name}");
    }
}

#[tokio::test]
async fn old_encodings_are_read_with_a_warning() {
    let srt = b"1\n00:00:00,500 --> 00:00:01,500\ncaf\xe9\n\n\
                2\n00:00:02,000 --> 00:00:03,000\n\xc3\xa9t\xc3\xa9\n";
    let (stored, warnings) = published(&clip("a.mkv", ("a.srt", srt), "-c:s copy")).await;
    let all = stored.text("files/t1.vtt");
    assert!(all.contains("\ncafé\n") && all.contains("\nété\n"), "{all}");
    assert_eq!(
        warnings,
        ["subtitles of stream 1: the text is not UTF-8 and was read as Windows-1252"]
    );
}
