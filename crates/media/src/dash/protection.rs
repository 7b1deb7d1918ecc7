//! How sets are encrypted (ISO/IEC 23009-1 §5.8.4.1, ISO/IEC 23001-7 §11.2, DASH-IF IOP
//! part 6).

use super::descriptor;
use crate::{
    Track,
    view::View,
    xml::{Attributes, Writer},
};

/// The system of W3C's ClearKey, by its id of DASH-IF.
const CLEARKEY: &str = "urn:uuid:e2719d58-a985-b3c9-781a-b030af78d30e";

/// Name spaces of what [`put`] writes.
pub(super) fn namespaces(view: &View<'_>) -> Attributes {
    match view.p.encryption {
        Some(_) => vec![
            ("xmlns:cenc", "urn:mpeg:cenc:2013".into()),
            ("xmlns:dashif", "https://dashif.org/CPS".into()),
        ],
        None => Vec::new(),
    }
}

/// The descriptors of a set that this track is of; none of a clear one.
pub(super) fn put(xml: &mut Writer, view: &View<'_>, track: &Track) {
    let Some((encryption, id)) = view.p.key_of(track) else {
        return;
    };
    let mut scheme = descriptor("urn:mpeg:dash:mp4protection:2011", "cbcs");
    scheme.push(("cenc:default_KID", id.to_string()));
    xml.empty("ContentProtection", scheme);
    let system = descriptor(CLEARKEY, "ClearKey1.0");
    // Players take it as it is written: one that is relative would be to their page.
    let url = encryption.license_url.as_ref();
    match url.filter(|_| encryption.up.is_empty()) {
        None => xml.empty("ContentProtection", system),
        Some(url) => {
            xml.open("ContentProtection", system);
            xml.text("dashif:Laurl", url);
            xml.close();
        }
    }
}
