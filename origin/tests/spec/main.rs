//! What an origin promises, over real sockets.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod data;
mod delivery;
mod jobs;
mod keys;
mod support;
mod uploads;
