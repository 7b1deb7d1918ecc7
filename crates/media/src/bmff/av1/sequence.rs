//! AV1's sequence header (AV1 bitstream §5.5).

use super::super::bits::Bits;

/// What a sequence header says of what decoders must be able to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sequence {
    profile: u32,
    /// `seq_level_idx` of the first operating point.
    level: u32,
    high_tier: bool,
    colour: Colour,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Colour {
    high_depth: bool,
    twelve: bool,
    mono: bool,
    /// Primaries, transfer and matrix (ISO/IEC 23091-2), where they are said.
    described: Option<(u32, u32, u32)>,
    full_range: bool,
    subsampled: (bool, bool),
    sample_position: u32,
}

impl Sequence {
    /// `None` where it ends too early.
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let bits = &mut Bits::of(payload);
        let profile = bits.take(3)?;
        bits.take(1)?; // still picture
        let reduced = bits.flag()?;
        let (level, high_tier) = match reduced {
            true => (bits.take(5)?, false),
            false => operating_points(bits)?,
        };
        let (wide, high) = (bits.take(4)? as usize, bits.take(4)? as usize);
        bits.take(wide + 1)?;
        bits.take(high + 1)?;
        if !reduced && bits.flag()? {
            bits.take(7)?; // lengths of frame ids
        }
        bits.take(3)?; // superblocks, filter intra, intra edge filter
        if !reduced {
            inter_tools(bits)?;
        }
        bits.take(3)?; // superres, cdef, restoration
        Some(Self {
            profile,
            level,
            high_tier,
            colour: Colour::read(bits, profile)?,
        })
    }

    /// The codec string behind `av01.` (AV1-ISOBMFF §5). Its optional parts are there where
    /// the colours are said and are not the default, BT.709's.
    pub(super) fn profile(&self) -> String {
        let Colour {
            mono,
            full_range,
            subsampled: (x, y),
            sample_position,
            ..
        } = self.colour;
        let (profile, level, depth) = (self.profile, self.level, self.colour.depth());
        let tier = if self.high_tier { 'H' } else { 'M' };
        let said = format!("{profile}.{level:02}{tier}.{depth:02}");
        let Some((primaries, transfer, matrix)) = self.colour.described else {
            return said;
        };
        let (mono, x, y) = (u8::from(mono), u8::from(x), u8::from(y));
        // A position is told only where both directions are subsampled.
        let position = if (x, y) == (1, 1) { sample_position } else { 0 };
        let tail = format!(
            ".{mono}.{x}{y}{position}.{primaries:02}.{transfer:02}.{matrix:02}.{}",
            u8::from(full_range)
        );
        match tail.as_str() {
            ".0.110.01.01.01.0" => said,
            tail => said + tail,
        }
    }

    /// The second byte of `av1C` and the third.
    pub(super) fn av1c(&self) -> (u8, u8) {
        let Colour {
            high_depth,
            twelve,
            mono,
            subsampled: (x, y),
            sample_position,
            ..
        } = self.colour;
        let flags = [self.high_tier, high_depth, twelve, mono, x, y];
        let flags = flags
            .iter()
            .fold(0, |bits, flag| bits << 1 | u8::from(*flag));
        let position = sample_position as u8;
        (
            (self.profile << 5 | self.level) as u8,
            flags << 2 | position,
        )
    }
}

/// Level and tier of the first operating point.
fn operating_points(bits: &mut Bits<'_>) -> Option<(u32, bool)> {
    let mut delay_bits = None;
    if bits.flag()? {
        bits.take(32)?;
        bits.take(32)?; // ticks of the display
        if bits.flag()? {
            bits.ue()?;
        }
        if bits.flag()? {
            delay_bits = Some(bits.take(5)? as usize + 1);
            bits.take(32)?;
            bits.take(10)?;
        }
    }
    let delays = bits.flag()?;
    let mut first = None;
    for _ in 0..=bits.take(5)? {
        bits.take(12)?;
        let level = bits.take(5)?;
        let high_tier = level > 7 && bits.flag()?;
        if let Some(len) = delay_bits
            && bits.flag()?
        {
            bits.take(len)?;
            bits.take(len)?;
            bits.take(1)?;
        }
        if delays && bits.flag()? {
            bits.take(4)?;
        }
        first.get_or_insert((level, high_tier));
    }
    first
}

/// What may be used of frames that refer to others.
fn inter_tools(bits: &mut Bits<'_>) -> Option<()> {
    bits.take(4)?; // interintra, masked, warped, dual filter
    let order_hints = bits.flag()?;
    if order_hints {
        bits.take(2)?;
    }
    let choose = bits.flag()?;
    let screen_content = choose || bits.flag()?;
    if screen_content && !bits.flag()? {
        bits.take(1)?; // integer motion vectors
    }
    if order_hints {
        bits.take(3)?;
    }
    Some(())
}

