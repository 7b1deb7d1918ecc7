//! From a file that somebody has to segments that everybody can play.
//!
//! A worker ([`run`]) leases one task after the other from the origin. The first task of a
//! source looks at it and plans its tracks, segments and spans; the others copy its own
//! streams, encode a span of pictures, the sound, the text and the images, each as the
//! plan says, so that it does not matter who does which. What comes out is cut into
//! segments and stored as it appears. Heartbeats hold the lease meanwhile; whoever loses
//! it stops, and another attempt goes on from what is stored. [`package`] does the same
//! tasks without a server, into a folder.
//!
//! What there is not: no credential beyond the job's key, no public address, no state
//! that survives a job, and no URL ever given to ffmpeg.

mod config;
mod error;

// Who does the tasks, and one of them.
mod attempt;
mod input;
mod local;
mod outlet;
mod protect;
mod worker;

// From a file to tracks and tasks.
mod analysis;
mod plan;
mod probe;

// From tracks to segments.
mod copy;
mod encode;
mod passes;

// Text and images, beside.
mod capture;
mod images;
mod text;

// What is outside of the fleet, and what is done there.
mod errand;
pub mod outward;

// ffmpeg itself, and what stands around it.
pub mod jail;
mod remux;
mod tool;

#[cfg(test)]
#[path = "../tests/support/clip.rs"]
#[allow(
    dead_code,
    clippy::unwrap_used,
    reason = "shared with the tests of the worker; a clip that fails is a test that fails"
)]
mod clip;
#[cfg(test)]
mod stored;

pub use analysis::Metric;
pub use config::Config;
pub use error::PackagerError;
pub use local::{Far, Packaged, Packaging, check_paths, package};
pub use media::Method;
pub use protect::{Keys, KeysError, Protection};
pub use tool::{Tool, check};
pub use worker::run;
