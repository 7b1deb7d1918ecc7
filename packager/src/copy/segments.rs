//! The segments of a copied track: which samples, and their new times.

use std::iter::{Peekable, Skip, Take};

use media::bmff::{
    Sample, SampleHead,
    mp4::{Init, Iter, Movie, Picture, Placed, Scan, Track, write_init},
};
use wire::{PlannedKind, TrackId};

use super::{CopyPlan, CopyTrack, plan::scale_up};
use crate::{PackagerError, encode::segment::SEGMENT_LEN_MAX};

/// The track's number in its init segment and fragments: each has one track.
const TRACK: u32 = 1;
/// Flags of samples whose pictures are not looked at yet.
const UNKNOWN: u32 = 0;

/// A segment that is still to be read.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) track: TrackId,
    pub(super) is_video: bool,
    pub(super) number: u32,
    /// In the track's timescale, from the common zero; also its decode time.
    pub(super) start: u64,
    pub(super) duration: u64,
    pub(super) timescale: u32,
    /// Its samples, without flags.
    pub(super) heads: Vec<SampleHead>,
    /// Where their bytes are: ranges of the file, joined where they touch.
    pub(super) runs: Vec<(u64, usize)>,
}

impl Wanted {
    /// All samples together, bytes.
    pub(super) fn data_len(&self) -> usize {
        self.runs.iter().map(|(_, len)| len).sum()
    }

    /// When it starts, seconds.
    pub(super) fn starts_secs(&self) -> f64 {
        self.start as f64 / f64::from(self.timescale)
    }

    pub(super) fn end_secs(&self) -> f64 {
        (self.start + self.duration) as f64 / f64::from(self.timescale)
    }

    /// It is within a source of `len` bytes, and no longer than a segment may be.
    pub(super) fn check(&self, len: u64) -> Result<(), PackagerError> {
        let end = self.runs.iter().map(|(at, len)| at + *len as u64).max();
        if self.data_len() <= SEGMENT_LEN_MAX && end.unwrap_or(0) <= len {
            return Ok(());
        }
        Err(PackagerError::Source(format!(
            "what is shown at {:.1} s is not in the source",
            self.starts_secs()
        )))
    }

    /// Each sample: where it is in the file, and its length.
    pub(super) fn samples(&self) -> impl Iterator<Item = (u64, usize)> {
        let mut runs = self.runs.iter().copied();
        let (mut at, mut left) = (0, 0);
        self.heads.iter().map(move |head| {
            let len = head.size as usize;
            if left < len {
                (at, left) = runs.next().unwrap_or_default();
            }
            let place = (at, len);
            (at, left) = (at + len as u64, left.saturating_sub(len));
            place
        })
    }

    /// Sets the flags of pictures by what they are; the first must be an IDR picture, and no
    /// parameter set another than in the init segment.
    pub(super) fn flag(
        &mut self,
        scans: impl IntoIterator<Item = Scan>,
    ) -> Result<(), PackagerError> {
        let at_secs = self.starts_secs();
        let refuse = |what: &str| PackagerError::Source(format!("{what} at {at_secs:.1} s"));
        for (n, (head, scan)) in self.heads.iter_mut().zip(scans).enumerate() {
            if scan.changed {
                return Err(refuse("its parameter sets change"));
            }
            head.flags = match scan.picture {
                Some(Picture::Idr) => Sample::INDEPENDENT,
                _ if n == 0 => return Err(refuse("there is no IDR picture")),
                _ => Sample::DEPENDENT,
            };
        }
        Ok(())
    }

    /// With a head of this length: up to the end of its first picture, bytes from its first;
    /// 0 for what has none.
    pub(super) fn iframe_len(&self, head_len: usize) -> u64 {
        match self.heads.first() {
            Some(first) if self.is_video => head_len as u64 + u64::from(first.size),
            _ => 0,
        }
    }

    /// Its `moof`, and the header of its `mdat`.
    pub(super) fn head(&self) -> Vec<u8> {
        media::bmff::fragment_head(self.number + 1, TRACK, self.start, &self.heads)
    }
}

/// Gives the segments of one track, in order.
pub(super) struct Segments<'a> {
    copied: &'a CopyTrack,
    /// As published.
    timescale: u32,
    /// Ticks of it for one of the file's.
    factor: u32,
    is_video: bool,
    samples: Peekable<Take<Skip<Iter<'a>>>>,
    /// When segments start, and when the last one ends, in the file's timescale.
    starts: Vec<u64>,
    end: u64,
    number: u32,
    /// How far media time is moved in its init segment.
    skip: u64,
}

impl<'a> Segments<'a> {
    /// Of the copied track, as `movie` says where it is.
    pub(super) fn new(
        plan: &CopyPlan,
        copied: &'a CopyTrack,
        movie: &'a Movie,
    ) -> Result<Self, PackagerError> {
        let track = source(copied, movie)?;
        let (first, end) = copied.samples;
        let samples = track.table.iter().skip(first as usize);
        let samples = samples.take(end.saturating_sub(first) as usize);
        let timescale = match track.is_video() {
            true => plan.published,
            false => track.timescale,
        };
        let mut segments = Self {
            copied,
            timescale,
            factor: timescale / track.timescale,
            is_video: track.is_video(),
            samples: samples.peekable(),
            starts: plan.starts_in(track.timescale),
            end: scale_up(plan.end, plan.timescale, track.timescale),
            number: 0,
            skip: 0,
        };
        if !segments.is_video {
            let first = segments.samples.peek().ok_or_else(changed)?;
            let ahead = copied.zero - first.decode_time as i64;
            segments.skip = u64::try_from(ahead).unwrap_or(0);
            segments.cut_behind_the_end(plan);
        }
        Ok(segments)
    }

