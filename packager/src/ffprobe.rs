//! The ffprobe program: one question, one answer.

use std::{path::Path, process::Stdio};

use serde::de::DeserializeOwned;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, Command},
};

use crate::{Config, PackagerError};

/// Demuxers that a source may use. None of them opens another file or address, as
/// playlists and concat scripts do.
pub(crate) const FORMATS: &str = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,avi,flv,ogg,\
    mxf,asf,wav,w64,aiff,caf,mp3,aac,ac3,eac3,flac,amr,dv";
/// Most pixels of a decoded picture: ffmpeg refuses more before it allocates them.
pub(crate) const PIXELS_MAX: &str = "67108864";
/// Longest answer of ffprobe that is read, bytes. Chosen: 64 streams are some 150 KiB.
const ANSWER_LEN_MAX: u64 = 4 << 20;
/// How much of its complaints is read, bytes.
const ERRORS_LEN_MAX: u64 = 64 << 10;

/// Questions about one file.
pub(crate) struct Ffprobe<'a> {
    pub(crate) config: &'a Config,
    pub(crate) file: &'a Path,
}

impl Ffprobe<'_> {
    /// Runs ffprobe and reads its answer.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, args: &[&str]) -> Result<T, PackagerError> {
        let mut child = self.start(args, "json", Stdio::piped())?;
        let stdout = child.stdout.take().expect("stdout is piped");
        let stderr = child.stderr.take().expect("stderr is piped");
        let (mut answer, mut errors) = (Vec::new(), Vec::new());
        // What is beyond the bounds stays unread; ffprobe then ends when the pipes close.
        let (mut stdout, mut stderr) = (stdout.take(ANSWER_LEN_MAX), stderr.take(ERRORS_LEN_MAX));
        let read = tokio::try_join!(
            stdout.read_to_end(&mut answer),
            stderr.read_to_end(&mut errors)
        );
        read.map_err(|e| self.fault(e))?;
        drop((stdout, stderr));
        let status = child.wait().await.map_err(|e| self.fault(e))?;
        let errors = String::from_utf8_lossy(&errors);
        if !status.success() {
            return Err(PackagerError::Source(words(&errors)));
        }
        serde_json::from_slice(&answer).map_err(|e| {
            tracing::debug!(error = %e, %errors, "ffprobe's answer is not what we know");
            PackagerError::Source("the file could not be understood".to_owned())
        })
    }

    /// The end of the last packet less the time of the first, seconds: for files that do
    /// not declare a duration, such as those a browser records.
    pub(crate) async fn measure(&self) -> Result<f64, PackagerError> {
        let args = ["-show_entries", "packet=pts_time,duration_time"];
        let mut child = self.start(&args, "csv=p=0", Stdio::null())?;
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let (mut first, mut end) = (f64::INFINITY, f64::NEG_INFINITY);
        let mut line = String::new();
        while lines
            .read_line(&mut line)
            .await
            .map_err(|e| self.fault(e))?
            > 0
        {
            let mut fields = line
                .trim()
                .split(',')
                .map(|field| field.parse::<f64>().ok());
            if let Some(Some(time)) = fields.next() {
                first = first.min(time);
                end = end.max(time + fields.next().flatten().unwrap_or(0.0));
            }
            line.clear();
        }
        Ok((end - first).max(0.0))
    }

    fn start(&self, args: &[&str], format: &str, stderr: Stdio) -> Result<Child, PackagerError> {
        let mut command = Command::new(&self.config.ffprobe);
        command
            .args([
                "-hide_banner",
                "-v",
                "error",
                "-protocol_whitelist",
                "file,pipe",
            ])
            .args(["-format_whitelist", FORMATS, "-max_pixels", PIXELS_MAX])
            .args(args)
            .args(["-of", format, "-i"])
            .arg(self.file)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .kill_on_drop(true);
        command.spawn().map_err(|e| self.fault(e))
    }

    fn fault(&self, source: std::io::Error) -> PackagerError {
        PackagerError::Tool {
            program: self.config.ffprobe.clone(),
            source,
        }
    }
}

/// What ffprobe's complaint means for an uploader.
fn words(errors: &str) -> String {
    if errors.contains("moov atom not found") {
        return "the file is cut short: its index (moov) is missing".to_owned();
    }
    if errors.contains("Invalid data found") || errors.contains("Format not on whitelist") {
        return "the file is not video or sound in a format that is accepted here".to_owned();
    }
    let last = errors
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("no reason");
    format!("the file could not be read: {}", last.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_are_told_in_words_for_the_uploader() {
        assert!(words("[mov] moov atom not found\nx: Invalid data found").contains("cut short"));
        assert!(words("x: Invalid data found when processing input").contains("format"));
        assert!(words("x: Permission denied\n").ends_with("Permission denied"));
    }
}
