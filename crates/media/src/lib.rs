//! Presentation model, HLS and DASH writers, and the boxes of ISO-BMFF; pure.
//!
//! - [`Presentation`]: what a version holds now, as the catalogue knows it.
//! - [`hls`], [`dash`]: the manifests, written from it; same input, same bytes.
//! - [`bmff`]: the boxes of fragmented mp4: taken apart, patched, written.

pub mod bmff;
pub mod dash;
pub mod hls;
mod language;
mod presentation;
mod rate;
mod uri;
mod xml;

pub use presentation::{FrameRate, Presentation, Segment, Track, TrackKind};
