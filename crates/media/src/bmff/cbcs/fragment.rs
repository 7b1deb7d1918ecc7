//! Fragments of encrypted tracks (ISO/IEC 23001-7 §7).

use super::{
    Encryptor, Samples,
    subsamples::{Subsample, entry_len, subsamples},
};
use crate::bmff::{
    BoxError, FourCc, Fragment,
    boxes::{boxes, only_at},
    fragment::moof_at,
    write::{put, put_box},
};

/// `senc`: entries have subsamples.
const SUBSAMPLES: u32 = 0x2;
/// Size and type of a box.
const HEADER_LEN: usize = 8;

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
