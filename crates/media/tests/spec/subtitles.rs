//! Styled subtitles, read by us and converted by ffmpeg: the same cues.

use media::vtt::{Cue, read, read_file};

use crate::ffmpeg::run;

const HEAD: &str = "[Script Info]
ScriptType: v4.00+
PlayResX: 1920

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, Bold, Italic, Underline, Alignment, Encoding
Style: Default,Arial,48,&H00FFFFFF,0,0,0,2,1
Style: Thought,Arial,48,&H00FFFFFF,0,-1,0,2,1
Style: Sign,Arial,48,&H00FFFFFF,-1,0,0,2,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
";

/// As fansubs and films have them.
const LINES: &str = r"Comment: 0,0:00:00.00,0:00:09.00,Default,,0,0,0,,not shown
Dialogue: 0,0:00:01.20,0:00:03.45,Default,Ann,0,0,0,,Well, {\i1}that{\i0} was it.
Dialogue: 0,0:00:03.45,0:00:05.00,Thought,,0,0,0,,Was it?\NReally?
Dialogue: 0,0:00:05.10,0:00:06.00,Default,,0,0,0,,{\fad(100,200)\pos(960,40)\c&H00FF00&}Green
Dialogue: 0,0:00:06.00,0:00:07.00,Sign,,0,0,0,,EXIT & more
Dialogue: 1,0:00:06.50,0:00:07.00,Default,,0,0,0,,{\b1}loud{\b0} {\u1}words{\u0}
Dialogue: 0,0:00:04.00,0:00:04.50,Default,,0,0,0,,earlier in time, later in the file
Dialogue: 0,1:02:03.04,1:02:04.00,Default,,0,0,0,,{\k20}sing{\k30}ing - äöü
";

fn cues(cues: &[Cue]) -> Vec<(i64, i64, &str)> {
    let cues = cues.iter();
    cues.map(|cue| (cue.start, cue.end, cue.payload.as_str()))
        .collect()
}

#[test]
fn usual_styled_subtitles_have_the_cues_that_ffmpeg_makes_of_them() {
    let text = format!("{HEAD}{LINES}");
    let converted = run(
        "ffmpeg",
        "-f ass -i pipe:0 -c:s webvtt -f webvtt pipe:1",
        text.as_bytes(),
    );
    let (ours, theirs) = (read_file(text.as_bytes()).unwrap(), read(&converted));
    assert_eq!(cues(&ours.cues), cues(&theirs.cues));
    assert_eq!((ours.cues.len(), ours.broken), (7, 0));
    assert_eq!(ours.cues[1].payload, "<i>Was it?\nReally?</i>");
}
