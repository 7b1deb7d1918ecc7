//! What a version holds now: the one input of both manifest writers.

use crate::{Storyboard, bmff::cbcs::KeyId};

/// A version, as far as it is stored.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Presentation {
    /// All tracks, also those of which nothing is stored yet, in the order of the plan:
    /// video from the highest rendition down, then audio, then text; of each the default
    /// first.
    pub tracks: Vec<Track>,
    /// Nothing will be added any more.
    pub sealed: bool,
    /// Planned length of a segment, seconds.
    pub segment_secs: f64,
    /// Names of the files that the version holds besides its tracks. The manifests look
    /// for `<text track>.vtt`.
    pub files: Vec<String>,
    /// What its storyboard looks like, where it has one.
    pub storyboard: Option<Storyboard>,
    /// How its audio and video are encrypted; `None` where they are clear.
    pub encryption: Option<Encryption>,
}

/// What of audio and video is encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Method {
    /// Samples, by the scheme `cbcs` (ISO/IEC 23001-7 §10.4).
    #[default]
    Cbcs,
    /// Whole segments, by AES-128 (RFC 8216 §4.3.2.4): HLS alone knows it.
    Aes128,
}

/// How players get the keys of a version that is encrypted. It holds no key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encryption {
    /// What is encrypted.
    pub method: Method,
    /// Which key all video needs.
    pub video: KeyId,
    /// Which key all audio needs.
    pub audio: KeyId,
    /// Where a ClearKey licence is given (W3C, Encrypted Media Extensions §9.1.4), where
    /// there is such a place.
    pub license_url: Option<String>,
    /// Where the 16 bytes of a key are given, `{kid}` being its id in hexadecimal, where
    /// there is such a place. HLS then names it, and no licence.
    pub key_url: Option<String>,
    /// The way from a track's playlist to where these addresses are relative to, such as
    /// `../../`; empty where they are not relative.
    pub up: String,
}

/// One elementary stream of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    /// Its name in URLs, such as `v720`.
    pub name: String,
    /// Video, audio or text.
    pub kind: TrackKind,
    /// Tracks that are made together share a group; groups are numbered in the order in
    /// which they are made. Renditions of a group are listed all or none.
    pub group: u32,
    /// RFC 6381 codec string, as [`crate::bmff::init_info`] reads it; `wvtt` for text.
    pub codec: String,
    /// Units of time per second.
    pub timescale: u32,
    /// What the encoder was told not to exceed, bits per second.
    pub bitrate_max: u64,
    /// The stored segments from number 0, without a hole.
    pub segments: Vec<Segment>,
}

/// What a track carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrackKind {
    /// Pictures.
    Video {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
        /// Frames per second.
        frame_rate: FrameRate,
        /// How its values become light.
        range: VideoRange,
    },
    /// Sound.
    Audio {
        /// Channels.
        channels: u32,
        /// Samples per second.
        sample_rate: u32,
        /// What people call it.
        label: Label,
    },
    /// WebVTT.
    Text {
        /// What people call it.
        label: Label,
        /// Only what must be read to follow, such as a foreign sign.
        forced: bool,
    },
}

/// How values of pictures become light: HLS' VIDEO-RANGE (rfc8216bis §4.4.6.2), and the
/// transfer characteristics of ISO/IEC 23091-2 §8.2.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum VideoRange {
    /// Standard dynamic range.
    #[default]
    Sdr,
    /// SMPTE ST 2084 in BT.2020.
    Pq,
    /// ARIB STD-B67, the HLG of BT.2100, in BT.2020.
    Hlg,
}

/// How a viewer tells a track from others of its kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Label {
    /// BCP 47 language tag (RFC 5646), where known.
    pub language: Option<String>,
    /// The source's own title of it.
    pub name: Option<String>,
    /// The source would play it first.
    pub default: bool,
    /// Whom it is for: values of HLS' CHARACTERISTICS (RFC 8216 §4.3.4.1), such as
    /// `public.accessibility.describes-video`.
    pub characteristics: Vec<String>,
}

/// Frames per second, as a fraction; `den` 0 means unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameRate {
    /// Frames.
    pub num: u32,
    /// Seconds.
    pub den: u32,
}

/// One stored segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Earliest presentation time, in the track's timescale.
    pub start: u64,
    /// Length in the track's timescale; the next segment starts where this one ends.
    pub duration: u64,
    /// Size, bytes.
    pub len_bytes: u64,
    /// Up to the end of its first picture, from its first byte: what trick play loads.
    /// 0 where unknown.
    pub iframe_len_bytes: u64,
}

