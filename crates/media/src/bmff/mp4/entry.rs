//! Sample entries (§8.5.2, §12.1.3, §12.2.3), those of QuickTime among them.

use super::fields::first;
use crate::bmff::{
    BoxError, BoxRef, FourCc,
    boxes::Fields,
    esds,
    write::{put, put_box},
};

/// Bytes that QuickTime's sound descriptions of version 1 and 2 have more than version 0
/// (QuickTime File Format, "Sound Sample Description").
const SOUND_V1_MORE: usize = 16;
const SOUND_V2_MORE: usize = 36;

/// How samples are coded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its type, such as `avc1`, `hvc1` or `mp4a`.
    pub codec: FourCc,
    /// What it says, where this reader knows the codec.
    pub kind: EntryKind,
}

/// What an [`Entry`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// H.264.
    Avc {
        /// Body of `avcC`.
        config: Vec<u8>,
        /// Shape of a pixel (`pasp`), where it says.
        pixel: Option<(u32, u32)>,
        /// Body of `colr`, where it is of type `nclx`.
        colour: Option<Vec<u8>>,
    },
    /// HEVC.
    Hevc {
        /// Body of `hvcC`.
        config: Vec<u8>,
    },
    /// MPEG-4 audio.
    Mp4a {
        /// Body of `esds`.
        esds: Vec<u8>,
        /// RFC 6381 codec string, such as `mp4a.40.2`.
        codec: String,
        /// As heard.
        channels: u32,
        /// Samples per second.
        sample_rate: u32,
    },
    /// Something else.
    Other,
}

impl Entry {
    pub(super) fn read(entry: &BoxRef<'_>, handler: FourCc) -> Result<Self, BoxError> {
        let kind = match (&handler.0, &entry.kind.0) {
            (b"vide", b"avc1" | b"avc3") => avc(entry.body)?,
            (b"vide", b"hvc1" | b"hev1") => hevc(entry.body)?,
            (b"soun", b"mp4a") => sound(entry.body)?,
            _ => EntryKind::Other,
        };
        Ok(Self {
            codec: entry.kind,
            kind,
        })
    }

    /// A new sample entry for the codecs that [`write_init`](super::write_init) takes:
    /// only what was understood is repeated. `None` for others.
    pub(super) fn write(&self, out: &mut Vec<u8>, size: (u32, u32)) -> Option<()> {
        match &self.kind {
            EntryKind::Avc {
                config,
                pixel,
                colour,
            } => put_box(out, b"avc1", |out| {
                put_video(out, size);
                put_box(out, b"avcC", |out| out.extend_from_slice(config));
                if let Some(colour) = colour {
                    put_box(out, b"colr", |out| out.extend_from_slice(colour));
                }
                if let Some((wide, high)) = pixel {
                    put_box(out, b"pasp", |out| put(out, &[*wide, *high]));
                }
            }),
            EntryKind::Mp4a {
                esds,
                channels,
                sample_rate,
                ..
            } => put_box(out, b"mp4a", |out| {
                // Reserved, data reference 1, reserved, channels, 16 bits a sample, rate.
                let rate = if *sample_rate < 1 << 16 {
                    sample_rate << 16
                } else {
                    0
                };
                put(out, &[0, 1, 0, 0, channels << 16 | 16, 0, rate]);
                put_box(out, b"esds", |out| out.extend_from_slice(esds));
            }),
            EntryKind::Hevc { .. } | EntryKind::Other => return None,
        }
        Some(())
    }
}

fn put_video(out: &mut Vec<u8>, (width, height): (u32, u32)) {
    // Reserved, data reference 1, reserved.
    put(out, &[0, 1, 0, 0, 0, 0, width << 16 | height & 0xffff]);
    // 72 dots an inch, reserved, one frame a sample, no name, 24 bits deep.
    put(out, &[0x48_0000, 0x48_0000, 0, 1 << 16]);
    out.extend_from_slice(&[0; 30]);
    out.extend_from_slice(&[0, 24, 0xff, 0xff]);
}

/// Fields of a visual sample entry before its boxes.
const VIDEO_LEN: usize = 78;

fn video_boxes<'a>(inside: &[u8; 4], body: &'a [u8]) -> Result<&'a [u8], BoxError> {
    let mut fields = Fields::of(inside, body);
    fields.skip(VIDEO_LEN)?;
    Ok(fields.rest())
}

fn avc(body: &[u8]) -> Result<EntryKind, BoxError> {
    let boxes = video_boxes(b"avc1", body)?;
    let config = first(boxes, b"avcC").ok_or(BoxError::Missing(FourCc(*b"avcC")))?;
    let pixel = first(boxes, b"pasp").map(|pasp| {
        let mut fields = Fields::of(b"pasp", pasp);
        Ok::<_, BoxError>((fields.u32()?, fields.u32()?))
    });
    let nclx = |colr: &&[u8]| colr.len() == 11 && colr.starts_with(b"nclx");
    Ok(EntryKind::Avc {
        config: config.to_vec(),
        pixel: pixel.transpose()?.filter(|(a, b)| *a != 0 && *b != 0),
        colour: first(boxes, b"colr").filter(nclx).map(<[u8]>::to_vec),
    })
}

fn hevc(body: &[u8]) -> Result<EntryKind, BoxError> {
    let boxes = video_boxes(b"hvc1", body)?;
    let config = first(boxes, b"hvcC").ok_or(BoxError::Missing(FourCc(*b"hvcC")))?;
    Ok(EntryKind::Hevc {
        config: config.to_vec(),
    })
}

fn sound(body: &[u8]) -> Result<EntryKind, BoxError> {
    let mut fields = Fields::of(b"mp4a", body);
    fields.skip(8)?; // reserved, data reference index
    let version = fields.u16()?;
    fields.skip(6)?; // revision, vendor
    let channels = u32::from(fields.u16()?);
    fields.skip(6)?; // sample size, compression, packet size
    let sample_rate = fields.u32()? >> 16; // 16.16 fixed point
    fields.skip(match version {
        1 => SOUND_V1_MORE,
        2 => SOUND_V2_MORE,
        _ => 0,
    })?;
    let boxes = fields.rest();
    // QuickTime wraps the decoder's configuration.
    let wrapped = || first(boxes, b"wave").and_then(|wave| first(wave, b"esds"));
    let Some(esds) = first(boxes, b"esds").or_else(wrapped) else {
        return Ok(EntryKind::Other);
    };
    let config = esds::Config::read(esds)?;
    Ok(EntryKind::Mp4a {
        esds: esds.to_vec(),
        codec: format!("mp4a.{}", config.codec),
        channels: config.channels.unwrap_or(channels),
        sample_rate: config.sample_rate.unwrap_or(sample_rate),
    })
}
