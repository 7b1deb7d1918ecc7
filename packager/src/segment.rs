//! From an encoder's output to segments: what is published, and what is refused.

use bytes::Bytes;
use media::bmff::{BoxError, Fragment, InitInfo, Piece, TopLevel, init_info, patch_tfdt};

use crate::{PackagerError, audio, cuts::Cuts};

/// Longest segment, bytes. Chosen: 10 s at five times the dearest ceiling fit.
pub(crate) const SEGMENT_LEN_MAX: usize = 64 << 20;

/// Something to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// The init segment.
    Init(Bytes),
    /// The next segment.
    Segment(Segment),
}

/// One segment of a track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    /// From 0.
    pub(crate) number: u32,
    /// In the track's timescale, from the common zero.
    pub(crate) start: u64,
    /// In the track's timescale.
    pub(crate) duration: u64,
    /// `moof` and `mdat`.
    pub(crate) bytes: Bytes,
}

/// Cuts one output of ffmpeg.
pub(crate) struct Cutter {
    boxes: TopLevel,
    kind: Kind,
    init: Option<InitInfo>,
}

enum Kind {
    Video(Video),
    Audio(audio::Recut),
}

impl Cutter {
    /// For video whose first fragment is segment `number`, at frame `skip_frames`.
    pub(crate) fn video(cuts: Cuts, number: u32, skip_frames: u64, rate: (u32, u32)) -> Self {
        let video = Video {
            cuts,
            number,
            skip_frames,
            rate,
            end: None,
            held: None,
        };
        Self {
            boxes: TopLevel::new(SEGMENT_LEN_MAX),
            kind: Kind::Video(video),
            init: None,
        }
    }

    /// For audio from its beginning.
    pub(crate) fn audio(cuts: Cuts) -> Self {
        let audio = audio::Recut::new(cuts);
        Self {
            boxes: TopLevel::new(SEGMENT_LEN_MAX),
            kind: Kind::Audio(audio),
            init: None,
        }
    }

    /// Takes what ffmpeg wrote next, and gives what that completes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Part>, PackagerError> {
        let mut parts = Vec::new();
        for piece in self.boxes.push(bytes).map_err(wrong)? {
            match piece {
                Piece::Init(bytes) => {
                    self.init = Some(init_info(&bytes).map_err(wrong)?);
                    parts.push(Part::Init(bytes.into()));
                }
                Piece::Fragment(bytes) => {
                    let init = self.init.as_ref().expect("the init segment comes first");
                    let segments = match &mut self.kind {
                        Kind::Video(video) => video.take(bytes, init)?.into_iter().collect(),
                        Kind::Audio(audio) => audio.take(&bytes, init)?,
                    };
                    parts.extend(segments.into_iter().map(Part::Segment));
                }
            }
        }
        Ok(parts)
    }

    /// ffmpeg has ended well: what was held back is whole.
    pub(crate) fn finish(self) -> Result<(Option<Segment>, Option<f64>), PackagerError> {
        let Some(init) = self.init else {
            return Err(PackagerError::Encoder(
                "an output has no init segment".into(),
            ));
        };
        self.boxes.finish().map_err(wrong)?;
        let (segment, end) = match self.kind {
            Kind::Video(video) => (video.held, video.end),
            Kind::Audio(audio) => audio.finish(&init),
        };
        Ok((
            segment,
            end.map(|end| end as f64 / f64::from(init.timescale)),
        ))
    }
}

/// Each fragment of video is a segment.
struct Video {
    cuts: Cuts,
    number: u32,
    skip_frames: u64,
    rate: (u32, u32),
    /// Where the last segment ended.
    end: Option<u64>,
    /// A segment that ended before its time. ffmpeg writes such a one at its end only,
    /// and it is whole only if ffmpeg ended well.
    held: Option<Segment>,
}

impl Video {
    fn take(
        &mut self,
        mut bytes: Vec<u8>,
        init: &InitInfo,
    ) -> Result<Option<Segment>, PackagerError> {
        let fragment = Fragment::read(&bytes, init).map_err(wrong)?;
        if !fragment.starts_with_idr(init) {
            return Err(PackagerError::Encoder(
                "a segment does not start with an IDR".into(),
            ));
        }
        if self.held.is_some() {
            return Err(PackagerError::Encoder(
                "a segment ended before its time".into(),
            ));
        }
        // ffmpeg counts from the first frame that it encodes.
        let skipped = self.skipped(init.timescale);
        let presented = fragment.earliest_presentation_time() + skipped as i64;
        let start = self.end.unwrap_or(skipped);
        if presented != start as i64 {
            return Err(PackagerError::Encoder(format!(
                "a segment starts at {presented}, and the one before ended at {start}"
            )));
        }
        let duration = fragment.duration();
        if fragment.earliest_presentation_time() != fragment.base_decode_time as i64 {
            return Err(PackagerError::Encoder(
                "a segment's first picture is late".into(),
            ));
        }
        if fragment.base_decode_time != start {
            patch_tfdt(&mut bytes, start).map_err(wrong)?;
        }
        self.end = Some(start + duration);
        let segment = Segment {
            number: self.number,
            start,
            duration,
            bytes: bytes.into(),
        };
        self.number += 1;
        if self.cuts.separates(start, start + duration, init.timescale) {
            return Ok(Some(segment));
        }
        self.held = Some(segment);
        Ok(None)
    }

    fn skipped(&self, timescale: u32) -> u64 {
        self.skip_frames * u64::from(timescale) * u64::from(self.rate.1) / u64::from(self.rate.0)
    }
}

pub(crate) fn wrong(error: BoxError) -> PackagerError {
    PackagerError::Encoder(format!("its output is not what was asked for: {error}"))
}
