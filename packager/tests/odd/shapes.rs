//! Whole files of unusual shape: pictures, times, streams.

use crate::{
    boxes::patch,
    input::{End, Expected, FRAMES, H264, Kitchen, PICTURE, SECS, SOUND, clip},
    table::{front, made},
};

pub(crate) fn pictures(kitchen: &mut Kitchen<'_>) {
    let usual = clip(FRAMES, SECS);
    let mut turned = front(kitchen);
    // The matrix of the first track's header: a quarter turn.
    let matrix = [0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30];
    let matrix: Vec<u8> = matrix.iter().copied().flat_map(i32::to_be_bytes).collect();
    patch(&mut turned, b"tkhd", 40, &matrix);
    kitchen.write("rotated.mp4", turned, End::Published(usual));
    let filtered = |filter: &str| format!("-vf {filter} {H264} -c:a aac");
    kitchen.encode("portrait.mp4", &filtered("scale=180:320"), usual);
    kitchen.encode("wide-pixels.mp4", &filtered("setsar=64/45"), usual);
    let odd = "-vf scale=641:361 -c:v libx264 -preset ultrafast -pix_fmt yuv444p -c:a aac";
    kitchen.encode("641x361.mp4", odd, usual);
    let fields = "-vf fps=50,tinterlace=interleave_top,fieldorder=tff -r 25 -flags +ilme+ildct \
                  -c:v mpeg2video -q:v 5 -c:a mp2";
    kitchen.encode(
        "interlaced.ts",
        fields,
        clip(75, SECS).unsynced().at_rate(25.0),
    );
    for (name, size) in [("1x1.mov", "1:1"), ("2x2.mov", "2:2")] {
        let args = format!(
            "-f lavfi -i testsrc=size=64x64:rate=10,format=rgb24,crop={size} -t 2 -c:v png"
        );
        let tiny = End::Published(clip(20, 2.0).silent().at_rate(10.0));
        kitchen.make(name, &args, tiny);
    }
    let one = End::Published(clip(1, 1.0 / 30.0).silent());
    made(
        kitchen,
        "one-frame.mp4",
        &format!("-map 0 -frames:v 1 {H264}"),
        one,
    );
}

pub(crate) fn times(kitchen: &mut Kitchen<'_>) {
    let usual = clip(FRAMES, SECS);
    // 45 pictures in the first half, every third in the second.
    let variable =
        format!("-vf select='lt(n,45)+not(mod(n,3))' -fps_mode vfr {H264} -c:a aac -t {SECS}");
    made(
        kitchen,
        "variable-rate.mp4",
        &variable,
        End::Published(clip(60, SECS).at_rate(None)),
    );
    let long = "-f lavfi -i testsrc2=size=160x90:rate=10 -t 60 -c:v libx264 -preset ultrafast \
                -g 9999 -keyint_min 9999 -sc_threshold 0 -pix_fmt yuv420p";
    kitchen.make(
        "long-gop.mp4",
        long,
        End::Published(clip(600, 60.0).silent().at_rate(10.0)),
    );
    // MPEG's clock has 33 bits at 90 kHz: it wraps at 95,443.7 s.
    let wrapped = format!("{H264} -c:a aac -output_ts_offset 95441");
    kitchen.encode("wrapped.ts", &wrapped, usual);
    let later = format!("{H264} -c:a aac -output_ts_offset 5000");
    kitchen.cook(
        "later.ts",
        &format!("{} -t {SECS} {later}", crate::input::usual()),
    );
    let joined = [kitchen.bytes("clip.ts"), kitchen.bytes("later.ts")].concat();
    // It has two beeps, and its clock says nothing of how far they are apart.
    let both = End::Published(clip(2 * FRAMES, 2.0 * SECS).unsynced());
    kitchen.write("discontinuity.ts", joined, both);
    // A copy that starts between two keyframes hides what comes before by an edit list.
    let cut = "-ss 0.5 -i {dir}/plain.mp4 -c copy";
    kitchen.make(
        "edit-list.mp4",
        cut,
        End::Published(clip(FRAMES - 15, SECS - 0.5)),
    );
    let late = |first: &str, second: &str| {
        format!(
            "-itsoffset {first} -i {{dir}}/plain.mp4 -itsoffset {second} -i {{dir}}/plain.mp4 \
             -map 0:v -map 1:a -c copy"
        )
    };
    let apart = End::Published(clip(FRAMES, SECS + 0.5).unsynced());
    kitchen.make("late-sound.mp4", &late("0", "0.5"), apart);
    let apart = End::Published(clip(FRAMES, SECS).unsynced());
    kitchen.make("late-picture.mp4", &late("0.5", "0"), apart);
}

