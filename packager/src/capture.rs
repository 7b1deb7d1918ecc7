//! A short run of ffmpeg whose outputs are kept whole, in memory and in bounds.

use std::{ffi::OsString, io, os::fd::OwnedFd, path::Path, time::Duration};

use futures_util::future::try_join_all;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::unix::pipe,
    sync::Notify,
    time::timeout,
};

use crate::{
    Config, PackagerError,
    encode::encoder::{Complaints, Encoder, ProgressLines},
    jail::{Access, Tools},
    probe::ffprobe::{FORMATS, PIXELS_MAX},
};

/// Longest run, however lively: a source of 12 h is read in a fraction of it.
const RUN_MAX: Duration = Duration::from_secs(1800);
/// Bytes read from a pipe at once: what a pipe of Linux holds.
const READ_LEN: usize = 64 << 10;

/// What to run.
pub(crate) struct Capture<'a> {
    /// Arguments about the input, with spaces between them.
    pub(crate) input: String,
    /// The input.
    pub(crate) file: &'a Path,
    /// Arguments about the outputs, with spaces between them; output `n` goes to `pipe:`
    /// [`FIRST_PIPE`](crate::encode::command::FIRST_PIPE) + n.
    pub(crate) outputs: String,
    /// A file that is the last output. ffmpeg may write to its folder.
    pub(crate) to: Option<&'a Path>,
    /// Longest of each output but that, bytes.
    pub(crate) len_max: &'a [usize],
}

/// What came of it.
pub(crate) struct Captured {
    /// Each output.
    pub(crate) outputs: Vec<Vec<u8>>,
    /// What ffmpeg said.
    pub(crate) complaints: Complaints,
    /// It ended without an error.
    pub(crate) ended_well: bool,
}

impl Capture<'_> {
    /// Runs it to its end. Dropped before, ffmpeg is killed.
    ///
    /// # Errors
    /// ffmpeg cannot be started, is silent for too long, or writes more than allowed.
    pub(crate) async fn run(&self, config: &Config) -> Result<Captured, PackagerError> {
        let access = Access {
            read: &[self.file.to_owned()],
            write: self.to.and_then(Path::parent).map(Path::to_owned),
        };
        let run = Run {
            args: self.arguments(),
            inputs: Vec::new(),
            access,
            len_max: self.len_max,
        };
        run.collect(config).await
    }

    fn arguments(&self) -> Vec<OsString> {
        let words =
            |text: &str| -> Vec<OsString> { text.split_whitespace().map(OsString::from).collect() };
        let safe = format!(
            "-nostdin -hide_banner -loglevel level+warning -nostats -progress pipe:1 \
             -protocol_whitelist file,pipe -max_pixels {PIXELS_MAX}"
        );
        let mut args = words(&safe);
        args.extend(["-format_whitelist".into(), FORMATS.into()]);
        args.extend(words(&self.input));
        args.extend(["-i".into(), self.file.into()]);
        args.extend(words(&self.outputs));
        args.extend(self.to.map(OsString::from));
        args
    }
}

/// A command line to run so.
pub(crate) struct Run<'a> {
    pub(crate) args: Vec<OsString>,
    /// What it reads, each as `pipe:` of a number behind those of its outputs.
    pub(crate) inputs: Vec<Vec<u8>>,
    pub(crate) access: Access<'a>,
    /// Longest of each output, bytes.
    pub(crate) len_max: &'a [usize],
}

impl Run<'_> {
    /// As [`Capture::run`].
    pub(crate) async fn collect(self, config: &Config) -> Result<Captured, PackagerError> {
        let tools = Tools::of(config);
        let feeds = self.inputs.into_iter().map(Feed::open);
        let feeds: Vec<(OwnedFd, Feed)> = feeds.collect::<Result<_, _>>().map_err(broken)?;
        let (inputs, feeds): (Vec<_>, Vec<_>) = feeds.into_iter().unzip();
        let pipes = (self.len_max.len(), inputs);
        let encoder = Encoder::reading(&tools, &self.access, self.args, pipes)?;
        let (mut ffmpeg, pipes, lines, stderr) = encoder.split();
        let life = Notify::new();
        let outputs = pipes.into_iter().zip(self.len_max);
        let outputs = outputs.map(|(pipe, len_max)| read(pipe, *len_max, &life));
        let work = async {
            let (outputs, _, (), complaints, status) = tokio::try_join!(
                try_join_all(outputs),
                try_join_all(feeds.into_iter().map(Feed::write)),
                watch(lines, &life),
                async { Complaints::read(stderr).await.map_err(broken) },
                async { ffmpeg.wait().await.map_err(broken) },
            )?;
            Ok(Captured {
                outputs,
                complaints,
                ended_well: status.success(),
            })
        };
        tokio::select! {
            done = timeout(RUN_MAX, work) => done.unwrap_or_else(|_| Err(stuck(RUN_MAX))),
            () = silence(&life, config.idle_timeout) => Err(stuck(config.idle_timeout)),
        }
    }
}

