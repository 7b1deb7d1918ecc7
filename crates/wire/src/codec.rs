//! Codecs, and what is said of pictures in them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What pictures and sound are encoded in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// H.264 (ISO/IEC 14496-10), with AAC: what every player plays.
    H264,
    /// HEVC (ISO/IEC 23008-2), besides: renditions of their own, which keep HDR.
    Hevc,
    /// AV1 (AV1 Bitstream & Decoding Process Specification), besides: renditions of their
    /// own, which keep HDR.
    Av1,
    /// Opus (RFC 6716), besides: each audio track once more.
    Opus,
}

impl Codec {
    /// What can't be of such a list, in words; `None` when all is well. H.264 is in it,
    /// as not all players have any other, and none is twice.
    #[must_use]
    pub fn fault(codecs: &[Self]) -> Option<&'static str> {
        let twice = (1..codecs.len()).any(|n| codecs[..n].contains(&codecs[n]));
        match (codecs.contains(&Self::H264), twice) {
            (false, _) => Some("codecs must name h264, which all players have"),
            (true, true) => Some("codecs must not name one twice"),
            (true, false) => None,
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::H264 => "h264",
            Self::Hevc => "hevc",
            Self::Av1 => "av1",
            Self::Opus => "opus",
        })
    }
}

impl FromStr for Codec {
    type Err = UnknownCodec;

    fn from_str(text: &str) -> Result<Self, UnknownCodec> {
        match text {
            "h264" => Ok(Self::H264),
            "hevc" => Ok(Self::Hevc),
            "av1" => Ok(Self::Av1),
            "opus" => Ok(Self::Opus),
            _ => Err(UnknownCodec(text.to_owned())),
        }
    }
}

/// A name that is no [`Codec`]'s.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is none of h264, hevc, av1, opus")]
pub struct UnknownCodec(String);

/// How values of pictures become light (ISO/IEC 23091-2 §8.2, transfer characteristics).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VideoRange {
    /// Standard dynamic range.
    #[default]
    Sdr,
    /// SMPTE ST 2084, 10 bit, BT.2020.
    Pq,
    /// ARIB STD-B67 (BT.2100 HLG), 10 bit, BT.2020.
    Hlg,
}

impl VideoRange {
    pub(crate) fn is_sdr(&self) -> bool {
        *self == Self::Sdr
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_codecs_has_h264_and_none_twice() {
        assert_eq!(Codec::fault(&[Codec::H264]), None);
        assert_eq!(Codec::fault(&[Codec::H264, Codec::Hevc, Codec::Opus]), None);
        assert!(Codec::fault(&[]).is_some());
        assert!(Codec::fault(&[Codec::Hevc]).is_some());
        assert!(Codec::fault(&[Codec::H264, Codec::Hevc, Codec::Hevc]).is_some());
    }

    #[test]
    fn settings_and_tracks_of_before_are_h264_in_standard_range() {
        let settings = r#"{"segment_secs":4.0,"ladder":[360]}"#;
        let settings: crate::PackageSettings = serde_json::from_str(settings).unwrap();
        assert_eq!(settings.codecs, [Codec::H264]);
        let kind = r#"{"kind":"video","width":2,"height":2,"frame_rate":[25,1]}"#;
        let read: crate::PlannedKind = serde_json::from_str(kind).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), kind);
    }
}