    /// The init segment.
    pub(super) fn init(&self, movie: &Movie) -> Result<Vec<u8>, PackagerError> {
        let track = source(self.copied, movie)?;
        let size = match self.copied.planned.kind {
            PlannedKind::Video { width, height, .. } => (width, height),
            _ => (0, 0),
        };
        let init = Init {
            track_id: TRACK,
            timescale: self.timescale,
            entry: track.entries.first().ok_or_else(changed)?,
            size,
            language: track.language.as_deref(),
            skip: u32::try_from(self.skip).map_err(|_| changed())?,
        };
        write_init(&init).ok_or_else(changed)
    }

    /// Sound that goes on behind the pictures is cut on.
    fn cut_behind_the_end(&mut self, plan: &CopyPlan) {
        let (_, last) = self.copied.samples;
        let step = (plan.segment_secs.clamp(2.0, 10.0) * f64::from(self.timescale)) as u64;
        let mut next = self.starts.last().map_or(0, |start| start + step);
        next = next.max(self.end);
        // A frame of 1,024 samples at its lowest rate: an upper bound of the end.
        let longest = u128::from(last) * 1024 * u128::from(self.timescale) / 44_100;
        let longest = u64::try_from(longest).unwrap_or(u64::MAX);
        while next + step / 2 < longest {
            self.starts.push(next);
            next += step;
        }
    }

    fn next_segment(&mut self) -> Result<Option<Wanted>, PackagerError> {
        let Some(first) = self.samples.peek() else {
            return Ok(None);
        };
        let zero = self.copied.zero;
        // Before zero only by what the init segment skips.
        let at = |sample: &Placed| (sample.presentation_time - zero).max(0) as u64;
        let next = self.starts.get(self.number as usize + 1).copied();
        let is_video = self.is_video;
        let start = at(first);
        if is_video && self.starts.get(self.number as usize) != Some(&start) {
            return Err(changed());
        }
        let mut samples = Vec::new();
        while let Some(sample) = self.samples.next_if(|sample| match next {
            // Pictures are reordered: a segment ends with the picture that starts the next.
            Some(next) if is_video => at(sample) != next,
            Some(next) => at(sample) < next,
            None => true,
        }) {
            samples.push(sample);
        }
        let wanted = if is_video {
            self.pictures(&samples, next.unwrap_or(self.end))?
        } else {
            self.sound(&samples)
        };
        self.number += 1;
        Ok(Some(wanted))
    }

    /// Pictures are decoded at the times at which others are shown: so the first one is
    /// shown when it is decoded, and each lasts as long as it is shown.
    fn pictures(&self, samples: &[Placed], end: u64) -> Result<Wanted, PackagerError> {
        let factor = i64::from(self.factor);
        let time = |sample: &Placed| (sample.presentation_time - self.copied.zero) * factor;
        let mut times: Vec<i64> = samples.iter().map(time).collect();
        times.sort_unstable();
        times.push(end as i64 * factor);
        let head = |(sample, slot): (&Placed, &[i64])| {
            Some(SampleHead {
                duration: u32::try_from(slot[1] - slot[0]).ok()?,
                composition_offset: i32::try_from(time(sample) - slot[0]).ok()?,
                flags: UNKNOWN,
                size: sample.size,
            })
        };
        let heads = samples.iter().zip(times.windows(2)).map(head);
        let heads: Option<Vec<SampleHead>> = heads.collect();
        Ok(self.wanted(times[0] as u64, heads.ok_or_else(changed)?, samples))
    }

    fn sound(&self, samples: &[Placed]) -> Wanted {
        let head = |sample: &Placed| SampleHead {
            duration: sample.duration,
            composition_offset: 0,
            flags: Sample::INDEPENDENT,
            size: sample.size,
        };
        let first = samples
            .first()
            .map_or(0, |sample| sample.decode_time as i64);
        let start = first - self.copied.zero + self.skip as i64;
        let heads = samples.iter().map(head).collect();
        self.wanted(start.max(0) as u64, heads, samples)
    }

    fn wanted(&self, start: u64, heads: Vec<SampleHead>, samples: &[Placed]) -> Wanted {
        Wanted {
            track: self.copied.planned.track.clone(),
            is_video: self.is_video,
            number: self.number,
            start,
            duration: heads.iter().map(|head| u64::from(head.duration)).sum(),
            timescale: self.timescale,
            heads,
            runs: runs(samples),
        }
    }
}

/// Where the bytes of samples are. Of one that is empty nothing is anywhere, whatever its
/// chunk.
pub(super) fn runs(samples: &[Placed]) -> Vec<(u64, usize)> {
    let mut runs: Vec<(u64, usize)> = Vec::new();
    for sample in samples.iter().filter(|sample| sample.size > 0) {
        match runs.last_mut() {
            Some((at, len)) if *at + *len as u64 == sample.offset => {
                *len += sample.size as usize;
            }
            _ => runs.push((sample.offset, sample.size as usize)),
        }
    }
    runs
}

impl Iterator for Segments<'_> {
    type Item = Result<Wanted, PackagerError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_segment().transpose()
    }
}

fn source<'a>(copied: &CopyTrack, movie: &'a Movie) -> Result<&'a Track, PackagerError> {
    let found = movie.tracks.iter().find(|track| track.id == copied.source);
    found.ok_or_else(changed)
}

fn changed() -> PackagerError {
    PackagerError::Source("the source is not the one that was planned".to_owned())
}
