//! What of a file ffprobe needs to see to know what it is, and what the index says of its
//! pictures' times: so that a copy can be planned before all of the source is read.

use std::ops::Range;

use media::bmff::mp4::Movie;

use super::video::Video;
use crate::probe::timeline::Timeline;

/// Its beginning: the headers of all boxes before the samples. Chosen.
const HEAD_LEN: u64 = 64 << 10;
/// How many samples of each track: ffprobe decodes the first. Chosen.
const SAMPLES: usize = 8;
/// Most of one track, bytes: eight pictures of 20 Mb/s are far less.
const TRACK_LEN_MAX: u64 = 8 << 20;

/// Ranges of the file, in no order; some may overlap.
pub(super) fn outline(movie: &Movie, moov: Range<u64>, file_len: u64) -> Vec<Range<u64>> {
    let mut ranges = vec![0..HEAD_LEN.min(file_len), moov];
    for track in &movie.tracks {
        let first = track.table.iter().take(SAMPLES);
        let ends = first.map(|sample| (sample.offset, sample.offset + u64::from(sample.size)));
        let Some(range) = ends.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))) else {
            continue;
        };
        let end = range
            .1
            .min(range.0.saturating_add(TRACK_LEN_MAX))
            .min(file_len);
        if range.0 < end {
            ranges.push(range.0..end);
        }
    }
    ranges
}

/// The video's pictures, in the ticks and the time that ffmpeg reads of the file.
pub(super) fn line(video: &Video<'_>, movie: &Movie) -> Timeline {
    let scale = video.track.timescale;
    let zero_ticks = (video.zero_secs(movie) * f64::from(scale)).round() as i64;
    let ticks = |frame: usize| zero_ticks + video.time_of(frame) as i64;
    let numbers = 0..video.frames.len();
    let mut pictures: Vec<i64> = numbers.clone().map(ticks).collect();
    pictures.sort_unstable();
    pictures.dedup();
    let keys = numbers.filter(|n| video.frames[*n].sync).map(ticks);
    let mut keys: Vec<i64> = keys.collect();
    keys.sort_unstable();
    Timeline {
        tick: (1, scale),
        zero_ticks,
        pictures,
        keys,
        end_ticks: zero_ticks + video.end() as i64,
    }
}
