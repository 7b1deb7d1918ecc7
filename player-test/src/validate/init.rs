//! What an init segment promises of its track.

use super::{
    av1,
    codec::{self, NalSetup},
};
use crate::boxes::{Box, BoxError, Fields, FourCc, Init, boxes, find, read_init};

/// What a track is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Video,
    Audio,
    Other,
}

/// The facts of an init segment with one track.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) init: Init,
    pub(super) kind: Kind,
    pub(super) timescale: u32,
    /// Type of the sample entry, and the whole codec string.
    pub(super) entry: String,
    pub(super) codec: String,
    pub(super) encrypted: bool,
    /// Of the sample entry, pixels.
    pub(super) coded: (u32, u32),
    /// Of `tkhd`, pixels.
    pub(super) shown: (u32, u32),
    /// Of an H.264 SPS, or of AV1's sequence header.
    pub(super) of_sps: Option<(u32, u32)>,
    /// Transfer characteristics of `colr` (ISO/IEC 23091-2 §8.2), where it says them.
    pub(super) transfer: Option<u16>,
    /// Of an audio sample entry.
    pub(super) sampling_rate: u32,
    /// Empty edits before the media, units of the movie's timescale and that timescale.
    pub(super) empty: (u64, u32),
    /// Where the media edit begins, in units of the track; `None` without an edit list.
    pub(super) media_time: Option<i64>,
    pub(super) nal: NalSetup,
    pub(super) av1: Option<av1::Setup>,
}

impl Facts {
    /// VIDEO-RANGE of what `colr` says: BT.2100's PQ and HLG, or else the standard one.
    pub(super) fn range(&self) -> &'static str {
        match self.transfer {
            Some(16) => "PQ",
            Some(18) => "HLG",
            _ => "SDR",
        }
    }

    pub(super) fn track(&self) -> u32 {
        self.init.tracks[0].id
    }

    pub(super) fn secs(&self, units: i64) -> f64 {
        units as f64 / f64::from(self.timescale)
    }

    /// How much later the edit list has the media begin than its own times say.
    pub(super) fn edit_secs(&self) -> f64 {
        let (units, scale) = self.empty;
        let empty = if scale == 0 {
            0.0
        } else {
            units as f64 / f64::from(scale)
        };
        empty - self.secs(self.media_time.unwrap_or(0))
    }
}

/// Reads an init segment. What is in it besides its first track is for the caller to
/// judge: see `init.tracks`.
pub(super) fn read(bytes: &[u8]) -> Result<Facts, BoxError> {
    let init = read_init(bytes)?;
    let movie = boxes(find(&boxes(bytes)?, b"moov")?.body)?;
    let track = boxes(find(&movie, b"trak")?.body)?;
    let media = boxes(find(&track, b"mdia")?.body)?;
    let table = boxes(find(&boxes(find(&media, b"minf")?.body)?, b"stbl")?.body)?;
    let stsd = find(&table, b"stsd")?;
    let entries = boxes(stsd.body.get(8..).ok_or(BoxError::Short(stsd.kind))?)?;
    let entry = *entries.first().ok_or(BoxError::Missing(FourCc(*b"stsd")))?;
    let kind = match &init.tracks[0].handler.0 {
        b"vide" => Kind::Video,
        b"soun" => Kind::Audio,
        _ => Kind::Other,
    };
    let inner = parts_of(entry, kind)?;
    let original = original(&inner);
    let name = original.unwrap_or(entry.kind).to_string();
    let nal = codec::nal_setup(&inner).unwrap_or_default();
    let av1 = match find(&inner, b"av1C") {
        Ok(config) => Some(av1::Setup::of(config.body)?),
        Err(_) => None,
    };
    let number = |at: usize| -> u32 {
        let two = entry.body.get(at..at + 2).unwrap_or(&[0, 0]);
        u32::from(u16::from_be_bytes([two[0], two[1]]))
    };
    let (empty, media_time) = edits(&track)?;
    Ok(Facts {
        kind,
        timescale: init.tracks[0].timescale,
        codec: codec::name(&name, &inner)?,
        encrypted: original.is_some(),
        coded: if kind == Kind::Video {
            (number(24), number(26))
        } else {
            (0, 0)
        },
        shown: shown(find(&track, b"tkhd")?)?,
        of_sps: nal
            .sets
            .first()
            .filter(|_| name.starts_with("avc"))
            .and_then(|sps| codec::avc_size(sps))
            .or(av1.as_ref().and_then(av1::Setup::size)),
        transfer: transfer(&inner),
        sampling_rate: if kind == Kind::Audio { number(24) } else { 0 },
        empty: (empty, movie_timescale(find(&movie, b"mvhd")?)?),
        media_time,
        nal,
        av1,
        entry: name,
        init,
    })
}

