//! From an encoder's output to segments: what is published, and what is refused.

use std::sync::Arc;

use bytes::Bytes;
use media::bmff::{
    BoxError, Fragment, InitInfo, Piece, TopLevel, init_info, with_entry_boxes,
    with_sequence_header,
};

use crate::{
    PackagerError,
    encode::{
        audio::{self, Borders, Format},
        picture,
    },
    plan::{cuts::Cuts, grid::Grid},
    probe::light::Light,
};

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
    /// Up to the end of its first picture, bytes from its first; 0 for what has none.
    pub(crate) iframe_len: u64,
    /// `moof` and `mdat`.
    pub(crate) bytes: Bytes,
}

/// Cuts one output of ffmpeg.
pub(crate) struct Cutter {
    boxes: TopLevel,
    kind: Kind,
    init: Option<InitInfo>,
    /// The init segment of AV1, until its first picture is there.
    held: Option<Vec<u8>>,
    light: Option<Light>,
}

enum Kind {
    Open(picture::Open),
    Planned(picture::Planned),
    Audio(audio::Recut),
}

impl Cutter {
    /// For video from its beginning to wherever it ends.
    pub(crate) fn open(cuts: Cuts) -> Self {
        Self::new(Kind::Open(picture::Open::new(cuts)))
    }

    /// For video of the segments from `first` up to, not including, `end`.
    pub(crate) fn planned(grid: Arc<Grid>, first: u32, end: u32) -> Self {
        Self::new(Kind::Planned(picture::Planned::new(grid, first, end)))
    }

    /// For audio from its beginning.
    pub(crate) fn audio(borders: Borders, format: Format) -> Self {
        Self::new(Kind::Audio(audio::Recut::new(borders, format)))
    }

    fn new(kind: Kind) -> Self {
        Self {
            boxes: TopLevel::new(SEGMENT_LEN_MAX),
            kind,
            init: None,
            held: None,
            light: None,
        }
    }

    /// What the init segment says of pictures that keep HDR10.
    pub(crate) fn lit(self, light: Option<Light>) -> Self {
        Self { light, ..self }
    }

    /// Takes what ffmpeg wrote next, and gives what that completes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Part>, PackagerError> {
        let mut parts = Vec::new();
        for piece in self.boxes.push(bytes).map_err(wrong)? {
            match piece {
                Piece::Init(bytes) => {
                    let bytes = match &self.kind {
                        Kind::Audio(audio) => audio.init(bytes)?,
                        Kind::Open(_) | Kind::Planned(_) => match &self.light {
                            None => bytes,
                            Some(light) => {
                                with_entry_boxes(&bytes, &light.boxes()).map_err(wrong)?
                            }
                        },
                    };
                    let info = init_info(&bytes).map_err(wrong)?;
                    if info.sequence_header.is_empty() {
                        parts.push(Part::Init(bytes.into()));
                    } else {
                        self.held = Some(bytes);
                    }
                    self.init = Some(info);
                }
                Piece::Fragment(bytes) => {
                    if let Some((held, info)) = self.held.take().zip(self.init.as_mut()) {
                        let first = Fragment::read(&bytes, info).map_err(wrong)?.samples[0];
                        let init = with_sequence_header(&held, first.data).map_err(wrong)?;
                        *info = init_info(&init).map_err(wrong)?;
                        parts.push(Part::Init(init.into()));
                    }
                    let init = self.init.as_ref().expect("the init segment comes first");
                    let segments = match &mut self.kind {
                        Kind::Open(video) => video.take(bytes, init)?.into_iter().collect(),
                        Kind::Planned(video) => vec![video.take(bytes, init)?],
                        Kind::Audio(audio) => audio.take(&bytes, init)?,
                    };
                    parts.extend(segments.into_iter().map(Part::Segment));
                }
            }
        }
        Ok(parts)
    }

    /// ffmpeg has ended well: what was held back is whole. Gives it, and where the track
    /// ends, seconds; `None` where nothing came.
    pub(crate) fn finish(self) -> Result<(Option<Segment>, Option<f64>), PackagerError> {
        let Some(init) = self.init else {
            return Err(PackagerError::Encoder(
                "an output has no init segment".into(),
            ));
        };
        self.boxes.finish().map_err(wrong)?;
        let (segment, end) = match self.kind {
            Kind::Open(video) => video.finish(),
            Kind::Planned(video) => (None, video.finish(&init)?),
            Kind::Audio(audio) => audio.finish(&init),
        };
        Ok((
            segment,
            end.map(|end| end as f64 / f64::from(init.timescale)),
        ))
    }
}

pub(crate) fn wrong(error: BoxError) -> PackagerError {
    PackagerError::Encoder(format!("its output is not what was asked for: {error}"))
}
