//! Subtitles as WebVTT (W3C WebVTT, §4): read with patience, cut into segments, written to
//! the letter.

mod ass;
mod document;
mod markup;
mod place;
mod subrip;

pub use document::{CUES_MAX, Clock, Cue, Read, read, write};
pub use place::{Grid, Segment, TooLong, bounded, on_zero, to_ms};
pub use subrip::{NotSubtitles, read_file};
