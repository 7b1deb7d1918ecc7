//! Parameter sets of H.264, as far as they say how long the header of a slice is: what is
//! behind it is encrypted, the header stays clear (ISO/IEC 23001-7 §10.4.2).

use std::collections::BTreeMap;

use super::{
    hevc_sets::HevcSets,
    slice::{Header, references},
};
use crate::bmff::{
    BoxError, FourCc,
    bits::Bits,
    mp4::{
        Nals, Sps,
        sps::{SliceSyntax, unescaped},
    },
};

/// Headers longer than this are refused, bytes: the longest, with 64 weights of three
/// colours, have less.
const HEADER_LEN_MAX: usize = 4096;

/// Parameter sets by their ids.
#[derive(Debug, Clone)]
pub(super) struct Sets {
    pub(super) sequences: BTreeMap<u32, Sequence>,
    pub(super) pictures: BTreeMap<u32, PictureSet>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Sequence {
    pub(super) syntax: SliceSyntax,
    pub(super) frames_only: bool,
}

/// What slices need of a picture parameter set (§7.3.2.2).
#[derive(Debug, Clone, Copy)]
pub(super) struct PictureSet {
    pub(super) sequence: u32,
    pub(super) cabac: bool,
    pub(super) bottom_order: bool,
    pub(super) references: [u32; 2],
    pub(super) weighted: bool,
    pub(super) weighted_bipred: u32,
    pub(super) deblocking: bool,
    pub(super) redundant: bool,
}

impl Sets {
    /// Those of the body of `avcC`.
    pub(super) fn of(avcc: &[u8]) -> Result<Self, BoxError> {
        let mut sets = Self {
            sequences: BTreeMap::new(),
            pictures: BTreeMap::new(),
        };
        for nal in Nals::avc(avcc)?.sets() {
            sets.learn(nal)?;
        }
        Ok(sets)
    }

    /// Takes a set, in place of one with the same id; other NAL units are passed over.
    pub(super) fn learn(&mut self, nal: &[u8]) -> Result<(), BoxError> {
        match nal.first().map(|byte| byte & 0x1f) {
            Some(7) => {
                let sps = Sps::read(nal)?;
                let sequence = Sequence {
                    syntax: sps.slices,
                    frames_only: sps.progressive,
                };
                self.sequences.insert(sps.slices.id, sequence);
            }
            Some(8) => {
                let (id, set) = picture_set(&unescaped(&nal[1..])).ok_or(BoxError::Invalid {
                    inside: FourCc(*b"avcC"),
                    what: "picture parameter set",
                })?;
                self.pictures.insert(id, set);
            }
            _ => {}
        }
        Ok(())
    }

    /// Bytes of a slice's NAL unit (type 1 or 5) up to its slice data, its own first byte
    /// and the bytes that keep start codes out included.
    pub(super) fn header_len(&self, nal: &[u8]) -> Result<usize, BoxError> {
        let raw = &nal[..nal.len().min(HEADER_LEN_MAX)];
        // Most headers are a few bytes long.
        let bits = [64, HEADER_LEN_MAX].into_iter().find_map(|len| {
            let bytes = unescaped(&raw[..raw.len().min(len)]);
            self.header_bits(&bytes)
        });
        let bits = bits.ok_or(BoxError::Invalid {
            inside: FourCc(*b"mdat"),
            what: "header of a slice",
        })?;
        Ok(escaped_len(raw, bits.div_ceil(8)))
    }

    fn header_bits(&self, bytes: &[u8]) -> Option<usize> {
        let (&first, rest) = bytes.split_first()?;
        Some(8 + Header::of(first, rest).read(self)?)
    }
}

/// Parameter sets of a codec whose pictures are NAL units.
#[derive(Debug, Clone)]
pub(super) enum NalSets {
    Avc(Sets),
    Hevc(HevcSets),
}

impl NalSets {
    /// Length of a slice's header, its NAL unit's own included; `None` of other NAL units,
    /// which are taken if they are sets.
    pub(super) fn header_len(&mut self, nal: &[u8]) -> Result<Option<usize>, BoxError> {
        let sets = match self {
            Self::Avc(sets) => sets,
            Self::Hevc(sets) => return sets.header_len(nal),
        };
        match nal.first().map(|first| first & 0x1f) {
            Some(1 | 5) => sets.header_len(nal).map(Some),
            Some(2..=4) => Err(BoxError::Unsupported("data partitions".into())),
            _ => sets.learn(nal).map(|()| None),
        }
    }
}

/// Length of the raw bytes that `len` bytes were without those that keep start codes out.
pub(super) fn escaped_len(raw: &[u8], len: usize) -> usize {
    let (mut zeros, mut seen) = (0, 0);
    for (at, byte) in raw.iter().enumerate() {
        if seen == len {
            return at;
        }
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        seen += 1;
    }
    raw.len()
}

fn picture_set(bytes: &[u8]) -> Option<(u32, PictureSet)> {
    let mut bits = Bits::of(bytes);
    let (id, sequence) = (bits.ue()?, bits.ue()?);
    let (cabac, bottom_order) = (bits.flag()?, bits.flag()?);
    if bits.ue()? != 0 {
        return None; // slice groups: of profiles that no one plays
    }
    let references = [references(bits.ue()?)?, references(bits.ue()?)?];
    let (weighted, weighted_bipred) = (bits.flag()?, bits.take(2)?);
    bits.se()?; // quantizers
    bits.se()?;
    bits.se()?;
    let deblocking = bits.flag()?;
    bits.flag()?; // constrained intra prediction
    let redundant = bits.flag()?;
    let set = PictureSet {
        sequence,
        cabac,
        bottom_order,
        references,
        weighted,
        weighted_bipred,
        deblocking,
        redundant,
    };
    Some((id, set))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_keep_start_codes_out_count() {
        let raw = [1, 0, 0, 3, 1, 0, 0, 3, 0, 9];
        assert_eq!(unescaped(&raw), [1, 0, 0, 1, 0, 0, 0, 9]);
        for (clear, len) in [(0, 0), (3, 3), (4, 5), (6, 7), (7, 9), (8, 10)] {
            assert_eq!(escaped_len(&raw, clear), len, "{clear}");
        }
    }
}
