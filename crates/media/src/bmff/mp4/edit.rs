//! Edit lists: which part of a track is presented, and when (§8.6.6).

use crate::bmff::{BoxError, FourCc, boxes::Fields};

/// Most edits of one track. Chosen: what can be copied has two.
const EDITS_MAX: u32 = 1024;
/// Times beyond this are refused, so that they can be added without a care.
const TIME_MAX: u64 = 1 << 50;

/// One edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edit {
    /// How long, in the movie's timescale; 0 in the last: to the end.
    pub duration: u64,
    /// The media's composition time that it starts with, in the track's timescale; `None`
    /// for an empty edit, in which nothing is presented.
    pub media_time: Option<i64>,
    /// At its own speed.
    pub plain: bool,
}

/// All edits of a track, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EditList(pub Vec<Edit>);

impl EditList {
    /// What players agree on: empty edits, then one media edit at the media's own speed,
    /// which is given back with the length of the empty ones before it, in the movie's
    /// timescale. A track without edits is presented whole from zero. `None`: anything
    /// else.
    #[must_use]
    pub fn simple(&self) -> Option<(u64, Edit)> {
        let whole = Edit {
            duration: 0,
            media_time: Some(0),
            plain: true,
        };
        let empty = self.0.iter().take_while(|e| e.media_time.is_none());
        let delay = empty.clone().map(|e| e.duration).sum();
        match &self.0[empty.count()..] {
            [] if self.0.is_empty() => Some((0, whole)),
            [one] if one.plain => Some((delay, *one)),
            _ => None,
        }
    }

    pub(super) fn read(elst: &[u8]) -> Result<Self, BoxError> {
        let mut fields = Fields::of(b"elst", elst);
        let (version, _) = fields.version_flags()?;
        let count = fields.u32()?;
        if count > EDITS_MAX {
            return Err(BoxError::Unsupported("long edit list".into()));
        }
        let mut edits = Vec::new();
        for _ in 0..count {
            let (duration, media_time) = match version {
                0 => (u64::from(fields.u32()?), i64::from(fields.u32()? as i32)),
                _ => (fields.u64()?, fields.u64()? as i64),
            };
            if duration > TIME_MAX || media_time > TIME_MAX as i64 || media_time < -1 {
                return Err(BoxError::Invalid {
                    inside: FourCc(*b"elst"),
                    what: "time out of reach",
                });
            }
            let rate = fields.u32()?; // 16.16 fixed point
            edits.push(Edit {
                duration,
                media_time: (media_time >= 0).then_some(media_time),
                plain: rate == 1 << 16,
            });
        }
        Ok(Self(edits))
    }
}
