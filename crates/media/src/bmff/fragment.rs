//! Reading a fragment: ISO/IEC 14496-12 §8.8.

use super::{
    BoxError, FourCc, InitInfo, InitKind, SampleDefaults, av1, avc,
    boxes::{Fields, boxes, only, only_at},
    hevc,
};

/// Most samples of one fragment. Chosen: nine minutes of video at 120 frames/s.
pub const SAMPLES_MAX: usize = 1 << 16;

/// `tfdt` beyond this is refused, so that times can be added without a care.
const TIME_MAX: u64 = 1 << 62;

/// One access unit: a picture, or a frame of AAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample<'a> {
    /// In the timescale.
    pub duration: u32,
    /// Presentation time less decode time, in the timescale.
    pub composition_offset: i32,
    /// As in ISO/IEC 14496-12 §8.8.3.1.
    pub flags: u32,
    /// Its bytes.
    pub data: &'a [u8],
}

impl Sample<'_> {
    /// Flags of a sample that depends on no other: each frame of AAC.
    pub const INDEPENDENT: u32 = 0x0200_0000;
    /// Flags of a picture that depends on others and is no place to start.
    pub const DEPENDENT: u32 = 0x0101_0000;
}

/// A `moof` and its `mdat`, of one track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// From `mfhd`.
    pub sequence: u32,
    /// Decode time of the first sample, from `tfdt`, in the timescale.
    pub base_decode_time: u64,
    /// All samples, in decode order; at least one, at most [`SAMPLES_MAX`].
    pub samples: Vec<Sample<'a>>,
}

impl<'a> Fragment<'a> {
    /// Reads a fragment that belongs to the init segment `init` describes.
    ///
    /// # Errors
    /// Malformed boxes, more than one track, another track than `init`'s, no samples,
    /// or samples outside `mdat`.
    pub fn read(bytes: &'a [u8], init: &InitInfo) -> Result<Self, BoxError> {
        let moof = only(bytes, b"moof")?;
        let traf = only(moof, b"traf")?;
        let mut reader = Samples {
            bytes,
            // Offsets count from the first byte of moof's header.
            moof_at: moof_at(bytes)?,
            mdat: only_at(bytes, 0..bytes.len(), b"mdat")?,
            defaults: defaults(only(traf, b"tfhd")?, init)?,
            samples: Vec::new(),
            data_at: None,
        };
        for child in boxes(traf) {
            let child = child?;
            if child.kind.0 == *b"trun" {
                reader.run(child.body)?;
            }
        }
        if reader.samples.is_empty() {
            return Err(BoxError::Missing(FourCc(*b"trun")));
        }
        Ok(Self {
            sequence: sequence(only(moof, b"mfhd")?)?,
            base_decode_time: base_decode_time(only(traf, b"tfdt")?)?,
            samples: reader.samples,
        })
    }

    /// Sum of the samples' durations, in the timescale.
    #[must_use]
    pub fn duration(&self) -> u64 {
        self.samples.iter().map(|s| u64::from(s.duration)).sum()
    }

    /// Decode time at which the next fragment starts, in the timescale.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.base_decode_time + self.duration()
    }

    /// When the first picture, or sound, is to be presented, in the timescale. Negative
    /// where a composition offset says so.
    #[must_use]
    pub fn earliest_presentation_time(&self) -> i64 {
        let mut decode_time = self.base_decode_time as i64; // at most TIME_MAX
        let mut earliest = i64::MAX;
        for sample in &self.samples {
            earliest = earliest.min(decode_time + i64::from(sample.composition_offset));
            decode_time += i64::from(sample.duration);
        }
        earliest
    }

    /// The first picture is an IDR picture: decoding can start here, and nothing later
    /// refers to what was before. Of AV1, it is a key frame that is shown, behind the very
    /// sequence header of the init segment. `false` for audio, which needs none.
    #[must_use]
    pub fn starts_with_idr(&self, init: &InitInfo) -> bool {
        match (&init.kind, self.samples.first()) {
            (InitKind::Video { .. }, Some(first)) if !init.sequence_header.is_empty() => {
                av1::starts_with(first.data, &init.sequence_header)
            }
            (InitKind::Video { nal_len_bytes, .. }, Some(first)) => match init.is_hevc() {
                true => hevc::is_idr(first.data, *nal_len_bytes),
                false => avc::is_idr(first.data, *nal_len_bytes),
            },
            _ => false,
        }
    }
}

/// Where the header of `moof` starts.
pub(super) fn moof_at(bytes: &[u8]) -> Result<usize, BoxError> {
    let mut at = 0;
    for found in boxes(bytes) {
        let found = found?;
        if found.kind.0 == *b"moof" {
            break;
        }
        at = found.range.end;
    }
    Ok(at)
}

fn sequence(mfhd: &[u8]) -> Result<u32, BoxError> {
    let mut fields = Fields::of(b"mfhd", mfhd);
    fields.version_flags()?;
    fields.u32()
}

