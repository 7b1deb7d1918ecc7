//! A whole version on disk, played by ffmpeg from its manifests.

use std::{
    fs,
    path::{Path, PathBuf},
};

use media::{
    Edit, FrameRate, Label, ManifestError, Presentation, Segment, Track, TrackKind, VideoRange,
    bmff::{Fragment, InitInfo, InitKind},
    dash, hls,
};

use crate::{
    ffmpeg::{self, split},
    model,
};

type Manifest = Result<String, ManifestError>;

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
            iframe_len_bytes: 0,
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
                range: VideoRange::Sdr,
            }
        }
        InitKind::Audio {
            channels,
            sample_rate,
        } => TrackKind::Audio {
            channels,
            sample_rate,
            label: Label {
                language: Some("en".into()),
                ..Label::default()
            },
        },
    };
    let (codec, timescale) = (info.codec.clone(), info.timescale);
    Track {
        name: name.into(),
        kind,
        group: 0,
        codec,
        timescale,
        bitrate_max: 1_000_000,
        segments,
    }
}

/// Writes four seconds of subtitles as one file, which is all that DASH reads.
fn store_text(folder: &Path) -> Track {
    let cue = |n: u32| format!("00:0{n}.000 --> 00:0{n}.900\nline {n}\n\n");
    let whole: String = (0..4).map(cue).collect();
    let path = folder.join("ver1").join("t1.vtt");
    fs::write(path, format!("WEBVTT\n\n{whole}")).expect("disk space");
    let segments = model::contiguous((0..4).map(|_| (1000, 60)));
    Track {
        segments,
        ..model::text("t1", "en", false, 0)
    }
}

fn folder(test: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(test)
}

/// Two renditions and sound.
fn tracks(folder: &Path) -> Vec<Track> {
    let small = "-s 160x90 -x264-params keyint=30:min-keyint=30:scenecut=0:bframes=2";
    vec![
        store(folder, "v180", ffmpeg::video()),
        store(folder, "v90", &ffmpeg::encode_video(small)),
        store(folder, "a1", ffmpeg::audio()),
    ]
}

/// A version of these; the path of `manifest`, as `test` calls it.
fn stored(
    test: &str,
    tracks: Vec<Track>,
    edit: &Edit,
    manifest: impl Fn(&Presentation) -> Manifest,
) -> String {
    let folder = folder(test);
    let p = Presentation {
        tracks,
        sealed: true,
        segment_secs: 1.0,
        files: vec!["t1.vtt".into()],
        ..Presentation::default()
    };
    for track in &p.tracks {
        let folder = folder.join("ver1").join(&track.name);
        fs::create_dir_all(&folder).expect("a folder of our own");
        if let Ok(text) = hls::media_playlist(track, &p, edit) {
            fs::write(folder.join("index.m3u8"), text).expect("disk space");
        }
    }
    let path = folder.join("manifest");
    fs::write(&path, manifest(&p).expect("a manifest")).expect("disk space");
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
    let path = stored("hls", tracks(&folder("hls")), &Edit::default(), |p| {
        hls::multivariant(p, "ver1", &Edit::default())
    });
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
    let path = stored("dash", tracks(&folder("dash")), &Edit::default(), |p| {
        dash::mpd(p, "ver1", &Edit::default())
    });
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

#[test]
fn ffmpeg_plays_a_clip_whose_segments_keep_their_numbers() {
    // Segments last 1 s; of the four seconds the middle two, from within the second.
    let edit = Edit::parse("start=1.5&end=3&max_height=90").expect("a clip");
    let path = stored("clip", tracks(&folder("clip")), &edit, |p| {
        dash::mpd(p, "ver1", &edit)
    });
    assert_eq!(frames("-f dash", &path, "0:v:0").len(), 60);
    let path = Path::new(&path).with_file_name("ver1/v90/index.m3u8");
    let path = path.to_str().expect("a plain name");
    let format = "-f hls -allowed_extensions ALL";
    assert_eq!(frames(format, path, "0:v:0").len(), 60);
}

#[test]
fn ffmpeg_reads_every_subtitle_by_dash() {
    let edit = Edit::default();
    let mut tracks = tracks(&folder("text"));
    tracks.push(store_text(&folder("text")));
    let path = stored("text", tracks, &edit, |p| dash::mpd(p, "ver1", &edit));
    let options = format!("-f dash -allowed_extensions ALL -i {path} -map 0:s:0 -f webvtt pipe:1");
    let text = String::from_utf8(ffmpeg::run("ffmpeg", &options, &[])).expect("text");
    for n in 0..4 {
        let cue = format!("00:0{n}.000 --> 00:0{n}.900\nline {n}\n");
        assert!(text.contains(&cue), "{text}");
    }
}
