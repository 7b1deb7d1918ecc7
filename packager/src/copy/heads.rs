//! What keyframes really are, from the first bytes of their samples.

use std::ops::Range;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use media::bmff::mp4::{Nals, Picture};

use super::video::Video;
use crate::{PackagerError, input::Input};

/// Most keyframes of one source that are read. Chosen: 9 hours at one each 4 s.
pub(super) const READS_MAX: usize = 8192;
/// How much of a sample is read first, and where that does not reach its first slice.
/// Chosen: x264's longest note is 700 bytes; captions and notes of others are below 64 KiB.
const HEAD_LEN: u64 = 1 << 10;
const LONG_HEAD_LEN: u64 = 64 << 10;
/// Heads this near to each other are read at once, up to this many bytes. Chosen.
const GAP_MAX: u64 = 16 << 10;
const READ_LEN_MAX: u64 = 1 << 20;
/// How many reads run at once.
const READS_AT_ONCE: usize = 16;

/// What is known of each frame of a video.
pub(super) struct Heads<'a> {
    input: &'a Input,
    video: &'a Video<'a>,
    known: Vec<Known>,
    changed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Nothing,
    Idr,
    Other,
}

/// A frame, and the first bytes of its sample.
type Head = (usize, Range<u64>);

impl<'a> Heads<'a> {
    pub(super) fn new(input: &'a Input, video: &'a Video<'a>) -> Self {
        Self {
            input,
            video,
            known: vec![Known::Nothing; video.frames.len()],
            changed: false,
        }
    }

    /// Not known to be anything else.
    pub(super) fn may_be_idr(&self, frame: usize) -> bool {
        self.known[frame] != Known::Other
    }

    /// Why no cut helps.
    pub(super) fn refused(&self) -> Option<String> {
        let reason = "its parameter sets change midway";
        self.changed.then(|| reason.to_owned())
    }

    /// Reads the heads of those frames that are not known yet.
    pub(super) async fn check(&mut self, frames: &[usize]) -> Result<(), PackagerError> {
        let unknown = |frame: &&usize| self.known[**frame] == Known::Nothing;
        let frames: Vec<usize> = frames.iter().filter(unknown).copied().collect();
        let short = self.read(&frames, HEAD_LEN).await?;
        let unclear = self.read(&short, LONG_HEAD_LEN).await?;
        for frame in unclear {
            self.known[frame] = Known::Other;
        }
        Ok(())
    }

    /// Reads so much of each frame; gives those for which it was too little.
    async fn read(&mut self, frames: &[usize], len: u64) -> Result<Vec<usize>, PackagerError> {
        let (input, video) = (self.input, self.video);
        let head = |frame: &usize| {
            let sample = &video.frames[*frame];
            let end = sample.offset + u64::from(sample.size).min(len);
            (*frame, sample.offset..end)
        };
        let reads = coalesced(frames.iter().map(head).collect());
        let read = async |(range, heads): (Range<u64>, Vec<Head>)| {
            let bytes = input.read(range.clone()).await?;
            Ok::<_, PackagerError>(scanned(&video.nals, &bytes, range.start, &heads))
        };
        let found: Vec<_> = stream::iter(reads)
            .map(read)
            .buffer_unordered(READS_AT_ONCE)
            .try_collect()
            .await?;
        let mut short = Vec::new();
        for (frame, picture, changed) in found.into_iter().flatten() {
            self.changed |= changed;
            match picture {
                None => short.push(frame),
                Some(Picture::Idr) => self.known[frame] = Known::Idr,
                Some(Picture::Other) => self.known[frame] = Known::Other,
            }
        }
        Ok(short)
    }
}

fn scanned(
    nals: &Nals,
    bytes: &Bytes,
    base: u64,
    heads: &[Head],
) -> Vec<(usize, Option<Picture>, bool)> {
    let scan = |(frame, range): &Head| {
        let (from, until) = (range.start - base, range.end - base);
        let head = bytes.get(from as usize..until as usize);
        let scan = nals.scan(head.unwrap_or_default());
        (*frame, scan.picture, scan.changed)
    };
    heads.iter().map(scan).collect()
}

/// Joins heads that stand near to each other into one read.
fn coalesced(mut heads: Vec<Head>) -> Vec<(Range<u64>, Vec<Head>)> {
    heads.sort_unstable_by_key(|(_, range)| range.start);
    let mut reads: Vec<(Range<u64>, Vec<Head>)> = Vec::new();
    for head in heads {
        let (start, end) = (head.1.start, head.1.end);
        match reads.last_mut() {
            Some((read, joined))
                if start <= read.end + GAP_MAX && end - read.start <= READ_LEN_MAX =>
            {
                read.end = read.end.max(end);
                joined.push(head);
            }
            _ => reads.push((start..end, vec![head])),
        }
    }
    reads
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_heads_are_one_read_and_far_ones_are_not() {
        let near = [(0, 100..200), (1, 5000..5100), (2, 900_000..900_010)];
        let reads = coalesced(near.to_vec());
        let ranges: Vec<_> = reads.iter().map(|(range, _)| range.clone()).collect();
        assert_eq!(ranges, [100..5100, 900_000..900_010]);
        assert_eq!(reads[0].1.len(), 2);
    }

    #[test]
    fn a_joined_read_is_bounded() {
        let heads = (0..1000).map(|n| (n, n as u64 * 8000..n as u64 * 8000 + 1000));
        let reads = coalesced(heads.collect());
        assert!(
            reads
                .iter()
                .all(|(range, _)| range.end - range.start <= READ_LEN_MAX)
        );
        assert_eq!(
            reads.iter().map(|(_, heads)| heads.len()).sum::<usize>(),
            1000
        );
    }
}
