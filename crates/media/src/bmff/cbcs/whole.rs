//! AES-128 of whole segments, for HLS alone (RFC 8216 §4.3.2.4, §5.2): CBC with PKCS #7
//! padding (RFC 5652 §6.3), by the same cipher. The key's id is the initialization vector of
//! all, init segments too: playlists name it, as they must for those (§4.3.2.5).

use super::{
    Key,
    cipher::{BLOCK, Cipher, Pattern},
};

/// A key for whole segments.
pub struct Whole(Key);

impl Whole {
    /// With a key; its own vector is not used.
    #[must_use]
    pub fn new(key: &Key) -> Self {
        let id = key.id();
        Self(Key::new(id, *key.secret(), Some(id.0)))
    }

    /// Encrypts an init segment or a segment.
    #[must_use]
    pub fn encrypted(&self, clear: &[u8]) -> Vec<u8> {
        let padding = BLOCK - clear.len() % BLOCK;
        let mut out = Vec::with_capacity(clear.len() + padding);
        out.extend_from_slice(clear);
        out.resize(clear.len() + padding, padding as u8);
        Cipher::new(&self.0, Pattern::ALL).encrypt(&mut out);
        out
    }

    /// What was encrypted; `None` where this key encrypted nothing such.
    #[must_use]
    pub fn clear(&self, encrypted: &[u8]) -> Option<Vec<u8>> {
        if !encrypted.len().is_multiple_of(BLOCK) {
            return None;
        }
        let mut out = encrypted.to_vec();
        Cipher::new(&self.0, Pattern::ALL).decrypt_all(&mut out);
        let padding = usize::from(*out.last()?);
        let len = out.len().checked_sub(padding)?;
        let padded = out[len..].iter().all(|byte| usize::from(*byte) == padding);
        out.truncate(len);
        (padded && (1..=BLOCK).contains(&padding)).then_some(out)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::bmff::cbcs::{KeyId, key_bytes};

    /// By `openssl enc -aes-128-cbc -K 0011…ff -iv 0…07`.
    #[test]
    fn a_segment_is_what_openssl_makes_of_it() {
        let secret = key_bytes("00112233445566778899aabbccddeeff").unwrap();
        let id = KeyId(7_u128.to_be_bytes());
        let whole = Whole::new(&Key::new(id, secret, None));
        let encrypted = whole.encrypted(b"whole segments, padded");
        let expected = "0c5ab77a6916c8b2949a9a24aab2fb20e20bfe1b0577b4fa8cb52b18ce976758";
        let shown: String = encrypted.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(shown, expected);
    }

    proptest! {
        #[test]
        fn a_segment_comes_back(clear in prop::collection::vec(any::<u8>(), 0..100)) {
            let whole = Whole::new(&Key::of_secret([7; 16]));
            let encrypted = whole.encrypted(&clear);
            prop_assert!(encrypted.len() > clear.len() && encrypted.len().is_multiple_of(16));
            prop_assert_eq!(whole.clear(&encrypted), Some(clear));
        }

        #[test]
        fn what_is_none_is_told(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let whole = Whole::new(&Key::of_secret([7; 16]));
            if let Some(clear) = whole.clear(&bytes) {
                prop_assert_eq!(whole.encrypted(&clear), bytes);
            }
        }
    }
}
