//! Versions whose bytes are being stored at the request of an operator, before one
//! transaction names all of them: the walk for orphans leaves them alone.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use store::BlobKey;
use wire::VersionId;

use crate::OriginError;

/// Most of them at once. Chosen: each holds a file of subtitles in memory.
const MAKING_MAX: usize = 8;

/// Versions that are being stored.
#[derive(Debug, Default, Clone)]
pub(crate) struct Making(Arc<Mutex<HashSet<VersionId>>>);

/// Held while a version is stored, until its transaction has ended.
#[derive(Debug)]
pub(crate) struct Claimed {
    all: Making,
    version: VersionId,
}

impl Making {
    /// # Errors
    /// Too many are being stored.
    pub(crate) fn claim(&self, version: &VersionId) -> Result<Claimed, OriginError> {
        let mut making = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if making.len() >= MAKING_MAX {
            let detail = "too many tracks are being added at once";
            return Err(OriginError::Overloaded(detail.into()));
        }
        making.insert(version.clone());
        Ok(Claimed {
            all: self.clone(),
            version: version.clone(),
        })
    }

    /// The blob is of such a version.
    pub(crate) fn holds(&self, blob: &BlobKey) -> bool {
        let mut parts = blob.as_str().split('/');
        let version = match (parts.next(), parts.next()) {
            (Some("media"), Some(version)) => version.parse::<VersionId>(),
            _ => return false,
        };
        let making = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        version.is_ok_and(|version| making.contains(&version))
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        let mut making = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        making.remove(&self.version);
    }
}
