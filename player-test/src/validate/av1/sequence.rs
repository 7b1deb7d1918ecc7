//! What a sequence header says (AV1 bitstream §5.5).

use crate::validate::codec::Bits;

#[derive(Debug, Clone)]
pub(super) struct Sequence {
    /// As the two bytes of `av1C` say it.
    pub(super) record: [u8; 2],
    pub(super) size: (u32, u32),
    /// Primaries, transfer, matrix and full range, where they are described.
    pub(super) colours: Option<[u32; 4]>,
}

impl Sequence {
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let mut bits = Bits::plain(payload);
        let profile = bits.read(3)?;
        bits.read(1)?;
        let reduced = bits.read(1)? == 1;
        let (level, tier) = if reduced {
            (bits.read(5)?, 0)
        } else {
            Self::points(&mut bits)?
        };
        let (wide, high) = (bits.read(4)? + 1, bits.read(4)? + 1);
        let size = (bits.read(wide)? + 1, bits.read(high)? + 1);
        if !reduced {
            Self::frame_ids(&mut bits)?;
        }
        bits.read(3)?;
        if !reduced {
            Self::tools(&mut bits)?;
        }
        bits.read(3)?;
        let deep = bits.read(1)?;
        let twelve = if profile == 2 && deep == 1 {
            bits.read(1)?
        } else {
            0
        };
        let mono = if profile == 1 { 0 } else { bits.read(1)? };
        let described = bits.read(1)? == 1;
        let mut colours = [2, 2, 2, 1];
        if described {
            for code in &mut colours[..3] {
                *code = bits.read(8)?;
            }
        }
        let (x, y) = if mono == 1 {
            colours[3] = bits.read(1)?;
            (1, 1)
        } else if colours == [1, 13, 0, 1] {
            (0, 0)
        } else {
            colours[3] = bits.read(1)?;
            match (profile, twelve) {
                (0, _) => (1, 1),
                (1, _) => (0, 0),
                (_, 0) => (1, 0),
                _ => {
                    let x = bits.read(1)?;
                    (x, if x == 1 { bits.read(1)? } else { 0 })
                }
            }
        };
        let place = if mono == 0 && (x, y) == (1, 1) {
            bits.read(2)?
        } else {
            0
        };
        let two = tier << 7 | deep << 6 | twelve << 5 | mono << 4 | x << 3 | y << 2 | place;
        Some(Self {
            record: [(profile << 5 | level) as u8, two as u8],
            size,
            colours: described.then_some(colours),
        })
    }

    /// Level and tier of the first operating point.
    fn points(bits: &mut Bits) -> Option<(u32, u32)> {
        let mut delay = 0;
        let mut model = false;
        if bits.read(1)? == 1 {
            bits.read(32)?;
            bits.read(32)?;
            if bits.read(1)? == 1 {
                bits.ue()?;
            }
            model = bits.read(1)? == 1;
            if model {
                delay = bits.read(5)? + 1;
                bits.read(32)?;
                bits.read(10)?;
            }
        }
        let initial = bits.read(1)? == 1;
        let count = bits.read(5)? + 1;
        let mut first = None;
        for _ in 0..count {
            bits.read(12)?;
            let level = bits.read(5)?;
            let tier = if level > 7 { bits.read(1)? } else { 0 };
            if model && bits.read(1)? == 1 {
                bits.read(delay)?;
                bits.read(delay)?;
                bits.read(1)?;
            }
            if initial && bits.read(1)? == 1 {
                bits.read(4)?;
            }
            first = first.or(Some((level, tier)));
        }
        first
    }

    fn frame_ids(bits: &mut Bits) -> Option<()> {
        if bits.read(1)? == 1 {
            bits.read(7)?;
        }
        Some(())
    }

    fn tools(bits: &mut Bits) -> Option<()> {
        bits.read(4)?;
        let hints = bits.read(1)? == 1;
        if hints {
            bits.read(2)?;
        }
        let screen = bits.read(1)? == 1 || bits.read(1)? == 1;
        if screen && bits.read(1)? == 0 {
            bits.read(1)?;
        }
        if hints {
            bits.read(3)?;
        }
        Some(())
    }
}
