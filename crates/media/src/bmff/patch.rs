//! Moving a fragment in time without touching anything else.

use super::{BoxError, FourCc, boxes::only_at};

/// Sets the decode time of a fragment's first sample, in the track's timescale, in
/// place (ISO/IEC 14496-12 §8.8.12).
///
/// # Errors
/// Malformed boxes; [`BoxError::Invalid`] when a `tfdt` of version 0 has no room for
/// `value`. The fragment is then unchanged.
pub fn patch_tfdt(fragment: &mut [u8], value: u64) -> Result<(), BoxError> {
    let moof = only_at(fragment, 0..fragment.len(), b"moof")?;
    let traf = only_at(fragment, moof, b"traf")?;
    let tfdt = only_at(fragment, traf, b"tfdt")?;
    let body = &mut fragment[tfdt];
    match body {
        [0, _, _, _, time @ ..] if time.len() == 4 => {
            let value = u32::try_from(value).map_err(|_| BoxError::Invalid {
                inside: FourCc(*b"tfdt"),
                what: "32 bits are too few for the new time",
            })?;
            time.copy_from_slice(&value.to_be_bytes());
        }
        [1, _, _, _, time @ ..] if time.len() == 8 => time.copy_from_slice(&value.to_be_bytes()),
        _ => {
            return Err(BoxError::Truncated {
                inside: FourCc(*b"tfdt"),
            });
        }
    }
    Ok(())
}
