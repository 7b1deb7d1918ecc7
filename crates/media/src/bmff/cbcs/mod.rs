//! Encryption of samples by the scheme `cbcs` (ISO/IEC 23001-7 §10.4): one copy that both
//! HLS (`SAMPLE-AES`) and DASH name.
//!
//! Of video, one block of 16 bytes in ten is encrypted, from behind each slice header on;
//! of audio, all whole blocks. Each starts anew from one constant initialization vector, so
//! the same samples and the same key always give the same bytes.

mod cipher;
mod fragment;
mod hevc_sets;
mod hevc_slice;
pub(in crate::bmff) mod init;
mod key;
mod sets;
mod slice;
mod subsamples;
mod whole;

pub(super) use init::original;
pub use key::{Key, KeyError, KeyId, key_bytes};
pub use whole::Whole;

use super::{BoxError, InitInfo, InitKind, init_info};
use cipher::{Cipher, Pattern};
use sets::NalSets;

/// Encrypts one track.
pub struct Encryptor {
    /// What the clear init segment says.
    info: InitInfo,
    /// The encrypted one.
    init: Vec<u8>,
    cipher: Cipher,
    samples: Samples,
}

/// How samples are divided into what is clear and what is encrypted.
enum Samples {
    /// H.264 and HEVC: by NAL unit.
    Nals { nal_len_bytes: usize, sets: NalSets },
    /// As a whole.
    Whole,
}

impl Encryptor {
    /// For the track of a clear init segment.
    ///
    /// # Errors
    /// The init segment is malformed, encrypted already, or of a codec that is not known
    /// here.
    pub fn new(init: &[u8], key: &Key) -> Result<Self, BoxError> {
        let info = init_info(init)?;
        let entry = init::Entry::of(init)?;
        let (samples, pattern) = match info.kind {
            InitKind::Video { nal_len_bytes, .. } => {
                let sets = entry.sets()?;
                let nal_len_bytes = usize::from(nal_len_bytes);
                let samples = Samples::Nals {
                    nal_len_bytes,
                    sets,
                };
                (samples, Pattern::ONE_IN_TEN)
            }
            InitKind::Audio { .. } => (Samples::Whole, Pattern::ALL),
        };
        Ok(Self {
            init: init::encrypted(init, &entry, key, pattern)?,
            info,
            cipher: Cipher::new(key, pattern),
            samples,
        })
    }

    /// The init segment that says how the track is encrypted: `encv` or `enca` with
    /// `sinf`, and a `pssh` of the common system, by which browsers ask for the key.
    #[must_use]
    pub fn init(&self) -> &[u8] {
        &self.init
    }

    /// Encrypts a clear fragment (`moof`, `mdat`) of the track. `moof` grows; the samples
    /// keep their sizes and order.
    ///
    /// # Errors
    /// Malformed boxes or NAL units, or a picture of more slices than `saiz` can describe.
    pub fn fragment(&self, fragment: &[u8]) -> Result<Vec<u8>, BoxError> {
        fragment::encrypted(self, fragment)
    }
}
