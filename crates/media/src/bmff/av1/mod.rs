//! AV1 inside mp4 (AV1 Codec ISO Media File Format Binding, "AV1-ISOBMFF", 1.2.0).

mod sequence;

use self::sequence::Sequence;
use super::{
    BoxError, FourCc,
    boxes::{Fields, boxes},
    entry::rewritten,
    write::put_box,
};

/// What `av1C` says (§2.3).
pub(super) struct Config<'a> {
    /// Profile, level, tier, depth and colour, as §5 wants them: `0.04M.08`.
    pub(super) profile: String,
    /// The whole OBU of the sequence header.
    pub(super) sequence_header: &'a [u8],
}

impl<'a> Config<'a> {
    pub(super) fn read(av1c: &'a [u8]) -> Result<Self, BoxError> {
        let mut fields = Fields::of(b"av1C", av1c);
        if fields.u8()? != 0x81 {
            return Err(BoxError::Unsupported("version of av1C".into()));
        }
        let (level, depth) = (fields.u8()?, fields.u8()?);
        fields.skip(1)?; // initial presentation delay
        let header = Obus(fields.rest()).find(|obu| obu.kind == SEQUENCE_HEADER);
        let header = header.ok_or(invalid("no sequence header"))?;
        let sequence = Sequence::read(header.payload).ok_or(invalid("its sequence header"))?;
        if (level, depth) != sequence.av1c() {
            return Err(invalid("not what its sequence header says"));
        }
        Ok(Self {
            profile: sequence.profile(),
            sequence_header: header.whole,
        })
    }
}

/// The init segment with what its first sample says of itself: before it has seen a picture, an
/// encoder may not know which tools it will use, and its sequence header says others then.
///
/// # Errors
/// It is not an init segment, or the sample has no sequence header.
pub fn with_sequence_header(init: &[u8], sample: &[u8]) -> Result<Vec<u8>, BoxError> {
    let header = Obus(sample).find(|obu| obu.kind == SEQUENCE_HEADER);
    let header = header.ok_or(invalid("no sequence header"))?;
    let sequence = Sequence::read(header.payload).ok_or(invalid("its sequence header"))?;
    let (level, depth) = sequence.av1c();
    let config = [&[0x81, level, depth, 0], header.whole].concat();
    rewritten(init, &|out, parts| {
        for part in boxes(parts).map_while(Result::ok) {
            let body = match &part.kind.0 {
                b"av1C" => &config,
                _ => part.body,
            };
            put_box(out, &part.kind.0, |out| out.extend_from_slice(body));
        }
    })
}

fn invalid(what: &'static str) -> BoxError {
    BoxError::Invalid {
        inside: FourCc(*b"av1C"),
        what,
    }
}

/// OBU types (AV1 bitstream §6.2.2).
const SEQUENCE_HEADER: u8 = 1;
const FRAME_HEADER: u8 = 3;
const FRAME: u8 = 6;

/// The temporal unit starts a coded video sequence with this very sequence header: it
/// stands before the first frame, which is a key frame and is shown (AV1 bitstream §7.5).
/// A unit that is malformed does not.
pub(super) fn starts_with(sample: &[u8], sequence_header: &[u8]) -> bool {
    let mut same = false;
    for obu in Obus(sample) {
        match obu.kind {
            SEQUENCE_HEADER if obu.whole != sequence_header => return false,
            SEQUENCE_HEADER => same = true,
            // No existing frame shown, frame type 0, shown: uncompressed_header, §5.9.2.
            FRAME_HEADER | FRAME => {
                return same && obu.payload.first().is_some_and(|bits| bits >> 4 == 1);
            }
            _ => {}
        }
    }
    false
}

/// One open bitstream unit.
struct Obu<'a> {
    kind: u8,
    whole: &'a [u8],
    payload: &'a [u8],
}

/// Open bitstream units, one behind the other (AV1 bitstream §5.3); ends at the first that
/// is malformed.
struct Obus<'a>(&'a [u8]);

impl<'a> Iterator for Obus<'a> {
    type Item = Obu<'a>;

    fn next(&mut self) -> Option<Obu<'a>> {
        let all = self.0;
        let (&head, mut rest) = all.split_first()?;
        if head & 0x80 != 0 {
            return None;
        }
        if head & 4 != 0 {
            rest = rest.get(1..)?;
        }
        // Only the last of a unit may leave its length unsaid.
        let len = match head & 2 {
            0 => rest.len(),
            _ => leb128(&mut rest)?,
        };
        let (payload, behind) = rest.split_at_checked(len)?;
        self.0 = behind;
        Some(Obu {
            kind: head >> 3 & 0xf,
            whole: &all[..all.len() - behind.len()],
            payload,
        })
    }
}

/// A number in groups of seven bits, the lowest first (AV1 bitstream §4.10.5).
fn leb128(rest: &mut &[u8]) -> Option<usize> {
    let mut value = 0_u64;
    for shift in 0..8 {
        let (&byte, behind) = rest.split_first()?;
        *rest = behind;
        value |= u64::from(byte & 0x7f) << (7 * shift);
        if byte & 0x80 == 0 {
            return usize::try_from(value).ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELIMITER: [u8; 2] = [0x12, 0];
    const HEADER: [u8; 4] = [0x0a, 2, 0, 7];
    const KEY: [u8; 3] = [0x32, 1, 0x10];

    #[test]
    fn a_sequence_starts_with_its_own_header_and_a_key_frame_that_is_shown() {
        let starts = |parts: &[&[u8]]| starts_with(&parts.concat(), &HEADER);
        assert!(starts(&[&DELIMITER, &HEADER, &KEY]));
        assert!(starts(&[&HEADER, &[0x2a, 1, 0], &[0x1a, 1, 0x10]]));
        assert!(!starts(&[&KEY]));
        assert!(!starts(&[&[0x0a, 2, 0, 8], &KEY]));
        // Shown again, an inter frame, an intra-only one, a key frame that is not shown.
        for first in [0x90, 0x30, 0x50, 0x00] {
            assert!(!starts(&[&HEADER, &[0x32, 1, first]]), "{first:#x}");
        }
    }

    #[test]
    fn what_is_malformed_ends_the_units() {
        for bytes in [&[][..], &[0x0a], &[0x0a, 5, 0], &[0x8a, 0], &[0x0a, 0x80]] {
            assert!(!starts_with(bytes, &HEADER), "{bytes:?}");
        }
        assert!(!starts_with(
            &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[]
        ));
    }
}
