//! Relative URIs in manifests.

use std::fmt::Write;

/// Where a version's files are, relative to its manifests: `<version>/`, or nothing where
/// they lie beside them.
pub(crate) fn folder(version: &str) -> String {
    match version {
        "" => String::new(),
        _ => format!("{}/", path_segment(version)),
    }
}

/// A name as one segment of a path: all but RFC 3986 §2.3's unreserved characters is
/// percent-encoded. Ids need none of it; a name that is no id then breaks no line of a
/// playlist and no template of an MPD.
pub(crate) fn path_segment(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => write!(out, "%{byte:02X}").expect("a String takes all"),
        }
    }
    out
}
