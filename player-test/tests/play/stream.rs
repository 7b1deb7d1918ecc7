//! The stream: 8 s in segments of 1 s, two variants and their sound, whose last sample is
//! shorter than ffmpeg lists it; made by ffmpeg.

use std::{collections::BTreeMap, process::Command, sync::OnceLock};

use bytes::Bytes;

/// Seconds, and segments of each variant.
pub(crate) const SECONDS: usize = 8;

const COMMAND: &str = "-v error \
    -f lavfi -i testsrc2=size=320x180:rate=30:duration=8 \
    -f lavfi -i sine=frequency=440:duration=7.995 \
    -map 0:v -map 0:v -map 1:a \
    -c:v libx264 -preset ultrafast -g 30 -keyint_min 30 -sc_threshold 0 -threads 1 \
    -b:v:0 300k -maxrate:v:0 300k -bufsize:v:0 300k \
    -b:v:1 1500k -minrate:v:1 1500k -maxrate:v:1 1500k -bufsize:v:1 1500k -s:v:1 640x360 \
    -x264-params:v:1 nal-hrd=cbr \
    -c:a aac -b:a 64k \
    -f hls -hls_time 1 -hls_playlist_type vod -hls_flags independent_segments \
    -hls_segment_type fmp4 -hls_fmp4_init_filename init_%v.mp4 \
    -hls_segment_filename s_%v_%d.m4s -master_pl_name master.m3u8 \
    -var_stream_map v:0,agroup:sound\\ v:1,agroup:sound\\ a:0,agroup:sound,default:yes \
    v_%v.m3u8";

/// Every file of the stream by name.
pub(crate) fn files() -> &'static BTreeMap<String, Bytes> {
    static FILES: OnceLock<BTreeMap<String, Bytes>> = OnceLock::new();
    FILES.get_or_init(encode)
}

pub(crate) fn text(name: &str) -> String {
    String::from_utf8(files()[name].to_vec()).expect("playlists are text")
}

/// A playlist as it stood when `count` segments were listed, of the type `EVENT`.
pub(crate) fn growing(name: &str, count: usize) -> String {
    let whole = text(name).replace("TYPE:VOD", "TYPE:EVENT");
    let end = match whole.match_indices("#EXTINF").nth(count) {
        Some((at, _)) => at,
        None => return whole,
    };
    whole[..end].to_owned()
}

fn encode() -> BTreeMap<String, Bytes> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let protected = COMMAND.replace("\\ ", "\0");
    let words = protected
        .split_whitespace()
        .map(|word| word.replace('\0', " "));
    let status = Command::new("ffmpeg")
        .args(words)
        .current_dir(folder.path())
        .status();
    assert!(status.expect("ffmpeg is installed").success());
    let entries = std::fs::read_dir(folder.path())
        .expect("the folder is there")
        .flatten();
    let read = |entry: std::fs::DirEntry| {
        let name = entry
            .file_name()
            .into_string()
            .expect("ffmpeg's names are text");
        (
            name,
            std::fs::read(entry.path()).expect("ffmpeg wrote it").into(),
        )
    };
    entries.map(read).collect()
}
