//! Audio cut anew: ffmpeg's frames of AAC, in segments that follow the video's cuts.

use std::{collections::VecDeque, sync::Arc};

use media::bmff::{Fragment, InitInfo, Sample, write_fragment};

use crate::{
    PackagerError,
    encode::segment::{SEGMENT_LEN_MAX, Segment, wrong},
    plan::{
        cuts::{AAC_FRAME, AUDIO_RATE, Cuts},
        grid::Grid,
    },
};

/// ffmpeg's AAC encoder puts one frame of silence before the first sound (1,024 samples
/// of priming). Dropped whole, the second frame is exactly at zero.
const PRIMING_FRAMES: u64 = 1;

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
    fn first_frame(&self, n: u32) -> u64 {
        match self {
            Self::Cells(cuts) => cuts.first_audio_frame(n),
            Self::Grid { grid, then_us } => {
                let more = u64::from(n.saturating_sub(grid.len())) * then_us;
                let us = grid.start_us(n.min(grid.len())) + more;
                (us * AUDIO_RATE).div_ceil(1_000_000 * AAC_FRAME)
            }
        }
    }
}

/// Collects frames, and gives a segment whenever one is whole.
pub(crate) struct Recut {
    borders: Borders,
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
    pub(crate) fn new(borders: Borders) -> Self {
        Self {
            borders,
            seen: 0,
            waiting: VecDeque::new(),
            waiting_len_bytes: 0,
            first: 0,
            number: 0,
        }
    }

    /// Takes one fragment of ffmpeg's; shorter than a segment, so it ends at most one.
    pub(crate) fn take(
        &mut self,
        bytes: &[u8],
        init: &InitInfo,
    ) -> Result<Vec<Segment>, PackagerError> {
        let fragment = Fragment::read(bytes, init).map_err(wrong)?;
        if fragment.base_decode_time != self.seen * AAC_FRAME {
            let (at, expected) = (fragment.base_decode_time, self.seen * AAC_FRAME);
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
            if end >= self.borders.first_frame(self.number + 1) {
                segments.extend(self.cut(init));
            }
        }
        Ok(segments)
    }

    /// The last segment, and where the track ends, in its timescale.
    pub(crate) fn finish(mut self, init: &InitInfo) -> (Option<Segment>, Option<u64>) {
        let last = self.cut(init);
        (last, Some(self.first * AAC_FRAME))
    }

    fn cut(&mut self, init: &InitInfo) -> Option<Segment> {
        let frames = std::mem::take(&mut self.waiting);
        self.waiting_len_bytes = 0;
        let samples: Vec<Sample<'_>> = frames
            .iter()
            .map(|data| Sample {
                duration: AAC_FRAME as u32,
                composition_offset: 0,
                flags: Sample::INDEPENDENT,
                data,
            })
            .collect();
        if samples.is_empty() {
            return None;
        }
        let (number, start) = (self.number, self.first * AAC_FRAME);
        let duration = samples.len() as u64 * AAC_FRAME;
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
