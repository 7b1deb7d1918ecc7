//! Real encoder output, and a real decoder to judge ours.

use std::{
    io::{Read, Write},
    process::{Command, Stdio},
    sync::OnceLock,
    thread,
};

use media::bmff::{InitInfo, Piece, TopLevel, init_info};

/// 4 s at 30 frames/s with B-frames, an IDR each second: four fragments.
pub(crate) fn video() -> &'static [u8] {
    static OUT: OnceLock<Vec<u8>> = OnceLock::new();
    OUT.get_or_init(|| encode_video("-x264-params keyint=30:min-keyint=30:scenecut=0:bframes=2"))
}

/// The same with open groups: only the first keyframe is an IDR picture.
pub(crate) fn open_group_video() -> Vec<u8> {
    encode_video("-x264-params keyint=30:min-keyint=30:scenecut=0:bframes=2:open-gop=1")
}

/// 4 s of AV1, a key frame each 2 s: two fragments.
pub(crate) fn av1_video() -> &'static [u8] {
    static OUT: OnceLock<Vec<u8>> = OnceLock::new();
    OUT.get_or_init(|| {
        let source = "-f lavfi -i testsrc2=size=160x90:rate=30:duration=4 -pix_fmt yuv420p";
        let codec = "-c:v libsvtav1 -preset 12 -crf 40 -g 60";
        let flags = "+frag_keyframe+empty_moov+default_base_moof";
        let options = format!("{source} {codec} -movflags {flags} -f mp4 pipe:1");
        run("ffmpeg", &options, &[])
    })
}

/// 5 s of stereo at 48 kHz, in fragments of about a second.
pub(crate) fn audio() -> &'static [u8] {
    static OUT: OnceLock<Vec<u8>> = OnceLock::new();
    OUT.get_or_init(|| encode_audio("-ac 2 -ar 48000"))
}

pub(crate) fn encode_video(options: &str) -> Vec<u8> {
    let source = "-f lavfi -i testsrc2=size=320x180:rate=30:duration=4 -pix_fmt yuv420p";
    let codec = "-c:v libx264 -preset veryfast -profile:v high -level 4.0";
    let flags = "+frag_keyframe+empty_moov+default_base_moof+negative_cts_offsets";
    run(
        "ffmpeg",
        &format!("{source} {codec} {options} -movflags {flags} -f mp4 pipe:1"),
        &[],
    )
}

pub(crate) fn encode_audio(options: &str) -> Vec<u8> {
    let source = "-f lavfi -i sine=frequency=440:sample_rate=48000:duration=5";
    let flags = "-frag_duration 1000000 -movflags +empty_moov+default_base_moof";
    run(
        "ffmpeg",
        &format!("{source} -c:a aac -b:a 96k {options} {flags} -f mp4 pipe:1"),
        &[],
    )
}

/// Runs ffmpeg or ffprobe; what it complains about, if only in a warning, is a failure.
pub(crate) fn run(program: &str, options: &str, input: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(["-v", "warning"])
        // SVT-AV1 tells of itself otherwise.
        .env("SVT_LOG", "1")
        .args(options.split_whitespace())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ffmpeg is installed");
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    let mut stderr = child.stderr.take().expect("stderr is a pipe");
    let (output, complaints) = thread::scope(|scope| {
        // A program that needs no more input closes the pipe: that is no failure.
        scope.spawn(move || drop(stdin.write_all(input)));
        let complaints = scope.spawn(move || {
            let mut text = String::new();
            stderr
                .read_to_string(&mut text)
                .expect("ffmpeg speaks UTF-8");
            text
        });
        let output = child.wait_with_output().expect("ffmpeg runs");
        (
            output,
            complaints.join().expect("the reader does not panic"),
        )
    });
    assert!(
        output.status.success() && complaints.is_empty(),
        "{program} {options}: {complaints}"
    );
    output.stdout
}

/// Digests of all decoded frames, with their times.
pub(crate) fn decode(mp4: &[u8]) -> Vec<String> {
    let out = run("ffmpeg", "-i pipe:0 -f framemd5 pipe:1", mp4);
    let text = String::from_utf8(out).expect("framemd5 writes text");
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

/// Digests of all decoded frames, without their times.
pub(crate) fn decode_content(mp4: &[u8]) -> Vec<String> {
    let digest = |line: &String| line.rsplit(',').next().map(|d| d.trim().to_owned());
    decode(mp4).iter().filter_map(digest).collect()
}

/// `(pts, dts, size)` of all packets, as ffprobe sees them.
pub(crate) fn packets(mp4: &[u8]) -> Vec<[i64; 3]> {
    let show = "-show_entries packet=pts,dts,size -of csv=p=0 pipe:0";
    let text = String::from_utf8(run("ffprobe", show, mp4)).expect("ffprobe writes text");
    let number = |field: &str| field.parse().expect("a number");
    text.lines()
        .map(|line| {
            let fields: Vec<i64> = line.split(',').take(3).map(number).collect();
            fields.try_into().expect("three fields")
        })
        .collect()
}

/// Init segment, what it says, and fragments.
pub(crate) fn split(mp4: &[u8]) -> (Vec<u8>, InitInfo, Vec<Vec<u8>>) {
    let mut pieces = TopLevel::new(16 << 20)
        .push(mp4)
        .expect("ffmpeg writes good boxes");
    let fragments = pieces.split_off(1).into_iter().map(|piece| match piece {
        Piece::Fragment(fragment) => fragment,
        Piece::Init(_) => panic!("a second init segment"),
    });
    let fragments = fragments.collect();
    let Some(Piece::Init(init)) = pieces.pop() else {
        panic!("no init segment")
    };
    let info = init_info(&init).expect("ffmpeg writes a good init segment");
    (init, info, fragments)
}
