//! What `moov` says of its tracks.

use super::{EditList, Entry, Table, fields};
use crate::bmff::{
    BoxError, FourCc,
    boxes::{Fields, boxes, only},
};

/// Most tracks. Chosen: films with forty languages exist.
const TRACKS_MAX: usize = 256;
/// Longest name of a track that is kept, bytes.
const NAME_LEN_MAX: usize = 100;

/// What a `moov` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movie {
    /// Units of time per second, of edits' durations; never 0.
    pub timescale: u32,
    /// More samples are in fragments (`mvex`).
    pub fragmented: bool,
    /// All tracks, in order.
    pub tracks: Vec<Track>,
}

/// One track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    /// Its number, not 0.
    pub id: u32,
    /// `vide`, `soun`, `text`, ...
    pub handler: FourCc,
    /// To be presented unless a user chooses otherwise.
    pub enabled: bool,
    /// Units of time per second, of samples; never 0.
    pub timescale: u32,
    /// BCP 47 tag as written (`elng`), else three letters; `None` where undetermined.
    pub language: Option<String>,
    /// Its title, where it has one.
    pub name: Option<String>,
    /// How it is turned and mirrored: the first two rows of the first two columns of
    /// `tkhd`'s matrix, 16.16 fixed point.
    pub matrix: [i32; 4],
    /// Size on the screen, pixels, rounded; 0 where it has none.
    pub shown: (u32, u32),
    /// When it is presented.
    pub edits: EditList,
    /// Its codecs: as a rule, one.
    pub entries: Vec<Entry>,
    /// Its samples; none of them where it is neither video nor audio.
    pub table: Table,
}

impl Movie {
    /// Reads the body of a `moov`.
    ///
    /// # Errors
    /// Malformed boxes, and more samples than [`SAMPLES_MAX`](super::SAMPLES_MAX).
    pub fn read(moov: &[u8]) -> Result<Self, BoxError> {
        let mut mvhd = Fields::of(b"mvhd", only(moov, b"mvhd")?);
        let tracks = fields::all(moov, b"trak")?;
        if tracks.len() > TRACKS_MAX {
            return Err(BoxError::Unsupported("number of tracks".into()));
        }
        Ok(Self {
            timescale: timescale(&mut mvhd, "mvhd")?,
            fragmented: fields::first(moov, b"mvex").is_some(),
            tracks: tracks.into_iter().map(track).collect::<Result<_, _>>()?,
        })
    }
}

impl Track {
    /// Shown as coded: neither turned nor mirrored.
    #[must_use]
    pub fn is_upright(&self) -> bool {
        const ONE: i32 = 1 << 16;
        self.matrix == [ONE, 0, 0, ONE]
    }

    /// Carries pictures.
    #[must_use]
    pub fn is_video(&self) -> bool {
        &self.handler.0 == b"vide"
    }

    /// Carries sound.
    #[must_use]
    pub fn is_audio(&self) -> bool {
        &self.handler.0 == b"soun"
    }
}

/// Bytes of creation and modification time, which grow with the version.
fn times_len(version: u8) -> usize {
    if version == 1 { 16 } else { 8 }
}

/// From the start of `mvhd` or `mdhd`.
fn timescale(fields: &mut Fields<'_>, inside: &str) -> Result<u32, BoxError> {
    let (version, _) = fields.version_flags()?;
    fields.skip(times_len(version))?;
    match fields.u32()? {
        0 => Err(BoxError::Unsupported(format!("timescale 0 in {inside}"))),
        timescale => Ok(timescale),
    }
}

