//! Decoder configurations: the codec string they amount to (RFC 6381), and their size.

use super::av1;
use crate::boxes::{Box, BoxError, Fields, find};

/// Parameter sets and the length of a NAL unit's length.
#[derive(Debug, Clone, Default)]
pub(super) struct NalSetup {
    pub(super) len_bytes: usize,
    pub(super) sets: Vec<Vec<u8>>,
}

/// The codec string of a sample entry, in the words of the boxes in it.
pub(super) fn name(entry: &str, parts: &[Box<'_>]) -> Result<String, BoxError> {
    Ok(match entry {
        "avc1" | "avc3" => {
            let [_, profile, constraints, level] = Fields::of(find(parts, b"avcC")?).take()?;
            format!("{entry}.{profile:02x}{constraints:02x}{level:02x}")
        }
        "hvc1" | "hev1" => hevc(entry, Fields::of(find(parts, b"hvcC")?))?,
        "av01" => av1::Setup::of(find(parts, b"av1C")?.body)?.codec(),
        "vp08" | "vp09" => {
            let mut fields = Fields::of(find(parts, b"vpcC")?);
            fields.version()?;
            let [profile, level, depth] = fields.take()?;
            format!("{entry}.{profile:02}.{level:02}.{:02}", depth >> 4)
        }
        "mp4a" => esds(find(parts, b"esds")?.body).unwrap_or_else(|| "mp4a".to_owned()),
        "Opus" => {
            find(parts, b"dOps")?;
            "opus".to_owned()
        }
        "fLaC" => {
            find(parts, b"dfLa")?;
            "flac".to_owned()
        }
        other => other.to_owned(),
    })
}

/// AV1's colours where a codec string does not say them (AV1-ISOBMFF §5).
const AV1_DEFAULT: &str = ".0.110.01.01.01.0";

/// Whether a declared codec string says what a configuration says. It may say more
/// (AV1 and VP9 have optional parts), and the case of hexadecimal digits is free.
pub(super) fn agrees(declared: &str, found: &str) -> bool {
    let (declared, found) = (declared.to_ascii_lowercase(), found.to_ascii_lowercase());
    let is_av1 = found.starts_with("av01");
    let optional = is_av1 || found.starts_with("vp0");
    declared == found
        || optional && declared.starts_with(&format!("{found}."))
        || is_av1 && format!("{declared}{AV1_DEFAULT}") == found
}

/// ISO/IEC 14496-15 annex E.
fn hevc(entry: &str, mut fields: Fields<'_>) -> Result<String, BoxError> {
    let [_, general] = fields.take()?;
    let compatible = fields.u32()?.reverse_bits();
    let constraints: [u8; 6] = fields.take()?;
    let [level] = fields.take()?;
    let space = ["", "A", "B", "C"][usize::from(general >> 6)];
    let tier = if general & 0x20 == 0 { 'L' } else { 'H' };
    let used = constraints
        .iter()
        .rposition(|b| *b != 0)
        .map_or(0, |at| at + 1);
    let tail: String = constraints[..used]
        .iter()
        .map(|b| format!(".{b:X}"))
        .collect();
    let profile = general & 0x1f;
    Ok(format!(
        "{entry}.{space}{profile}.{compatible:X}.{tier}{level}{tail}"
    ))
}

/// `esds` (ISO/IEC 14496-1 §7.2.6): `mp4a.40.2`.
fn esds(body: &[u8]) -> Option<String> {
    let es = descriptor(body.get(4..)?, 3)?;
    let flags = *es.get(2)?;
    let mut at = 3;
    at += if flags & 0x80 == 0 { 0 } else { 2 };
    at += if flags & 0x40 == 0 {
        0
    } else {
        1 + usize::from(*es.get(at)?)
    };
    at += if flags & 0x20 == 0 { 0 } else { 2 };
    let config = descriptor(es.get(at..)?, 4)?;
    let kind = *config.first()?;
    if kind != 0x40 {
        return Some(format!("mp4a.{kind:02x}"));
    }
    let info = descriptor(config.get(13..)?, 5)?;
    let first = u16::from_be_bytes([*info.first()?, *info.get(1)?]);
    let object = match first >> 11 {
        31 => 32 + ((first >> 5) & 0x3f),
        object => object,
    };
    Some(format!("mp4a.40.{object}"))
}

/// A descriptor with this tag, at the beginning of the bytes.
fn descriptor(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    let (first, mut rest) = bytes.split_first()?;
    let mut len = 0_usize;
    for _ in 0..4 {
        let (byte, after) = rest.split_first()?;
        rest = after;
        len = len << 7 | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    (*first == tag).then(|| rest.get(..len))?
}

/// Parameter sets of `avcC` and `hvcC` (ISO/IEC 14496-15 §5.3.3, §8.3.3).
pub(super) fn nal_setup(parts: &[Box<'_>]) -> Option<NalSetup> {
    let of = |kind| find(parts, kind).ok().map(|b| b.body);
    if let Some(body) = of(b"avcC") {
        let mut setup = NalSetup {
            len_bytes: usize::from(body.get(4)? & 3) + 1,
            sets: Vec::new(),
        };
        let rest = arrays(body.get(6..)?, usize::from(body.get(5)? & 0x1f), &mut setup)?;
        arrays(rest.get(1..)?, usize::from(*rest.first()?), &mut setup)?;
        return Some(setup);
    }
    let body = of(b"hvcC")?;
    let mut setup = NalSetup {
        len_bytes: usize::from(body.get(21)? & 3) + 1,
        sets: Vec::new(),
    };
    let mut rest = body.get(23..)?;
    for _ in 0..*body.get(22)? {
        let count = u16::from_be_bytes([*rest.get(1)?, *rest.get(2)?]);
        rest = arrays(rest.get(3..)?, usize::from(count), &mut setup)?;
    }
    Some(setup)
}

fn arrays<'a>(mut rest: &'a [u8], count: usize, into: &mut NalSetup) -> Option<&'a [u8]> {
    for _ in 0..count {
        let len = usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?]));
        into.sets.push(rest.get(2..2 + len)?.to_vec());
        rest = &rest[2 + len..];
    }
    Some(rest)
}

