//! Parameter sets of HEVC, as far as they say how long the header of a slice is (ITU-T H.265
//! §7.3.2.2, §7.3.2.3).

use std::collections::BTreeMap;

use super::{hevc_slice::Header, sets::escaped_len};
use crate::bmff::{BoxError, FourCc, bits::Bits, mp4::Nals, mp4::sps::unescaped};

/// Headers longer than this are refused, bytes. Chosen: entry points of 8K have less.
const HEADER_LEN_MAX: usize = 4096;
/// Most sets of reference pictures, pictures of one, and entries of a list (§7.4.3.2.1,
/// §7.4.7.1).
const REFERENCE_SETS_MAX: u32 = 64;
pub(super) const REFERENCES_MAX: u32 = 16;
/// Length of the header of a NAL unit.
const NAL_HEADER: usize = 2;

/// Parameter sets by their ids.
#[derive(Debug, Clone, Default)]
pub(super) struct HevcSets {
    pub(super) sequences: BTreeMap<u32, Sequence>,
    pub(super) pictures: BTreeMap<u32, PictureSet>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Sequence {
    pub(super) chroma: bool,
    pub(super) separate_planes: bool,
    pub(super) order_bits: usize,
    pub(super) address_bits: usize,
    pub(super) sao: bool,
    pub(super) short_term: Vec<References>,
    /// Long-term reference pictures, where there may be some.
    pub(super) long_term: Option<Vec<bool>>,
    pub(super) temporal_mvp: bool,
}

/// What slices need of a picture parameter set.
#[derive(Debug, Clone, Default)]
pub(super) struct PictureSet {
    pub(super) sequence: u32,
    pub(super) dependent_slices: bool,
    pub(super) output_flag: bool,
    pub(super) extra_bits: usize,
    pub(super) cabac_init: bool,
    pub(super) references: [u32; 2],
    pub(super) chroma_offsets: bool,
    pub(super) weighted: bool,
    pub(super) weighted_bipred: bool,
    pub(super) entry_points: bool,
    pub(super) filter_across: bool,
    pub(super) deblocking_override: bool,
    pub(super) deblocking_disabled: bool,
    pub(super) modifies_lists: bool,
    pub(super) extended: bool,
}

/// A set of short-term reference pictures: how far each is away, and whether the picture
/// itself refers to it. Those before it come first, the nearest first.
#[derive(Debug, Clone, Default)]
pub(super) struct References {
    before: Vec<(i64, bool)>,
    behind: Vec<(i64, bool)>,
}

impl HevcSets {
    /// Those of the body of `hvcC`.
    pub(super) fn of(hvcc: &[u8]) -> Result<Self, BoxError> {
        let mut sets = Self::default();
        for nal in Nals::hevc(hvcc)?.sets() {
            sets.learn(nal)?;
        }
        Ok(sets)
    }

    /// Length of a slice's header, its NAL unit's own and the bytes that keep start codes out
    /// included; `None` of other NAL units, which are taken if they are sets.
    pub(super) fn header_len(&mut self, nal: &[u8]) -> Result<Option<usize>, BoxError> {
        let kind = nal.first().map(|first| first >> 1 & 0x3f);
        let Some(kind) = kind.filter(|kind| *kind < 32) else {
            self.learn(nal)?;
            return Ok(None);
        };
        let raw = &nal[..nal.len().min(HEADER_LEN_MAX)];
        // Most headers are a few bytes long.
        let len = [64, HEADER_LEN_MAX].into_iter().find_map(|len| {
            let bytes = unescaped(&raw[..raw.len().min(len)]);
            let len = Header::of(kind, bytes.get(NAL_HEADER..)?).read(self)?;
            Some(NAL_HEADER + len)
        });
        let len = len.ok_or(BoxError::Invalid {
            inside: FourCc(*b"mdat"),
            what: "header of a slice",
        })?;
        Ok(Some(escaped_len(raw, len)))
    }

