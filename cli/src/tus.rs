//! Sending a file in: tus 1.0, from where the last try stopped.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{Method, Response, StatusCode};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt},
    time::Instant,
};
use wire::{Priority, UploadId, UploadStatus};

use crate::{
    client::{Client, NOTHING, good, is_away},
    exit::{self, Exit, error},
};

/// Bytes of one PATCH. Chosen: what a lost connection costs.
const PIECE: usize = 8 << 20;

/// First wait before asking again; doubled up to [`RETRY_MAX`].
const RETRY_MIN: Duration = Duration::from_millis(250);
const RETRY_MAX: Duration = Duration::from_secs(5);

/// A file on its way.
pub(crate) struct Upload<'a> {
    pub(crate) client: &'a Client,
    pub(crate) file: &'a Path,
    /// Where the origin starts it.
    pub(crate) place: &'a str,
    /// How soon what comes of it is made.
    pub(crate) priority: Priority,
    /// Gives up when the origin has not answered, or has taken nothing, for this long.
    pub(crate) patience: Duration,
    /// Where the upload's name is kept, so that another process can go on.
    pub(crate) state: Option<PathBuf>,
}

impl Upload<'_> {
    /// Sends what the origin does not have yet; `told` hears (bytes there, bytes in all).
    ///
    /// # Errors
    /// The file can't be read, the origin refuses it, or does not answer or take any of it for too long.
    pub(crate) async fn run(&self, mut told: impl FnMut(u64, u64)) -> anyhow::Result<UploadId> {
        let name = self.file.display();
        let mut file = File::open(self.file)
            .await
            .with_context(|| format!("can't read {name}"))?;
        let metadata = file.metadata().await?;
        anyhow::ensure!(metadata.is_file(), "{name} is not a file");
        let length = metadata.len();
        let (upload, mut offset) = self.begin(length).await?;
        let mut stall = Stall::new(self.patience, offset);
        loop {
            told(offset, length);
            if offset >= length {
                self.forget();
                return Ok(upload);
            }
            file.seek(std::io::SeekFrom::Start(offset)).await?;
            let piece = read_piece(&mut file, length - offset).await?;
            anyhow::ensure!(!piece.is_empty(), "{name} became shorter while it was sent");
            let (there, fault) = self.patch(&upload, offset, piece).await?;
            stall.wait(there, fault).await?;
            offset = there;
        }
    }

    /// Goes on with an earlier upload of the same file, if the origin still knows it.
    async fn begin(&self, length: u64) -> anyhow::Result<(UploadId, u64)> {
        if let Some(upload) = self.remembered() {
            match self.offset(&upload).await {
                Ok(offset) => return Ok((upload, offset)),
                // It expired, or the origin is another: begin anew.
                Err(fault) if exit::of(&fault) == Exit::Refused => {}
                Err(fault) => return Err(fault),
            }
        }
        let file_name = self.file.file_name().unwrap_or_default().to_string_lossy();
        let headers = [
            ("tus-resumable", "1.0.0".to_owned()),
            ("upload-length", length.to_string()),
            ("upload-metadata", metadata(&file_name, self.priority)),
        ];
        let answer = self
            .persist(Method::POST, self.place, &headers, &Bytes::new())
            .await?;
        let location = header(&answer, "location").unwrap_or_default().to_owned();
        good(answer)?;
        let upload: UploadId = location
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .parse()
            .context("the origin's answer names no upload")?;
        self.remember(&upload);
        Ok((upload, 0))
    }

    async fn offset(&self, upload: &UploadId) -> anyhow::Result<u64> {
        let headers = [("tus-resumable", "1.0.0".to_owned())];
        let path = format!("/api/uploads/{upload}");
        let answer = self
            .persist(Method::HEAD, &path, &headers, &Bytes::new())
            .await?;
        let offset = header(&answer, "upload-offset").and_then(|text| text.parse().ok());
        good(answer)?;
        offset.context("the origin's answer names no offset")
    }

    /// Sends one piece; gives the offset to go on from, and what went wrong where trying
    /// again can help.
    async fn patch(
        &self,
        upload: &UploadId,
        offset: u64,
        piece: Bytes,
    ) -> anyhow::Result<(u64, Option<anyhow::Error>)> {
        let headers = [
            ("tus-resumable", "1.0.0".to_owned()),
            ("upload-offset", offset.to_string()),
            ("content-type", "application/offset+octet-stream".to_owned()),
        ];
        let path = format!("/api/uploads/{upload}");
        // No answer, or one that the offset moved: what counts is what the origin says it has.
        let sent = self.client.send(Method::PATCH, &path, &headers, piece);
        let fault = match sent.await {
            Ok(answer) if !may_pass(answer.status()) => {
                let offset = header(&answer, "upload-offset").and_then(|text| text.parse().ok());
                good(answer)?;
                let offset = offset.context("the origin's answer names no offset")?;
                return Ok((offset, None));
            }
            Ok(answer) => good(answer).err(),
            Err(fault) => Some(fault),
        };
        Ok((self.offset(upload).await?, fault))
    }

    /// Asks until there is an answer, or patience ends.
    async fn persist(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, String)],
        body: &Bytes,
    ) -> anyhow::Result<Response<Bytes>> {
        let give_up = Instant::now() + self.patience;
        let mut wait = RETRY_MIN;
        loop {
            let sent = self
                .client
                .send(method.clone(), path, headers, body.clone())
                .await;
            let is_away = sent
                .as_ref()
                .map_or(true, |answer| is_away(answer.status()));
            if !is_away || Instant::now() + wait >= give_up {
                return sent;
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(RETRY_MAX);
        }
    }

    fn remembered(&self) -> Option<UploadId> {
        std::fs::read_to_string(self.state.as_ref()?)
            .ok()?
            .trim()
            .parse()
            .ok()
    }

    fn remember(&self, upload: &UploadId) {
        let Some(state) = &self.state else { return };
        let folder = state.parent().map_or(Ok(()), std::fs::create_dir_all);
        // Without it the upload works all the same; only another process can't go on.
        if let Err(fault) = folder.and_then(|()| std::fs::write(state, upload.as_str())) {
            tracing::warn!(%fault, "can't keep the upload's name: a restart begins anew");
        }
    }

    fn forget(&self) {
        if let Some(state) = &self.state {
            let _ = std::fs::remove_file(state);
        }
    }
}

