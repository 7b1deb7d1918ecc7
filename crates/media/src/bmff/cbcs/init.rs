//! Init segments of encrypted tracks (ISO/IEC 23001-7 §4.2, §8).

use super::{
    Key,
    cipher::Pattern,
    hevc_sets::HevcSets,
    sets::{NalSets, Sets},
};
use crate::bmff::{
    BoxError, BoxRef, FourCc,
    boxes::{boxes, only},
    write::{put, put_box},
};

/// Where the sample entries are, from the top.
pub(in crate::bmff) const TO_STSD: [&[u8; 4]; 6] =
    [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"];
/// `schm`: version 1.0 of the scheme.
const SCHEME_VERSION: u32 = 0x1_0000;
/// The system whose `pssh` only names keys (W3C, "cenc" Initialization Data Format §3).
const COMMON_SYSTEM: [u8; 16] = [
    0x10, 0x77, 0xef, 0xec, 0xc0, 0xb2, 0x4d, 0x02, 0xac, 0xe3, 0x3c, 0x1e, 0x52, 0xe2, 0xfb, 0x4b,
];
/// Version, flags and count of entries of `stsd`.
pub(in crate::bmff) const STSD_HEAD_LEN: usize = 8;
/// Fields of a sample entry before its boxes (ISO/IEC 14496-12 §12.1.3, §12.2.3).
pub(in crate::bmff) const VIDEO_LEN: usize = 78;
const AUDIO_LEN: usize = 28;

/// The sample entry of a clear init segment.
pub(super) struct Entry<'a> {
    kind: FourCc,
    body: &'a [u8],
}

impl<'a> Entry<'a> {
    /// Of a track with one.
    pub(super) fn of(init: &'a [u8]) -> Result<Self, BoxError> {
        let stsd = TO_STSD
            .iter()
            .try_fold(init, |parent, kind| only(parent, kind))?;
        let invalid = |what| BoxError::Invalid {
            inside: FourCc(*b"stsd"),
            what,
        };
        let entries = stsd.get(STSD_HEAD_LEN..).ok_or(BoxError::Truncated {
            inside: FourCc(*b"stsd"),
        })?;
        let mut entries = boxes(entries);
        let entry = entries.next().ok_or_else(|| invalid("no sample entry"))??;
        if entries.next().is_some() {
            return Err(invalid("more than one sample entry"));
        }
        if matches!(&entry.kind.0, b"encv" | b"enca") {
            return Err(invalid("it is encrypted already"));
        }
        Ok(Self {
            kind: entry.kind,
            body: entry.body,
        })
    }

    /// Its parameter sets, by which the headers of slices are read.
    pub(super) fn sets(&self) -> Result<NalSets, BoxError> {
        match (&self.kind.0, self.body.get(VIDEO_LEN..)) {
            (b"avc1" | b"avc3", Some(inside)) => Sets::of(only(inside, b"avcC")?).map(NalSets::Avc),
            (b"hvc1" | b"hev1", Some(inside)) => {
                HevcSets::of(only(inside, b"hvcC")?).map(NalSets::Hevc)
            }
            _ => Err(BoxError::Unsupported(format!(
                "encryption of codec '{}'",
                self.kind
            ))),
        }
    }
}

/// The type that an entry stands for, where it is encrypted (§4.2); else its own.
pub(in crate::bmff) fn original(entry: &BoxRef<'_>) -> Result<FourCc, BoxError> {
    let fields_len = match &entry.kind.0 {
        b"encv" => VIDEO_LEN,
        b"enca" => AUDIO_LEN,
        _ => return Ok(entry.kind),
    };
    let truncated = |inside| BoxError::Truncated { inside };
    let inside = entry.body.get(fields_len..);
    let sinf = only(inside.ok_or(truncated(entry.kind))?, b"sinf")?;
    let frma = only(sinf, b"frma")?.first_chunk::<4>();
    Ok(FourCc(*frma.ok_or(truncated(FourCc(*b"frma")))?))
}

/// The init segment with its entry encrypted, and `pssh`.
pub(super) fn encrypted(
    init: &[u8],
    entry: &Entry<'_>,
    key: &Key,
    pattern: Pattern,
) -> Result<Vec<u8>, BoxError> {
    let mut out = Vec::with_capacity(init.len() + 256);
    changed(&mut out, init, &TO_STSD, &|out, stsd| {
        out.extend_from_slice(&stsd[..STSD_HEAD_LEN]);
        put_entry(out, entry, key, pattern);
    })?;
    let mut with_pssh = Vec::with_capacity(out.len() + 64);
    changed(&mut with_pssh, &out, &TO_STSD[..1], &|out, moov| {
        out.extend_from_slice(moov);
        put_pssh(out, key);
    })?;
    Ok(with_pssh)
}

/// Copies boxes, but for the one that the path leads to: `change` writes its body.
pub(in crate::bmff) fn changed(
    out: &mut Vec<u8>,
    bytes: &[u8],
    path: &[&[u8; 4]],
    change: &dyn Fn(&mut Vec<u8>, &[u8]),
) -> Result<(), BoxError> {
    let (kind, below) = path.split_first().expect("a path leads somewhere");
    let mut at = 0;
    for child in boxes(bytes) {
        let child = child?;
        let whole = &bytes[at..child.range.end];
        at = child.range.end;
        if child.kind.0 != **kind {
            out.extend_from_slice(whole);
            continue;
        }
        let mut body = Vec::with_capacity(child.body.len() + 128);
        match below.is_empty() {
            true => change(&mut body, child.body),
            false => changed(&mut body, child.body, below, change)?,
        }
        put_box(out, kind, |out| out.extend_from_slice(&body));
    }
    Ok(())
}

fn put_entry(out: &mut Vec<u8>, entry: &Entry<'_>, key: &Key, pattern: Pattern) {
    let kind = match pattern {
        Pattern::ALL => b"enca",
        _ => b"encv",
    };
    put_box(out, kind, |out| {
        out.extend_from_slice(entry.body);
        put_box(out, b"sinf", |out| {
            put_box(out, b"frma", |out| out.extend_from_slice(&entry.kind.0));
            put_box(out, b"schm", |out| {
                put(out, &[0, u32::from_be_bytes(*b"cbcs"), SCHEME_VERSION]);
            });
            put_box(out, b"schi", |out| {
                put_box(out, b"tenc", |out| put_tenc(out, key, pattern));
            });
        });
    });
}

/// §8.2: no vector for each sample, one for all of them. A pattern needs version 1.
fn put_tenc(out: &mut Vec<u8>, key: &Key, pattern: Pattern) {
    let version = u32::from(pattern != Pattern::ALL);
    put(out, &[version << 24]);
    let iv = key.iv();
    out.extend_from_slice(&[0, pattern.crypt << 4 | pattern.skip, 1, 0]);
    out.extend_from_slice(&key.id().0);
    out.push(iv.len() as u8);
    out.extend_from_slice(&iv);
}

/// §8.1, version 1: the key's id and no data.
fn put_pssh(out: &mut Vec<u8>, key: &Key) {
    put_box(out, b"pssh", |out| {
        put(out, &[1 << 24]);
        out.extend_from_slice(&COMMON_SYSTEM);
        put(out, &[1]);
        out.extend_from_slice(&key.id().0);
        put(out, &[0]);
    });
}
