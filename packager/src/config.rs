//! What an operator can set.

use std::{path::PathBuf, time::Duration};

use bytesize::ByteSize;
use serde::Deserialize;
use wire::TaskKind;

use crate::{analysis::Metric, jail::Mode, outward};

/// A worker's settings.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Base URL of the origin that lends jobs. Default `http://127.0.0.1:8080`.
    pub origin: String,
    /// Base URLs of origins that have one catalogue, in place of `origin`: the first is asked
    /// until it fails, then the next. Default none.
    pub origins: Vec<String>,
    /// Folder for sources being packaged; one folder a job, removed when it ends.
    /// Default `weir-work` in the system's temporary folder.
    pub work_dir: PathBuf,
    /// Kinds of work that it takes: `plan`, `copy`, `audio`, `lead`, `analysis`, `text`,
    /// `first-pass`, `rest`, `images`, `hevc`, `av1`. One that only copies needs no ffmpeg.
    /// Default: all.
    pub kinds: Vec<TaskKind>,
    /// How many spans are encoded at once, each by an ffmpeg that keeps about one processor
    /// busy. Default 0: as many as there are processors, 8 at most.
    pub spans: usize,
    /// The ffmpeg program. Default `ffmpeg`, from PATH.
    pub ffmpeg: PathBuf,
    /// The ffprobe program. Default `ffprobe`, from PATH.
    pub ffprobe: PathBuf,
    /// Whether ffmpeg and ffprobe run jailed: `required`, `best-effort` where the kernel
    /// lacks a part of what a jail is made of, or `off`. Default `required`.
    pub jail: Mode,
    /// Address space of one jailed process. It reserves more than it uses: four
    /// renditions of 1080p reserved 1.3 GiB and used 0.5. Default 8 GiB.
    pub jail_memory: ByteSize,
    /// Longest file that a jailed process may write to the work folder. Default 128 GiB.
    pub jail_file_max: ByteSize,
    /// What a jailed process may read besides the source and the system's libraries,
    /// such as the libraries of an ffmpeg of your own. Default none.
    pub jail_read: Vec<PathBuf>,
    /// Preset of x264, from `ultrafast` to `veryslow`. Default `veryfast`.
    pub preset: String,
    /// Constant rate factor of x264, 0 to 51; lower is better and larger. The plan's
    /// ceiling of the bit rate holds all the same. Default 21.
    pub crf: u8,
    /// Where bit rates are chosen by what the source is, what quality is measured by:
    /// `ssim`, or `xpsnr` or `vmaf`, where ffmpeg has it. Default `ssim`.
    pub quality_metric: Metric,
    /// The quality that is aimed at there: SSIM 0.8 to 0.999, XPSNR 25 to 60 (decibels),
    /// VMAF 50 to 99. Default 0.98.
    pub quality_target: f64,
    /// Longest analysis of a source for that; a longer one ends without a result. Default
    /// 2 min.
    #[serde(with = "humantime_serde")]
    pub analysis_timeout: Duration,
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
    /// Largest picture that is accepted, pixels in all. Default 35,389,440: 8192 × 4320.
    pub pixels_max: u64,
    /// Highest frame rate that is accepted, frames per second. Default 300.
    pub frame_rate_max: u32,
    /// Most streams that a source may have. Default 64.
    pub streams_max: usize,
    /// How addresses outside of the fleet are called: a section of its own in a file of
    /// settings.
    #[serde(skip)]
    pub outward: outward::Config,
}

/// Most spans encoded at once, unless an operator wants more: each took 0.5 GiB where it
/// was measured, four renditions of 1080p.
const SPANS_MAX: usize = 8;

impl Config {
    /// For tests in this crate: the jail's launcher is the program `weir`, which they are
    /// not.
    #[cfg(test)]
    pub(crate) fn unjailed() -> Self {
        Self {
            jail: Mode::Off,
            ..Self::default()
        }
    }

    /// What of it can't be, in words, if anything.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        let (metric, (least, most)) = (self.quality_metric, self.quality_metric.targets());
        let good = (least..=most).contains(&self.quality_target);
        let metric = metric.as_str();
        let target = format!("worker.quality_target must be {least} to {most} for {metric}");
        (!good).then_some(target).or_else(|| self.outward.fault())
    }

    /// How many spans are encoded at once.
    #[must_use]
    pub fn spans(&self) -> usize {
        match self.spans {
            0 => std::thread::available_parallelism().map_or(1, |n| n.get().min(SPANS_MAX)),
            spans => spans,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            origin: "http://127.0.0.1:8080".to_owned(),
            origins: Vec::new(),
            work_dir: std::env::temp_dir().join("weir-work"),
            kinds: Vec::new(),
            spans: 0,
            ffmpeg: "ffmpeg".into(),
            ffprobe: "ffprobe".into(),
            jail: Mode::Required,
            jail_memory: ByteSize::gib(8),
            jail_file_max: ByteSize::gib(128),
            jail_read: vec![],
            preset: "veryfast".to_owned(),
            crf: 21,
            quality_metric: Metric::Ssim,
            quality_target: 0.98,
            analysis_timeout: Duration::from_secs(120),
            idle_timeout: Duration::from_secs(60),
            probe_timeout: Duration::from_secs(60),
            patience: Duration::from_secs(60),
            answer_timeout: Duration::from_secs(30),
            lease_wait: Duration::from_secs(30),
            progress_every: Duration::from_secs(2),
            duration_max: Duration::from_secs(12 * 3600),
            side_max: 8192,
            pixels_max: 8192 * 4320,
            frame_rate_max: 300,
            streams_max: 64,
            outward: outward::Config::default(),
        }
    }
}
