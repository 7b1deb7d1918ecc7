//! How players get the keys of an encrypted version (rfc8216bis §4.4.4.4, §4.4.6.5).

use super::tag::Tag;
use crate::{Encryption, Method, Track, bmff::cbcs::KeyId, view::View};

/// Format by which players ask a ClearKey licence, as hls.js names it.
const CLEARKEY: &str = "org.w3.clearkey";

/// Names a track's init segment, and how it and the segments that follow are encrypted. By
/// `cbcs` the first is clear; by AES-128 it is not, so that its key comes before it.
pub(super) fn put_with_map(out: &mut String, view: &View<'_>, track: &Track) {
    let is_whole = view.p.is_whole_encrypted();
    if is_whole {
        put(out, view, track);
    }
    out.push_str("#EXT-X-MAP:URI=\"init.mp4\"\n");
    if !is_whole {
        put(out, view, track);
    }
}

/// RFC 8216 §4.3.2.4; the vector is the key's id, as [`Whole`](crate::bmff::cbcs::Whole) has it.
fn put_whole(out: &mut String, encryption: &Encryption, id: KeyId) {
    let mut tag = Tag::new("EXT-X-KEY");
    tag.plain("METHOD", "AES-128");
    tag.quoted("URI", &key_uri(encryption, id));
    tag.plain("IV", format_args!("0x{}", id.hex()));
    tag.end(out);
}

/// Where a playlist of a track finds the bytes of a key.
fn key_uri(encryption: &Encryption, id: KeyId) -> String {
    let url = encryption.key_url.as_deref().unwrap_or("{kid}.key");
    format!("{}{}", encryption.up, url.replace("{kid}", &id.hex()))
}

/// Says how the segments that follow are encrypted; nothing of a clear track. In one format
/// only: hls.js takes `identity` before any other, and then cannot play.
fn put(out: &mut String, view: &View<'_>, track: &Track) {
    let Some((encryption, id)) = view.p.key_of(track) else {
        return;
    };
    if encryption.method == Method::Aes128 {
        return put_whole(out, encryption, id);
    }
    if encryption.key_url.is_some() {
        let mut tag = Tag::new("EXT-X-KEY");
        tag.plain("METHOD", "SAMPLE-AES");
        tag.quoted("URI", &key_uri(encryption, id));
        tag.quoted("KEYFORMAT", "identity");
        return tag.end(out);
    }
    put_clearkey(out, "EXT-X-KEY", (encryption, &encryption.up), id);
}

/// The same for all that is listed, so that players can ask for keys at once. Of ClearKey
/// only: a key of format `identity` has no id by itself.
pub(super) fn put_session(out: &mut String, view: &View<'_>) {
    let listed = view.video.iter().chain(&view.audio);
    let mut ids = Vec::new();
    for (encryption, id) in listed.filter_map(|shown| view.p.key_of(shown.track)) {
        let by_licence = encryption.method == Method::Cbcs && encryption.key_url.is_none();
        if by_licence && !ids.contains(&id) {
            put_clearkey(out, "EXT-X-SESSION-KEY", (encryption, ""), id);
            ids.push(id);
        }
    }
}

/// A URI is due also where there is no licence server, and the page knows the keys: then
/// it only names the key. hls.js takes keys of one URI for one, so each has its own; no
/// server is sent what is behind the `#`.
fn put_clearkey(out: &mut String, name: &str, (encryption, up): (&Encryption, &str), id: KeyId) {
    let mut tag = Tag::new(name);
    tag.plain("METHOD", "SAMPLE-AES");
    match &encryption.license_url {
        Some(url) => tag.quoted("URI", &format!("{up}{url}#{}", id.hex())),
        None => tag.quoted("URI", &format!("urn:uuid:{id}")),
    }
    tag.plain("KEYID", format_args!("0x{}", id.hex()));
    tag.quoted("KEYFORMAT", CLEARKEY);
    tag.quoted("KEYFORMATVERSIONS", "1");
    tag.end(out);
}
