//! What H.264's sequence parameter set says of all pictures (ISO/IEC 14496-10 §7.3.2.1.1).

use crate::bmff::{BoxError, FourCc, bits::Bits};

/// Profiles whose parameter set says more of colours.
const HIGH_PROFILES: [u32; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];
/// Shapes of a pixel by number (table E-1).
const SHAPES: [(u32, u32); 17] = [
    (0, 0),
    (1, 1),
    (12, 11),
    (10, 11),
    (16, 11),
    (40, 33),
    (24, 11),
    (20, 11),
    (32, 11),
    (80, 33),
    (18, 11),
    (15, 11),
    (64, 33),
    (160, 99),
    (4, 3),
    (3, 2),
    (2, 1),
];

/// A sequence parameter set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sps {
    /// `profile_idc`: 66 Baseline, 77 Main, 100 High.
    pub profile: u8,
    /// `constraint_set0_flag` is the highest bit.
    pub constraints: u8,
    /// Ten times the level.
    pub level: u8,
    /// 4:2:0, of 8 bits.
    pub plain_colour: bool,
    /// Every picture is a frame, none of two fields.
    pub progressive: bool,
    /// Pixels, cropped.
    pub size: (u32, u32),
    /// Shape of a pixel; `None` where it does not say.
    pub pixel: Option<(u32, u32)>,
    /// What headers of slices need of it.
    pub(in crate::bmff) slices: SliceSyntax,
}

/// How headers of slices are written (§7.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::bmff) struct SliceSyntax {
    /// `seq_parameter_set_id`.
    pub(in crate::bmff) id: u32,
    /// `separate_colour_plane_flag`.
    pub(in crate::bmff) separate_planes: bool,
    /// `ChromaArrayType` is not 0.
    pub(in crate::bmff) chroma: bool,
    /// Bits of `frame_num`.
    pub(in crate::bmff) frame_num_bits: usize,
    /// How the order of pictures is told.
    pub(in crate::bmff) order: Order,
}

/// `pic_order_cnt_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::bmff) enum Order {
    /// Type 0: so many bits of it stand in each header.
    Bits(usize),
    /// Type 1: differences, unless they are always zero.
    Deltas {
        /// `delta_pic_order_always_zero_flag`.
        none: bool,
    },
    /// Type 2: as decoded.
    Decoding,
}

impl Sps {
    /// Reads a NAL unit of type 7.
    ///
    /// # Errors
    /// It is malformed, or pictures are larger than any level allows.
    pub fn read(nal: &[u8]) -> Result<Self, BoxError> {
        parse(&unescaped(nal)).ok_or(BoxError::Invalid {
            inside: FourCc(*b"avcC"),
            what: "sequence parameter set",
        })
    }
}

/// Without the bytes that keep start codes out (§7.4.1).
pub(in crate::bmff) fn unescaped(nal: &[u8]) -> Vec<u8> {
    let mut zeros = 0;
    let mut out = Vec::with_capacity(nal.len());
    for byte in nal {
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        out.push(*byte);
    }
    out
}

fn parse(bytes: &[u8]) -> Option<Sps> {
    let (&[header, profile, constraints, level], rest) = bytes.split_first_chunk::<4>()?;
    if header & 0x1f != 7 {
        return None;
    }
    let mut bits = Bits::of(rest);
    let id = bits.ue()?;
    let high = HIGH_PROFILES.contains(&u32::from(profile));
    let colour = if high {
        colour(&mut bits)?
    } else {
        Colour::PLAIN
    };
    let frame_num_bits = length(bits.ue()?)?;
    let order = order_count(&mut bits)?;
    bits.ue()?; // reference frames
    bits.flag()?; // gaps in frame numbers
    let wide = bits.ue()?.checked_add(1)?.checked_mul(16)?;
    let map_units = bits.ue()?.checked_add(1)?;
    let progressive = bits.flag()?;
    let rows = if progressive { 1 } else { 2 };
    let high = map_units.checked_mul(16 * rows)?;
    if !progressive {
        bits.flag()?; // macroblock-adaptive
    }
    bits.flag()?; // direct 8x8 inference
    let crop = if bits.flag()? {
        [bits.ue()?, bits.ue()?, bits.ue()?, bits.ue()?]
    } else {
        [0; 4]
    };
    // Units of cropping for 4:2:0, whose chroma is halved both ways (§7.4.2.1.1).
    let (unit_x, unit_y) = (2, 2 * rows);
    let cut = |a: u32, b: u32, unit: u32| a.checked_add(b)?.checked_mul(unit);
    let size = (
        wide.checked_sub(cut(crop[0], crop[1], unit_x)?)?,
        high.checked_sub(cut(crop[2], crop[3], unit_y)?)?,
    );
    let pixel = if bits.flag()? {
        shape(&mut bits)?
    } else {
        None
    };
    let sane = (1..=16384).contains(&size.0) && (1..=16384).contains(&size.1);
    sane.then_some(Sps {
        profile,
        constraints,
        level,
        plain_colour: colour.plain,
        progressive,
        size,
        pixel,
        slices: SliceSyntax {
            id,
            separate_planes: colour.separate_planes,
            chroma: colour.chroma && !colour.separate_planes,
            frame_num_bits,
            order,
        },
    })
}