impl Presentation {
    /// Its segments are encrypted as a whole: no part of one can be read.
    pub(crate) fn is_whole_encrypted(&self) -> bool {
        let encryption = self.encryption.as_ref();
        encryption.is_some_and(|encryption| encryption.method == Method::Aes128)
    }

    /// Which key a track needs; `None` where it is clear, as text always is.
    pub(crate) fn key_of(&self, track: &Track) -> Option<(&Encryption, KeyId)> {
        let encryption = self.encryption.as_ref()?;
        match track.kind {
            TrackKind::Video { .. } => Some((encryption, encryption.video)),
            TrackKind::Audio { .. } => Some((encryption, encryption.audio)),
            TrackKind::Text { .. } => None,
        }
    }

    /// The video tracks, in order.
    pub fn video(&self) -> impl Iterator<Item = &Track> {
        self.tracks.iter().filter(|t| t.is_video())
    }

    /// The audio tracks, in order.
    pub fn audio(&self) -> impl Iterator<Item = &Track> {
        self.tracks.iter().filter(|t| t.is_audio())
    }

    /// The text tracks, in order.
    pub fn text(&self) -> impl Iterator<Item = &Track> {
        self.tracks.iter().filter(|t| t.is_text())
    }

    /// `EXT-X-TARGETDURATION`, whole seconds: the longest segment of all tracks rounded
    /// to nearest, and never below the planned length rounded up, so that it stays the
    /// same while the version grows and when it is sealed (RFC 8216 §4.3.3.1, §6.2.1),
    /// and is the same in all playlists (§6.2.4).
    #[must_use]
    pub fn target_secs(&self) -> u64 {
        let longest = self
            .tracks
            .iter()
            .map(Track::longest_secs)
            .max()
            .unwrap_or(0);
        // A cast of a float saturates, and makes 0 of NaN.
        longest.max(self.segment_secs.ceil() as u64).max(1)
    }
}

impl Track {
    /// It carries pictures.
    #[must_use]
    pub fn is_video(&self) -> bool {
        matches!(self.kind, TrackKind::Video { .. })
    }

    /// It carries sound.
    #[must_use]
    pub fn is_audio(&self) -> bool {
        matches!(self.kind, TrackKind::Audio { .. })
    }

    /// It carries text.
    #[must_use]
    pub fn is_text(&self) -> bool {
        matches!(self.kind, TrackKind::Text { .. })
    }

    /// How its values become light; `None` but for video.
    pub(crate) fn range(&self) -> Option<VideoRange> {
        match self.kind {
            TrackKind::Video { range, .. } => Some(range),
            TrackKind::Audio { .. } | TrackKind::Text { .. } => None,
        }
    }

    /// What people call it; `None` for video.
    #[must_use]
    pub fn label(&self) -> Option<&Label> {
        match &self.kind {
            TrackKind::Video { .. } => None,
            TrackKind::Audio { label, .. } | TrackKind::Text { label, .. } => Some(label),
        }
    }

    /// The codec without its profile and level, such as `avc1`.
    #[must_use]
    pub fn codec_family(&self) -> &str {
        self.codec.split('.').next().unwrap_or_default()
    }

    /// Where the last segment ends, in the timescale; 0 without segments.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.segments.last().map_or(0, Segment::end)
    }

    /// A time of this track in microseconds, rounded to nearest. Both manifests print
    /// differences of these, so that roundings never add up.
    pub(crate) fn micros(&self, time: u64) -> u64 {
        let scale = u128::from(self.timescale.max(1));
        let micros = (u128::from(time) * 1_000_000 + scale / 2) / scale;
        u64::try_from(micros).unwrap_or(u64::MAX)
    }

    /// What `EXTINF` says of a segment, microseconds.
    pub(crate) fn segment_micros(&self, segment: &Segment) -> u64 {
        self.micros(segment.end()) - self.micros(segment.start)
    }

    /// The longest segment in whole seconds, rounded to nearest.
    fn longest_secs(&self) -> u64 {
        let micros = self
            .segments
            .iter()
            .map(|s| self.segment_micros(s))
            .max()
            .unwrap_or(0);
        (micros.saturating_add(500_000)) / 1_000_000
    }
}

impl Segment {
    /// Where the next one starts.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.start.saturating_add(self.duration)
    }
}