pub(crate) fn streams(kitchen: &mut Kitchen<'_>) {
    let usual = clip(FRAMES, SECS);
    let lengths = |picture: f64, sound: f64| {
        format!("-t {picture} -f lavfi -i {PICTURE} -t {sound} -f lavfi -i {SOUND} {H264} -c:a aac")
    };
    let five = End::Published(clip(FRAMES, 5.0));
    kitchen.make("sound-longer.mp4", &lengths(SECS, 5.0), five);
    kitchen.make(
        "picture-longer.mp4",
        &lengths(SECS, 1.5),
        End::Published(usual),
    );
    kitchen.encode(
        "silent.mp4",
        &format!("-map 0 {H264}"),
        clip(FRAMES, SECS).silent(),
    );
    kitchen.cook("cover.png", "-f lavfi -i testsrc2=size=64x64 -frames:v 1");
    let song = "-i {dir}/sound.wav -i {dir}/cover.png -map 0 -map 1 -c:v copy -c:a libmp3lame \
                -disposition:v attached_pic";
    let song_end = End::Published(Expected::sound(SECS));
    kitchen.make("cover-art.mp3", song, song_end);
    kitchen.encode(
        "data-stream.mov",
        &format!("{H264} -c:a aac -timecode 01:00:00:00"),
        usual,
    );
    subtitles(kitchen);
    for name in ["new\nline.mp4", "concat:a|b %03d.mp4", "-i.mp4"] {
        let bytes = front(kitchen);
        kitchen.write(name, bytes, End::Published(usual));
    }
}

fn subtitles(kitchen: &mut Kitchen<'_>) {
    let srt = "1\n00:00:00,500 --> 00:00:01,500\nCafé crème\n\n\
               2\n00:00:01,500 --> 00:00:02,500\n<i>two</i>\n";
    std::fs::write(kitchen.path("text.srt"), srt).unwrap();
    let two = "-i {dir}/plain.mp4 -i {dir}/text.srt -map 0:v -map 0:a -map 0:a -map 1 -c copy \
               -metadata:s:a:0 language=eng -metadata:s:a:1 language=deu \
               -metadata:s:s:0 language=fra -disposition:a:1 0";
    let expected = Expected {
        audio: 2,
        ..clip(FRAMES, SECS).with_text(1)
    };
    kitchen.make("two-languages.mkv", two, End::Published(expected));
    let one = |codec: &str| {
        format!("-i {{dir}}/plain.mp4 -i {{dir}}/text.srt -map 0 -map 1 -c copy -c:s {codec}")
    };
    let texted = End::Published(clip(FRAMES, SECS).with_text(1));
    kitchen.make("mov-text.mp4", &one("mov_text"), texted.clone());
    kitchen.make("ass.mkv", &one("ass"), texted);
    // Latin-1, which Matroska forbids: two bytes of UTF-8 each become two letters.
    let mut latin = kitchen.bytes("two-languages.mkv");
    let (before, after) = ("Café crème".as_bytes(), b"Caf\xe9\xe9 cr\xe8\xe8me");
    let at = latin.windows(before.len()).position(|w| w == before);
    let at = at.expect("subtitles are not compressed");
    latin[at..at + after.len()].copy_from_slice(after);
    let told = End::Warned(expected, "read as Windows-1252");
    kitchen.write("latin-1-text.mkv", latin, told);
}
