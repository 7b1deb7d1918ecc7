//! What one jail allows, and how it is told to the launcher.

use std::{ffi::OsString, path::PathBuf};

use serde::Deserialize;

/// The launcher's subcommand.
const SUBCOMMAND: &str = "jail";

/// What an operator wants of the jail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// No jail, no ffmpeg.
    Required,
    /// As much of it as the kernel has.
    BestEffort,
    /// ffmpeg may do all that the worker may.
    Off,
}

/// What one jailed program may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Files it may read, and folders with all that is below. They must exist.
    pub read: Vec<PathBuf>,
    /// The one folder that it may write to. Without one it may not write any file.
    pub write: Option<PathBuf>,
    /// Address space, bytes.
    pub memory_bytes: u64,
    /// Longest file that it may write, bytes.
    pub file_len_max: u64,
    /// Processor time, seconds.
    pub cpu_secs: Option<u64>,
    /// Go on where the kernel lacks landlock or seccomp.
    pub best_effort: bool,
}

impl Rules {
    /// The launcher's arguments, up to and with the `--` that the program follows.
    #[must_use]
    pub fn arguments(&self) -> Vec<OsString> {
        let mut args = vec![SUBCOMMAND.into()];
        let mut pair = |name: &str, value: OsString| args.extend([name.into(), value]);
        for path in &self.read {
            pair("--read", path.into());
        }
        if let Some(folder) = &self.write {
            pair("--write", folder.into());
        }
        pair("--memory", self.memory_bytes.to_string().into());
        pair("--file-max", self.file_len_max.to_string().into());
        if let Some(secs) = self.cpu_secs {
            pair("--cpu", secs.to_string().into());
        }
        if self.best_effort {
            args.push("--best-effort".into());
        }
        args.push("--".into());
        args
    }
}
