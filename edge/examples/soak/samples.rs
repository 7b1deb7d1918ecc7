//! What the edge's process takes, again and again, in a file.

use std::{
    fmt,
    fs::{self, File},
    io::Write,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

/// How often.
pub(crate) const EVERY: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Default)]
pub(crate) struct Sample {
    pub(crate) rss_kib: u64,
    pub(crate) files: u64,
    pub(crate) threads: u64,
    pub(crate) disk_kib: u64,
    /// User and system time of this process, in hundredths of a second.
    pub(crate) cpu: u64,
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} MiB, {} files, {} threads, {} MiB of disk, {} CPU s",
            self.rss_kib >> 10,
            self.files,
            self.threads,
            self.disk_kib >> 10,
            self.cpu / 100
        )
    }
}

pub(crate) struct Recorder {
    file: File,
    cache: PathBuf,
}

impl Recorder {
    pub(crate) fn new(folder: &Path) -> Self {
        let mut file = File::create(folder.join("samples.tsv")).unwrap();
        let head = "seconds\tkills\trss_kib\tfiles\tthreads\tdisk_kib\tcpu_centiseconds";
        writeln!(file, "{head}").unwrap();
        Self {
            file,
            cache: folder.join("cache"),
        }
    }

    /// `None` if the process is gone.
    pub(crate) fn take(&mut self, id: u32, kills: u64, since: Duration) -> Option<Sample> {
        let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse().ok()
        };
        let sample = Sample {
            rss_kib: number("VmRSS:")?,
            threads: number("Threads:")?,
            files: fs::read_dir(format!("/proc/{id}/fd")).ok()?.count() as u64,
            disk_kib: blocks(&self.cache) / 2,
            cpu: cpu(id)?,
        };
        let line = [
            since.as_secs(),
            kills,
            sample.rss_kib,
            sample.files,
            sample.threads,
            sample.disk_kib,
            sample.cpu,
        ];
        let line = line.map(|number| number.to_string()).join("\t");
        writeln!(self.file, "{line}").unwrap();
        Some(sample)
    }
}

/// Ticks are hundredths on Linux's usual configurations.
fn cpu(id: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

/// In 512 bytes, of a folder's files.
fn blocks(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    let entries = entries.flatten().filter_map(|entry| {
        // Gone in between.
        let data = entry.metadata().ok()?;
        Some(match data.is_dir() {
            true => blocks(&entry.path()),
            false => data.blocks(),
        })
    });
    entries.sum()
}
