//! The jail of ffmpeg: each restriction, tried by real programs that run in it.
#![allow(clippy::unwrap_used, reason = "all of it is tests")]

mod calls;
mod files;
mod launcher;
mod limits;
mod prison;
