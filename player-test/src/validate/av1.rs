//! AV1: `av1C` (AV1-ISOBMFF §2.3) and open bitstream units (AV1 bitstream §5.3).

mod sequence;

use self::sequence::Sequence;
use crate::boxes::{BoxError, FourCc};

/// What `av1C` says (AV1-ISOBMFF §2.3).
#[derive(Debug, Clone)]
pub(super) struct Setup {
    /// The two bytes behind its version.
    record: [u8; 2],
    /// The unit of its sequence header, and what that says.
    header: Option<(Vec<u8>, Sequence)>,
}

impl Setup {
    pub(super) fn of(body: &[u8]) -> Result<Self, BoxError> {
        let short = || BoxError::Short(FourCc(*b"av1C"));
        let [_, one, two, _, rest @ ..] = body else {
            return Err(short());
        };
        let header = units(rest).find(|unit| unit.kind == SEQUENCE_HEADER);
        let header = match header {
            None => None,
            Some(unit) => {
                let sequence = Sequence::read(unit.payload).ok_or_else(short)?;
                Some((unit.whole.to_vec(), sequence))
            }
        };
        Ok(Self {
            record: [*one, *two],
            header,
        })
    }

    /// The codec string (AV1-ISOBMFF §5), with its optional part where a sequence header
    /// describes the colours.
    pub(super) fn codec(&self) -> String {
        let [one, two] = self.record;
        let depth = match (two & 0x40 != 0, two & 0x20 != 0) {
            (false, _) => 8,
            (true, false) => 10,
            (true, true) => 12,
        };
        let tier = if two & 0x80 == 0 { 'M' } else { 'H' };
        let short = format!("av01.{}.{:02}{tier}.{depth:02}", one >> 5, one & 0x1f);
        let colours = self.header.as_ref().and_then(|(_, s)| s.colours);
        let Some([primaries, transfer, matrix, full]) = colours else {
            return short;
        };
        let bit = |n: u32| u32::from(two) >> n & 1;
        let place = if bit(3) & bit(2) == 1 { two & 3 } else { 0 };
        format!(
            "{short}.{}.{}{}{place}.{primaries:02}.{transfer:02}.{matrix:02}.{full}",
            bit(4),
            bit(3),
            bit(2)
        )
    }

    /// `av1C`'s own fields are what its sequence header says.
    pub(super) fn is_consistent(&self) -> bool {
        let said = self.header.as_ref().map(|(_, sequence)| sequence.record);
        said.is_none_or(|said| said == self.record)
    }

    /// Width and height of the largest frame.
    pub(super) fn size(&self) -> Option<(u32, u32)> {
        self.header.as_ref().map(|(_, sequence)| sequence.size)
    }

    /// Sequence headers in a sample that are not the one in `av1C`.
    pub(super) fn foreign(&self, data: &[u8]) -> usize {
        let Some((own, _)) = &self.header else {
            return 0;
        };
        let headers = units(data).filter(|unit| unit.kind == SEQUENCE_HEADER);
        headers.filter(|unit| unit.whole != own).count()
    }
}

/// A sequence header, and then a key frame that is shown.
pub(super) fn is_key(data: &[u8]) -> bool {
    let mut units = units(data).skip_while(|unit| unit.kind != SEQUENCE_HEADER);
    let frame = units.find(|unit| FRAMES.contains(&unit.kind));
    // No frame shown again, type 0, shown (§5.9.2).
    frame.is_some_and(|unit| unit.payload.first().is_some_and(|bits| bits & 0xf0 == 0x10))
        && !before_header(data)
}

/// A frame stands before the first sequence header.
fn before_header(data: &[u8]) -> bool {
    units(data)
        .take_while(|unit| unit.kind != SEQUENCE_HEADER)
        .any(|unit| FRAMES.contains(&unit.kind))
}

const SEQUENCE_HEADER: u8 = 1;
/// A frame's header alone, and with its tiles.
const FRAMES: [u8; 2] = [3, 6];

struct Unit<'a> {
    kind: u8,
    whole: &'a [u8],
    payload: &'a [u8],
}

/// The units that fill `data`; what does not fit is left out.
fn units(mut data: &[u8]) -> impl Iterator<Item = Unit<'_>> {
    std::iter::from_fn(move || {
        let head = *data.first()?;
        let mut at = if head & 4 == 0 { 1 } else { 2 };
        let mut len = data.len().checked_sub(at)?;
        if head & 2 != 0 {
            len = 0;
            for shift in (0..56).step_by(7) {
                let byte = *data.get(at)?;
                at += 1;
                len |= usize::from(byte & 0x7f) << shift;
                if byte & 0x80 == 0 {
                    break;
                }
            }
        }
        let end = at.checked_add(len)?;
        let unit = Unit {
            kind: head >> 3 & 0xf,
            whole: data.get(..end)?,
            payload: &data[at..end],
        };
        data = &data[end..];
        Some(unit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `av1C` of 320 × 180, as ffmpeg writes it with SVT-AV1.
    const PLAIN: [u8; 17] = [
        0x81, 0, 0x0c, 0, 0x0a, 11, 0, 0, 0, 4, 0x3c, 0xfe, 0xcc, 0x02, 0xf8, 0, 0x40,
    ];

    #[test]
    fn a_configuration_is_read_to_its_colours() {
        let setup = Setup::of(&PLAIN).unwrap();
        assert_eq!(setup.codec(), "av01.0.00M.08");
        assert_eq!(setup.size(), Some((320, 180)));
        assert!(setup.is_consistent());
        let mut other = PLAIN;
        other[1] = 1;
        assert!(!Setup::of(&other).unwrap().is_consistent());
        // No header: what the box says is all there is.
        let bare = Setup::of(&[0x81, 8, 0x40, 0]).unwrap();
        assert_eq!(
            (bare.codec().as_str(), bare.size()),
            ("av01.0.08M.10", None)
        );
        assert!(Setup::of(&PLAIN[..12]).unwrap().header.is_none());
        assert!(Setup::of(&[0x81, 0]).is_err());
    }

    #[test]
    fn a_key_frame_comes_after_its_sequence_header_and_is_shown() {
        let delimiter = [0x12, 0];
        let sequence = [0x0a, 1, 0];
        let (key, inter, hidden) = ([0x32, 1, 0x10], [0x32, 1, 0x30], [0x32, 1, 0]);
        let unit = |parts: &[&[u8]]| is_key(&parts.concat());
        assert!(unit(&[&delimiter, &sequence, &key]));
        assert!(!unit(&[&delimiter, &sequence, &inter]));
        assert!(!unit(&[&delimiter, &sequence, &hidden]));
        assert!(!unit(&[&key, &sequence, &key]));
        assert!(!unit(&[&delimiter, &key]) && !unit(&[&delimiter]) && !unit(&[]));
    }

    #[test]
    fn another_sequence_header_is_foreign() {
        let setup = Setup::of(&PLAIN).unwrap();
        let own = &PLAIN[4..];
        let mut other = own.to_vec();
        other[6] ^= 1;
        assert_eq!(setup.foreign(&[own, &[0x32, 1, 0x10]].concat()), 0);
        assert_eq!(setup.foreign(&other), 1);
    }
}
