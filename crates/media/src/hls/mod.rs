//! HLS playlists (RFC 8216, and Apple's authoring rules).
//!
//! While the version grows its playlists are EVENT playlists that ask to start at the
//! beginning: without that, players would start near the end of what is encoded.

mod audio;
mod iframes;
mod keys;
mod media_playlist;
mod multivariant;
mod tag;

pub use iframes::iframe_playlist;
pub use media_playlist::media_playlist;
pub use multivariant::multivariant;

use std::fmt::Write;

use crate::{
    Edit, Track,
    uri::{folder, path_segment},
    view::View,
};

/// Version 7: `EXT-X-MAP` outside of I-frame playlists needs 6 (RFC 8216 §7); Apple
/// asks for 7 with fragmented mp4.
const VERSION: u32 = 7;
/// Name of a track's media playlist.
const INDEX: &str = "index.m3u8";

/// What all playlists start with.
fn head() -> String {
    format!("#EXTM3U\n#EXT-X-VERSION:{VERSION}\n")
}

/// Where to start: at the clip's own start inside of its first segment; at the beginning
/// of a version that grows.
fn put_start(out: &mut String, view: &View<'_>) {
    if view.edit.start.is_some() {
        let offset = secs(view.offset_micros);
        writeln!(out, "#EXT-X-START:TIME-OFFSET={offset},PRECISE=YES").expect("a String takes all");
    } else if !view.p.sealed {
        out.push_str("#EXT-X-START:TIME-OFFSET=0\n");
    }
}

/// The URI of a track's playlist. It repeats the edit, as a player drops the query of
/// the playlist that it comes from.
fn child(version: &str, track: &Track, file: &str, edit: &Edit) -> String {
    let mut uri = format!("{}{}/{file}", folder(version), path_segment(&track.name));
    let query = edit.query();
    if !query.is_empty() {
        uri.push('?');
        uri.push_str(&query);
    }
    uri
}

/// Seconds with six decimals.
fn secs(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}
