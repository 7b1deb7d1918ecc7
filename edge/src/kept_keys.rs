//! What was last heard of keys, on disk beside the cache: an edge that starts while its origin
//! is away judges by it, and refuses what it knew to be taken back.
//!
//! ```text
//! keys.json     SHA-256 of the second line, in hexadecimal; then, as JSON, all that was heard
//! ```

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::{sync::watch, task::spawn_blocking};
use tracing::warn;
use wire::KeyBulletin;

use crate::Config;

/// Its name in the cache folder.
const FILE: &str = "keys.json";
/// Of what is written here.
const FORMAT: u32 = 1;
/// Longest file that is read, bytes. Chosen: twice what an origin tells at most.
const LEN_MAX: u64 = 32 << 20;

/// What was heard last, on its way to the disk.
pub(crate) struct Kept {
    path: PathBuf,
    /// Who said it: another origin's keys are none of ours.
    origin: String,
    newest: watch::Sender<Option<Arc<KeyBulletin>>>,
}

#[derive(Serialize, Deserialize)]
struct Contents {
    format: u32,
    origin: String,
    bulletin: KeyBulletin,
}

impl Kept {
    /// `None` for an edge without a folder.
    pub(crate) fn new(config: &Config) -> Option<Arc<Self>> {
        let mut origins = config.origins.clone();
        if origins.is_empty() {
            origins.push(config.origin.clone());
        }
        origins.sort();
        Some(Arc::new(Self {
            path: config.cache_dir.as_ref()?.join(FILE),
            origin: origins.join(" "),
            newest: watch::Sender::new(None),
        }))
    }

    /// What an earlier process heard; `None` also where it can't be used.
    pub(crate) fn read(&self) -> Option<KeyBulletin> {
        match read(&self.path) {
            Ok(kept) if kept.format == FORMAT && kept.origin == self.origin => Some(kept.bulletin),
            Ok(_) => None,
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => {
                let path = self.path.display();
                warn!(%path, %error, "the keys of before can't be read: the origin is awaited");
                None
            }
        }
    }

    /// This is to be on disk soon.
    pub(crate) fn keep(&self, bulletin: KeyBulletin) {
        self.newest.send_replace(Some(Arc::new(bulletin)));
    }

    /// Writes what is to be kept, the newest of it, until dropped.
    pub(crate) async fn follow(self: Arc<Self>) {
        let mut news = self.newest.subscribe();
        news.mark_changed();
        while news.changed().await.is_ok() {
            let Some(bulletin) = news.borrow_and_update().clone() else {
                continue;
            };
            let here = self.clone();
            let written = spawn_blocking(move || here.write(&bulletin)).await;
            if let Ok(Err(error)) = written {
                let path = self.path.display();
                warn!(%path, %error, "keys can't be kept: a restart needs the origin");
            }
        }
    }

    fn write(&self, bulletin: &KeyBulletin) -> io::Result<()> {
        let json = serde_json::to_string(&Contents {
            format: FORMAT,
            origin: self.origin.clone(),
            bulletin: bulletin.clone(),
        })?;
        // Beside another process's, which hands over meanwhile.
        let beside = self.path.with_extension(std::process::id().to_string());
        let mut options = File::options();
        options.write(true).create(true).truncate(true).mode(0o600);
        let written = options.open(&beside).and_then(|mut file| {
            file.write_all(format!("{}\n{json}\n", digest(&json)).as_bytes())?;
            file.sync_all()?;
            fs::rename(&beside, &self.path)
        });
        if written.is_err() {
            let _ = fs::remove_file(&beside);
        }
        written
    }
}

fn read(path: &Path) -> io::Result<Contents> {
    let bad = |why: &str| io::Error::new(ErrorKind::InvalidData, why);
    if fs::metadata(path)?.len() > LEN_MAX {
        return Err(bad("it is too long"));
    }
    let text = fs::read_to_string(path)?;
    let (sum, json) = text.split_once('\n').ok_or_else(|| bad("it is cut"))?;
    let json = json.strip_suffix('\n').ok_or_else(|| bad("it is cut"))?;
    if sum != digest(json) {
        return Err(bad("it is damaged"));
    }
    Ok(serde_json::from_str(json)?)
}

fn digest(text: &str) -> String {
    use std::fmt::Write;
    let mut hex = String::new();
    for byte in Sha256::digest(text.as_bytes()) {
        write!(hex, "{byte:02x}").expect("a string takes every write");
    }
    hex
}