impl Colour {
    fn read(bits: &mut Bits<'_>, profile: u32) -> Option<Self> {
        let high_depth = bits.flag()?;
        let twelve = profile == 2 && high_depth && bits.flag()?;
        let mono = profile != 1 && bits.flag()?;
        let described = match bits.flag()? {
            true => Some((bits.take(8)?, bits.take(8)?, bits.take(8)?)),
            false => None,
        };
        let mut colour = Self {
            high_depth,
            twelve,
            mono,
            described,
            full_range: true,
            subsampled: (false, false),
            sample_position: 0,
        };
        if mono {
            colour.full_range = bits.flag()?;
            colour.subsampled = (true, true);
        } else if described != Some((1, 13, 0)) {
            // That is sRGB, of which nothing more is said.
            colour.full_range = bits.flag()?;
            colour.subsampled = match profile {
                0 => (true, true),
                1 => (false, false),
                _ if twelve => {
                    let x = bits.flag()?;
                    (x, x && bits.flag()?)
                }
                _ => (true, false),
            };
            if colour.subsampled == (true, true) {
                colour.sample_position = bits.take(2)?;
            }
        }
        Some(colour)
    }

    fn depth(&self) -> u8 {
        match (self.high_depth, self.twelve) {
            (false, _) => 8,
            (true, false) => 10,
            (true, true) => 12,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bits of fields: value and length.
    fn header(fields: &[(u32, usize)]) -> Vec<u8> {
        let bits = fields.iter().flat_map(|(value, len)| {
            let bit = move |n: usize| (value >> n & 1) as u8;
            (0..*len).rev().map(bit)
        });
        let bits: Vec<u8> = bits.collect();
        let byte = |chunk: &[u8]| (0..8).fold(0, |b, n| b << 1 | chunk.get(n).unwrap_or(&0));
        bits.chunks(8).map(byte).collect()
    }

    #[test]
    fn svt_av1s_own_header_is_read() {
        // 320 × 180 of 8 bit, as SVT-AV1 1.4.1 writes it.
        let payload = [0, 0, 0, 4, 0x3c, 0xfe, 0xcc, 0x02, 0xf8, 0, 0x40];
        let sequence = Sequence::read(&payload).unwrap();
        assert_eq!(sequence.profile(), "0.00M.08");
        assert_eq!(sequence.av1c(), (0, 0x0c));
        for len in 0..payload.len() - 1 {
            assert_eq!(Sequence::read(&payload[..len]), None, "{len} bytes");
        }
    }

    #[test]
    fn colours_other_than_the_default_are_said() {
        // Reduced, level 5.1, one pixel; of ten bits, PQ in BT.2020.
        let common = [
            (0, 3),
            (1, 1),
            (1, 1),
            (13, 5),
            (0, 4),
            (0, 4),
            (0, 2),
            (0, 6),
        ];
        let pq = [
            (1, 1),
            (0, 1),
            (1, 1),
            (9, 8),
            (16, 8),
            (9, 8),
            (0, 1),
            (2, 2),
        ];
        let read = |colour: &[(u32, usize)]| {
            let fields = [&common[..], colour, &[(0, 2)]].concat();
            Sequence::read(&header(&fields)).unwrap()
        };
        assert_eq!(read(&pq).profile(), "0.13M.10.0.112.09.16.09.0");
        assert_eq!(read(&pq).av1c(), (13, 0x4e));
        let usual = [
            (0, 1),
            (0, 1),
            (1, 1),
            (1, 8),
            (1, 8),
            (1, 8),
            (0, 1),
            (0, 2),
        ];
        assert_eq!(read(&usual).profile(), "0.13M.08");
        let mono = [
            (0, 1),
            (1, 1),
            (1, 1),
            (1, 8),
            (1, 8),
            (1, 8),
            (1, 1),
            (0, 0),
        ];
        assert_eq!(read(&mono).profile(), "0.13M.08.1.110.01.01.01.1");
        // What goes unsaid is the default.
        let unsaid = [(0, 1), (0, 1), (0, 1), (0, 1), (1, 2)];
        assert_eq!(read(&unsaid).profile(), "0.13M.08");
    }

    #[test]
    fn timing_and_operating_points_are_passed_over() {
        let timing = [
            (1, 1),
            (1, 32),
            (30, 32),
            (1, 1),
            (1, 1),
            (1, 1),
            (9, 5),
            (1, 32),
            (0, 10),
        ];
        let points = [
            [
                (0, 12),
                (8, 5),
                (1, 1),
                (1, 1),
                (0, 20),
                (0, 1),
                (1, 1),
                (3, 4),
            ],
            [
                (0, 12),
                (9, 5),
                (0, 1),
                (0, 1),
                (0, 0),
                (0, 0),
                (0, 1),
                (0, 0),
            ],
        ]
        .concat();
        let size = [(3, 4), (3, 4), (15, 4), (8, 4), (0, 1), (0, 3)];
        let tools = [
            (0, 4),
            (1, 1),
            (0, 2),
            (0, 1),
            (1, 1),
            (0, 1),
            (1, 1),
            (6, 3),
            (0, 3),
        ];
        let colour = [(0, 3), (0, 1), (0, 2), (0, 2)];
        let fields = [
            &[(0, 3), (0, 1), (0, 1)][..],
            &timing,
            &[(1, 1), (1, 5)],
            &points,
            &size,
            &tools,
            &colour,
        ];
        let sequence = Sequence::read(&header(&fields.concat())).unwrap();
        assert_eq!(sequence.profile(), "0.08H.08");
    }
}
