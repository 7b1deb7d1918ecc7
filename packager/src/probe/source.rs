//! What a source is, as far as it is published.

use serde::{Deserialize, Serialize};
use wire::{TrackLabel, VideoRange};

use crate::probe::{light::Light, timing::Timing};

/// A source that can be packaged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Source {
    /// Its container, by ffprobe's names: `mov,mp4,m4a,3gp,3g2,mj2`.
    pub(crate) format: String,
    /// As declared, or measured where nothing is declared, seconds.
    pub(crate) duration_secs: f64,
    /// The common zero in the file's own time, seconds: when its first picture is shown;
    /// without one, when its first sound is heard.
    pub(crate) zero_secs: f64,
    /// The picture, if there is one.
    pub(crate) video: Option<Video>,
    /// What is published of the sound: the default stream first, and the surround of any
    /// behind all of stereo.
    pub(crate) audio: Vec<Audio>,
    /// Subtitles that can become text.
    pub(crate) text: Vec<Text>,
    /// In order of time, on the common zero.
    pub(crate) chapters: Vec<Chapter>,
    /// Streams that are a cover, not a video.
    pub(crate) covers: Vec<usize>,
    /// How many streams are neither picture, sound nor text: time codes, fonts, GPS.
    pub(crate) data_streams: usize,
    /// What an uploader should know already.
    pub(crate) warnings: Vec<String>,
}

/// The video stream that is published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Video {
    /// Which stream of the file.
    pub(crate) index: usize,
    /// By ffmpeg's name: `h264`, `hevc`.
    pub(crate) codec: String,
    /// Size as shown: rotated, pixels made square.
    pub(crate) size: (u32, u32),
    /// When its pictures are shown.
    pub(crate) timing: Timing,
    /// Two fields a picture.
    pub(crate) interlaced: bool,
    /// How its values become light.
    pub(crate) colour: Colour,
    /// What HDR10 says of it besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) light: Option<Light>,
    /// Bits of one sample of a picture: 8, 10, 12 or 16.
    pub(crate) bit_depth: u8,
    /// Its own duration as declared, seconds.
    pub(crate) duration_secs: Option<f64>,
    /// Ticks of its packets, in seconds, as a fraction.
    pub(crate) time_base: (u32, u32),
}

/// The transfer of a picture's values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Colour {
    /// Standard dynamic range.
    #[default]
    Sdr,
    /// SMPTE ST 2084, of HDR10.
    Pq,
    /// ARIB STD-B67.
    Hlg,
}

impl Colour {
    /// How it is said of a rendition that keeps it.
    pub(crate) fn range(self) -> VideoRange {
        match self {
            Self::Sdr => VideoRange::Sdr,
            Self::Pq => VideoRange::Pq,
            Self::Hlg => VideoRange::Hlg,
        }
    }

    /// ffmpeg filters that make standard range (BT.709) of it; `None` where it is.
    /// What a file leaves unsaid is taken as BT.2020, as all of HDR is.
    pub(crate) fn to_sdr(self) -> Option<String> {
        let transfer = match self {
            Self::Sdr => return None,
            Self::Pq => "smpte2084",
            Self::Hlg => "arib-std-b67",
        };
        Some(format!(
            "zscale=tin={transfer}:pin=bt2020:min=bt2020nc:rin=limited:t=linear:npl=100,\
             format=gbrpf32le,zscale=p=bt709,tonemap=tonemap=hable:desat=0,\
             zscale=t=bt709:m=bt709:r=limited"
        ))
    }
}

/// Sound that is published as one track.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Audio {
    /// Which stream of the file.
    pub(crate) index: usize,
    /// By ffmpeg's name: `aac`, `ac3`.
    pub(crate) codec: String,
    /// Channels that the stream has.
    pub(crate) source_channels: u32,
    /// Channels to publish: one or two, or six for surround.
    pub(crate) channels: u32,
    /// What people call it. One is the default at most.
    pub(crate) label: TrackLabel,
    /// When its first sound is heard, from the common zero, seconds; negative if it is
    /// before.
    pub(crate) offset_secs: f64,
}

/// Subtitles that can become text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Text {
    /// Which stream of the file.
    pub(crate) index: usize,
    /// By ffmpeg's name: `subrip`, `mov_text`.
    pub(crate) codec: String,
    /// What people call it. One is the default at most.
    pub(crate) label: TrackLabel,
    /// Only what must be read to follow, such as a foreign sign.
    pub(crate) forced: bool,
}

/// A part of the source with a name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Chapter {
    /// From the common zero, seconds.
    pub(crate) start: f64,
    /// From the common zero, seconds.
    pub(crate) end: f64,
    /// Its name, empty where it has none.
    pub(crate) title: String,
}