fn track(trak: &[u8]) -> Result<Track, BoxError> {
    let mdia = only(trak, b"mdia")?;
    let mdhd = only(mdia, b"mdhd")?;
    let handler = handler(only(mdia, b"hdlr")?)?;
    let elst = fields::first(trak, b"edts").and_then(|edts| fields::first(edts, b"elst"));
    let mut track = Track {
        id: 0,
        handler,
        enabled: false,
        timescale: timescale(&mut Fields::of(b"mdhd", mdhd), "mdhd")?,
        language: language(mdia, mdhd)?,
        name: name(trak),
        matrix: [0; 4],
        shown: (0, 0),
        edits: elst.map(EditList::read).transpose()?.unwrap_or_default(),
        entries: Vec::new(),
        table: Table::default(),
    };
    header(&mut track, only(trak, b"tkhd")?)?;
    if track.is_video() || track.is_audio() {
        let stbl = only(only(mdia, b"minf")?, b"stbl")?;
        track.entries = entries(only(stbl, b"stsd")?, track.handler)?;
        track.table = Table::read(stbl, track.entries.len())?;
    }
    Ok(track)
}

/// `tkhd` (§8.3.2).
fn header(track: &mut Track, tkhd: &[u8]) -> Result<(), BoxError> {
    let mut fields = Fields::of(b"tkhd", tkhd);
    let (version, flags) = fields.version_flags()?;
    fields.skip(times_len(version))?;
    track.enabled = flags & 1 != 0;
    track.id = fields.u32()?;
    if track.id == 0 {
        return Err(BoxError::Invalid {
            inside: FourCc(*b"tkhd"),
            what: "track 0",
        });
    }
    // Reserved, duration, reserved, layer, group, volume, reserved.
    fields.skip(4 + if version == 1 { 8 } else { 4 } + 16)?;
    let mut matrix = [0; 9];
    for cell in &mut matrix {
        *cell = fields.u32()? as i32;
    }
    track.matrix = [matrix[0], matrix[1], matrix[3], matrix[4]];
    let rounded = |fixed: u32| fixed.saturating_add(1 << 15) >> 16;
    track.shown = (rounded(fields.u32()?), rounded(fields.u32()?));
    Ok(())
}

fn handler(hdlr: &[u8]) -> Result<FourCc, BoxError> {
    let mut fields = Fields::of(b"hdlr", hdlr);
    fields.skip(8)?; // version, flags, pre_defined
    Ok(FourCc(fields.u32()?.to_be_bytes()))
}

/// `elng` (§8.4.6), else the packed letters of `mdhd` (§8.4.2).
fn language(mdia: &[u8], mdhd: &[u8]) -> Result<Option<String>, BoxError> {
    if let Some(tag) = fields::first(mdia, b"elng").and_then(|elng| text(elng.get(4..)?)) {
        return Ok(Some(tag));
    }
    let mut fields = Fields::of(b"mdhd", mdhd);
    let (version, _) = fields.version_flags()?;
    fields.skip(times_len(version) + 4 + if version == 1 { 8 } else { 4 })?;
    let packed = fields.u16()?;
    let letters = [10, 5, 0].map(|shift| 0x60 + (packed >> shift & 0x1f) as u8);
    // Below, QuickTime's own numbers; they name no language that is not English or guessed.
    let named = packed >= 0x400 && letters.iter().all(u8::is_ascii_lowercase);
    let code = String::from_utf8_lossy(&letters).into_owned();
    Ok((named && code != "und").then_some(code))
}

/// The title in `udta`, as ffmpeg and others write it.
fn name(trak: &[u8]) -> Option<String> {
    let udta = fields::first(trak, b"udta")?;
    text(fields::first(udta, b"name")?)
}

/// Text up to its zero byte; `None` when there is none, or it is no text.
fn text(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    let text = std::str::from_utf8(&bytes[..end]).ok()?.trim();
    let good = !text.is_empty() && text.len() <= NAME_LEN_MAX && !text.contains(char::is_control);
    good.then(|| text.to_owned())
}

/// `stsd` (§8.5.2).
fn entries(stsd: &[u8], handler: FourCc) -> Result<Vec<Entry>, BoxError> {
    let mut fields = Fields::of(b"stsd", stsd);
    fields.version_flags()?;
    let count = usize::try_from(fields.u32()?).unwrap_or(usize::MAX);
    boxes(fields.rest())
        .take(count)
        .map(|entry| entry.and_then(|entry| Entry::read(&entry, handler)))
        .collect()
}
