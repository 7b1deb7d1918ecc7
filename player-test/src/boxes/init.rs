//! Init segments.

use super::{Box, BoxError, Fields, FourCc, boxes, find};

/// What an init segment says of the fragments that follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Init {
    pub(crate) tracks: Vec<InitTrack>,
}

/// One track of an init segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InitTrack {
    pub(crate) id: u32,
    /// `vide`, `soun` or another kind.
    pub(crate) handler: FourCc,
    /// Units a second.
    pub(crate) timescale: u32,
    pub(crate) defaults: Defaults,
}

/// What a sample is like where nothing else is said (`trex`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Defaults {
    pub(crate) duration: u32,
    pub(crate) size: u32,
    pub(crate) flags: u32,
}

impl Init {
    pub(crate) fn track(&self, id: u32) -> Result<&InitTrack, BoxError> {
        self.tracks
            .iter()
            .find(|track| track.id == id)
            .ok_or(BoxError::UnknownTrack(id))
    }
}

impl InitTrack {
    pub(crate) fn is_video(&self) -> bool {
        self.handler.0 == *b"vide"
    }
}

/// Reads `ftyp` and `moov`.
pub(crate) fn read_init(bytes: &[u8]) -> Result<Init, BoxError> {
    let top = boxes(bytes)?;
    find(&top, b"ftyp")?;
    let movie = boxes(find(&top, b"moov")?.body)?;
    let extends = boxes(find(&movie, b"mvex")?.body)?;
    let tracks: Result<Vec<_>, _> = movie
        .iter()
        .filter(|b| b.kind.0 == *b"trak")
        .map(|&trak| track(trak, &extends))
        .collect();
    let tracks = tracks?;
    if tracks.is_empty() {
        return Err(BoxError::Missing(FourCc(*b"trak")));
    }
    Ok(Init { tracks })
}

fn track(trak: Box<'_>, extends: &[Box<'_>]) -> Result<InitTrack, BoxError> {
    let parts = boxes(trak.body)?;
    let media = boxes(find(&parts, b"mdia")?.body)?;
    let id = track_id(find(&parts, b"tkhd")?)?;
    let timescale = timescale(find(&media, b"mdhd")?)?;
    let handler = handler(find(&media, b"hdlr")?)?;
    Ok(InitTrack {
        id,
        handler,
        timescale,
        defaults: defaults(extends, id)?,
    })
}

fn track_id(tkhd: Box<'_>) -> Result<u32, BoxError> {
    let mut fields = Fields::of(tkhd);
    let (version, _) = fields.version()?;
    fields.time(version)?;
    fields.time(version)?;
    fields.u32()
}

fn timescale(mdhd: Box<'_>) -> Result<u32, BoxError> {
    let mut fields = Fields::of(mdhd);
    let (version, _) = fields.version()?;
    fields.time(version)?;
    fields.time(version)?;
    fields.u32().and_then(|n| {
        if n == 0 {
            Err(BoxError::Timescale)
        } else {
            Ok(n)
        }
    })
}

fn handler(hdlr: Box<'_>) -> Result<FourCc, BoxError> {
    let mut fields = Fields::of(hdlr);
    fields.version()?;
    fields.u32()?;
    fields.take().map(FourCc)
}

fn defaults(extends: &[Box<'_>], id: u32) -> Result<Defaults, BoxError> {
    for trex in extends.iter().filter(|b| b.kind.0 == *b"trex") {
        let mut fields = Fields::of(*trex);
        fields.version()?;
        if fields.u32()? == id {
            fields.u32()?;
            return Ok(Defaults {
                duration: fields.u32()?,
                size: fields.u32()?,
                flags: fields.u32()?,
            });
        }
    }
    Err(BoxError::Missing(FourCc(*b"trex")))
}
