//! The table of odd inputs.

use std::{net::SocketAddr, path::Path};

use crate::{
    damaged, hostile,
    input::{End, Expected, FRAMES, Frames, H264, Kitchen, OddInput, SECS, clip, usual},
    shapes,
};

/// Makes all inputs in this folder. Some name the canary's address, which nothing may
/// call, and a file `secret` beside them, which nothing may read.
pub(crate) fn inputs(dir: &Path, canary: SocketAddr) -> Vec<OddInput> {
    let made = Vec::new();
    let mut kitchen = Kitchen { dir, canary, made };
    containers(&mut kitchen);
    codecs(&mut kitchen);
    shapes::pictures(&mut kitchen);
    shapes::times(&mut kitchen);
    shapes::streams(&mut kitchen);
    damaged::all(&mut kitchen);
    hostile::all(&mut kitchen);
    kitchen.made
}

fn containers(kitchen: &mut Kitchen<'_>) {
    let usual = clip(FRAMES, SECS);
    let h264 = |rest: &str| format!("{H264} -c:a aac {rest}");
    kitchen.encode("plain.mp4", &h264(""), usual);
    kitchen.encode("front.mp4", &h264("-movflags +faststart"), usual);
    let fragmented = h264("-movflags +frag_keyframe+empty_moov+default_base_moof");
    kitchen.encode("fragmented.mp4", &fragmented, usual);
    kitchen.encode("clip.mov", &h264(""), usual);
    kitchen.encode("clip.mkv", &h264(""), usual);
    kitchen.encode("clip.flv", &h264(""), usual);
    kitchen.encode("clip.ts", &h264(""), usual);
    // ffmpeg leaves the second place empty here: AVI knows no times.
    let avi = "-c:v mpeg4 -q:v 5 -c:a libmp3lame";
    kitchen.encode("clip.avi", avi, usual.at_rate(None));
    // Theora leaves pictures out that are like the one before.
    let fewer = Expected {
        frames: Some(Frames::AtLeast(FRAMES - 5)),
        ..usual.at_rate(None)
    };
    kitchen.encode("clip.ogv", "-c:v libtheora -q:v 5 -c:a libvorbis", fewer);
    kitchen.encode("clip.wmv", "-c:v wmv2 -b:v 1M -c:a wmav2", usual);
    let program = "-c:v mpeg2video -q:v 5 -c:a mp2 -f vob";
    kitchen.encode("clip.mpg", program, usual);
    // MXF knows no rate of exactly 30.
    let mxf = "-vf fps=25 -c:v mpeg2video -q:v 5 -c:a pcm_s16le";
    kitchen.encode("clip.mxf", mxf, clip(75, SECS).at_rate(25.0));
}

fn codecs(kitchen: &mut Kitchen<'_>) {
    let usual = clip(FRAMES, SECS);
    let vp9 = "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 500k -c:a libopus";
    kitchen.encode("vp9-opus.webm", vp9, usual);
    let hevc = "-c:v libx265 -preset ultrafast -x265-params log-level=error -tag:v hvc1 -c:a aac";
    kitchen.encode("hevc.mp4", hevc, usual);
    let av1 = "-c:v libaom-av1 -usage realtime -cpu-used 8 -b:v 300k -c:a aac";
    kitchen.encode("av1.mp4", av1, usual);
    let broadcast = "-c:v mpeg2video -q:v 5 -bf 2 -c:a ac3";
    kitchen.encode("mpeg2-ac3.ts", broadcast, usual);
    kitchen.encode("mpeg4-mp3.mp4", "-c:v mpeg4 -c:a libmp3lame", usual);
    let prores = "-c:v prores_ks -pix_fmt yuv422p10le -c:a pcm_s24le";
    kitchen.encode("prores-pcm.mov", prores, usual);
    let mjpeg = "-c:v mjpeg -pix_fmt yuvj420p -c:a pcm_s16le";
    kitchen.encode("mjpeg-pcm.avi", mjpeg, usual);
    for (name, codec) in [
        ("eac3.mkv", "eac3"),
        ("flac.mkv", "flac"),
        ("vorbis.mkv", "libvorbis"),
    ] {
        kitchen.encode(name, &format!("{H264} -c:a {codec}"), usual);
    }
    let ten = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p10le -c:a aac";
    kitchen.encode("ten-bit.mp4", ten, usual);
    // Flagged, not graded: what counts here is that the flags are understood.
    for (name, transfer) in [("hlg.mp4", "arib-std-b67"), ("pq.mp4", "smpte2084")] {
        let hdr = format!(
            "{hevc} -pix_fmt yuv420p10le -color_primaries bt2020 -colorspace bt2020nc \
             -color_trc {transfer}"
        );
        kitchen.encode(name, &hdr, usual);
    }
    let surround = format!("{H264} -c:a aac -ac 6");
    let two = Expected { audio: 2, ..usual };
    kitchen.encode("surround.mkv", &surround, two);
    kitchen.encode("sound.m4a", "-map 1 -c:a aac", Expected::sound(SECS));
    kitchen.encode("sound.flac", "-map 1 -c:a flac", Expected::sound(SECS));
    kitchen.encode("sound.wav", "-map 1", Expected::sound(SECS));
}

/// A file that others are made from: the usual clip, its index in front.
pub(crate) fn front(kitchen: &Kitchen<'_>) -> Vec<u8> {
    kitchen.bytes("front.mp4")
}

/// The usual clip with these arguments, that must end so.
pub(crate) fn made(kitchen: &mut Kitchen<'_>, name: &'static str, args: &str, end: End) {
    let args = format!("{} {args}", usual());
    kitchen.make(name, &args, end);
}
