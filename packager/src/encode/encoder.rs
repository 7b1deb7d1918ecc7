//! The ffmpeg process: one pipe an output, its progress, its complaints, its end.

use std::{
    ffi::OsString,
    io,
    os::fd::OwnedFd,
    process::{ExitStatus, Stdio},
};

use command_fds::{CommandFdExt, FdMapping};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    net::unix::pipe,
    process::{Child, ChildStderr, ChildStdout},
};

use crate::{
    PackagerError,
    encode::command::FIRST_PIPE,
    jail::{Access, Tools},
};

/// How much of ffmpeg's last words is kept, bytes.
const TAIL_LEN: usize = 4 << 10;
/// Longest line of progress or complaint that is looked at, bytes.
const LINE_LEN_MAX: usize = 1 << 10;

/// How ffmpeg's decoders of H.264 and H.265 say that a picture is not there which
/// others refer to: as after a seek, where pictures refer over keyframes (open GOP).
const MISSING: [&str; 5] = [
    "mmco: unref short failure",
    "reference picture missing during reorder",
    "Missing reference picture",
    "Could not find ref with POC",
    "co located POCs unavailable",
];

/// A running ffmpeg. Dropping it kills the whole process group.
pub(crate) struct Encoder {
    group: Group,
    /// Its outputs, in the order of the plan's tracks.
    pub(crate) outputs: Vec<pipe::Receiver>,
    /// Where it tells its progress.
    pub(crate) progress: ProgressLines,
    /// Where it complains.
    pub(crate) complaints: ChildStderr,
}

/// The process, and whatever it started. If this worker is killed instead, ffmpeg's
/// pipes close, and its next write ends it.
pub(crate) struct Group {
    child: Child,
    leader: Option<Pid>,
}

impl Encoder {
    /// Starts ffmpeg with `outputs` pipes, from descriptor [`FIRST_PIPE`] up.
    pub(crate) fn start(
        tools: &Tools,
        access: &Access<'_>,
        args: Vec<OsString>,
        outputs: usize,
    ) -> Result<Self, PackagerError> {
        Self::reading(tools, access, args, (outputs, Vec::new()))
    }

    /// The same, with open files that it reads, from the descriptor behind the outputs up.
    pub(crate) fn reading(
        tools: &Tools,
        access: &Access<'_>,
        args: Vec<OsString>,
        (outputs, inputs): (usize, Vec<OwnedFd>),
    ) -> Result<Self, PackagerError> {
        let fault = |source: io::Error| PackagerError::Tool {
            program: tools.ffmpeg.clone(),
            source,
        };
        let mut mappings = Vec::with_capacity(outputs + inputs.len());
        let mut receivers = Vec::with_capacity(outputs);
        for child_fd in (FIRST_PIPE..).take(outputs) {
            let (reader, writer) = io::pipe().map_err(fault)?;
            receivers.push(pipe::Receiver::from_owned_fd(reader.into()).map_err(fault)?);
            mappings.push(FdMapping {
                parent_fd: writer.into(),
                child_fd,
            });
        }
        for (parent_fd, child_fd) in inputs.into_iter().zip(FIRST_PIPE + outputs as i32..) {
            mappings.push(FdMapping {
                parent_fd,
                child_fd,
            });
        }
        let mut command = tools.command(&tools.ffmpeg, access);
        command
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .fd_mappings(mappings)
            .expect("descriptors count up from the first");
        // The command holds our ends of the pipes: they must close for us to see the end.
        let mut child = command.spawn().map_err(fault)?;
        drop(command);
        let leader = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        let stdout = child.stdout.take().expect("stdout is piped");
        let complaints = child.stderr.take().expect("stderr is piped");
        let progress = ProgressLines(BufReader::new(stdout));
        Ok(Self {
            group: Group { child, leader },
            outputs: receivers,
            progress,
            complaints,
        })
    }

    /// Splits off what is read, so that each part can be read by its own future.
    pub(crate) fn split(self) -> (Group, Vec<pipe::Receiver>, ProgressLines, ChildStderr) {
        (self.group, self.outputs, self.progress, self.complaints)
    }
}

