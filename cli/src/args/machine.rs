//! This machine.

use std::path::PathBuf;

/// As `packager::jail::Rules` writes them.
#[derive(Debug, clap::Args)]
pub(crate) struct JailArgs {
    /// File that it may read, or folder with all that is below.
    #[arg(long, value_name = "PATH", allow_hyphen_values = true)]
    pub(crate) read: Vec<PathBuf>,
    /// The one folder that it may write to; without it, it writes no file.
    #[arg(long, value_name = "DIR", allow_hyphen_values = true)]
    pub(crate) write: Option<PathBuf>,
    /// Address space, bytes.
    #[arg(long, value_name = "BYTES")]
    pub(crate) memory: u64,
    /// Longest file that it may write, bytes.
    #[arg(long, value_name = "BYTES")]
    pub(crate) file_max: u64,
    /// Processor time, seconds.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) cpu: Option<u64>,
    /// Go on where the kernel lacks landlock or seccomp.
    #[arg(long)]
    pub(crate) best_effort: bool,
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    pub(crate) command: Vec<std::ffi::OsString>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct BackupArgs {
    /// Folder for it, best on another disk; one with an earlier backup is brought up to date.
    #[arg(long, value_name = "DIR")]
    pub(crate) to: PathBuf,
    /// Folder of the origin's data [default: weir-data].
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RestoreArgs {
    /// Folder of the backup.
    #[arg(long, value_name = "DIR")]
    pub(crate) from: PathBuf,
    /// Folder for the origin's data, empty or not there [default: weir-data].
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    /// Folder whose disk to look at.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) data_dir: PathBuf,
    /// Ports that should be free.
    #[arg(long, value_delimiter = ',', default_values_t = [8080, 8081, 8082, 9090])]
    pub(crate) ports: Vec<u16>,
    /// An origin to compare clocks with.
    #[arg(long, value_name = "URL")]
    pub(crate) origin: Option<String>,
}
