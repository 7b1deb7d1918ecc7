//! Fragments of encrypted tracks (ISO/IEC 23001-7 §7).

use super::{Encryptor, Samples, sets::NalSets};
use crate::bmff::{
    BoxError, FourCc, Fragment,
    boxes::{boxes, only_at},
    fragment::moof_at,
    write::{put, put_box},
};

/// `senc`: entries have subsamples.
const SUBSAMPLES: u32 = 0x2;
/// Bytes of a subsample's entry: clear bytes in two, protected ones in four.
const SUBSAMPLE_LEN: usize = 6;
/// Most subsamples of a sample: `saiz` has one byte for the length of their entries and
/// their count (ISO/IEC 14496-12 §8.7.8).
const SUBSAMPLES_MAX: usize = (u8::MAX as usize - 2) / SUBSAMPLE_LEN;
/// Size and type of a box.
const HEADER_LEN: usize = 8;
/// Less is not worth a subsample: not one block.
const PROTECTED_MIN: usize = 16;

/// A run of clear bytes, and one of protected ones behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Subsample {
    clear: u16,
    protected: u32,
}

pub(super) fn encrypted(track: &Encryptor, bytes: &[u8]) -> Result<Vec<u8>, BoxError> {
    let fragment = Fragment::read(bytes, &track.info)?;
    let maps = maps(track, &fragment)?;
    let at = moof_at(bytes)?;
    let old = only_at(bytes, 0..bytes.len(), b"moof")?;
    let old_len = old.end - at;
    // The first time only to see how long it becomes.
    let grows = moof(bytes, &maps, 0)?.len() - old_len;
    let moof = moof(bytes, &maps, grows)?;
    let mut out = Vec::with_capacity(bytes.len() + grows);
    out.extend_from_slice(&bytes[..at]);
    out.extend_from_slice(&moof);
    out.extend_from_slice(&bytes[old.end..]);
    for (n, sample) in fragment.samples.iter().enumerate() {
        let at = sample.data.as_ptr() as usize - bytes.as_ptr() as usize + grows;
        let sample = &mut out[at..at + sample.data.len()];
        encrypt(track, sample, maps.get(n));
    }
    Ok(out)
}

/// The subsamples of each sample; none where samples are encrypted as a whole.
fn maps(track: &Encryptor, fragment: &Fragment<'_>) -> Result<Maps, BoxError> {
    let Samples::Nals {
        nal_len_bytes,
        sets,
    } = &track.samples
    else {
        return Ok(Maps::Whole(fragment.samples.len()));
    };
    let mut sets = sets.clone();
    let maps = fragment.samples.iter();
    let maps = maps.map(|sample| subsamples(sample.data, *nal_len_bytes, &mut sets));
    Ok(Maps::Of(maps.collect::<Result<_, _>>()?))
}

enum Maps {
    Whole(usize),
    Of(Vec<Vec<Subsample>>),
}

impl Maps {
    fn get(&self, n: usize) -> Option<&[Subsample]> {
        match self {
            Self::Whole(_) => None,
            Self::Of(maps) => maps.get(n).map(Vec::as_slice),
        }
    }
}

fn encrypt(track: &Encryptor, sample: &mut [u8], map: Option<&[Subsample]>) {
    let Some(map) = map else {
        return track.cipher.encrypt(sample);
    };
    let mut rest = sample;
    for subsample in map {
        let (_, behind) = rest.split_at_mut(subsample.clear.into());
        let (protected, behind) = behind.split_at_mut(subsample.protected as usize);
        track.cipher.encrypt(protected);
        rest = behind;
    }
}

/// Divides a picture: slices are protected from behind their headers on, and all else is
/// clear (§10.4.2).
fn subsamples(
    sample: &[u8],
    nal_len_bytes: usize,
    sets: &mut NalSets,
) -> Result<Vec<Subsample>, BoxError> {
    let invalid = |what| BoxError::Invalid {
        inside: FourCc(*b"mdat"),
        what,
    };
    let (mut map, mut clear, mut at) = (Vec::new(), 0, 0);
    while at < sample.len() {
        let behind_len = at + nal_len_bytes;
        let len = sample.get(at..behind_len);
        let len = len.ok_or_else(|| invalid("length of a NAL unit"))?;
        let len = len.iter().fold(0, |len, b| len << 8 | usize::from(*b));
        let nal = sample.get(behind_len..behind_len.saturating_add(len));
        let nal = nal.ok_or_else(|| invalid("a NAL unit beyond its sample"))?;
        at = behind_len + len;
        let header_len = sets.header_len(nal)?;
        let protected = header_len.map_or(0, |len| nal.len().saturating_sub(len));
        let protected = if protected < PROTECTED_MIN {
            0
        } else {
            protected
        };
        clear += nal_len_bytes + nal.len() - protected;
        if protected > 0 {
            add(&mut map, clear, protected);
            clear = 0;
        }
    }
    if clear > 0 {
        add(&mut map, clear, 0);
    }
    match map.len() {
        0..=SUBSAMPLES_MAX => Ok(map),
        count => Err(BoxError::Unsupported(format!(
            "encryption of a picture in {count} parts, at most {SUBSAMPLES_MAX}"
        ))),
    }
}

