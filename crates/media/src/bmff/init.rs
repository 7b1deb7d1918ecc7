//! What an init segment says.

use super::{
    BoxError, FourCc, av1, avc,
    boxes::{Fields, boxes, only},
    cbcs::original,
    esds, hevc, opus,
};

/// What an init segment says of its one track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitInfo {
    /// The track's number in `tkhd`, which its fragments repeat.
    pub track_id: u32,
    /// RFC 6381 codec string, such as `avc1.640028`, `hvc1.1.6.L93.B0`, `av01.0.04M.08`,
    /// `mp4a.40.2` or `opus`.
    pub codec: String,
    /// Units of time per second, of `tfdt` and durations; never 0.
    pub timescale: u32,
    /// Video or audio.
    pub kind: InitKind,
    /// What holds for samples whose fragment says nothing else (`trex`).
    pub defaults: SampleDefaults,
    /// The OBU of AV1's sequence header, which each segment repeats; empty for all others.
    pub sequence_header: Vec<u8>,
}

/// What the track carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InitKind {
    /// H.264, HEVC or AV1.
    Video {
        /// Pixels, as coded and cropped.
        width: u32,
        /// Pixels, as coded and cropped.
        height: u32,
        /// Bytes in front of each NAL unit that tell its length: 1, 2 or 4; 0 for AV1,
        /// which has none.
        nal_len_bytes: u8,
    },
    /// MPEG audio, AAC as a rule; or Opus.
    Audio {
        /// Channels.
        channels: u32,
        /// Samples per second.
        sample_rate: u32,
    },
}

/// Defaults of a track's samples (ISO/IEC 14496-12 §8.8.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SampleDefaults {
    /// In the timescale.
    pub duration: u32,
    /// Bytes.
    pub size: u32,
    /// As in §8.8.3.1.
    pub flags: u32,
}

/// Reads an init segment (`ftyp`, `moov`) of one track of H.264, HEVC, AV1, AAC or
/// Opus.
///
/// # Errors
/// Malformed boxes, no `mvex`, or more than one track; [`BoxError::Unsupported`] for
/// other codecs.
pub fn init_info(init: &[u8]) -> Result<InitInfo, BoxError> {
    let moov = only(init, b"moov")?;
    let trak = only(moov, b"trak")?;
    let mdia = only(trak, b"mdia")?;
    let track_id = track_id(only(trak, b"tkhd")?)?;
    let stsd = only(only(only(mdia, b"minf")?, b"stbl")?, b"stsd")?;
    let (codec, kind, sequence_header) = sample_entry(stsd)?;
    Ok(InitInfo {
        track_id,
        codec,
        timescale: timescale(only(mdia, b"mdhd")?)?,
        kind,
        defaults: defaults(only(only(moov, b"mvex")?, b"trex")?, track_id)?,
        sequence_header,
    })
}

impl InitInfo {
    /// Its pictures are HEVC.
    pub(super) fn is_hevc(&self) -> bool {
        matches!(self.codec.as_bytes().first_chunk(), Some(b"hvc1" | b"hev1"))
    }
}

/// Bytes of creation and modification time, which grow with the version.
fn times_len(version: u8) -> usize {
    if version == 1 { 16 } else { 8 }
}

fn track_id(tkhd: &[u8]) -> Result<u32, BoxError> {
    let mut fields = Fields::of(b"tkhd", tkhd);
    let (version, _) = fields.version_flags()?;
    fields.skip(times_len(version))?;
    fields.u32()
}

fn timescale(mdhd: &[u8]) -> Result<u32, BoxError> {
    let mut fields = Fields::of(b"mdhd", mdhd);
    let (version, _) = fields.version_flags()?;
    fields.skip(times_len(version))?;
    match fields.u32()? {
        0 => Err(BoxError::Invalid {
            inside: FourCc(*b"mdhd"),
            what: "timescale 0",
        }),
        timescale => Ok(timescale),
    }
}

fn defaults(trex: &[u8], track_id: u32) -> Result<SampleDefaults, BoxError> {
    let mut fields = Fields::of(b"trex", trex);
    fields.version_flags()?;
    if fields.u32()? != track_id {
        return Err(BoxError::Invalid {
            inside: FourCc(*b"trex"),
            what: "of another track",
        });
    }
    fields.skip(4)?; // sample description index
    Ok(SampleDefaults {
        duration: fields.u32()?,
        size: fields.u32()?,
        flags: fields.u32()?,
    })
}

/// Codec, kind and AV1's sequence header.
type Entry = (String, InitKind, Vec<u8>);

/// What the first sample entry says (ISO/IEC 14496-12 §8.5.2).
fn sample_entry(stsd: &[u8]) -> Result<Entry, BoxError> {
    let mut fields = Fields::of(b"stsd", stsd);
    fields.skip(8)?; // version, flags, entry count
    let entry = boxes(fields.rest()).next().ok_or(BoxError::Truncated {
        inside: FourCc(*b"stsd"),
    })??;
    let format = original(&entry)?;
    match &format.0 {
        b"avc1" | b"avc3" => video(format, entry.body),
        b"hvc1" | b"hev1" | b"av01" => video(format, entry.body),
        b"mp4a" | b"Opus" => audio(format, entry.body),
        _ => Err(BoxError::Unsupported(format!("codec '{format}'"))),
    }
}

fn video(entry: FourCc, body: &[u8]) -> Result<Entry, BoxError> {
    let mut fields = Fields::of(&entry.0, body);
    fields.skip(24)?; // reserved, data reference index, pre_defined
    let (width, height) = (u32::from(fields.u16()?), u32::from(fields.u16()?));
    fields.skip(50)?; // resolution, reserved, frame count, name, depth, pre_defined
    let mut sequence_header = Vec::new();
    let (profile, nal_len_bytes) = match &entry.0 {
        b"av01" => {
            let config = av1::Config::read(only(fields.rest(), b"av1C")?)?;
            sequence_header = config.sequence_header.to_owned();
            (config.profile, 0)
        }
        b"hvc1" | b"hev1" => {
            let config = hevc::Config::read(only(fields.rest(), b"hvcC")?)?;
            (config.profile, config.nal_len_bytes)
        }
        _ => {
            let config = avc::Config::read(only(fields.rest(), b"avcC")?)?;
            (config.profile, config.nal_len_bytes)
        }
    };
    let kind = InitKind::Video {
        width,
        height,
        nal_len_bytes,
    };
    Ok((format!("{entry}.{profile}"), kind, sequence_header))
}

fn audio(entry: FourCc, body: &[u8]) -> Result<Entry, BoxError> {
    let mut fields = Fields::of(&entry.0, body);
    fields.skip(8)?; // reserved, data reference index
    if fields.u16()? != 0 {
        return Err(BoxError::Unsupported("QuickTime sound description".into()));
    }
    fields.skip(6)?; // revision, vendor
    let channels = u32::from(fields.u16()?);
    fields.skip(6)?; // sample size, pre_defined, reserved
    let sample_rate = fields.u32()? >> 16; // 16.16 fixed point
    if entry.0 == *b"Opus" {
        let channels = opus::Config::read(only(fields.rest(), b"dOps")?)?.channels;
        let kind = InitKind::Audio {
            channels,
            sample_rate,
        };
        return Ok(("opus".to_owned(), kind, Vec::new()));
    }
    let config = esds::Config::read(only(fields.rest(), b"esds")?)?;
    let kind = InitKind::Audio {
        channels: config.channels.unwrap_or(channels),
        sample_rate: config.sample_rate.unwrap_or(sample_rate),
    };
    Ok((format!("mp4a.{}", config.codec), kind, Vec::new()))
}