fn base_decode_time(tfdt: &[u8]) -> Result<u64, BoxError> {
    let mut fields = Fields::of(b"tfdt", tfdt);
    let time = match fields.version_flags()? {
        (0, _) => u64::from(fields.u32()?),
        _ => fields.u64()?,
    };
    if time > TIME_MAX {
        return Err(BoxError::Invalid {
            inside: FourCc(*b"tfdt"),
            what: "time out of reach",
        });
    }
    Ok(time)
}

/// What holds for the fragment's samples: the init segment's defaults, overridden by
/// `tfhd` (§8.8.7).
fn defaults(tfhd: &[u8], init: &InitInfo) -> Result<SampleDefaults, BoxError> {
    let mut fields = Fields::of(b"tfhd", tfhd);
    let (_, flags) = fields.version_flags()?;
    if fields.u32()? != init.track_id {
        return Err(BoxError::Invalid {
            inside: FourCc(*b"tfhd"),
            what: "of another track",
        });
    }
    if flags & 0x1 != 0 {
        // An offset in a file that no one has; CMAF forbids it (ISO/IEC 23000-19 §7.5.16).
        return Err(BoxError::Unsupported("base data offset in tfhd".into()));
    }
    if flags & 0x2 != 0 {
        fields.skip(4)?; // sample description index
    }
    let mut or = |flag: u32, default: u32| {
        if flags & flag != 0 {
            fields.u32()
        } else {
            Ok(default)
        }
    };
    Ok(SampleDefaults {
        duration: or(0x8, init.defaults.duration)?,
        size: or(0x10, init.defaults.size)?,
        flags: or(0x20, init.defaults.flags)?,
    })
}

/// Collects the samples of the runs of a fragment.
struct Samples<'a> {
    bytes: &'a [u8],
    moof_at: usize,
    mdat: std::ops::Range<usize>,
    defaults: SampleDefaults,
    samples: Vec<Sample<'a>>,
    /// Behind the data of the run before.
    data_at: Option<usize>,
}

impl Samples<'_> {
    /// Reads one `trun` (§8.8.8).
    fn run(&mut self, trun: &[u8]) -> Result<(), BoxError> {
        let mut fields = Fields::of(b"trun", trun);
        let (version, flags) = fields.version_flags()?;
        let count = usize::try_from(fields.u32()?).unwrap_or(usize::MAX);
        if count > SAMPLES_MAX - self.samples.len() {
            return Err(BoxError::TooLong {
                kind: FourCc(*b"trun"),
                len_max: SAMPLES_MAX,
            });
        }
        let offset = if flags & 0x1 != 0 {
            Some(fields.u32()? as i32)
        } else {
            None
        };
        let mut data_at = self.start(offset)?;
        let mut first_flags = if flags & 0x4 != 0 {
            Some(fields.u32()?)
        } else {
            None
        };
        for _ in 0..count {
            let mut or = |flag: u32, default: u32| {
                if flags & flag != 0 {
                    fields.u32()
                } else {
                    Ok(default)
                }
            };
            let duration = or(0x100, self.defaults.duration)?;
            let size = or(0x200, self.defaults.size)?;
            let own_flags = or(0x400, self.defaults.flags)?;
            let composition_offset = composition_offset(version, or(0x800, 0)?)?;
            let flags = first_flags.take().unwrap_or(own_flags);
            let data = self.data(data_at, size)?;
            data_at += data.len();
            self.samples.push(Sample {
                duration,
                composition_offset,
                flags,
                data,
            });
        }
        self.data_at = Some(data_at);
        Ok(())
    }

    /// Where a run's data starts: where it says, else behind the run before, else at
    /// the start of `moof`.
    fn start(&self, offset: Option<i32>) -> Result<usize, BoxError> {
        match offset {
            Some(offset) => isize::try_from(offset)
                .ok()
                .and_then(|offset| self.moof_at.checked_add_signed(offset))
                .ok_or(OUTSIDE),
            None => Ok(self.data_at.unwrap_or(self.moof_at)),
        }
    }
}

impl<'a> Samples<'a> {
    fn data(&self, at: usize, size: u32) -> Result<&'a [u8], BoxError> {
        let end = usize::try_from(size)
            .ok()
            .and_then(|size| at.checked_add(size));
        match end {
            Some(end) if at >= self.mdat.start && end <= self.mdat.end => Ok(&self.bytes[at..end]),
            _ => Err(OUTSIDE),
        }
    }
}

const OUTSIDE: BoxError = BoxError::Invalid {
    inside: FourCc(*b"trun"),
    what: "data outside of mdat",
};

fn composition_offset(version: u8, word: u32) -> Result<i32, BoxError> {
    if version == 0 {
        return i32::try_from(word).map_err(|_| BoxError::Invalid {
            inside: FourCc(*b"trun"),
            what: "composition offset out of reach",
        });
    }
    Ok(word as i32)
}
