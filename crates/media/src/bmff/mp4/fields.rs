//! What the parts of `moov` share.

use crate::bmff::{BoxError, boxes};

/// The body of the first box of a kind, if there is one. Boxes behind a malformed one
/// are not seen: QuickTime ends lists with four zero bytes.
pub(super) fn first<'a>(parent: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    boxes(parent)
        .map_while(Result::ok)
        .find(|found| found.kind.0 == *kind)
        .map(|found| found.body)
}

/// Bodies of all boxes of a kind.
pub(super) fn all<'a>(parent: &'a [u8], kind: &'a [u8; 4]) -> Result<Vec<&'a [u8]>, BoxError> {
    boxes(parent)
        .filter(|found| found.as_ref().map_or(true, |found| found.kind.0 == *kind))
        .map(|found| found.map(|found| found.body))
        .collect()
}
