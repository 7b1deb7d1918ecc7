//! The ffprobe program: one question, one answer.

use std::{collections::BTreeMap, io::Read, path::Path, process::Stdio};

use serde::de::DeserializeOwned;
use tokio::{io::AsyncReadExt, process::Child, time::timeout};

use crate::{
    Config, PackagerError,
    jail::{Access, Tools},
};

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
/// Bytes read from a pipe at once: what a pipe of Linux holds.
const READ_LEN: usize = 64 << 10;

/// Questions about one file.
pub(crate) struct Ffprobe<'a> {
    pub(crate) config: &'a Config,
    pub(crate) file: &'a Path,
    /// When the first frame of a stream is shown or heard, where that is known already.
    pub(crate) first_frames: BTreeMap<usize, f64>,
}

impl<'a> Ffprobe<'a> {
    pub(crate) fn new(config: &'a Config, file: &'a Path) -> Self {
        Self {
            config,
            file,
            first_frames: BTreeMap::new(),
        }
    }

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
        if answer.len() as u64 == ANSWER_LEN_MAX {
            return Err(PackagerError::Source(
                "the file has too many streams or chapters to be looked at".to_owned(),
            ));
        }
        let status = child.wait().await.map_err(|e| self.fault(e))?;
        let errors = String::from_utf8_lossy(&errors);
        let tools = Tools::of(self.config);
        tools.refused(&tools.ffprobe, status, &errors)?;
        if !status.success() {
            let is_movie = starts_as_movie(self.file);
            return Err(PackagerError::Source(words(&errors, is_movie)));
        }
        serde_json::from_slice(&answer).map_err(|e| {
            tracing::debug!(error = %e, %errors, "ffprobe's answer is not what we know");
            PackagerError::Source("the file could not be understood".to_owned())
        })
    }

    /// The end of the last packet less the time of the first, of one stream or of all,
    /// seconds: for files that do not declare a duration, such as those a browser records.
    pub(crate) async fn measure(&self, stream: Option<usize>) -> Result<f64, PackagerError> {
        let (mut first, mut end) = (f64::INFINITY, f64::NEG_INFINITY);
        let stream = stream.map(|index| index.to_string());
        let mut args = vec!["-show_entries", "packet=pts_time,duration_time"];
        if let Some(index) = &stream {
            args.extend(["-select_streams", index]);
        }
        self.each_line(&args, |line| {
            let mut fields = line.split(',').map(|field| field.parse::<f64>().ok());
            if let Some(Some(time)) = fields.next() {
                first = first.min(time);
                end = end.max(time + fields.next().flatten().unwrap_or(0.0));
            }
            Ok(())
        })
        .await?;
        Ok((end - first).max(0.0))
    }

    /// Runs ffprobe and gives its answer line by line, as long as one comes in time: for
    /// answers as long as the file.
    pub(crate) async fn each_line(
        &self,
        args: &[&str],
        mut take: impl FnMut(&str) -> Result<(), PackagerError>,
    ) -> Result<(), PackagerError> {
        let mut child = self.start(args, "csv=p=0", Stdio::null())?;
        let mut stdout = child.stdout.take().expect("stdout is piped");
        let (mut buffer, mut kept) = (vec![0; READ_LEN], 0);
        loop {
            // What is kept of a line that did not fit is thrown away: none of ours is so long.
            kept %= READ_LEN;
            let read = timeout(self.config.idle_timeout, stdout.read(&mut buffer[kept..])).await;
            let len = read
                .map_err(|_| self.silent())?
                .map_err(|e| self.fault(e))?;
            if len == 0 {
                return Ok(());
            }
            let filled = &buffer[..kept + len];
            let whole = filled
                .iter()
                .rposition(|b| *b == b'\n')
                .map_or(0, |at| at + 1);
            for line in filled[..whole].split(|b| *b == b'\n') {
                if let Ok(line) = str::from_utf8(line) {
                    take(line.trim_end())?;
                }
            }
            buffer.copy_within(whole..kept + len, 0);
            kept = kept + len - whole;
        }
    }

    fn start(&self, args: &[&str], format: &str, stderr: Stdio) -> Result<Child, PackagerError> {
        let access = Access {
            read: &[self.file.to_owned()],
            write: None,
        };
        let tools = Tools::of(self.config);
        let mut command = tools.command(&tools.ffprobe, &access);
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

    fn silent(&self) -> PackagerError {
        let secs = self.config.idle_timeout.as_secs();
        PackagerError::Encoder(format!("ffprobe made no progress for {secs} s"))
    }

    fn fault(&self, source: std::io::Error) -> PackagerError {
        PackagerError::Tool {
            program: self.config.ffprobe.clone(),
            source,
        }
    }
}

/// A box that movies start with comes first (ISO/IEC 14496-12 §4.3, QuickTime's besides):
/// ffprobe takes anything that is called `.mp4` for one.
fn starts_as_movie(file: &Path) -> bool {
    let mut head = [0; 8];
    let read = std::fs::File::open(file).and_then(|mut file| file.read_exact(&mut head));
    let kinds = [
        b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot",
    ];
    read.is_ok() && kinds.iter().any(|kind| head[4..] == kind[..])
}

/// What ffprobe's complaint means for an uploader.
fn words(errors: &str, is_movie: bool) -> String {
    let no_index = errors.contains("moov atom not found");
    if no_index && is_movie {
        return "the file is cut short: its index (moov) is missing".to_owned();
    }
    let unknown = ["Invalid data found", "Format not on whitelist"];
    if no_index || unknown.iter().any(|said| errors.contains(said)) {
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
        let no_index = "[mov] moov atom not found\nx: Invalid data found";
        assert!(words(no_index, true).contains("cut short"));
        assert!(words(no_index, false).contains("format"));
        assert!(words("x: Invalid data found when processing input", true).contains("format"));
        assert!(words("x: Permission denied\n", true).ends_with("Permission denied"));
    }
}