/// Adds a subsample; more, where so many clear bytes fit no field.
fn add(map: &mut Vec<Subsample>, mut clear: usize, protected: usize) {
    while let Some(more) = clear.checked_sub(u16::MAX.into()).filter(|more| *more > 0) {
        map.push(Subsample {
            clear: u16::MAX,
            protected: 0,
        });
        clear = more;
    }
    map.push(Subsample {
        clear: clear as u16,
        protected: u32::try_from(protected).expect("a sample is below 4 GiB"),
    });
}

/// `moof` with what says how its samples are encrypted, the samples moved by `grows`.
fn moof(bytes: &[u8], maps: &Maps, grows: usize) -> Result<Vec<u8>, BoxError> {
    let body = &bytes[only_at(bytes, 0..bytes.len(), b"moof")?];
    let mut children = Vec::with_capacity(body.len() + 256);
    let mut at = 0;
    for child in boxes(body) {
        let child = child?;
        let whole = &body[at..child.range.end];
        at = child.range.end;
        match &child.kind.0 {
            // Offsets count from the start of moof, whose header stands before it.
            b"traf" => {
                let traf = traf(child.body, maps, HEADER_LEN + children.len(), grows)?;
                children.extend_from_slice(&traf);
            }
            _ => children.extend_from_slice(whole),
        }
    }
    let mut out = Vec::with_capacity(HEADER_LEN + children.len());
    put_box(&mut out, b"moof", |out| out.extend_from_slice(&children));
    Ok(out)
}

/// `traf` that starts at `at` in `moof`, whose samples move by `grows`.
fn traf(body: &[u8], maps: &Maps, at: usize, grows: usize) -> Result<Vec<u8>, BoxError> {
    let mut out = Vec::with_capacity(body.len() + 256);
    let mut failed = None;
    put_box(&mut out, b"traf", |out| {
        let mut from = 0;
        for child in boxes(body) {
            let child = match child {
                Ok(child) => child,
                Err(error) => return failed = Some(error),
            };
            let start = out.len();
            out.extend_from_slice(&body[from..child.range.end]);
            if child.kind.0 == *b"trun" {
                let fields = start + child.range.start - from;
                if let Err(error) = moved(&mut out[fields..], grows) {
                    return failed = Some(error);
                }
            }
            from = child.range.end;
        }
        put_protection(out, maps, at);
    });
    failed.map_or(Ok(out), Err)
}

/// Adds to the data offset of a run, if it has one.
fn moved(trun: &mut [u8], by: usize) -> Result<(), BoxError> {
    let has_offset = trun.get(3).is_some_and(|flags| flags & 1 != 0);
    let Some(field) = trun.get_mut(8..12).filter(|_| has_offset) else {
        return Ok(());
    };
    let offset = i32::from_be_bytes((&*field).try_into().expect("four bytes"));
    let by = i32::try_from(by).ok().and_then(|by| offset.checked_add(by));
    let offset = by.ok_or(BoxError::Invalid {
        inside: FourCc(*b"trun"),
        what: "data offset out of reach",
    })?;
    field.copy_from_slice(&offset.to_be_bytes());
    Ok(())
}

/// `saiz`, `saio` and `senc`. Samples that are encrypted as a whole need nothing said of
/// them; `senc` says that, in as many words as there are samples: none.
fn put_protection(out: &mut Vec<u8>, maps: &Maps, traf_at: usize) {
    let maps = match maps {
        Maps::Whole(count) => {
            return put_box(out, b"senc", |out| put(out, &[0, *count as u32]));
        }
        Maps::Of(maps) => maps,
    };
    put_box(out, b"saiz", |out| {
        put(out, &[0]);
        out.push(0);
        put(out, &[maps.len() as u32]);
        out.extend(maps.iter().map(|map| entry_len(map) as u8));
    });
    const SAIO_LEN: usize = 20;
    // Behind the headers of `senc`.
    let entries_at = traf_at + out.len() + SAIO_LEN + 16;
    put_box(out, b"saio", |out| put(out, &[0, 1, entries_at as u32]));
    put_box(out, b"senc", |out| {
        put(out, &[SUBSAMPLES, maps.len() as u32]);
        for map in maps {
            out.extend_from_slice(&(map.len() as u16).to_be_bytes());
            for subsample in map {
                out.extend_from_slice(&subsample.clear.to_be_bytes());
                out.extend_from_slice(&subsample.protected.to_be_bytes());
            }
        }
    });
}

fn entry_len(map: &[Subsample]) -> usize {
    2 + map.len() * SUBSAMPLE_LEN
}
