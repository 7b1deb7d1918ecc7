//! Progressive mp4 and mov, of ffmpeg's making and of an enemy's.

mod build;
mod files;
mod hostile;
mod locate;
