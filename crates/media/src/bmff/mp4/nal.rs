//! What the first bytes of a sample say of its picture (ISO/IEC 14496-15 §4.3).

use super::super::{BoxError, FourCc, boxes::Fields};

/// What kind of picture a sample holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Picture {
    /// Decoding can start here, and nothing later refers to what was before.
    Idr,
    /// Anything else.
    Other,
}

/// What [`Nals::scan`] saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scan {
    /// The picture, from its first slice; `None` when the bytes ended before it.
    pub picture: Option<Picture>,
    /// A parameter set stands before the slice that the sample entry does not have.
    pub changed: bool,
}

/// How a track's samples are made of NAL units, and its parameter sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nals {
    hevc: bool,
    len_bytes: usize,
    sets: Vec<Vec<u8>>,
}

enum Kind {
    Slice(Picture),
    ParameterSet,
    Other,
}

impl Nals {
    /// From the body of `avcC` (ISO/IEC 14496-15 §5.3.3.1).
    ///
    /// # Errors
    /// It is malformed.
    pub fn avc(avcc: &[u8]) -> Result<Self, BoxError> {
        let mut fields = Fields::of(b"avcC", avcc);
        fields.skip(4)?; // version, profile, constraints, level
        let len_bytes = len_bytes(fields.u8()?, *b"avcC")?;
        let mut sets = Vec::new();
        for mask in [0x1f, 0xff] {
            for _ in 0..fields.u8()? & mask {
                let len = fields.u16()?;
                sets.push(fields.bytes(len.into())?.to_vec());
            }
        }
        Ok(Self {
            hevc: false,
            len_bytes,
            sets,
        })
    }

    /// From the body of `hvcC` (§8.3.3.1).
    ///
    /// # Errors
    /// It is malformed.
    pub fn hevc(hvcc: &[u8]) -> Result<Self, BoxError> {
        let mut fields = Fields::of(b"hvcC", hvcc);
        fields.skip(21)?;
        let len_bytes = len_bytes(fields.u8()?, *b"hvcC")?;
        let mut sets = Vec::new();
        for _ in 0..fields.u8()? {
            fields.skip(1)?; // type
            for _ in 0..fields.u16()? {
                let len = fields.u16()?;
                sets.push(fields.bytes(len.into())?.to_vec());
            }
        }
        Ok(Self {
            hevc: true,
            len_bytes,
            sets,
        })
    }

    /// All parameter sets of the sample entry, in its order.
    #[must_use]
    pub fn sets(&self) -> &[Vec<u8>] {
        &self.sets
    }

    /// Looks at a sample, or at its first bytes, up to its first slice.
    #[must_use]
    pub fn scan(&self, sample: &[u8]) -> Scan {
        let mut scan = Scan {
            picture: None,
            changed: false,
        };
        let mut rest = sample;
        while let Some((len, body)) = self.next_len(rest) {
            match body.first().map(|first| self.kind(*first)) {
                Some(Kind::Slice(picture)) => {
                    scan.picture = Some(picture);
                    return scan;
                }
                Some(Kind::ParameterSet) => match body.get(..len) {
                    Some(set) => scan.changed |= !self.sets.iter().any(|known| known == set),
                    None => return scan,
                },
                Some(Kind::Other) | None => {}
            }
            match body.get(len..) {
                Some(behind) => rest = behind,
                None => return scan,
            }
        }
        scan
    }

    fn next_len<'a>(&self, bytes: &'a [u8]) -> Option<(usize, &'a [u8])> {
        let (len, body) = bytes.split_at_checked(self.len_bytes)?;
        let len = len
            .iter()
            .fold(0, |len, byte| len << 8 | usize::from(*byte));
        Some((len, body))
    }

    /// From a NAL unit's first byte: ISO/IEC 14496-10 table 7-1, ISO/IEC 23008-2 table
    /// 7-1.
    fn kind(&self, first: u8) -> Kind {
        let idr = |is| Kind::Slice(if is { Picture::Idr } else { Picture::Other });
        if self.hevc {
            return match first >> 1 & 0x3f {
                kind @ 0..=31 => idr(matches!(kind, 19 | 20)),
                32..=34 => Kind::ParameterSet,
                _ => Kind::Other,
            };
        }
        match first & 0x1f {
            kind @ 1..=5 => idr(kind == 5),
            7 | 8 => Kind::ParameterSet,
            _ => Kind::Other,
        }
    }
}

fn len_bytes(field: u8, inside: [u8; 4]) -> Result<usize, BoxError> {
    match usize::from(field & 3) + 1 {
        3 => Err(BoxError::Invalid {
            inside: FourCc(inside),
            what: "length size 3",
        }),
        len => Ok(len),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPS: &[u8] = &[0x67, 0x64, 0, 40, 1];
    const PPS: &[u8] = &[0x68, 1, 2];

    fn avc() -> Nals {
        let avcc = [&[1, 100, 0, 40, 0xff, 0xe1, 0, 5], SPS, &[1, 0, 3], PPS].concat();
        Nals::avc(&avcc).unwrap()
    }

    fn sample(nals: &[&[u8]]) -> Vec<u8> {
        let framed = |nal: &&[u8]| [&(nal.len() as u32).to_be_bytes(), *nal].concat();
        nals.iter().flat_map(framed).collect()
    }

    fn seen(picture: Option<Picture>, changed: bool) -> Scan {
        Scan { picture, changed }
    }

    #[test]
    fn the_first_slice_tells_an_idr_picture() {
        let (idr, other, sei) = (&[0x65, 9][..], &[0x41, 9][..], &[6, 1, 2][..]);
        let idr_picture = seen(Some(Picture::Idr), false);
        let other_picture = seen(Some(Picture::Other), false);
        for (nals, expected) in [
            (&[idr][..], idr_picture),
            (&[other], other_picture),
            (&[&[9, 16], SPS, PPS, sei, idr], idr_picture),
            // A recovery point that a file calls a keyframe is none.
            (&[sei, other, idr], other_picture),
        ] {
            assert_eq!(avc().scan(&sample(nals)), expected);
        }
    }

    #[test]
    fn another_parameter_set_is_a_change() {
        let (idr, other) = (&[0x65, 9][..], &[0x67, 0x64, 0, 40, 2][..]);
        assert!(avc().scan(&sample(&[other, PPS, idr])).changed);
        assert!(!avc().scan(&sample(&[SPS, PPS, idr])).changed);
    }

    #[test]
    fn bytes_that_end_before_the_slice_say_nothing() {
        let whole = sample(&[&[6; 40], &[0x65, 9]]);
        for cut in 0..44 {
            assert_eq!(avc().scan(&whole[..cut]).picture, None, "cut at {cut}");
        }
        let first_byte = 44 + 4 + 1;
        assert_eq!(avc().scan(&whole[..first_byte]).picture, Some(Picture::Idr));
    }

    #[test]
    fn hevc_starts_at_types_19_and_20_only() {
        let hvcc = [&[0; 21][..], &[3, 1, 33, 0, 1, 0, 2, 0x42, 7]].concat();
        let nals = Nals::hevc(&hvcc).unwrap();
        for (kind, picture) in [
            (19, Picture::Idr),
            (20, Picture::Idr),
            (21, Picture::Other), // CRA: leading pictures may refer to what was before
            (1, Picture::Other),
        ] {
            let bytes = sample(&[&[35 << 1, 1], &[kind << 1, 1]]);
            assert_eq!(nals.scan(&bytes).picture, Some(picture), "type {kind}");
        }
        assert!(nals.scan(&sample(&[&[33 << 1, 8]])).changed);
    }
}