/// How long the origin has taken nothing.
struct Stall {
    patience: Duration,
    /// The most that the origin ever had, bytes.
    furthest: u64,
    give_up: Instant,
    pause: Duration,
}

impl Stall {
    fn new(patience: Duration, furthest: u64) -> Self {
        Self {
            patience,
            furthest,
            give_up: Instant::now() + patience,
            pause: RETRY_MIN,
        }
    }

    /// Returns at once when the origin has more than before, else after a pause.
    ///
    /// # Errors
    /// The last fault, when patience ends.
    async fn wait(&mut self, there: u64, fault: Option<anyhow::Error>) -> anyhow::Result<()> {
        if there > self.furthest {
            *self = Self::new(self.patience, there);
            return Ok(());
        }
        if Instant::now() + self.pause >= self.give_up {
            return Err(fault.unwrap_or_else(|| anyhow::anyhow!("the origin takes nothing")));
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(RETRY_MAX);
        Ok(())
    }
}

/// Whether a PATCH with this answer is worth trying again.
fn may_pass(status: StatusCode) -> bool {
    matches!(status, StatusCode::CONFLICT | StatusCode::LOCKED)
        || status.is_server_error() && status != StatusCode::INSUFFICIENT_STORAGE
}

/// Says nothing of a priority that is the usual one: an older origin knows none.
fn metadata(file_name: &str, priority: Priority) -> String {
    let name = format!("filename {}", BASE64_STANDARD.encode(file_name));
    match priority {
        Priority::Normal => name,
        other => format!("{name},priority {}", BASE64_STANDARD.encode(other.as_str())),
    }
}

async fn read_piece(file: &mut File, left: u64) -> anyhow::Result<Bytes> {
    let mut piece = Vec::with_capacity(PIECE);
    file.take(left.min(PIECE as u64))
        .read_to_end(&mut piece)
        .await?;
    Ok(piece.into())
}

/// What the origin says of an upload.
pub(crate) async fn status(client: &Client, upload: &UploadId) -> anyhow::Result<UploadStatus> {
    client
        .json(Method::GET, &format!("/api/uploads/{upload}"), NOTHING)
        .await
}

/// The same of one that was just sent: an origin that does not answer is asked again, until
/// patience ends.
pub(crate) async fn persisting_status(
    client: &Client,
    upload: &UploadId,
    patience: Duration,
) -> anyhow::Result<UploadStatus> {
    let give_up = Instant::now() + patience;
    let mut wait = RETRY_MIN;
    loop {
        match status(client, upload).await {
            Err(fault)
                if exit::of(&fault) == Exit::Unreachable && Instant::now() + wait < give_up =>
            {
                tokio::time::sleep(wait).await;
            }
            answer => return answer,
        }
        wait = (wait * 2).min(RETRY_MAX);
    }
}

/// Where uploads of videos start.
pub(crate) const UPLOADS: &str = "/api/uploads";

/// Where the name of an upload of `file` to this address is kept: by path, size and time of
/// change, so that another file never goes on with its upload.
pub(crate) fn state_file(file: &Path, (origin, place): (&str, &str)) -> Option<PathBuf> {
    let path = file.canonicalize().ok()?;
    let metadata = path.metadata().ok()?;
    let changed = metadata
        .modified()
        .ok()?
        .duration_since(std::time::UNIX_EPOCH)
        .ok()?;
    let folder = std::env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state")))?;
    let address = match place {
        UPLOADS => origin.to_owned(),
        place => format!("{origin}{place}"),
    };
    let facts = format!(
        "{address}\n{}\n{}\n{}",
        path.display(),
        metadata.len(),
        changed.as_nanos()
    );
    let name = keys::redact(&format!("/k/{facts}/")).into_owned();
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    Some(folder.join("weir/uploads").join(name))
}

fn header<'a>(answer: &'a Response<Bytes>, name: &str) -> Option<&'a str> {
    answer.headers().get(name)?.to_str().ok()
}

/// A refusal for a reason that lies in the file or the key.
pub(crate) fn failed(reason: &str) -> anyhow::Error {
    error(Exit::Refused, format!("it could not be packaged: {reason}"))
}
