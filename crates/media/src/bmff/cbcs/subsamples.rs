//! Which bytes of a picture are protected (ISO/IEC 23001-7 §10.4.2).

use std::{cmp::Reverse, collections::BTreeSet};

use super::sets::NalSets;
use crate::bmff::{BoxError, FourCc};

/// Bytes of a subsample's entry: clear bytes in two, protected ones in four.
const SUBSAMPLE_LEN: usize = 6;
/// Most subsamples of a sample: `saiz` has one byte for the length of their entries and
/// their count (ISO/IEC 14496-12 §8.7.8).
const SUBSAMPLES_MAX: usize = (u8::MAX as usize - 2) / SUBSAMPLE_LEN;
/// Less is not worth a subsample: not one block.
const PROTECTED_MIN: usize = 16;

/// A run of clear bytes, and one of protected ones behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Subsample {
    pub(super) clear: u16,
    pub(super) protected: u32,
}

/// Length of a sample's entry in `senc`, bytes.
pub(super) fn entry_len(map: &[Subsample]) -> usize {
    2 + map.len() * SUBSAMPLE_LEN
}

/// A NAL unit with its length in front.
struct Unit {
    len: usize,
    /// How many of its last bytes may be protected.
    slice: usize,
}

/// Divides a picture: slices are protected from behind their headers on, and all else is
/// clear. Of more slices than have room the shortest stay clear too.
pub(super) fn subsamples(
    sample: &[u8],
    nal_len_bytes: usize,
    sets: &mut NalSets,
) -> Result<Vec<Subsample>, BoxError> {
    let units = units(sample, nal_len_bytes, sets)?;
    let all = map(&units, |_| true);
    if all.len() <= SUBSAMPLES_MAX {
        return Ok(all);
    }
    let mut slices: Vec<usize> = (0..units.len()).filter(|n| units[*n].slice > 0).collect();
    slices.sort_by_key(|n| Reverse(units[*n].slice));
    slices.truncate(SUBSAMPLES_MAX);
    // Fewer, where runs of clear bytes take more than one entry.
    while !slices.is_empty() {
        let kept: BTreeSet<usize> = slices.iter().copied().collect();
        let some = map(&units, |n| kept.contains(&n));
        if some.len() <= SUBSAMPLES_MAX {
            return Ok(some);
        }
        slices.pop();
    }
    Err(BoxError::Unsupported(format!(
        "encryption of a picture of {} bytes in {} NAL units",
        sample.len(),
        units.len()
    )))
}

fn units(sample: &[u8], nal_len_bytes: usize, sets: &mut NalSets) -> Result<Vec<Unit>, BoxError> {
    let invalid = |what| BoxError::Invalid {
        inside: FourCc(*b"mdat"),
        what,
    };
    let (mut units, mut at) = (Vec::new(), 0);
    while at < sample.len() {
        let behind_len = at + nal_len_bytes;
        let len = sample.get(at..behind_len);
        let len = len.ok_or_else(|| invalid("length of a NAL unit"))?;
        let len = len.iter().fold(0, |len, b| len << 8 | usize::from(*b));
        let nal = sample.get(behind_len..behind_len.saturating_add(len));
        let nal = nal.ok_or_else(|| invalid("a NAL unit beyond its sample"))?;
        at = behind_len + len;
        let header_len = sets.header_len(nal)?;
        let slice = header_len.map_or(0, |len| nal.len().saturating_sub(len));
        units.push(Unit {
            len: nal_len_bytes + len,
            slice: if slice < PROTECTED_MIN { 0 } else { slice },
        });
    }
    Ok(units)
}

/// The subsamples where the slices of these units are protected.
fn map(units: &[Unit], protected: impl Fn(usize) -> bool) -> Vec<Subsample> {
    let (mut map, mut clear) = (Vec::new(), 0);
    for (n, unit) in units.iter().enumerate() {
        clear += unit.len;
        if unit.slice > 0 && protected(n) {
            add(&mut map, clear - unit.slice, unit.slice);
            clear = 0;
        }
    }
    if clear > 0 {
        add(&mut map, clear, 0);
    }
    map
}

/// Adds a subsample; more, where so many clear bytes fit no field.
fn add(map: &mut Vec<Subsample>, mut clear: usize, protected: usize) {
    while let Some(more) = clear.checked_sub(u16::MAX.into()).filter(|more| *more > 0) {
        map.push(Subsample {
            clear: u16::MAX,
            protected: 0,
        });
        clear = more;
    }
    map.push(Subsample {
        clear: clear as u16,
        protected: u32::try_from(protected).expect("a sample is below 4 GiB"),
    });
}
