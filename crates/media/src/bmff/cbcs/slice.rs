//! Headers of slices (ISO/IEC 14496-10 §7.3.3).

use super::sets::{PictureSet, Sequence, Sets};
use crate::bmff::{bits::Bits, mp4::sps::Order};

/// Most references of a list, and most operations on one, or on marks (§7.4.3).
const REFERENCES_MAX: u32 = 32;
const OPERATIONS_MAX: usize = 66;

/// A header that is being read.
pub(super) struct Header<'a> {
    bits: Bits<'a>,
    idr: bool,
    /// Other pictures refer to it.
    reference: bool,
}

/// Kind of a slice (table 7-6).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    P,
    B,
    I,
    SwitchingP,
    SwitchingI,
}

impl Kind {
    fn of(number: u32) -> Option<Self> {
        let kinds = [
            Self::P,
            Self::B,
            Self::I,
            Self::SwitchingP,
            Self::SwitchingI,
        ];
        (number < 10).then(|| kinds[number as usize % 5])
    }

    /// How many lists of references it has.
    fn lists(self) -> usize {
        match self {
            Self::I | Self::SwitchingI => 0,
            Self::P | Self::SwitchingP => 1,
            Self::B => 2,
        }
    }
}

impl<'a> Header<'a> {
    /// Of a NAL unit of type 1 or 5 with this first byte and this rest.
    pub(super) fn of(first: u8, rest: &'a [u8]) -> Self {
        Self {
            bits: Bits::of(rest),
            idr: first & 0x1f == 5,
            reference: first & 0x60 != 0,
        }
    }
}

impl Header<'_> {
    /// Bits of the header, the NAL unit's first byte not included.
    pub(super) fn read(mut self, sets: &Sets) -> Option<usize> {
        self.bits.ue()?; // first macroblock
        let kind = Kind::of(self.bits.ue()?)?;
        let set = sets.pictures.get(&self.bits.ue()?)?;
        let sequence = sets.sequences.get(&set.sequence)?;
        self.place(sequence, set)?;
        if kind == Kind::B {
            self.bits.flag()?; // direct prediction
        }
        let references = self.lists(kind, set)?;
        let weighted = match kind {
            Kind::P | Kind::SwitchingP => set.weighted,
            Kind::B => set.weighted_bipred == 1,
            Kind::I | Kind::SwitchingI => false,
        };
        if weighted {
            self.weights(&references[..kind.lists()], sequence.syntax.chroma)?;
        }
        if self.reference {
            self.marks()?;
        }
        if set.cabac && kind.lists() > 0 {
            self.bits.ue()?; // table of contexts
        }
        self.bits.se()?; // quantizer
        if kind == Kind::SwitchingP {
            self.bits.flag()?;
        }
        if matches!(kind, Kind::SwitchingP | Kind::SwitchingI) {
            self.bits.se()?;
        }
        if set.deblocking && self.bits.ue()? != 1 {
            self.bits.se()?;
            self.bits.se()?;
        }
        Some(self.bits.position())
    }

    /// Which picture, or field, and its order.
    fn place(&mut self, sequence: &Sequence, set: &PictureSet) -> Option<()> {
        let syntax = &sequence.syntax;
        if syntax.separate_planes {
            self.bits.take(2)?;
        }
        self.bits.take(syntax.frame_num_bits)?;
        let field = !sequence.frames_only && self.bits.flag()?;
        if field {
            self.bits.flag()?; // bottom
        }
        if self.idr {
            self.bits.ue()?; // its number
        }
        let both = set.bottom_order && !field;
        match syntax.order {
            Order::Bits(len) => {
                self.bits.take(len)?;
                if both {
                    self.bits.se()?;
                }
            }
            Order::Deltas { none: false } => {
                self.bits.se()?;
                if both {
                    self.bits.se()?;
                }
            }
            Order::Deltas { none: true } | Order::Decoding => {}
        }
        if set.redundant {
            self.bits.ue()?;
        }
        Some(())
    }

    /// Lengths of the lists of references, and how they are reordered (§7.3.3.1).
    fn lists(&mut self, kind: Kind, set: &PictureSet) -> Option<[u32; 2]> {
        let mut lens = set.references;
        if kind.lists() > 0 && self.bits.flag()? {
            for len in &mut lens[..kind.lists()] {
                *len = references(self.bits.ue()?)?;
            }
        }
        for _ in 0..kind.lists() {
            if self.bits.flag()? {
                self.operations(
                    |operation| match operation {
                        0..=2 => Some(1),
                        3 => Some(0),
                        _ => None,
                    },
                    3,
                )?;
            }
        }
        Some(lens)
    }

    /// Operations up to the one that ends them, each with as many numbers as `numbers`
    /// says; `None` refuses one.
    fn operations(&mut self, numbers: impl Fn(u32) -> Option<usize>, end: u32) -> Option<()> {
        for _ in 0..OPERATIONS_MAX {
            let operation = self.bits.ue()?;
            for _ in 0..numbers(operation)? {
                self.bits.ue()?;
            }
            if operation == end {
                return Some(());
            }
        }
        None
    }

    /// Weights of prediction (§7.3.3.2).
    fn weights(&mut self, lists: &[u32], chroma: bool) -> Option<()> {
        self.bits.ue()?;
        if chroma {
            self.bits.ue()?;
        }
        for _ in 0..lists.iter().sum::<u32>() {
            for (present, numbers) in [(true, 2), (chroma, 4)] {
                if present && self.bits.flag()? {
                    for _ in 0..numbers {
                        self.bits.se()?;
                    }
                }
            }
        }
        Some(())
    }

    /// Marks of reference pictures (§7.3.3.3).
    fn marks(&mut self) -> Option<()> {
        if self.idr {
            self.bits.take(2)?;
            return Some(());
        }
        if !self.bits.flag()? {
            return Some(());
        }
        self.operations(
            |operation| match operation {
                0 | 5 => Some(0),
                1 | 2 | 4 | 6 => Some(1),
                3 => Some(2),
                _ => None,
            },
            0,
        )
    }
}

/// Length of a list, from what is told of it.
pub(super) fn references(less_one: u32) -> Option<u32> {
    (less_one < REFERENCES_MAX).then_some(less_one + 1)
}
