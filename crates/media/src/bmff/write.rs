//! Writing a fragment.

use super::Sample;

/// `tfhd`: data offsets count from `moof`; CMAF demands it (ISO/IEC 23000-19 §7.5.16).
const DEFAULT_BASE_IS_MOOF: u32 = 0x02_0000;
/// `tfhd`: all samples have this duration.
const DEFAULT_DURATION: u32 = 0x8;
/// `tfhd`: all samples have these flags.
const DEFAULT_FLAGS: u32 = 0x20;
/// `trun`: where the data starts.
const DATA_OFFSET: u32 = 0x1;
/// `trun`: each sample's duration.
const DURATION: u32 = 0x100;
/// `trun`: each sample's size.
const SIZE: u32 = 0x200;
/// `trun`: each sample's flags.
const FLAGS: u32 = 0x400;
/// `trun`: each sample's composition offset.
const COMPOSITION_OFFSET: u32 = 0x800;

/// A new `moof` and `mdat` of these samples, of which the first is decoded at `tfdt`.
/// What all samples share is written once.
///
/// # Panics
/// When the samples are over 2 GiB together: callers bound a segment far below.
#[must_use]
pub fn write_fragment(sequence: u32, track_id: u32, tfdt: u64, samples: &[Sample<'_>]) -> Vec<u8> {
    let heads: Vec<SampleHead> = samples.iter().map(SampleHead::from).collect();
    let mut out = fragment_head(sequence, track_id, tfdt, &heads);
    let data_len: usize = samples.iter().map(|s| s.data.len()).sum();
    out.reserve_exact(data_len);
    samples.iter().for_each(|s| out.extend_from_slice(s.data));
    out
}

/// A [`Sample`] without its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SampleHead {
    /// In the timescale.
    pub duration: u32,
    /// Presentation time less decode time, in the timescale.
    pub composition_offset: i32,
    /// As in ISO/IEC 14496-12 §8.8.3.1.
    pub flags: u32,
    /// Bytes.
    pub size: u32,
}

impl From<&Sample<'_>> for SampleHead {
    fn from(sample: &Sample<'_>) -> Self {
        Self {
            duration: sample.duration,
            composition_offset: sample.composition_offset,
            flags: sample.flags,
            size: len_u32(sample.data.len()),
        }
    }
}

/// Most bytes that [`fragment_head`] takes for so many samples.
#[must_use]
pub const fn fragment_head_len_max(samples: usize) -> usize {
    // moof, mfhd, traf, tfhd, tfdt, trun, and mdat's header, at their longest.
    8 + 16 + 8 + 24 + 20 + 20 + 8 + 16 * samples
}

/// [`write_fragment`] up to the first sample's first byte; the samples' bytes follow.
///
/// # Panics
/// When the samples are over 2 GiB together.
#[must_use]
pub fn fragment_head(sequence: u32, track_id: u32, tfdt: u64, samples: &[SampleHead]) -> Vec<u8> {
    let data_len: u64 = samples.iter().map(|s| u64::from(s.size)).sum();
    let mut out = Vec::with_capacity(fragment_head_len_max(samples.len()));
    let mut data_offset_at = 0;
    put_box(&mut out, b"moof", |out| {
        put_box(out, b"mfhd", |out| put(out, &[0, sequence]));
        put_box(out, b"traf", |out| {
            put_box(out, b"tfhd", |out| put_tfhd(out, track_id, samples));
            put_box(out, b"tfdt", |out| {
                put(out, &[1 << 24]);
                out.extend_from_slice(&tfdt.to_be_bytes());
            });
            put_box(out, b"trun", |out| data_offset_at = put_trun(out, samples));
        });
    });
    let data_offset = i32::try_from(out.len() + 8).expect("a header is far below 2 GiB");
    out[data_offset_at..data_offset_at + 4].copy_from_slice(&data_offset.to_be_bytes());
    let mdat_len = u32::try_from(data_len + 8).expect("a segment is far below 4 GiB");
    put(&mut out, &[mdat_len]);
    out.extend_from_slice(b"mdat");
    out
}

/// The value that all samples share, if they do.
fn shared<T: PartialEq>(samples: &[SampleHead], of: impl Fn(&SampleHead) -> T) -> Option<T> {
    let first = of(samples.first()?);
    samples.iter().all(|s| of(s) == first).then_some(first)
}

fn put_tfhd(out: &mut Vec<u8>, track_id: u32, samples: &[SampleHead]) {
    let duration = shared(samples, |s| s.duration);
    let flags = shared(samples, |s| s.flags);
    let present = DEFAULT_BASE_IS_MOOF
        | duration.map_or(0, |_| DEFAULT_DURATION)
        | flags.map_or(0, |_| DEFAULT_FLAGS);
    put(out, &[present, track_id]);
    out.extend(
        duration
            .iter()
            .chain(&flags)
            .flat_map(|word| word.to_be_bytes()),
    );
}

/// Writes the run; returns where its data offset stands, to be filled in.
fn put_trun(out: &mut Vec<u8>, samples: &[SampleHead]) -> usize {
    let duration = shared(samples, |s| s.duration).map_or(DURATION, |_| 0);
    let flags = shared(samples, |s| s.flags).map_or(FLAGS, |_| 0);
    let in_order = samples.iter().all(|s| s.composition_offset == 0);
    let offset = if in_order { 0 } else { COMPOSITION_OFFSET };
    let present = DATA_OFFSET | SIZE | duration | flags | offset;
    put(out, &[1 << 24 | present, len_u32(samples.len())]);
    let data_offset_at = out.len();
    put(out, &[0]);
    for sample in samples {
        let fields = [
            (duration, sample.duration),
            (SIZE, sample.size),
            (flags, sample.flags),
            (offset, sample.composition_offset as u32),
        ];
        let written = fields.iter().filter(|(present, _)| *present != 0);
        out.extend(written.flat_map(|(_, word)| word.to_be_bytes()));
    }
    data_offset_at
}

pub(super) fn put(out: &mut Vec<u8>, words: &[u32]) {
    out.extend(words.iter().flat_map(|word| word.to_be_bytes()));
}

/// Writes a box; its size is filled in when the body is known.
pub(super) fn put_box(out: &mut Vec<u8>, kind: &[u8; 4], body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    put(out, &[0]);
    out.extend_from_slice(kind);
    body(out);
    let len = len_u32(out.len() - start);
    out[start..start + 4].copy_from_slice(&len.to_be_bytes());
}

fn len_u32(len: usize) -> u32 {
    u32::try_from(len).expect("a segment is far below 4 GiB")
}
