//! What the `media` crate promises, checked with parsers and players that are not ours.

mod boxes;
mod cbcs;
mod dash;
mod dash_sets;
mod edit;
mod ffmpeg;
mod hls;
mod hostile;
mod keys;
mod listing;
mod model;
mod mpd;
mod players;
mod renditions;
mod storyboard;
mod subtitles;
