//! Which ffmpeg there is.

use std::{io, path::Path, process::Stdio, time::Duration};

use tokio::{io::AsyncWriteExt, time::timeout};
use wire::Codec;

use crate::{
    Config, PackagerError,
    jail::{Access, Tools},
};

/// Longest wait for ffmpeg to tell about itself.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Of the picture that is encoded to see by what, pixels: the smallest of x265 and of SVT-AV1.
const SIDE: usize = 64;

/// What an ffmpeg can do, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// Such as `5.1.9-0+deb12u1`.
    pub version: String,
    /// The version of x264 that it encodes H.264 with, as x264 writes it into streams,
    /// such as `164 r3095 baee400`; `None` without it.
    pub x264: Option<String>,
    /// The version of x265 that it encodes HEVC with, such as `3.5+1-f0c1022b6`; `None`
    /// without it.
    pub x265: Option<String>,
    /// The version of SVT-AV1 that it encodes AV1 with, such as `1.4.1`; `None` without it.
    pub svt_av1: Option<String>,
    /// It encodes AAC.
    pub aac: bool,
    /// It encodes Opus, with libopus.
    pub opus: bool,
}

impl Tool {
    /// What the bytes of its output depend on: tasks of one plan are all done with the
    /// same.
    #[must_use]
    pub fn toolchain(&self) -> String {
        let x264 = self.x264.as_deref().unwrap_or("none");
        let x265 = self.x265.as_ref().map(|x265| format!(", x265 {x265}"));
        let svt = self.svt_av1.as_ref().map(|svt| format!(", SVT-AV1 {svt}"));
        let opus = if self.opus { ", libopus" } else { "" };
        let (x265, svt) = (x265.unwrap_or_default(), svt.unwrap_or_default());
        format!("ffmpeg {}, x264 {x264}{x265}{svt}{opus}", self.version)
    }

    /// What it encodes of all that is published.
    #[must_use]
    pub fn codecs(&self) -> Vec<Codec> {
        let codecs = [
            (Codec::H264, self.x264.is_some() && self.aac),
            (Codec::Hevc, self.x265.is_some()),
            (Codec::Av1, self.svt_av1.is_some()),
            (Codec::Opus, self.opus),
        ];
        let there = codecs.into_iter().filter(|(_, there)| *there);
        there.map(|(codec, _)| codec).collect()
    }

    /// # Errors
    /// An encoder is missing.
    pub(crate) fn must_encode(&self) -> Result<(), PackagerError> {
        let missing = [("libx264", self.x264.is_some()), ("aac", self.aac)];
        match missing.iter().find(|(_, there)| !there) {
            None => Ok(()),
            Some((name, _)) => Err(PackagerError::Encoder(format!(
                "this ffmpeg ({}) has no encoder {name}",
                self.version
            ))),
        }
    }
}

/// Asks the ffmpeg of these settings, in its jail, for its version and encoders.
///
/// # Errors
/// [`PackagerError::Tool`] when it cannot be run or jailed, or is no ffmpeg.
pub async fn check(config: &Config) -> Result<Tool, PackagerError> {
    let ffmpeg = config.ffmpeg.as_path();
    // At once: each is a start of ffmpeg, before anything else can be done.
    let (version, encoders, x264, x265, svt_av1) = tokio::join!(
        ask(config, "-version"),
        ask(config, "-encoders"),
        signature(config, "libx264 -f h264", ("x264 - core ", " - ")),
        // What is behind tells of its compiler.
        signature(config, "libx265 -f hevc", (") - ", ":")),
        signature(config, "libsvtav1 -f null", ("Encoder Lib v", "\n")),
    );
    let version = version?;
    let version = version
        .strip_prefix("ffmpeg version ")
        .and_then(|rest| rest.split_whitespace().next())
        .ok_or_else(|| {
            fault(
                ffmpeg,
                io::Error::other("it does not say that it is ffmpeg"),
            )
        })?;
    let encoders = encoders?;
    let has = |name| {
        encoders
            .lines()
            .any(|line| line.split_whitespace().nth(1) == Some(name))
    };
    let x264 = has("libx264").then_some(x264).transpose()?;
    let x265 = has("libx265").then_some(x265).transpose()?;
    let svt_av1 = has("libsvtav1").then_some(svt_av1).transpose()?;
    Ok(Tool {
        version: version.to_owned(),
        x264,
        x265,
        svt_av1,
        aac: has("aac"),
        opus: has("libopus"),
    })
}

/// Encodes one picture: x264 and x265 sign their streams, and SVT-AV1 tells of itself besides,
/// the version between two marks.
async fn signature(
    config: &Config,
    encoder: &str,
    (before, behind): (&str, &str),
) -> Result<String, PackagerError> {
    let args = format!(
        "-loglevel error -f rawvideo -video_size {SIDE}x{SIDE} -pix_fmt gray -i pipe:0 \
         -frames:v 1 -vf format=yuv420p -c:v {encoder} pipe:1"
    );
    let tools = Tools::of(config);
    let mut command = tools.command(&tools.ffmpeg, &Access::default());
    command
        .args(args.split_whitespace())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let encode = async {
        let mut child = command.spawn()?;
        let mut stdin = child.stdin.take().expect("stdin is piped");
        stdin.write_all(&[0; SIDE * SIDE]).await?;
        drop(stdin);
        child.wait_with_output().await
    };
    let output = timeout(ANSWER_TIMEOUT, encode)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    let output = output.map_err(|source| fault(&config.ffmpeg, source))?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let signed = text
        .split_once(before)
        .and_then(|(_, rest)| rest.split_once(behind));
    Ok(signed.map_or_else(|| "unsigned".to_owned(), |(version, _)| version.to_owned()))
}

async fn ask(config: &Config, question: &str) -> Result<String, PackagerError> {
    let (tools, ffmpeg) = (Tools::of(config), config.ffmpeg.as_path());
    let mut command = tools.command(ffmpeg, &Access::default());
    command
        .args(["-hide_banner", question])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let answer = timeout(ANSWER_TIMEOUT, command.output()).await;
    let answer = answer.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    let output = answer.map_err(|source| fault(ffmpeg, source))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    tools.refused(ffmpeg, output.status, &errors)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn fault(ffmpeg: &Path, source: io::Error) -> PackagerError {
    PackagerError::Tool {
        program: ffmpeg.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jail::Mode;

    /// This test program is no launcher.
    fn unjailed(ffmpeg: &str) -> Config {
        Config {
            ffmpeg: ffmpeg.into(),
            jail: Mode::Off,
            ..Config::default()
        }
    }

    #[tokio::test]
    async fn the_installed_ffmpeg_encodes_what_is_needed() {
        let tool = check(&unjailed("ffmpeg")).await.unwrap();
        assert!(tool.must_encode().is_ok(), "{tool:?}");
        assert!(
            tool.version
                .starts_with(|c: char| c.is_ascii_digit() || c == 'n'),
            "{tool:?}"
        );
    }

    #[tokio::test]
    async fn another_program_is_not_taken_for_ffmpeg() {
        let error = check(&unjailed("true")).await.unwrap_err();
        assert!(matches!(error, PackagerError::Tool { .. }));
    }
}