impl Group {
    /// Waits for its end; its outputs must be read meanwhile.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await?;
        // Its number may be given to another process from now on.
        self.leader = None;
        Ok(status)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.leader {
            // It may just have ended by itself.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

/// ffmpeg's `-progress`.
pub(crate) struct ProgressLines(BufReader<ChildStdout>);

impl ProgressLines {
    /// The next report: media time of the newest packet of any output, microseconds,
    /// from the common zero also where frames were skipped. `None` at the end.
    pub(crate) async fn next(&mut self) -> io::Result<Option<u64>> {
        let mut out_us = 0;
        let mut line = Vec::new();
        loop {
            line.clear();
            let mut bounded = (&mut self.0).take(LINE_LEN_MAX as u64);
            if bounded.read_until(b'\n', &mut line).await? == 0 {
                return Ok(None);
            }
            let text = String::from_utf8_lossy(&line);
            match text.trim().split_once('=') {
                Some(("out_time_us", us)) => out_us = us.parse().unwrap_or(0),
                Some(("progress", _)) => return Ok(Some(out_us)),
                _ => {}
            }
        }
    }
}

/// What ffmpeg said on its error output.
#[derive(Debug, Default)]
pub(crate) struct Complaints {
    /// Its last words, at most [`TAIL_LEN`] bytes of whole lines.
    tail: String,
    /// Lines marked as errors.
    pub(crate) errors: u64,
    /// Of these, lines that only miss a picture that others refer to.
    missing: u64,
}

impl Complaints {
    /// Reads to the end.
    pub(crate) async fn read(stderr: ChildStderr) -> io::Result<Self> {
        let mut lines = BufReader::new(stderr);
        let mut complaints = Self::default();
        let mut line = Vec::new();
        loop {
            line.clear();
            let mut bounded = (&mut lines).take(LINE_LEN_MAX as u64);
            if bounded.read_until(b'\n', &mut line).await? == 0 {
                return Ok(complaints);
            }
            complaints.add(String::from_utf8_lossy(&line).trim_end());
        }
    }

    /// Decoding started in the middle: what misses pictures from before is no fault.
    pub(crate) fn forgive_missing(&mut self) {
        self.errors -= std::mem::take(&mut self.missing);
    }

    fn add(&mut self, line: &str) {
        tracing::debug!(line, "ffmpeg");
        let error = line.contains("[error]") || line.contains("[fatal]");
        self.errors += u64::from(error);
        let missing = MISSING.iter().any(|words| line.contains(words));
        self.missing += u64::from(error && missing);
        self.tail.push_str(line);
        self.tail.push('\n');
        while self.tail.len() > TAIL_LEN {
            let first = self.tail.find('\n').map_or(self.tail.len(), |end| end + 1);
            self.tail.drain(..first);
        }
    }

    /// The last errors, on one line.
    pub(crate) fn last_words(&self) -> String {
        let errors = |line: &&str| line.contains("[error]") || line.contains("[fatal]");
        let mut last: Vec<&str> = self.tail.lines().rev().filter(errors).take(3).collect();
        last.reverse();
        if last.is_empty() {
            return self
                .tail
                .lines()
                .last()
                .unwrap_or("it said nothing")
                .to_owned();
        }
        last.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_misses_pictures_from_before_a_seek_is_forgiven() {
        let mut complaints = Complaints::default();
        complaints.add("[h264 @ 0x1] [error] mmco: unref short failure");
        complaints.add("[h264 @ 0x1] [error] Invalid NAL unit size");
        complaints.add("[h264 @ 0x1] [warning] co located POCs unavailable");
        assert_eq!(complaints.errors, 2);
        complaints.forgive_missing();
        assert_eq!(complaints.errors, 1);
    }

    #[test]
    fn only_the_last_words_are_kept() {
        let mut complaints = Complaints::default();
        for n in 0..1000 {
            complaints.add(&format!("[h264 @ 0x1] [error] picture {n}"));
        }
        assert_eq!(complaints.errors, 1000);
        assert!(complaints.tail.len() <= TAIL_LEN);
        assert!(complaints.last_words().ends_with("[error] picture 999"));
    }
}
