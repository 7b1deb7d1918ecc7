//! Which ffmpeg there is.

use std::{io, path::Path, process::Stdio, time::Duration};

use tokio::{process::Command, time::timeout};

use crate::PackagerError;

/// Longest wait for ffmpeg to tell about itself.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// What an ffmpeg can do, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// Such as `5.1.9-0+deb12u1`.
    pub version: String,
    /// It encodes H.264.
    pub libx264: bool,
    /// It encodes AAC.
    pub aac: bool,
}

impl Tool {
    /// # Errors
    /// An encoder is missing.
    pub(crate) fn must_encode(&self) -> Result<(), PackagerError> {
        let missing = [("libx264", self.libx264), ("aac", self.aac)];
        match missing.iter().find(|(_, there)| !there) {
            None => Ok(()),
            Some((name, _)) => Err(PackagerError::Encoder(format!(
                "this ffmpeg ({}) has no encoder {name}",
                self.version
            ))),
        }
    }
}

/// Asks the ffmpeg at this path for its version and encoders.
///
/// # Errors
/// [`PackagerError::Tool`] when it cannot be run, or is no ffmpeg.
pub async fn check(ffmpeg: &Path) -> Result<Tool, PackagerError> {
    let version = ask(ffmpeg, "-version").await?;
    let version = version
        .strip_prefix("ffmpeg version ")
        .and_then(|rest| rest.split_whitespace().next())
        .ok_or_else(|| {
            fault(
                ffmpeg,
                io::Error::other("it does not say that it is ffmpeg"),
            )
        })?;
    let encoders = ask(ffmpeg, "-encoders").await?;
    let has = |name| {
        encoders
            .lines()
            .any(|line| line.split_whitespace().nth(1) == Some(name))
    };
    Ok(Tool {
        version: version.to_owned(),
        libx264: has("libx264"),
        aac: has("aac"),
    })
}

async fn ask(ffmpeg: &Path, question: &str) -> Result<String, PackagerError> {
    let mut command = Command::new(ffmpeg);
    command
        .args(["-hide_banner", question])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let answer = timeout(ANSWER_TIMEOUT, command.output()).await;
    let answer = answer.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    let output = answer.map_err(|source| fault(ffmpeg, source))?;
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

    #[tokio::test]
    async fn the_installed_ffmpeg_encodes_what_is_needed() {
        let tool = check(Path::new("ffmpeg")).await.unwrap();
        assert!(tool.must_encode().is_ok(), "{tool:?}");
        assert!(
            tool.version
                .starts_with(|c: char| c.is_ascii_digit() || c == 'n'),
            "{tool:?}"
        );
    }

    #[tokio::test]
    async fn another_program_is_not_taken_for_ffmpeg() {
        let error = check(Path::new("true")).await.unwrap_err();
        assert!(matches!(error, PackagerError::Tool { .. }));
    }
}
