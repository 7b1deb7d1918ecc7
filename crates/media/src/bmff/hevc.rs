//! HEVC inside mp4 (ISO/IEC 14496-15 §8).

use super::{BoxError, FourCc, avc::next_nal, boxes::Fields};

/// What `hvcC` says.
pub(super) struct Config {
    /// Profile, compatibility, tier, level and constraints, as ISO/IEC 14496-15 §E.3 wants
    /// them: `1.6.L93.90`.
    pub(super) profile: String,
    pub(super) nal_len_bytes: u8,
}

impl Config {
    pub(super) fn read(hvcc: &[u8]) -> Result<Self, BoxError> {
        let mut fields = Fields::of(b"hvcC", hvcc);
        if fields.u8()? != 1 {
            return Err(BoxError::Unsupported("version of hvcC".into()));
        }
        let general = fields.u8()?;
        let compatible = fields.u32()?;
        let constraints = fields.bytes(6)?;
        let level = fields.u8()?;
        // Segmentation, parallelism, chroma, two depths, frame rate.
        fields.skip(8)?;
        let nal_len_bytes = (fields.u8()? & 3) + 1;
        if nal_len_bytes == 3 {
            return Err(BoxError::Invalid {
                inside: FourCc(*b"hvcC"),
                what: "length size 3",
            });
        }
        Ok(Self {
            profile: profile(general, compatible, level, constraints),
            nal_len_bytes,
        })
    }
}

/// Bits of the compatibility flags in reverse order; of the constraints no zero bytes at
/// the end.
fn profile(general: u8, compatible: u32, level: u8, constraints: &[u8]) -> String {
    let space = ["", "A", "B", "C"][usize::from(general >> 6)];
    let tier = if general & 0x20 == 0 { 'L' } else { 'H' };
    let used = constraints.iter().rposition(|byte| *byte != 0);
    let used = &constraints[..used.map_or(0, |at| at + 1)];
    let tail: String = used.iter().map(|byte| format!(".{byte:X}")).collect();
    let (profile, compatible) = (general & 0x1f, compatible.reverse_bits());
    format!("{space}{profile}.{compatible:X}.{tier}{level}{tail}")
}

/// NAL unit types below this are slices (ITU-T H.265 table 7-1).
const SLICES_END: u8 = 32;
/// IDR_W_RADL and IDR_N_LP.
const IDR: std::ops::RangeInclusive<u8> = 19..=20;

/// The picture in this sample is an IDR picture: its first slice says so. A sample that
/// is malformed, or holds no slice, is none.
pub(super) fn is_idr(sample: &[u8], nal_len_bytes: u8) -> bool {
    let mut rest = sample;
    while let Some((nal, behind)) = next_nal(rest, usize::from(nal_len_bytes)) {
        match nal.first().map(|byte| byte >> 1 & 0x3f) {
            Some(kind) if kind < SLICES_END => return IDR.contains(&kind),
            _ => rest = behind,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_is_written_as_the_standard_does() {
        // ISO/IEC 14496-15 §E.3's own examples.
        let main = profile(0x01, 0x6000_0000, 93, &[0xb0, 0, 0, 0, 0, 0]);
        assert_eq!(main, "1.6.L93.B0");
        let spaced = profile(0x41, 0x2000_0000, 30, &[0; 6]);
        assert_eq!(spaced, "A1.4.L30");
        let high = profile(0x24, 0x0800_0000, 120, &[0xb0, 0x23, 0, 0, 0, 0]);
        assert_eq!(high, "4.10.H120.B0.23");
    }

    #[test]
    fn only_types_19_and_20_are_idr_pictures() {
        let sample =
            |kind: u8| [&[0, 0, 0, 2, 35 << 1, 1], &[0, 0, 0, 2, kind << 1, 1][..]].concat();
        let idr: Vec<u8> = (0..32).filter(|kind| is_idr(&sample(*kind), 4)).collect();
        assert_eq!(idr, [19, 20]);
        assert!(!is_idr(&sample(19)[..6], 4) && !is_idr(&[0, 0, 0, 9, 38], 4));
    }
}
