//! What the `media` crate promises, checked with parsers and players that are not ours.

mod boxes;
mod dash;
mod ffmpeg;
mod hls;
mod hostile;
mod model;
mod players;
