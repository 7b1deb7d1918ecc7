//! Presentation model, HLS and DASH writers, and the boxes of ISO-BMFF; pure.
//!
//! - [`Presentation`]: what a version holds now, as the catalogue knows it.
//! - [`Listing`]: what of it players are shown while it grows.
//! - [`Edit`]: what a player asks to be left out, by its URL's query.
//! - [`hls`], [`dash`]: the manifests, written from these; same input, same bytes.
//! - [`vtt`]: subtitles, read, and cut into segments.
//! - [`bmff`]: the boxes of fragmented mp4: taken apart, patched, written.

pub mod bmff;
pub mod dash;
mod edit;
mod error;
pub mod hls;
pub mod language;
mod listing;
mod presentation;
mod rate;
mod storyboard;
mod uri;
mod view;
mod voice;
pub mod vtt;
mod xml;

pub use edit::{Choice, Edit, EditError, KeyFormat, Time};
pub use error::ManifestError;
pub use listing::{BASE_SEGMENTS, Listing, Shown};
pub use presentation::{
    Encryption, FrameRate, Label, Method, Presentation, Segment, Track, TrackKind, VideoRange,
};
pub use storyboard::Storyboard;
