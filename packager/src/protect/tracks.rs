//! What a version's tracks are turned into.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use media::{
    Method,
    bmff::cbcs::{Encryptor, Whole},
};
use wire::TrackId;

use super::Keys;
use crate::{
    PackagerError,
    encode::segment::{Segment, wrong},
};

/// Encrypts the tracks of one version. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Protector(Arc<Inner>);

struct Inner {
    method: Method,
    keys: Keys,
    tracks: Mutex<BTreeMap<TrackId, Arc<Cipher>>>,
}

/// Encrypts one track.
enum Cipher {
    Samples(Box<Encryptor>),
    Whole(Whole),
}

impl Protector {
    pub(crate) fn new(method: Method, keys: Keys) -> Self {
        Self(Arc::new(Inner {
            method,
            keys,
            tracks: Mutex::default(),
        }))
    }

    /// The init segment that is stored in place of a clear one. The track's segments are
    /// encrypted by the newest: all of them are the same, or it is not stored.
    pub(crate) fn init(&self, track: &TrackId, init: &Bytes) -> Result<Bytes, PackagerError> {
        let info = media::bmff::init_info(init).map_err(wrong)?;
        let key = match info.kind {
            media::bmff::InitKind::Video { .. } => &self.0.keys.video,
            media::bmff::InitKind::Audio { .. } => &self.0.keys.audio,
        };
        let (cipher, stored) = match self.0.method {
            Method::Cbcs => {
                let encryptor = Encryptor::new(init, key).map_err(unencrypted)?;
                let stored = encryptor.init().to_vec();
                (Cipher::Samples(Box::new(encryptor)), stored)
            }
            Method::Aes128 => {
                let whole = Whole::new(key);
                let stored = whole.encrypted(init);
                (Cipher::Whole(whole), stored)
            }
        };
        self.tracks().insert(track.clone(), Arc::new(cipher));
        Ok(stored.into())
    }

    /// The segment that is stored in place of a clear one; text is never encrypted.
    pub(crate) fn segment(
        &self,
        track: &TrackId,
        segment: &Segment,
    ) -> Result<Segment, PackagerError> {
        if segment.bytes.starts_with(b"WEBVTT") {
            return Ok(segment.clone());
        }
        let cipher = self.tracks().get(track).cloned();
        let cipher = cipher.ok_or_else(|| {
            PackagerError::Encoder(format!("a segment of {track} before its init segment"))
        })?;
        let (bytes, iframe_len) = match &*cipher {
            Cipher::Samples(encryptor) => {
                let bytes = encryptor.fragment(&segment.bytes).map_err(unencrypted)?;
                let grows = (bytes.len() - segment.bytes.len()) as u64;
                // Only what is before the pictures grows.
                let iframe_len = match segment.iframe_len {
                    0 => 0,
                    len => len + grows,
                };
                (bytes, iframe_len)
            }
            // No part of it can be read.
            Cipher::Whole(whole) => (whole.encrypted(&segment.bytes), 0),
        };
        Ok(Segment {
            iframe_len,
            bytes: bytes.into(),
            ..segment.clone()
        })
    }

    fn tracks(&self) -> MutexGuard<'_, BTreeMap<TrackId, Arc<Cipher>>> {
        self.0.tracks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unencrypted(error: media::bmff::BoxError) -> PackagerError {
    PackagerError::Encoder(format!("it cannot be encrypted: {error}"))
}
