//! A whole version on disk, played by ffmpeg from its manifests.

use std::{fs, path::Path};

use media::{
    FrameRate, Presentation, Segment, Track, TrackKind,
    bmff::{Fragment, InitInfo, InitKind},
    dash, hls,
};

use crate::ffmpeg::{self, split};

/// Writes init and segments of a track below `folder`; a segment is a fragment.
fn store(folder: &Path, name: &str, mp4: &[u8]) -> Track {
    let (init, info, fragments) = split(mp4);
    let folder = folder.join("ver1").join(name);
    fs::create_dir_all(&folder).expect("a folder of our own");
    fs::write(folder.join("init.mp4"), init).expect("disk space");
    let mut segments = Vec::new();
    for (n, bytes) in fragments.iter().enumerate() {
        fs::write(folder.join(format!("{n}.m4s")), bytes).expect("disk space");
        let fragment = Fragment::read(bytes, &info).expect("ffmpeg writes good fragments");
        let start = fragment.base_decode_time;
        segments.push(Segment {
            start,
            duration: fragment.duration(),
            len_bytes: bytes.len() as u64,
        });
    }
    track(name, &info, segments)
}

fn track(name: &str, info: &InitInfo, segments: Vec<Segment>) -> Track {
    let kind = match info.kind {
        InitKind::Video { width, height, .. } => {
            let frame_rate = FrameRate { num: 30, den: 1 };
            TrackKind::Video {
                width,
                height,
                frame_rate,
            }
        }
        InitKind::Audio {
            channels,
            sample_rate,
        } => TrackKind::Audio {
            channels,
            sample_rate,
            language: Some("en".into()),
        },
    };
    let (codec, timescale) = (info.codec.clone(), info.timescale);
    Track {
        name: name.into(),
        kind,
        codec,
        timescale,
        bitrate_max: 1_000_000,
        segments,
    }
}

/// A version of two renditions and sound; the path of `manifest`, as `test` calls it.
fn stored(test: &str, manifest: impl Fn(&Presentation) -> String) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let small = "-s 160x90 -x264-params keyint=30:min-keyint=30:scenecut=0:bframes=2";
    let tracks = vec![
        store(&folder, "v180", ffmpeg::video()),
        store(&folder, "v90", &ffmpeg::encode_video(small)),
        store(&folder, "a1", ffmpeg::audio()),
    ];
    let p = Presentation {
        tracks,
        sealed: true,
        segment_secs: 1.0,
    };
    for track in &p.tracks {
        let path = folder.join("ver1").join(&track.name).join("index.m3u8");
        fs::write(path, hls::media_playlist(track, &p)).expect("disk space");
    }
    let path = folder.join("manifest");
    fs::write(&path, manifest(&p)).expect("disk space");
    path.to_str()
        .expect("the target folder has a plain name")
        .to_owned()
}

/// Frames of stream `map`, decoded through the manifest.
fn frames(format: &str, path: &str, map: &str) -> Vec<String> {
    let options = format!("{format} -i {path} -map {map} -f framemd5 pipe:1");
    let text = String::from_utf8(ffmpeg::run("ffmpeg", &options, &[])).expect("text");
    let digest = |line: &str| line.rsplit(',').next().map(|d| d.trim().to_owned());
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(digest)
        .collect()
}

#[test]
fn ffmpeg_plays_every_frame_by_hls() {
    let path = stored("hls", |p| hls::multivariant(p, "ver1"));
    let format = "-f hls -allowed_extensions ALL";
    assert_eq!(
        frames(format, &path, "0:v:0"),
        ffmpeg::decode_content(ffmpeg::video())
    );
    assert_eq!(frames(format, &path, "0:v:1").len(), 120);
    assert_eq!(
        frames(format, &path, "0:a:0"),
        ffmpeg::decode_content(ffmpeg::audio())
    );
}

#[test]
fn ffmpeg_plays_every_frame_by_dash() {
    let path = stored("dash", |p| dash::mpd(p, "ver1"));
    assert_eq!(
        frames("-f dash", &path, "0:v:0"),
        ffmpeg::decode_content(ffmpeg::video())
    );
    assert_eq!(frames("-f dash", &path, "0:v:1").len(), 120);
    assert_eq!(
        frames("-f dash", &path, "0:a:0"),
        ffmpeg::decode_content(ffmpeg::audio())
    );
}