/// Width and height after cropping of an H.264 SPS (ITU-T H.264 §7.3.2.1.1).
pub(super) fn avc_size(sps: &[u8]) -> Option<(u32, u32)> {
    let mut bits = Bits::of_nal(sps.get(1..)?);
    let profile = bits.read(8)?;
    bits.read(16)?;
    bits.ue()?;
    let mut chroma = 1;
    if [100, 110, 122, 244, 44, 83, 86, 118, 128].contains(&profile) {
        chroma = bits.ue()?;
        if chroma == 3 {
            bits.read(1)?;
        }
        bits.ue()?;
        bits.ue()?;
        bits.read(1)?;
        if bits.read(1)? == 1 {
            return None; // Scaling matrices: nobody's, and long.
        }
    }
    bits.ue()?;
    match bits.ue()? {
        0 => {
            bits.ue()?;
        }
        1 => return None, // No encoder writes it.
        _ => {}
    }
    bits.ue()?;
    bits.read(1)?;
    let (wide, high) = (bits.ue()? + 1, bits.ue()? + 1);
    let frames = bits.read(1)?;
    if frames == 0 {
        bits.read(1)?;
    }
    bits.read(1)?;
    let mut crop = [0; 4];
    if bits.read(1)? == 1 {
        for side in &mut crop {
            *side = bits.ue()?;
        }
    }
    let (unit_x, unit_y) = match chroma {
        1 => (2, 2),
        2 => (2, 1),
        _ => (1, 1),
    };
    let fields = 2 - frames;
    let width = (wide * 16).checked_sub((crop[0] + crop[1]) * unit_x)?;
    let height = (high * 16 * fields).checked_sub((crop[2] + crop[3]) * unit_y * fields)?;
    Some((width, height))
}

pub(super) struct Bits {
    bytes: Vec<u8>,
    at: usize,
}

impl Bits {
    pub(super) fn plain(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.to_vec(),
            at: 0,
        }
    }

    /// The payload of a NAL unit without its emulation prevention bytes (§7.4.1).
    fn of_nal(nal: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(nal.len());
        let mut zeros = 0;
        for &byte in nal {
            if zeros >= 2 && byte == 3 {
                zeros = 0;
                continue;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            bytes.push(byte);
        }
        Self { bytes, at: 0 }
    }

    pub(super) fn read(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0, |value, _| {
            let bit = self.bytes.get(self.at / 8)? >> (7 - self.at % 8) & 1;
            self.at += 1;
            Some(value << 1 | u32::from(bit))
        })
    }

    /// Exp-Golomb, below 2^16: no size is larger.
    pub(super) fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.read(1)? == 0 {
            zeros += 1;
            if zeros > 15 {
                return None;
            }
        }
        Some((1 << zeros) - 1 + self.read(zeros)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boxes::FourCc;

    fn part<'a>(kind: &[u8; 4], body: &'a [u8]) -> Box<'a> {
        Box {
            kind: FourCc(*kind),
            at: 0,
            body,
        }
    }

    #[test]
    fn configurations_amount_to_the_strings_of_the_standards() {
        let hvcc = [1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 93];
        let esds = [
            0, 0, 0, 0, 3, 0x80, 0x80, 0x80, 25, 0, 1, 0, 4, 17, 0x40, 0x15, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 5, 2, 0x12, 0x10, 6, 1, 2,
        ];
        for (entry, kind, body, expected) in [
            ("avc1", b"avcC", &[1, 0x64, 0, 0x28][..], "avc1.640028"),
            ("hvc1", b"hvcC", &hvcc, "hvc1.1.6.L93.90"),
            ("av01", b"av1C", &[0x81, 0x08, 0x40, 0], "av01.0.08M.10"),
            ("vp09", b"vpcC", &[1, 0, 0, 0, 2, 10, 0xa2], "vp09.02.10.10"),
            ("mp4a", b"esds", &esds, "mp4a.40.2"),
            ("Opus", b"dOps", &[], "opus"),
        ] {
            assert_eq!(name(entry, &[part(kind, body)]).unwrap(), expected);
        }
        assert!(
            agrees("av01.0.08M.10.0.111", "av01.0.08M.10") && agrees("AVC1.64001F", "avc1.64001f")
        );
        let (sdr, pq) = ("av01.0.08M.08", "av01.0.08M.10.0.110.09.16.09.0");
        assert!(agrees(sdr, &format!("{sdr}{AV1_DEFAULT}")) && agrees(pq, pq));
        assert!(!agrees("av01.0.08M.10", pq) && !agrees(&pq.replace("16", "18"), pq));
        assert!(!agrees("avc1.64001f.1", "avc1.64001f") && !agrees("hvc1", "hvc1.1.6.L93.90"));
    }
}