/// The boxes in a sample entry, after its own fields (ISO/IEC 14496-12 §12.1.3, §12.2.3).
fn parts_of(entry: Box<'_>, kind: Kind) -> Result<Vec<Box<'_>>, BoxError> {
    let fields = match kind {
        Kind::Video => 78,
        Kind::Audio => 28,
        Kind::Other => return Ok(Vec::new()),
    };
    boxes(
        entry
            .body
            .get(fields..)
            .ok_or(BoxError::Short(entry.kind))?,
    )
}

/// Of a `colr` box of type `nclx` (ISO/IEC 14496-12 §12.1.5); 2 is unspecified.
fn transfer(parts: &[Box<'_>]) -> Option<u16> {
    let body = find(parts, b"colr").ok()?.body;
    let [high, low] = *body.strip_prefix(b"nclx")?.get(2..4)?.as_array()?;
    Some(u16::from_be_bytes([high, low])).filter(|transfer| *transfer != 2)
}

/// The type that an encrypted sample entry stands for (ISO/IEC 23001-7 §4.2).
fn original(parts: &[Box<'_>]) -> Option<FourCc> {
    let sinf = boxes(find(parts, b"sinf").ok()?.body).ok()?;
    Fields::of(find(&sinf, b"frma").ok()?)
        .take()
        .map(FourCc)
        .ok()
}

fn shown(tkhd: Box<'_>) -> Result<(u32, u32), BoxError> {
    let at = tkhd
        .body
        .len()
        .checked_sub(8)
        .ok_or(BoxError::Short(tkhd.kind))?;
    let mut fields = Fields::of(Box {
        body: &tkhd.body[at..],
        ..tkhd
    });
    let round = |fixed: u32| (fixed >> 16) + (fixed >> 15 & 1);
    Ok((round(fields.u32()?), round(fields.u32()?)))
}

fn movie_timescale(mvhd: Box<'_>) -> Result<u32, BoxError> {
    let mut fields = Fields::of(mvhd);
    let (version, _) = fields.version()?;
    fields.time(version)?;
    fields.time(version)?;
    fields.u32()
}

/// Empty edits, and where the first media edit begins (ISO/IEC 14496-12 §8.6.6).
fn edits(track: &[Box<'_>]) -> Result<(u64, Option<i64>), BoxError> {
    let Ok(edts) = find(track, b"edts") else {
        return Ok((0, None));
    };
    let mut fields = Fields::of(find(&boxes(edts.body)?, b"elst")?);
    let (version, _) = fields.version()?;
    let mut empty = 0_u64;
    for _ in 0..fields.u32()? {
        let duration = fields.time(version)?;
        let time = if version == 1 {
            fields.u64()?.cast_signed()
        } else {
            i64::from(fields.u32()?.cast_signed())
        };
        fields.u32()?;
        if time >= 0 {
            return Ok((empty, Some(time)));
        }
        empty = empty.saturating_add(duration);
    }
    Ok((empty, None))
}