/// An input on its way.
struct Feed {
    pipe: pipe::Sender,
    bytes: Vec<u8>,
}

impl Feed {
    /// What ffmpeg reads from, and what writes there.
    fn open(bytes: Vec<u8>) -> io::Result<(OwnedFd, Self)> {
        let (reader, writer) = io::pipe()?;
        let pipe = pipe::Sender::from_owned_fd(writer.into())?;
        Ok((reader.into(), Self { pipe, bytes }))
    }

    async fn write(mut self) -> Result<(), PackagerError> {
        match self.pipe.write_all(&self.bytes).await {
            // It has read enough, or has ended: its status says which.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            done => done.map_err(broken),
        }
    }
}

/// An output to its end; longer than allowed, it is an error, which ends ffmpeg.
async fn read(
    mut pipe: pipe::Receiver,
    len_max: usize,
    life: &Notify,
) -> Result<Vec<u8>, PackagerError> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; READ_LEN];
    loop {
        let len = pipe.read(&mut buffer).await.map_err(broken)?;
        if len == 0 {
            return Ok(bytes);
        }
        life.notify_one();
        if bytes.len() + len > len_max {
            return Err(PackagerError::Encoder(format!(
                "ffmpeg wrote more than {len_max} bytes"
            )));
        }
        bytes.extend_from_slice(&buffer[..len]);
    }
}

async fn watch(mut lines: ProgressLines, life: &Notify) -> Result<(), PackagerError> {
    while lines.next().await.map_err(broken)?.is_some() {
        life.notify_one();
    }
    Ok(())
}

/// Returns when there was no sign of life for `idle`.
async fn silence(life: &Notify, idle: Duration) {
    while timeout(idle, life.notified()).await.is_ok() {}
}

fn stuck(waited: Duration) -> PackagerError {
    let secs = waited.as_secs();
    PackagerError::Encoder(format!("ffmpeg was not done within {secs} s"))
}

fn broken(error: io::Error) -> PackagerError {
    PackagerError::Encoder(format!("a pipe to ffmpeg broke: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip::Clip;

    const FRAMES: &str = "-map 0:v -f rawvideo pipe:3";

    fn capture<'a>(file: &'a Path, len_max: &'a [usize]) -> Capture<'a> {
        Capture {
            input: String::new(),
            file,
            outputs: FRAMES.to_owned(),
            to: None,
            len_max,
        }
    }

    #[tokio::test]
    async fn an_output_is_whole_or_an_error() {
        let clip = Clip::silent("64x64", "25", 0.4);
        let config = Config::unjailed();
        let whole = 10 * 64 * 64 * 3 / 2;
        let captured = capture(&clip.path(), &[whole]).run(&config).await.unwrap();
        assert!(captured.ended_well);
        assert_eq!(captured.outputs[0].len(), whole);
        let error = capture(&clip.path(), &[whole - 1]).run(&config).await;
        assert!(matches!(error, Err(PackagerError::Encoder(_))));
    }

    #[tokio::test]
    async fn a_program_that_says_nothing_is_ended() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let ffmpeg = dir.path().join("silent");
        std::fs::write(&ffmpeg, "#!/bin/sh\nexec sleep 1000\n").unwrap();
        std::fs::set_permissions(&ffmpeg, std::fs::Permissions::from_mode(0o755)).unwrap();
        let config = Config {
            ffmpeg,
            idle_timeout: Duration::from_millis(50),
            ..Config::unjailed()
        };
        let error = capture(dir.path(), &[1]).run(&config).await.err().unwrap();
        assert!(error.to_string().contains("not done"), "{error}");
    }
}
