//! Audio cut anew: ffmpeg's frames of AAC or Opus, in segments that follow the video's cuts.

use std::{collections::VecDeque, sync::Arc};

use media::bmff::{Fragment, InitInfo, Sample, patch_pre_skip, write_fragment};
use serde::{Deserialize, Serialize};

use crate::{
    PackagerError,
    encode::segment::{SEGMENT_LEN_MAX, Segment, wrong},
    plan::{
        cuts::{AUDIO_RATE, Cuts},
        grid::Grid,
    },
};

/// Before the first sound there is one frame of silence. Dropped whole, the second frame
/// is exactly at zero. ffmpeg's AAC encoder puts it there itself (1,024 samples of
/// priming); of Opus see [`Format::lead_in`].
const PRIMING_FRAMES: u64 = 1;
/// Samples by which libopus' output is late: 6.5 ms, its look-ahead for
/// `OPUS_APPLICATION_AUDIO`. `dOps` says it, and is held to it.
const OPUS_PRE_SKIP: u16 = 312;

/// What sound is encoded in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// AAC-LC.
    #[default]
    Aac,
    /// Opus.
    Opus,
}

impl Format {
    pub(crate) fn is_aac(&self) -> bool {
        *self == Self::Aac
    }

    /// Samples in one frame: of AAC as in ISO/IEC 14496-3 §4.5.1.1, of Opus 20 ms
    /// (RFC 6716 §2.1.4).
    pub(crate) fn frame(self) -> u64 {
        match self {
            Self::Aac => 1024,
            Self::Opus => 960,
        }
    }

    /// Bit rate for so many channels, bit/s. Chosen: Opus needs three quarters of what
    /// AAC needs.
    pub(crate) fn rate(self, channels: u32) -> u64 {
        let one = match self {
            Self::Aac => 64_000,
            Self::Opus => 48_000,
        };
        one * u64::from(channels)
    }

    /// Samples of silence to encode before the first sound, so that they and the
    /// encoder's own delay make a whole frame.
    pub(crate) fn lead_in(self) -> u64 {
        match self {
            Self::Aac => 0,
            Self::Opus => self.frame() - u64::from(OPUS_PRE_SKIP),
        }
    }

    /// The init segment of what is published: as its priming is dropped, nothing of it
    /// is to be skipped, with edit list or without.
    pub(crate) fn init(self, mut init: Vec<u8>) -> Result<Vec<u8>, PackagerError> {
        if self == Self::Opus {
            let late = patch_pre_skip(&mut init, 0).map_err(wrong)?;
            if late != OPUS_PRE_SKIP {
                return Err(PackagerError::Encoder(format!(
                    "libopus is late by {late} samples, expected {OPUS_PRE_SKIP}"
                )));
            }
        }
        Ok(init)
    }
}

/// Where segments of audio start: with the video's, as far as that is planned.
#[derive(Debug, Clone)]
pub(crate) enum Borders {
    /// By cells.
    Cells(Cuts),
    /// With these; behind their end, one segment length after another.
    Grid {
        /// The video's.
        grid: Arc<Grid>,
        /// Length of a segment, microseconds.
        then_us: u64,
    },
}

impl Borders {
    /// The first frame of segment `n`.
    fn first_frame(&self, n: u32, format: Format) -> u64 {
        let frame = format.frame();
        match self {
            Self::Cells(cuts) => cuts.first_audio_frame(n, frame),
            Self::Grid { grid, then_us } => {
                let more = u64::from(n.saturating_sub(grid.len())) * then_us;
                let us = grid.start_us(n.min(grid.len())) + more;
                (us * AUDIO_RATE).div_ceil(1_000_000 * frame)
            }
        }
    }
}

/// Collects frames, and gives a segment whenever one is whole.
pub(crate) struct Recut {
    borders: Borders,
    format: Format,
    /// Frames seen, priming included.
    seen: u64,
    /// Frames of the segment that is growing.
    waiting: VecDeque<Vec<u8>>,
    waiting_len_bytes: usize,
    /// Frame that the growing segment starts with, counted from zero.
    first: u64,
    /// Number of the growing segment.
    number: u32,
}

impl Recut {
    pub(crate) fn new(borders: Borders, format: Format) -> Self {
        Self {
            borders,
            format,
            seen: 0,
            waiting: VecDeque::new(),
            waiting_len_bytes: 0,
            first: 0,
            number: 0,
        }
    }

    /// What of an encoder's init segment is published.
    pub(crate) fn init(&self, init: Vec<u8>) -> Result<Vec<u8>, PackagerError> {
        self.format.init(init)
    }

    /// Takes one fragment of ffmpeg's; shorter than a segment, so it ends at most one.
    pub(crate) fn take(
        &mut self,
        bytes: &[u8],
        init: &InitInfo,
    ) -> Result<Vec<Segment>, PackagerError> {
        let fragment = Fragment::read(bytes, init).map_err(wrong)?;
        let expected = self.seen * self.format.frame();
        if fragment.base_decode_time != expected {
            let at = fragment.base_decode_time;
            return Err(PackagerError::Encoder(format!(
                "audio at {at}, expected at {expected}"
            )));
        }
        let mut segments = Vec::new();
        for sample in &fragment.samples {
            self.seen += 1;
            if self.seen <= PRIMING_FRAMES {
                continue;
            }
            self.waiting_len_bytes += sample.data.len();
            if self.waiting_len_bytes > SEGMENT_LEN_MAX {
                return Err(PackagerError::Encoder("audio segment without end".into()));
            }
            self.waiting.push_back(sample.data.to_vec());
            let end = self.first + self.waiting.len() as u64;
            if end >= self.borders.first_frame(self.number + 1, self.format) {
                segments.extend(self.cut(init));
            }
        }
        Ok(segments)
    }

    /// The last segment, and where the track ends, in its timescale.
    pub(crate) fn finish(mut self, init: &InitInfo) -> (Option<Segment>, Option<u64>) {
        let last = self.cut(init);
        (last, Some(self.first * self.format.frame()))
    }

    fn cut(&mut self, init: &InitInfo) -> Option<Segment> {
        let frames = std::mem::take(&mut self.waiting);
        let frame = self.format.frame();
        self.waiting_len_bytes = 0;
        let samples: Vec<Sample<'_>> = frames
            .iter()
            .map(|data| Sample {
                duration: frame as u32,
                composition_offset: 0,
                flags: Sample::INDEPENDENT,
                data,
            })
            .collect();
        if samples.is_empty() {
            return None;
        }
        let (number, start) = (self.number, self.first * frame);
        let duration = samples.len() as u64 * frame;
        let bytes = write_fragment(number + 1, init.track_id, start, &samples);
        self.first += samples.len() as u64;
        self.number += 1;
        Some(Segment {
            number,
            start,
            duration,
            iframe_len: 0,
            bytes: bytes.into(),
        })
    }
}
