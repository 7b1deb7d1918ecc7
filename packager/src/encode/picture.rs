//! An encoder's fragments of video, each of which is a segment: checked, put in their
//! place on the common time line, and refused where they are not what was planned.

use std::sync::Arc;

use media::bmff::{Fragment, InitInfo, Sample, patch_tfdt, write_fragment};

use crate::{
    PackagerError,
    encode::segment::{Segment, wrong},
    plan::{cuts::Cuts, grid::Grid},
};

/// Video of which only the shape of the cells is known: encoded from the beginning, to
/// wherever it ends.
pub(crate) struct Open {
    cuts: Cuts,
    number: u32,
    /// Where the last segment ended.
    end: Option<u64>,
    /// A segment that ended before its time. ffmpeg writes such a one at its end only,
    /// and it is whole only if ffmpeg ended well.
    held: Option<Segment>,
}

impl Open {
    pub(crate) fn new(cuts: Cuts) -> Self {
        Self {
            cuts,
            number: 0,
            end: None,
            held: None,
        }
    }

    pub(crate) fn take(
        &mut self,
        bytes: Vec<u8>,
        init: &InitInfo,
    ) -> Result<Option<Segment>, PackagerError> {
        let fragment = read(&bytes, init)?;
        if self.held.is_some() {
            return Err(PackagerError::Encoder(
                "a segment ended before its time".into(),
            ));
        }
        let start = self.end.unwrap_or(0);
        let presented = fragment.earliest_presentation_time();
        if presented != start as i64 || presented != fragment.base_decode_time as i64 {
            return Err(PackagerError::Encoder(format!(
                "a segment starts at {presented}, and the one before ended at {start}"
            )));
        }
        let end = start + fragment.duration();
        let segment = Segment {
            number: self.number,
            start,
            duration: end - start,
            iframe_len: iframe_len(&bytes, &fragment),
            bytes: bytes.into(),
        };
        self.end = Some(end);
        self.number += 1;
        if self.cuts.separates(start, end, init.timescale) {
            return Ok(Some(segment));
        }
        self.held = Some(segment);
        Ok(None)
    }

    /// The last segment, and where the track ends, in its timescale.
    pub(crate) fn finish(self) -> (Option<Segment>, Option<u64>) {
        (self.held, self.end)
    }
}

/// Video of a span: each segment has its place in the plan.
pub(crate) struct Planned {
    grid: Arc<Grid>,
    /// Number of the span's first segment, of the next one, and of the one after the
    /// last.
    first: u32,
    next: u32,
    end: u32,
}

impl Planned {
    pub(crate) fn new(grid: Arc<Grid>, first: u32, end: u32) -> Self {
        Self {
            grid,
            first,
            next: first,
            end,
        }
    }

    pub(crate) fn take(
        &mut self,
        mut bytes: Vec<u8>,
        init: &InitInfo,
    ) -> Result<Segment, PackagerError> {
        let number = self.next;
        if number >= self.end {
            return Err(PackagerError::Encoder(format!(
                "segment {number} of a span that ends before it"
            )));
        }
        let ticks = |n| self.grid.ticks(self.grid.start(n), init.timescale);
        let (start, end) = (ticks(number), ticks(number + 1));
        let fragment = read(&bytes, init)?;
        // An encoder counts from the first picture of the span.
        let offset = ticks(self.first) as i64;
        let presented = fragment.earliest_presentation_time() + offset;
        let duration = fragment.duration();
        if presented == start as i64 && duration == end - start {
            let iframe_len = iframe_len(&bytes, &fragment);
            patch_tfdt(&mut bytes, start).map_err(wrong)?;
            self.next += 1;
            return Ok(Segment {
                number,
                start,
                duration,
                iframe_len,
                bytes: bytes.into(),
            });
        }
        let bytes = stretched(&fragment, init, number, (presented, start, end))?;
        let iframe_len = iframe_len(&bytes, &Fragment::read(&bytes, init).map_err(wrong)?);
        self.next += 1;
        Ok(Segment {
            number,
            start,
            duration: end - start,
            iframe_len,
            bytes: bytes.into(),
        })
    }

    /// All planned segments came.
    pub(crate) fn finish(self, init: &InitInfo) -> Result<Option<u64>, PackagerError> {
        if self.next < self.end {
            let (got, planned) = (self.next - self.first, self.end - self.first);
            return Err(PackagerError::Encoder(format!(
                "{got} of a span's {planned} segments could be encoded"
            )));
        }
        let end = self.grid.ticks(self.grid.start(self.end), init.timescale);
        Ok(Some(end))
    }
}

/// The fragment made to fill its place: where pictures come at any time, an encoder
/// does not know how long the last one stays, and one that could not be decoded leaves a
/// hole, over which the one before it, or behind it at the start, stays longer.
fn stretched(
    fragment: &Fragment<'_>,
    init: &InitInfo,
    number: u32,
    (presented, start, end): (i64, u64, u64),
) -> Result<Vec<u8>, PackagerError> {
    let misplaced = || {
        let last = presented + fragment.duration() as i64;
        PackagerError::Encoder(format!(
            "segment {number} is at {presented} to {last}, planned at {start} to {end}"
        ))
    };
    let in_order = fragment.samples.iter().all(|s| s.composition_offset == 0);
    if !in_order || presented < start as i64 {
        return Err(misplaced());
    }
    let late = u32::try_from(presented - start as i64).map_err(|_| misplaced())?;
    let mut samples: Vec<Sample<'_>> = fragment.samples.clone();
    let count = samples.len();
    samples[0].duration = samples[0]
        .duration
        .checked_add(late)
        .ok_or_else(misplaced)?;
    let before: u64 = samples[..count - 1]
        .iter()
        .map(|s| u64::from(s.duration))
        .sum();
    let left = (end - start).checked_sub(before).filter(|left| *left > 0);
    samples[count - 1].duration = left
        .and_then(|left| u32::try_from(left).ok())
        .ok_or_else(misplaced)?;
    Ok(write_fragment(number + 1, init.track_id, start, &samples))
}

fn read<'a>(bytes: &'a [u8], init: &InitInfo) -> Result<Fragment<'a>, PackagerError> {
    let fragment = Fragment::read(bytes, init).map_err(wrong)?;
    if fragment.starts_with_idr(init) {
        return Ok(fragment);
    }
    Err(PackagerError::Encoder(
        "a segment does not start with an IDR".into(),
    ))
}

/// From the first byte to the end of the first sample. `mdat` is last and holds the
/// samples only, in order.
fn iframe_len(bytes: &[u8], fragment: &Fragment<'_>) -> u64 {
    let data: usize = fragment.samples.iter().map(|s| s.data.len()).sum();
    let first = fragment.samples.first().map_or(0, |s| s.data.len());
    (bytes.len().saturating_sub(data) + first) as u64
}
