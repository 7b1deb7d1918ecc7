//! Media playlists (RFC 8216 §4.3.3).

use std::fmt::Write;

use super::{head, keys, put_start, secs};
use crate::{Edit, ManifestError, Presentation, Track, view::View};

/// The media playlist of one track of the presentation. Its URIs are `init.mp4` and
/// `<n>.m4s`, or `<n>.vtt` of text; `n` is the segment's number in the version, whatever
/// the edit, and counts from 0.
///
/// # Errors
/// The edit leaves the track out, or nothing of it is there yet.
pub fn media_playlist(t: &Track, p: &Presentation, edit: &Edit) -> Result<String, ManifestError> {
    let view = View::of(p, edit)?;
    let shown = view.track(t)?;
    let mut out = head();
    put_head(&mut out, &view, t);
    if !t.is_text() {
        out.push_str("#EXT-X-INDEPENDENT-SEGMENTS\n");
    }
    put_start(&mut out, &view);
    let extension = if t.is_text() { "vtt" } else { "m4s" };
    if !t.is_text() {
        keys::put_with_map(&mut out, &view, t);
    }
    for (n, segment) in shown.numbered() {
        let secs = secs(t.segment_micros(segment));
        writeln!(out, "#EXTINF:{secs},\n{n}.{extension}").expect("a String takes all");
    }
    put_end(&mut out, &view, t);
    Ok(out)
}

/// Target duration, sequence and type. The sequence starts anew in a clip: it numbers
/// the playlist's segments, not the files.
pub(super) fn put_head(out: &mut String, view: &View<'_>, t: &Track) {
    let kind = if view.is_whole(t) { "VOD" } else { "EVENT" };
    let target = view.target_secs;
    write!(
        out,
        "#EXT-X-TARGETDURATION:{target}\n#EXT-X-MEDIA-SEQUENCE:0\n\
         #EXT-X-PLAYLIST-TYPE:{kind}\n"
    )
    .expect("a String takes all");
}

pub(super) fn put_end(out: &mut String, view: &View<'_>, t: &Track) {
    if view.is_whole(t) {
        out.push_str("#EXT-X-ENDLIST\n");
    }
}
