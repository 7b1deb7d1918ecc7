//! What an operator can set.

use std::{path::PathBuf, time::Duration};

use serde::Deserialize;

/// A worker's settings.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Base URL of the origin that lends jobs. Default `http://127.0.0.1:8080`.
    pub origin: String,
    /// Folder for sources being packaged; one folder a job, removed when it ends.
    /// Default `weir-work` in the system's temporary folder.
    pub work_dir: PathBuf,
    /// The ffmpeg program. Default `ffmpeg`, from PATH.
    pub ffmpeg: PathBuf,
    /// The ffprobe program. Default `ffprobe`, from PATH.
    pub ffprobe: PathBuf,
    /// Preset of x264, from `ultrafast` to `veryslow`. Default `veryfast`.
    pub preset: String,
    /// Constant rate factor of x264, 0 to 51; lower is better and larger. The plan's
    /// ceiling of the bit rate holds all the same. Default 21.
    pub crf: u8,
    /// ffmpeg is ended after this long without a sign of life. Default 60 s.
    #[serde(with = "humantime_serde")]
    pub idle_timeout: Duration,
    /// Longest look at a source before it is encoded. Default 60 s.
    #[serde(with = "humantime_serde")]
    pub probe_timeout: Duration,
    /// How long a request is repeated while the origin does not answer. Default 60 s.
    #[serde(with = "humantime_serde")]
    pub patience: Duration,
    /// Longest wait for the origin's answer to one request. Default 30 s.
    #[serde(with = "humantime_serde")]
    pub answer_timeout: Duration,
    /// Longest time that the origin holds a request for work. Default 30 s.
    #[serde(with = "humantime_serde")]
    pub lease_wait: Duration,
    /// Progress is told at least this often, and every third of the lease. Default 2 s.
    #[serde(with = "humantime_serde")]
    pub progress_every: Duration,
    /// Longest source that is accepted. Default 12 h.
    #[serde(with = "humantime_serde")]
    pub duration_max: Duration,
    /// Widest and highest picture that is accepted, pixels. Default 8192.
    pub side_max: u32,
    /// Most streams that a source may have. Default 64.
    pub streams_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            origin: "http://127.0.0.1:8080".to_owned(),
            work_dir: std::env::temp_dir().join("weir-work"),
            ffmpeg: "ffmpeg".into(),
            ffprobe: "ffprobe".into(),
            preset: "veryfast".to_owned(),
            crf: 21,
            idle_timeout: Duration::from_secs(60),
            probe_timeout: Duration::from_secs(60),
            patience: Duration::from_secs(60),
            answer_timeout: Duration::from_secs(30),
            lease_wait: Duration::from_secs(30),
            progress_every: Duration::from_secs(2),
            duration_max: Duration::from_secs(12 * 3600),
            side_max: 8192,
            streams_max: 64,
        }
    }
}
