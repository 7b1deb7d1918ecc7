//! Probe, plan, encode, cut, publish; the worker loop.
//!
//! A worker leases a job from the origin ([`run`]), downloads the source, looks at it
//! with ffprobe, plans its tracks, and starts one ffmpeg that decodes once and encodes
//! every rendition and the audio, each into a pipe. What comes out is cut into segments
//! and stored at the origin as it appears. Heartbeats hold the lease meanwhile; whoever
//! loses it stops, and another attempt goes on from what is stored.
//!
//! What there is not: no credential beyond the job's key, no public address, no state
//! that survives a job, and no URL ever given to ffmpeg.

mod config;
mod error;

// The loop, and one pass through it.
mod api;
mod attempt;
mod call;
mod download;
mod progress;
mod worker;
mod workspace;

// From a file to tracks.
mod cuts;
mod ffprobe;
mod plan;
mod probe;
mod report;
mod timing;

// From tracks to segments.
mod audio;
mod command;
mod encode;
mod encoder;
mod pace;
mod segment;

mod tool;

pub use config::Config;
pub use error::PackagerError;
pub use tool::{Tool, check};
pub use worker::run;
