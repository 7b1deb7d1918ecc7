//! Headers of slice segments of HEVC (ITU-T H.265 §7.3.6).

use super::hevc_sets::{
    HevcSets, PictureSet, REFERENCES_MAX, References, Sequence, log2_up, numbers, skip,
};
use crate::bmff::bits::Bits;

/// Most entry points: rows of blocks of 16 in 8,192 lines, by tiles. Chosen.
const ENTRY_POINTS_MAX: u32 = 8192;

/// A header that is being read.
pub(super) struct Header<'a> {
    bits: Bits<'a>,
    /// Type of the NAL unit.
    kind: u8,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    B,
    P,
    I,
}

/// What of its parts is needed further on.
#[derive(Default)]
struct Told {
    /// Pictures that it refers to.
    references: u32,
    temporal_mvp: bool,
}

impl<'a> Header<'a> {
    /// Of a NAL unit of a type below 32, behind its own header.
    pub(super) fn of(kind: u8, rest: &'a [u8]) -> Self {
        let bits = Bits::of(rest);
        Self { bits, kind }
    }
}

impl Header<'_> {
    /// Bytes of the header, the NAL unit's own not included.
    pub(super) fn read(mut self, sets: &HevcSets) -> Option<usize> {
        let first = self.bits.flag()?;
        if (16..=23).contains(&self.kind) {
            self.bits.flag()?;
        }
        let set = sets.pictures.get(&self.bits.ue()?)?;
        let sequence = sets.sequences.get(&set.sequence)?;
        let mut dependent = false;
        if !first {
            dependent = set.dependent_slices && self.bits.flag()?;
            self.bits.take(sequence.address_bits)?;
        }
        if !dependent {
            self.slice(sequence, set)?;
        }
        if set.entry_points {
            self.entry_points()?;
        }
        if set.extended {
            let len = self.bits.ue()? as usize;
            skip(&mut self.bits, 8 * len.min(256))?;
        }
        // A one, and zeros up to the next byte.
        self.bits.flag()?.then_some(())?;
        Some(self.bits.position().div_ceil(8))
    }

    fn slice(&mut self, sequence: &Sequence, set: &PictureSet) -> Option<()> {
        skip(&mut self.bits, set.extra_bits)?;
        let kind = match self.bits.ue()? {
            0 => Kind::B,
            1 => Kind::P,
            2 => Kind::I,
            _ => return None,
        };
        if set.output_flag {
            self.bits.flag()?;
        }
        if sequence.separate_planes {
            self.bits.take(2)?;
        }
        let told = match self.kind {
            19 | 20 => Told::default(),
            _ => self.place(sequence)?,
        };
        let mut filtered = false;
        if sequence.sao {
            filtered |= self.bits.flag()?;
            filtered |= sequence.chroma && self.bits.flag()?;
        }
        if kind != Kind::I {
            self.prediction(kind, sequence, set, &told)?;
        }
        self.bits.se()?; // quantizer
        if set.chroma_offsets {
            numbers(&mut self.bits, 2)?;
        }
        let mut disabled = set.deblocking_disabled;
        if set.deblocking_override && self.bits.flag()? {
            disabled = self.bits.flag()?;
            if !disabled {
                numbers(&mut self.bits, 2)?;
            }
        }
        if set.filter_across && (filtered || !disabled) {
            self.bits.flag()?;
        }
        Some(())
    }

    /// The picture's order, and what it refers to.
    fn place(&mut self, sequence: &Sequence) -> Option<Told> {
        let bits = &mut self.bits;
        bits.take(sequence.order_bits)?;
        let known = &sequence.short_term;
        let mut references = match bits.flag()? {
            false => References::read(bits, known, true)?.used(),
            true => {
                let at = bits.take(log2_up(known.len() as u64))?;
                known.get(at as usize)?.used()
            }
        };
        if let Some(long_term) = &sequence.long_term {
            let listed = match long_term.is_empty() {
                true => 0,
                false => bits.ue()?,
            };
            let count = listed.checked_add(bits.ue()?)?;
            for n in 0..Some(count).filter(|count| *count <= 2 * REFERENCES_MAX)? {
                let used = if n < listed {
                    let at = bits.take(log2_up(long_term.len() as u64))?;
                    *long_term.get(at as usize)?
                } else {
                    bits.take(sequence.order_bits)?;
                    bits.flag()?
                };
                references += u32::from(used);
                if bits.flag()? {
                    bits.ue()?;
                }
            }
        }
        Some(Told {
            references,
            temporal_mvp: sequence.temporal_mvp && bits.flag()?,
        })
    }

    fn prediction(
        &mut self,
        kind: Kind,
        sequence: &Sequence,
        set: &PictureSet,
        told: &Told,
    ) -> Option<()> {
        let bits = &mut self.bits;
        let lists = if kind == Kind::B { 2 } else { 1 };
        let mut lens = set.references;
        if bits.flag()? {
            for len in &mut lens[..lists] {
                *len = bits.ue().filter(|len| *len < REFERENCES_MAX)? + 1;
            }
        }
        if set.modifies_lists && told.references > 1 {
            let entry = log2_up(told.references.into());
            for len in &lens[..lists] {
                if bits.flag()? {
                    skip(bits, entry * *len as usize)?;
                }
            }
        }
        if kind == Kind::B {
            bits.flag()?;
        }
        if set.cabac_init {
            bits.flag()?;
        }
        if told.temporal_mvp {
            let from_first = kind == Kind::P || bits.flag()?;
            if lens[usize::from(!from_first)] > 1 {
                bits.ue()?;
            }
        }
        let weighted = match kind {
            Kind::B => set.weighted_bipred,
            _ => set.weighted,
        };
        if weighted {
            self.weights(&lens[..lists], sequence.chroma)?;
        }
        self.bits.ue().map(drop) // candidates to merge with
    }

    /// §7.3.6.3.
    fn weights(&mut self, lens: &[u32], chroma: bool) -> Option<()> {
        let bits = &mut self.bits;
        numbers(bits, 1 + usize::from(chroma))?;
        for len in lens {
            let mut flags = |present: bool| -> Option<Vec<bool>> {
                (0..*len).map(|_| Some(present && bits.flag()?)).collect()
            };
            let (of_luma, of_chroma) = (flags(true)?, flags(chroma)?);
            for (luma, chroma) in of_luma.into_iter().zip(of_chroma) {
                numbers(bits, 2 * usize::from(luma) + 4 * usize::from(chroma))?;
            }
        }
        Some(())
    }

    fn entry_points(&mut self) -> Option<()> {
        let count = self.bits.ue().filter(|count| *count <= ENTRY_POINTS_MAX)?;
        if count > 0 {
            let len = self.bits.ue().filter(|len| *len < 32)? as usize + 1;
            skip(&mut self.bits, len * count as usize)?;
        }
        Some(())
    }
}