    /// Takes a set, in place of one with the same id; other NAL units are passed over.
    fn learn(&mut self, nal: &[u8]) -> Result<(), BoxError> {
        let kind = nal.first().map(|first| first >> 1 & 0x3f);
        let bytes = unescaped(nal.get(NAL_HEADER..).unwrap_or_default());
        let invalid = |what| BoxError::Invalid {
            inside: FourCc(*b"hvcC"),
            what,
        };
        match kind {
            Some(33) => {
                let read = sequence(&bytes);
                let (id, set) = read.ok_or_else(|| invalid("sequence parameter set"))?;
                self.sequences.insert(id, set);
            }
            Some(34) => {
                let read = picture_set(&bytes);
                let (id, set) = read.ok_or_else(|| invalid("picture parameter set"))?;
                self.pictures.insert(id, set);
            }
            _ => {}
        }
        Ok(())
    }
}

fn sequence(bytes: &[u8]) -> Option<(u32, Sequence)> {
    let mut bits = Bits::of(bytes);
    bits.take(4)?;
    let sub_layers = bits.take(3)? as usize;
    bits.flag()?;
    profile(&mut bits, sub_layers)?;
    let id = bits.ue()?;
    let chroma = bits.ue()?;
    let separate_planes = chroma == 3 && bits.flag()?;
    let (width, height) = (bits.ue()?, bits.ue()?);
    if bits.flag()? {
        numbers(&mut bits, 4)?; // what is cut off
    }
    numbers(&mut bits, 2)?; // bit depths
    let order_bits = bits.ue()? as usize + 4;
    let orderings = if bits.flag()? { sub_layers + 1 } else { 1 };
    numbers(&mut bits, 3 * orderings)?;
    let block_log2 = bits.ue()?.checked_add(3)?.checked_add(bits.ue()?)?;
    numbers(&mut bits, 4)?; // transforms
    if bits.flag()? && bits.flag()? {
        scaling_lists(&mut bits)?;
    }
    bits.flag()?;
    let sao = bits.flag()?;
    if bits.flag()? {
        bits.take(8)?; // PCM
        numbers(&mut bits, 2)?;
        bits.flag()?;
    }
    let count = bits.ue().filter(|count| *count <= REFERENCE_SETS_MAX)?;
    let mut short_term = Vec::new();
    for _ in 0..count {
        let set = References::read(&mut bits, &short_term, false)?;
        short_term.push(set);
    }
    let long_term = match bits.flag()? {
        false => None,
        true => {
            let count = bits.ue().filter(|count| *count <= 32)?;
            let used = (0..count).map(|_| {
                bits.take(order_bits)?;
                bits.flag()
            });
            Some(used.collect::<Option<_>>()?)
        }
    };
    if block_log2 > 6 || order_bits > 16 {
        return None;
    }
    let blocks = |len: u32| u64::from(len).div_ceil(1 << block_log2);
    let sequence = Sequence {
        chroma: chroma != 0 && !separate_planes,
        separate_planes,
        order_bits,
        address_bits: log2_up(blocks(width) * blocks(height)),
        sao,
        short_term,
        long_term,
        temporal_mvp: bits.flag()?,
    };
    Some((id, sequence))
}

/// §7.3.3.
fn profile(bits: &mut Bits<'_>, sub_layers: usize) -> Option<()> {
    const PROFILE: usize = 88;
    skip(bits, PROFILE + 8)?;
    let mut present = Vec::new();
    for _ in 0..sub_layers {
        present.push((bits.flag()?, bits.flag()?));
    }
    if sub_layers > 0 {
        skip(bits, 2 * (8 - sub_layers))?;
    }
    for (profile, level) in present {
        skip(
            bits,
            PROFILE * usize::from(profile) + 8 * usize::from(level),
        )?;
    }
    Some(())
}

fn picture_set(bytes: &[u8]) -> Option<(u32, PictureSet)> {
    let mut bits = Bits::of(bytes);
    let id = bits.ue()?;
    let mut set = PictureSet {
        sequence: bits.ue()?,
        dependent_slices: bits.flag()?,
        output_flag: bits.flag()?,
        extra_bits: bits.take(3)? as usize,
        ..PictureSet::default()
    };
    bits.flag()?;
    set.cabac_init = bits.flag()?;
    for len in &mut set.references {
        *len = bits.ue().filter(|len| *len < REFERENCES_MAX)? + 1;
    }
    bits.se()?; // quantizer
    skip(&mut bits, 2)?;
    if bits.flag()? {
        bits.ue()?;
    }
    numbers(&mut bits, 2)?; // offsets of chroma: signed numbers are as long
    set.chroma_offsets = bits.flag()?;
    set.weighted = bits.flag()?;
    set.weighted_bipred = bits.flag()?;
    bits.flag()?;
    let (tiles, rows_apart) = (bits.flag()?, bits.flag()?);
    set.entry_points = tiles || rows_apart;
    if tiles {
        let borders = bits.ue()?.checked_add(bits.ue()?)?;
        if !bits.flag()? {
            numbers(&mut bits, borders.min(1024) as usize)?;
        }
        bits.flag()?;
    }
    set.filter_across = bits.flag()?;
    if bits.flag()? {
        set.deblocking_override = bits.flag()?;
        set.deblocking_disabled = bits.flag()?;
        if !set.deblocking_disabled {
            numbers(&mut bits, 2)?;
        }
    }
    if bits.flag()? {
        scaling_lists(&mut bits)?;
    }
    set.modifies_lists = bits.flag()?;
    bits.ue()?;
    set.extended = bits.flag()?;
    // Extensions add to the headers of slices: of profiles that no one plays.
    if bits.flag()? && bits.take(8)? != 0 {
        return None;
    }
    Some((id, set))
}

/// §7.3.4.
fn scaling_lists(bits: &mut Bits<'_>) -> Option<()> {
    for size in 0..4 {
        let step = if size == 3 { 3 } else { 1 };
        for _ in (0..6).step_by(step) {
            if !bits.flag()? {
                bits.ue()?;
                continue;
            }
            let first = usize::from(size > 1);
            numbers(bits, first + 64.min(1 << (4 + 2 * size)))?;
        }
    }
    Some(())
}

impl References {
    /// §7.3.7, §7.4.8. Those of a slice come behind all of its sequence.
    pub(super) fn read(bits: &mut Bits<'_>, known: &[Self], of_slice: bool) -> Option<Self> {
        if !known.is_empty() && bits.flag()? {
            let back = if of_slice { bits.ue()? as usize } else { 0 };
            let base = known.len().checked_sub(1 + back)?;
            return known[base].moved(bits);
        }
        let counts = [bits.ue()?, bits.ue()?];
        if counts.iter().any(|count| *count > REFERENCES_MAX) {
            return None;
        }
        let mut run = |count: u32, sign: i64| {
            let mut at = 0;
            let pictures = (0..count).map(|_| {
                at += sign * (i64::from(bits.ue()?) + 1);
                Some((at, bits.flag()?))
            });
            pictures.collect::<Option<Vec<_>>>()
        };
        let (before, behind) = (run(counts[0], -1)?, run(counts[1], 1)?);
        Some(Self { before, behind })
    }

