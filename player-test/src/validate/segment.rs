//! What a media segment is, sample by sample.

use super::{
    av1,
    init::{Facts, Kind},
};
use crate::boxes::{Box, BoxError, Fields, FourCc, boxes, find, read_segment};

/// Most samples of a segment. Chosen: 10 s of sound in samples of one PCM frame.
const SAMPLES_MAX: u32 = 2_000_000;

/// A segment, measured; times in units of the track's timescale.
#[derive(Debug, Clone)]
pub(super) struct Measured {
    pub(super) bytes: u64,
    /// `tfdt` of the first fragment.
    pub(super) start: i64,
    pub(super) end: i64,
    /// Earliest presentation time.
    pub(super) earliest: i64,
    pub(super) samples: u32,
    /// The longest sample.
    pub(super) longest: u32,
    /// From the segment's start to the end of its first sample.
    pub(super) first_end: u64,
    pub(super) begins: Begins,
    /// Parameter sets among the samples that the init segment does not have.
    pub(super) foreign_sets: u32,
    /// Samples that are not inside of an `mdat`.
    pub(super) astray: u32,
}

/// How the first picture of a segment can be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Begins {
    /// From itself alone.
    Alone,
    /// Not: this is what it is.
    Not(String),
    /// It cannot be told.
    Unknown,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    at: u64,
    len: u32,
    duration: u32,
    offset: i64,
}

/// Reads a segment of a track.
pub(super) fn read(bytes: &[u8], facts: &Facts) -> Result<Measured, BoxError> {
    let runs = read_segment(bytes, &facts.init)?;
    let run = runs.iter().find(|run| run.track == facts.track());
    let run = run.ok_or(BoxError::UnknownTrack(facts.track()))?;
    let top = boxes(bytes)?;
    let mut samples = Vec::new();
    let mut end = 0;
    for b in &top {
        if b.kind.0 == *b"moof" {
            fragment(*b, end, facts, &mut samples)?;
        }
        end = (b.at + b.body.len()) as u64;
    }
    let signed = |units: u64| i64::try_from(units).map_err(|_| BoxError::TooLarge);
    let mut decode = signed(run.start)?;
    let mut earliest = i64::MAX;
    for sample in &samples {
        earliest = earliest.min(decode + sample.offset);
        decode += i64::from(sample.duration);
    }
    let data = |sample: &Sample| {
        let at = usize::try_from(sample.at).ok()?;
        bytes.get(at..at.checked_add(sample.len as usize)?)
    };
    let inside = |sample: &Sample| {
        let (from, to) = (sample.at, sample.at + u64::from(sample.len));
        let holds = |b: &&Box<'_>| {
            b.kind.0 == *b"mdat" && b.at as u64 <= from && to <= (b.at + b.body.len()) as u64
        };
        top.iter().any(|b| holds(&b))
    };
    let first = samples.first().ok_or(BoxError::Missing(FourCc(*b"trun")))?;
    Ok(Measured {
        bytes: bytes.len() as u64,
        start: signed(run.start)?,
        end: signed(run.end)?,
        earliest,
        samples: u32::try_from(samples.len()).map_err(|_| BoxError::TooLarge)?,
        longest: run.sample_max,
        first_end: first.at + u64::from(first.len),
        begins: data(first).map_or(Begins::Unknown, |data| {
            begins(data, facts, run.begins_with_sync)
        }),
        foreign_sets: samples
            .iter()
            .filter_map(data)
            .map(|data| foreign_sets(data, facts))
            .sum(),
        astray: u32::try_from(samples.iter().filter(|s| !inside(s)).count()).unwrap_or(u32::MAX),
    })
}

fn fragment(
    moof: Box<'_>,
    begin: u64,
    facts: &Facts,
    into: &mut Vec<Sample>,
) -> Result<(), BoxError> {
    for traf in boxes(moof.body)?.iter().filter(|b| b.kind.0 == *b"traf") {
        let parts = boxes(traf.body)?;
        let mut fields = Fields::of(find(&parts, b"tfhd")?);
        let (_, flags) = fields.version()?;
        if fields.u32()? != facts.track() {
            continue;
        }
        let base = if flags & 1 != 0 { fields.u64()? } else { begin };
        fields.u32_if(flags & 2 != 0)?;
        let defaults = facts.init.track(facts.track())?.defaults;
        let duration = fields.u32_if(flags & 8 != 0)?.unwrap_or(defaults.duration);
        let size = fields.u32_if(flags & 0x10 != 0)?.unwrap_or(defaults.size);
        let mut at = base;
        for trun in parts.iter().filter(|b| b.kind.0 == *b"trun") {
            run(*trun, (base, &mut at), (duration, size), into)?;
        }
    }
    Ok(())
}

