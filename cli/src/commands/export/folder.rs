//! The folder that a version is written into.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use anyhow::Context;
use http::Method;
use hyper::body::Body;
use tokio::{fs, io::AsyncWriteExt};

use super::address::Address;
use crate::{
    client::frame,
    exit::{Exit, error},
};

/// A folder that holds one version, or a part of it.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// # Errors
    /// [`Exit::Config`] where it holds anything else.
    pub(super) fn open(root: &Path, version: &str) -> anyhow::Result<Self> {
        let named = || root.display().to_string();
        std::fs::create_dir_all(root).with_context(named)?;
        for entry in std::fs::read_dir(root).with_context(named)? {
            let name = entry.with_context(named)?.file_name();
            let name = name.to_string_lossy();
            let ours = ["master.m3u8", "manifest.mpd", version];
            if !ours.contains(&name.strip_suffix(PART).unwrap_or(&name)) {
                let words = format!(
                    "{} holds {name}, which is not of version {version}: choose a new folder",
                    root.display()
                );
                return Err(error(Exit::Config, words));
            }
        }
        Ok(Self(root.to_owned()))
    }

    /// Loads a file, if it is not there whole. Gives the bytes that came, if any did.
    pub(super) async fn load(&self, address: &Address, name: &str) -> anyhow::Result<Option<u64>> {
        let path = self.0.join(name);
        if let Ok(there) = fs::metadata(&path).await {
            let head = address.open_file(Method::HEAD, name).await?;
            let length = head.headers().get(http::header::CONTENT_LENGTH);
            let length = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
            if length == Some(there.len()) {
                return Ok(None);
            }
        }
        let mut body = address.open_file(Method::GET, name).await?.into_body();
        let expected = body.size_hint().exact();
        let partial = Partial::new(&path).await?;
        let mut file = partial.create().await?;
        let mut len_bytes = 0;
        while let Some(bytes) = frame(&mut body).await? {
            len_bytes += bytes.len() as u64;
            file.write_all(&bytes)
                .await
                .with_context(|| partial.name())?;
        }
        if expected.is_some_and(|expected| expected != len_bytes) {
            return Err(error(Exit::Unreachable, format!("{name} was cut short")));
        }
        file.flush().await.with_context(|| partial.name())?;
        drop(file);
        partial.keep().await?;
        Ok(Some(len_bytes))
    }

    /// Writes a file, complete or not at all.
    pub(super) async fn write(&self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let partial = Partial::new(&self.0.join(name)).await?;
        fs::write(&partial.part, bytes)
            .await
            .with_context(|| partial.name())?;
        partial.keep().await
    }
}

const PART: &str = ".part";

/// A file under another name, until it is whole.
struct Partial {
    part: PathBuf,
    path: PathBuf,
}

impl Partial {
    async fn new(path: &Path) -> anyhow::Result<Self> {
        if let Some(folder) = path.parent() {
            let made = fs::create_dir_all(folder).await;
            made.with_context(|| folder.display().to_string())?;
        }
        let mut part = OsString::from(path);
        part.push(PART);
        Ok(Self {
            part: part.into(),
            path: path.to_owned(),
        })
    }

    async fn create(&self) -> anyhow::Result<fs::File> {
        let created = fs::File::create(&self.part).await;
        created.with_context(|| self.name())
    }

    async fn keep(self) -> anyhow::Result<()> {
        let kept = fs::rename(&self.part, &self.path).await;
        kept.with_context(|| self.name())
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }
}
