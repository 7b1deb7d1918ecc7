//! H.264 inside mp4 (ISO/IEC 14496-15 §5).

use super::{BoxError, FourCc, boxes::Fields};

/// What `avcC` says.
pub(super) struct Config {
    /// Profile, constraints and level in hexadecimal, as RFC 6381 §3.3 wants them.
    pub(super) profile: String,
    pub(super) nal_len_bytes: u8,
}

impl Config {
    pub(super) fn read(avcc: &[u8]) -> Result<Self, BoxError> {
        let mut fields = Fields::of(b"avcC", avcc);
        if fields.u8()? != 1 {
            return Err(BoxError::Unsupported("version of avcC".into()));
        }
        let (profile, constraints, level) = (fields.u8()?, fields.u8()?, fields.u8()?);
        let nal_len_bytes = (fields.u8()? & 3) + 1;
        if nal_len_bytes == 3 {
            return Err(BoxError::Invalid {
                inside: FourCc(*b"avcC"),
                what: "length size 3",
            });
        }
        let profile = format!("{profile:02x}{constraints:02x}{level:02x}");
        Ok(Self {
            profile,
            nal_len_bytes,
        })
    }
}

/// NAL unit types of slices (ISO/IEC 14496-10 table 7-1); 5 is an IDR picture's.
const SLICES: std::ops::RangeInclusive<u8> = 1..=5;
const IDR: u8 = 5;

/// The picture in this sample is an IDR picture: its first slice says so. A sample
/// that is malformed, or holds no slice, is none.
pub(super) fn is_idr(sample: &[u8], nal_len_bytes: u8) -> bool {
    let mut rest = sample;
    while let Some((nal, behind)) = next_nal(rest, usize::from(nal_len_bytes)) {
        match nal.first().map(|byte| byte & 0x1f) {
            Some(kind) if SLICES.contains(&kind) => return kind == IDR,
            _ => rest = behind,
        }
    }
    false
}

/// The first NAL unit of a sample, and what is behind it.
pub(super) fn next_nal(bytes: &[u8], nal_len_bytes: usize) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes
        .split_at_checked(nal_len_bytes)
        .filter(|(len, _)| !len.is_empty())?;
    let len = len
        .iter()
        .fold(0_u32, |len, byte| len << 8 | u32::from(*byte));
    rest.split_at_checked(usize::try_from(len).ok()?)
}
