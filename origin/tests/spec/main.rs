//! What an origin promises, over real sockets.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod analysis;
mod backup;
mod blobs;
mod data;
mod delivery;
mod edits;
mod encryption;
mod events;
mod files;
mod jobs;
mod keys;
mod passes;
mod plans;
mod playable;
mod repeated;
mod saga;
mod segments;
mod sound;
mod sound_ends;
mod support;
mod text;
mod uploads;
mod warming;
