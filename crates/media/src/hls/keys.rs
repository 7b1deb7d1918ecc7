//! How players get the keys of an encrypted version (rfc8216bis §4.4.4.4, §4.4.6.5).

use super::tag::Tag;
use crate::{Encryption, Track, bmff::cbcs::KeyId, view::View};

/// Format by which players ask a ClearKey licence, as hls.js names it.
const CLEARKEY: &str = "org.w3.clearkey";

/// Says how the segments that follow are encrypted; nothing of a clear track. In one format
/// only: hls.js takes `identity` before any other, and then cannot play.
pub(super) fn put(out: &mut String, view: &View<'_>, track: &Track) {
    let Some((encryption, id)) = view.p.key_of(track) else {
        return;
    };
    if let Some(url) = &encryption.key_url {
        let mut tag = Tag::new("EXT-X-KEY");
        tag.plain("METHOD", "SAMPLE-AES");
        tag.quoted("URI", &url.replace("{kid}", &id.hex()));
        tag.quoted("KEYFORMAT", "identity");
        return tag.end(out);
    }
    put_clearkey(out, "EXT-X-KEY", encryption, id);
}

/// The same for all that is listed, so that players can ask for keys at once. Of ClearKey
/// only: a key of format `identity` has no id by itself.
pub(super) fn put_session(out: &mut String, view: &View<'_>) {
    let listed = view.video.iter().chain(&view.audio);
    let mut ids = Vec::new();
    for (encryption, id) in listed.filter_map(|shown| view.p.key_of(shown.track)) {
        if encryption.key_url.is_none() && !ids.contains(&id) {
            put_clearkey(out, "EXT-X-SESSION-KEY", encryption, id);
            ids.push(id);
        }
    }
}

/// A URI is due also where there is no licence server, and the page knows the keys: then
/// it only names the key. hls.js takes keys of one URI for one, so each has its own; no
/// server is sent what is behind the `#`.
fn put_clearkey(out: &mut String, name: &str, encryption: &Encryption, id: KeyId) {
    let mut tag = Tag::new(name);
    tag.plain("METHOD", "SAMPLE-AES");
    match &encryption.license_url {
        Some(url) => tag.quoted("URI", &format!("{url}#{}", id.hex())),
        None => tag.quoted("URI", &format!("urn:uuid:{id}")),
    }
    tag.plain("KEYID", format_args!("0x{}", id.hex()));
    tag.quoted("KEYFORMAT", CLEARKEY);
    tag.quoted("KEYFORMATVERSIONS", "1");
    tag.end(out);
}
