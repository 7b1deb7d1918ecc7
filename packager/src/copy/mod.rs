//! Copy: the streams of an mp4 or mov published as they are, without encoding.
//!
//! [`look()`] reads the source's index and the first bytes of its keyframes, and says
//! whether its streams can be published, cut where; [`run`] reads the rest, writes new
//! `moof` boxes around the samples, and stores them. Both read the source by ranges where
//! it is: there is no download, and no ffmpeg.

mod audio;
mod cuts;
mod frames;
mod heads;
pub(crate) mod index;
mod look;
mod outline;
mod plan;
mod publish;
mod reader;
mod segments;
mod transfer;
mod video;

#[cfg(test)]
mod tests;

// The plan and copy tasks call these.
pub(crate) use look::look;
pub(crate) use plan::{CopyPlan, CopyTrack, Copyable, LeftAudio, Verdict};
pub(crate) use publish::run;
