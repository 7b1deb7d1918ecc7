//! The boxes in the sample entry of an init segment's pictures, written anew.

use super::{
    BoxError, FourCc,
    boxes::boxes,
    cbcs::init::{STSD_HEAD_LEN, TO_STSD, VIDEO_LEN, changed},
    write::put_box,
};

/// Adds boxes to the sample entry, behind those in it: each its type and its body.
///
/// # Errors
/// It is not an init segment.
pub fn with_entry_boxes(init: &[u8], more: &[(FourCc, Vec<u8>)]) -> Result<Vec<u8>, BoxError> {
    rewritten(init, &|out, parts| {
        out.extend_from_slice(parts);
        for (kind, body) in more {
            put_box(out, &kind.0, |out| out.extend_from_slice(body));
        }
    })
}

/// The init segment with the boxes in its sample entry as `change` writes them.
pub(super) fn rewritten(
    init: &[u8],
    change: &dyn Fn(&mut Vec<u8>, &[u8]),
) -> Result<Vec<u8>, BoxError> {
    let mut all = Vec::with_capacity(init.len() + 64);
    changed(&mut all, init, &TO_STSD, &|out, stsd| {
        let (head, entries) = stsd.split_at(STSD_HEAD_LEN.min(stsd.len()));
        out.extend_from_slice(head);
        for entry in boxes(entries).map_while(Result::ok) {
            let (fields, parts) = entry.body.split_at(VIDEO_LEN.min(entry.body.len()));
            put_box(out, &entry.kind.0, |out| {
                out.extend_from_slice(fields);
                change(out, parts);
            });
        }
    })?;
    Ok(all)
}
