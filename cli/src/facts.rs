//! `demo.json`: where the demo is, for scripts.

use std::{io::Write, os::unix::fs::OpenOptionsExt, path::Path};

use serde::Serialize;
use wire::{AssetId, AssetState};

/// What a script needs to know of a running demo.
#[derive(Debug, Serialize)]
pub(crate) struct Facts {
    /// Base URL of the origin.
    pub(crate) origin: String,
    /// Base URLs of the edges, `fra` first.
    pub(crate) edges: Vec<String>,
    pub(crate) asset: AssetId,
    #[serde(flatten)]
    pub(crate) watching: Watching,
    pub(crate) state: AssetState,
    pub(crate) admin_token: String,
}

/// Addresses that play an asset, with a key in each.
#[derive(Debug, Serialize)]
pub(crate) struct Watching {
    pub(crate) watch: String,
    pub(crate) hls: String,
    pub(crate) dash: String,
}

impl Watching {
    pub(crate) fn at(base: &str, asset: &AssetId, token: &str) -> Self {
        Self {
            watch: format!("{base}/watch/{asset}#k={token}"),
            hls: format!("{base}/k/{token}/v/{asset}/master.m3u8"),
            dash: format!("{base}/k/{token}/v/{asset}/manifest.mpd"),
        }
    }
}

impl Facts {
    /// Removes those of an earlier run, so that no script takes them for this one's.
    pub(crate) fn remove(file: &Path) -> std::io::Result<()> {
        match std::fs::remove_file(file) {
            Err(fault) if fault.kind() != std::io::ErrorKind::NotFound => Err(fault),
            _ => Ok(()),
        }
    }

    /// Replaces the file by rename: a reader sees the old facts or the new. It holds
    /// keys, so only its owner may read it.
    pub(crate) fn write(&self, file: &Path) -> anyhow::Result<()> {
        let beside = file.with_extension("new");
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut open = options.open(&beside)?;
        open.write_all(&serde_json::to_vec_pretty(self)?)?;
        std::fs::rename(&beside, file)?;
        Ok(())
    }
}
