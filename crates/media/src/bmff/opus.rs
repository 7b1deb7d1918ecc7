//! Opus inside mp4 (Encapsulation of Opus in ISO Base Media File Format, version 0.8.1).

use super::{
    BoxError,
    boxes::{Fields, only_at},
};

/// What `dOps` says (§4.3.2).
pub(super) struct Config {
    pub(super) channels: u32,
}

/// Where PreSkip stands in `dOps`: behind version and number of channels.
const PRE_SKIP_AT: usize = 2;
/// Bytes of an AudioSampleEntry before its boxes (ISO/IEC 14496-12 §12.2.3).
const ENTRY_LEN: usize = 28;
/// Bytes of `stsd` before its entries.
const STSD_LEN: usize = 8;

impl Config {
    pub(super) fn read(dops: &[u8]) -> Result<Self, BoxError> {
        let mut fields = Fields::of(b"dOps", dops);
        if fields.u8()? != 0 {
            return Err(BoxError::Unsupported("version of dOps".into()));
        }
        Ok(Self {
            channels: u32::from(fields.u8()?),
        })
    }
}

/// Sets PreSkip in an init segment of Opus, samples at 48 kHz, and gives what it was:
/// where the priming of a stream is not stored, there is nothing to skip.
///
/// # Errors
/// It is not an init segment of Opus.
pub fn patch_pre_skip(init: &mut [u8], samples: u16) -> Result<u16, BoxError> {
    let mut at = 0..init.len();
    for kind in [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"] {
        at = only_at(init, at, kind)?;
    }
    let entries = (at.start + STSD_LEN).min(at.end)..at.end;
    let entry = only_at(init, entries, b"Opus")?;
    let parts = (entry.start + ENTRY_LEN).min(entry.end)..entry.end;
    let dops = only_at(init, parts, b"dOps")?;
    let mut fields = Fields::of(b"dOps", &init[dops.clone()]);
    fields.skip(PRE_SKIP_AT)?;
    let before = fields.u16()?;
    let from = dops.start + PRE_SKIP_AT;
    init[from..from + 2].copy_from_slice(&samples.to_be_bytes());
    Ok(before)
}