/// A `trun` (ISO/IEC 14496-12 §8.8.8): its samples follow each other from its offset.
fn run(
    trun: Box<'_>,
    (base, at): (u64, &mut u64),
    (duration, size): (u32, u32),
    into: &mut Vec<Sample>,
) -> Result<(), BoxError> {
    let mut fields = Fields::of(trun);
    let (version, flags) = fields.version()?;
    let count = fields.u32()?;
    if count > SAMPLES_MAX || into.len() > SAMPLES_MAX as usize {
        return Err(BoxError::TooLarge);
    }
    if let Some(offset) = fields.u32_if(flags & 1 != 0)? {
        *at = base.saturating_add_signed(i64::from(offset.cast_signed()));
    }
    fields.u32_if(flags & 4 != 0)?;
    for _ in 0..count {
        let duration = fields.u32_if(flags & 0x100 != 0)?.unwrap_or(duration);
        let len = fields.u32_if(flags & 0x200 != 0)?.unwrap_or(size);
        fields.u32_if(flags & 0x400 != 0)?;
        let offset = fields.u32_if(flags & 0x800 != 0)?.unwrap_or(0);
        let offset = if version == 0 {
            i64::from(offset)
        } else {
            i64::from(offset.cast_signed())
        };
        into.push(Sample {
            at: *at,
            len,
            duration,
            offset,
        });
        *at = at.saturating_add(u64::from(len));
    }
    Ok(())
}

/// NAL units of a sample; what does not fit is left out.
fn nals(mut data: &[u8], len_bytes: usize) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let len = data.get(..len_bytes).filter(|len| !len.is_empty())?;
        let len = len
            .iter()
            .fold(0_usize, |len, byte| len << 8 | usize::from(*byte));
        let nal = data.get(len_bytes..len_bytes.checked_add(len)?)?;
        data = &data[len_bytes + len..];
        Some(nal)
    })
}

fn begins(data: &[u8], facts: &Facts, sync: bool) -> Begins {
    let told = |alone: bool, words: &dyn Fn() -> String| match alone {
        true => Begins::Alone,
        false => Begins::Not(words()),
    };
    if facts.kind != Kind::Video {
        return told(sync, &|| "marked as no sync sample".to_owned());
    }
    let kinds = |kind: fn(u8) -> u8, coded: fn(u8) -> bool| {
        nals(data, facts.nal.len_bytes)
            .filter_map(|nal| nal.first().map(|head| kind(*head)))
            .find(|kind| coded(*kind))
    };
    let (found, idr) = match facts.entry.as_str() {
        _ if facts.encrypted => return told(sync, &|| "marked as no sync sample".to_owned()),
        "avc1" | "avc3" => (
            kinds(|head| head & 0x1f, |kind| (1..=5).contains(&kind)),
            &[5][..],
        ),
        "hvc1" | "hev1" => (
            kinds(|head| head >> 1 & 0x3f, |kind| kind < 32),
            &[19, 20][..],
        ),
        "vp09" => return told(vp9_key(data), &|| "no VP9 key frame".to_owned()),
        "av01" => {
            return told(av1::is_key(data), &|| {
                "no AV1 sequence header and key frame".to_owned()
            });
        }
        _ => return Begins::Unknown,
    };
    match found {
        Some(kind) if idr.contains(&kind) && sync => Begins::Alone,
        Some(kind) if idr.contains(&kind) => {
            Begins::Not(format!("NAL type {kind}, marked as no sync sample"))
        }
        Some(kind) => Begins::Not(format!("NAL type {kind}")),
        None => Begins::Not("without a picture".to_owned()),
    }
}

/// VP9 bitstream §6.2: marker, profile, no shown existing frame, frame type 0.
fn vp9_key(data: &[u8]) -> bool {
    let Some(&first) = data.first() else {
        return false;
    };
    let profile_3 = first & 0x30 == 0x30;
    let flags = if profile_3 { first >> 1 } else { first >> 2 };
    first >> 6 == 2 && flags & 3 == 0
}

/// Parameter sets in a sample of `avc1` or `hvc1`, or sequence headers of `av01`, that its
/// sample entry does not have.
fn foreign_sets(data: &[u8], facts: &Facts) -> u32 {
    let is_set: fn(u8) -> bool = match facts.entry.as_str() {
        _ if facts.encrypted => return 0,
        "avc1" => |head| matches!(head & 0x1f, 7 | 8),
        "hvc1" => |head| matches!(head >> 1 & 0x3f, 32..=34),
        "av01" => {
            let foreign = facts.av1.as_ref().map_or(0, |setup| setup.foreign(data));
            return u32::try_from(foreign).unwrap_or(u32::MAX);
        }
        _ => return 0,
    };
    let foreign = |nal: &&[u8]| {
        nal.first().is_some_and(|head| is_set(*head))
            && !facts.nal.sets.iter().any(|set| set == nal)
    };
    u32::try_from(nals(data, facts.nal.len_bytes).filter(foreign).count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vp9_key_frame_is_told_by_its_first_byte() {
        for (byte, key) in [
            (0x82, true),
            (0x86, false),
            (0x8a, false),
            (0xb0, true),
            (0xb2, false),
        ] {
            assert_eq!(vp9_key(&[byte]), key, "{byte:#x}");
        }
        assert!(!vp9_key(&[]) && !vp9_key(&[0x02]));
    }

    #[test]
    fn nal_units_that_do_not_fit_are_left_out() {
        let found: Vec<_> = nals(&[0, 1, 7, 0, 2, 8, 9, 0, 5, 1], 2).collect();
        assert_eq!(found, [&[7][..], &[8, 9]]);
        assert_eq!(nals(&[1, 2], 0).count(), 0);
    }
}