    /// Made of this one (7-61, 7-62).
    fn moved(&self, bits: &mut Bits<'_>) -> Option<Self> {
        let negative = bits.flag()?;
        let by = i64::from(bits.ue()?) + 1;
        let by = if negative { -by } else { by };
        let mut flags = Vec::new();
        for _ in 0..=self.before.len() + self.behind.len() {
            let used = bits.flag()?;
            flags.push((used, used || bits.flag()?));
        }
        let (own, flags) = (flags[flags.len() - 1], &flags[..flags.len() - 1]);
        let (before, behind) = flags.split_at(self.before.len());
        let at = |(picture, flags): (&(i64, bool), &(bool, bool))| (picture.0 + by, *flags);
        let before: Vec<_> = self.before.iter().zip(before).map(at).collect();
        let behind: Vec<_> = self.behind.iter().zip(behind).map(at).collect();
        let own = [(by, own)];
        let kept = |(at, (used, kept)): (i64, (bool, bool))| kept.then_some((at, used));
        let down = behind.iter().rev().chain(&own).chain(&before).copied();
        let up = before.iter().rev().chain(&own).chain(&behind).copied();
        Some(Self {
            before: down.filter(|(at, _)| *at < 0).filter_map(kept).collect(),
            behind: up.filter(|(at, _)| *at > 0).filter_map(kept).collect(),
        })
    }

    /// How many of them the picture itself refers to.
    pub(super) fn used(&self) -> u32 {
        let all = self.before.iter().chain(&self.behind);
        all.filter(|(_, used)| *used).count() as u32
    }
}

/// Bits of a number below `count`.
pub(super) fn log2_up(count: u64) -> usize {
    count.max(1).next_power_of_two().trailing_zeros() as usize
}

/// Passes over Exp-Golomb numbers, signed or not.
pub(super) fn numbers(bits: &mut Bits<'_>, count: usize) -> Option<()> {
    (0..count).try_for_each(|_| bits.ue().map(drop))
}

/// Passes over bits.
pub(super) fn skip(bits: &mut Bits<'_>, count: usize) -> Option<()> {
    (0..count).try_for_each(|_| bits.flag().map(drop))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By (7-61) and (7-62): each of the base moved, and the base's own picture.
    #[test]
    fn a_set_is_made_of_another() {
        let base = References {
            before: vec![(-1, true), (-3, true)],
            behind: vec![(2, true)],
        };
        let read = |bits: &[u8]| {
            let known = std::slice::from_ref(&base);
            References::read(&mut Bits::of(bits), known, false).unwrap()
        };
        // From it, one back; all used.
        let set = read(&[0b1111_1110]);
        assert_eq!(set.before, [(-1, true), (-2, true), (-4, true)]);
        assert_eq!(set.behind, [(1, true)]);
        // One on: the nearest falls on the picture itself; one is left out, one only kept.
        let set = read(&[0b1011_0001, 0b1000_0000]);
        assert_eq!((set.before.len(), set.used()), (0, 1));
        assert_eq!(set.behind, [(1, true), (3, false)]);
    }

    #[test]
    fn numbers_below_a_count_have_so_many_bits() {
        let bits = [0, 1, 2, 3, 4, 5, 1000].map(log2_up);
        assert_eq!(bits, [0, 0, 1, 2, 2, 3, 10]);
    }
}
