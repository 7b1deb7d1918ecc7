//! I-frame playlists, for trick play (RFC 8216 §4.3.3.6).

use std::fmt::Write;

use super::{
    child, head, keys,
    media_playlist::{put_end, put_head},
    multivariant::{has_ranges, put_range},
    put_start, secs,
    tag::Tag,
};
use crate::{Edit, ManifestError, Presentation, Shown, Track, TrackKind, view::View};

/// Name of a track's I-frame playlist.
const FILE: &str = "iframes.m3u8";

/// The I-frame playlist of a video track: of each segment of its media playlist the first
/// picture, as a range of bytes from the segment's start.
///
/// # Errors
/// As [`media_playlist`](super::media_playlist); the track is no video; or of one of the
/// segments that are shown it is not known where the first picture ends.
pub fn iframe_playlist(t: &Track, p: &Presentation, edit: &Edit) -> Result<String, ManifestError> {
    let view = View::of(p, edit)?;
    let shown = view.track(t)?;
    if !has_iframes(&view, &shown) {
        return Err(ManifestError::LeftOut(t.name.clone()));
    }
    let mut out = head();
    put_head(&mut out, &view, t);
    out.push_str("#EXT-X-I-FRAMES-ONLY\n");
    put_start(&mut out, &view);
    keys::put_with_map(&mut out, &view, t);
    for (n, segment) in shown.numbered() {
        // The time to the next I-frame, which starts the next segment.
        let secs = secs(t.segment_micros(segment));
        let len = segment.iframe_len_bytes;
        writeln!(out, "#EXTINF:{secs},\n#EXT-X-BYTERANGE:{len}@0\n{n}.m4s")
            .expect("a String takes all");
    }
    put_end(&mut out, &view, t);
    Ok(out)
}

/// Names the I-frame playlists of a multivariant playlist.
pub(super) fn put_variants(out: &mut String, view: &View<'_>, version: &str) {
    let ranges = has_ranges(view);
    for shown in view.video.iter().filter(|s| has_iframes(view, s)) {
        let mut tag = Tag::new("EXT-X-I-FRAME-STREAM-INF");
        let target = view.target_secs;
        tag.plain("BANDWIDTH", shown.iframe_peak_bitrate(target).max(1));
        tag.quoted_if("CODECS", Some(&shown.track.codec));
        if let TrackKind::Video { width, height, .. } = shown.track.kind {
            tag.plain("RESOLUTION", format_args!("{width}x{height}"));
        }
        put_range(&mut tag, shown.track, ranges);
        tag.quoted("URI", &child(version, shown.track, FILE, view.edit));
        tag.end(out);
    }
}

/// Ranges of what is encrypted as a whole cannot be decrypted.
fn has_iframes(view: &View<'_>, shown: &Shown<'_>) -> bool {
    let known = shown.segments.iter().all(|s| s.iframe_len_bytes > 0);
    !view.p.is_whole_encrypted() && shown.track.is_video() && !shown.segments.is_empty() && known
}