/// Bits of a counter, from what is told of it (§7.4.2.1.1): 4 to 16.
fn length(less_four: u32) -> Option<usize> {
    (less_four <= 12).then_some(less_four as usize + 4)
}

struct Colour {
    /// 4:2:0 of 8 bits.
    plain: bool,
    /// More than grey.
    chroma: bool,
    separate_planes: bool,
}

impl Colour {
    const PLAIN: Self = Self {
        plain: true,
        chroma: true,
        separate_planes: false,
    };
}

fn colour(bits: &mut Bits<'_>) -> Option<Colour> {
    let format = bits.ue()?;
    let separate_planes = format == 3 && bits.flag()?;
    let (luma, chroma) = (bits.ue()?, bits.ue()?);
    bits.flag()?; // bypass
    if bits.flag()? {
        let lists = if format == 3 { 12 } else { 8 };
        for list in 0..lists {
            if bits.flag()? {
                scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Some(Colour {
        plain: format == 1 && luma == 0 && chroma == 0,
        chroma: format != 0,
        separate_planes,
    })
}

fn scaling_list(bits: &mut Bits<'_>, len: usize) -> Option<()> {
    let (mut last, mut next) = (8, 8);
    for _ in 0..len {
        if next != 0 {
            next = (last + bits.se()?).rem_euclid(256);
        }
        if next != 0 {
            last = next;
        }
    }
    Some(())
}

fn order_count(bits: &mut Bits<'_>) -> Option<Order> {
    Some(match bits.ue()? {
        0 => Order::Bits(length(bits.ue()?)?),
        1 => {
            let none = bits.flag()?;
            bits.se()?;
            bits.se()?;
            for _ in 0..bits.ue().filter(|cycle| *cycle <= 255)? {
                bits.se()?;
            }
            Order::Deltas { none }
        }
        2 => Order::Decoding,
        _ => return None,
    })
}

/// Shape of a pixel, from the start of the VUI (§E.1.1).
fn shape(bits: &mut Bits<'_>) -> Option<Option<(u32, u32)>> {
    if !bits.flag()? {
        return Some(None);
    }
    let shape = match bits.take(8)? {
        255 => (bits.take(16)?, bits.take(16)?),
        number => SHAPES.get(number as usize).copied().unwrap_or((0, 0)),
    };
    Some((shape.0 != 0 && shape.1 != 0).then_some(shape))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u32> = text.chars().map(|c| c.to_digit(16).unwrap()).collect();
        digits.chunks(2).map(|d| (d[0] * 16 + d[1]) as u8).collect()
    }

    #[test]
    fn a_cut_or_empty_set_is_an_error() {
        // x264, High@4.0, 1920 × 1080.
        let whole = hex("67640028acd940780227e5c044000003000400000300f03c60c658");
        let sps = Sps::read(&whole).unwrap();
        assert_eq!((sps.profile, sps.level, sps.size), (100, 40, (1920, 1080)));
        assert!(sps.plain_colour && sps.progressive);
        for cut in 0..11 {
            assert!(Sps::read(&whole[..cut]).is_err(), "cut at {cut}");
        }
        assert!(Sps::read(&[0x68, 1, 2, 3, 4, 5]).is_err());
        assert!(Sps::read(&[[0x67, 100, 0, 40].as_slice(), &[0; 40]].concat()).is_err());
    }
}
