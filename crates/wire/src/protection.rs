//! Encryption of what is published, and the content keys that it needs.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Codec;

/// How audio and video of a version are encrypted; text and pictures beside them never are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encryption {
    /// Not at all.
    #[default]
    None,
    /// By the scheme `cbcs` (ISO/IEC 23001-7 §10.4): one copy for HLS and DASH.
    Cbcs,
    /// Whole segments by AES-128 (RFC 8216 §4.3.2.4): there is HLS, and no DASH.
    #[serde(rename = "aes-128")]
    Aes128,
}

impl Encryption {
    /// Whether what is encoded so can be encrypted; else words on why not.
    #[must_use]
    pub fn fault(self, codecs: &[Codec]) -> Option<&'static str> {
        let known = |codec: &Codec| matches!(codec, Codec::H264 | Codec::Hevc);
        (self == Self::Cbcs && !codecs.iter().all(known))
            .then_some("cbcs encrypts h264, with AAC, and hevc alone")
    }
}

/// The content keys of a version: inside a lease, and
/// `PUT /api/jobs/<job>/keys` of the worker that asked a key server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentKeys {
    /// For all video.
    pub video: ContentKey,
    /// For all audio; may be the same.
    pub audio: ContentKey,
}

/// A key that decrypts media. Printed, it shows its id only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentKey {
    /// Which key it is: 32 hexadecimal digits, public.
    pub id: String,
    /// The key itself: 32 hexadecimal digits.
    pub secret: String,
}

impl fmt::Debug for ContentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ContentKey").field(&self.id).finish()
    }
}

/// What a key server is asked, by `POST`: new keys for a version, or those that it gave
/// for it before. It answers with [`ClearKeys`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRequest {
    /// The asset.
    pub asset: String,
    /// The version.
    pub version: String,
    /// What is to be encrypted: `video` and `audio`.
    pub kinds: Vec<String>,
}

/// A ClearKey licence (W3C, Encrypted Media Extensions §9.1.4): `POST` or
/// `GET /v/<asset>/license` gives one, and so does a key server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClearKeys {
    /// The keys.
    pub keys: Vec<ClearKey>,
    /// `temporary`: they are for this session, and not to be stored.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
}

/// One key of a licence: a JSON Web Key (RFC 7517). Printed, it shows its id only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClearKey {
    /// Always `oct`: it is symmetric.
    pub kty: String,
    /// Its id: 16 bytes in base64url without padding.
    pub kid: String,
    /// The key: 16 bytes in base64url without padding.
    pub k: String,
    /// From a key server: what it is for, `video` or `audio`; without it, for what no other
    /// is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

impl fmt::Debug for ClearKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClearKey").field(&self.kid).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_keys_show_their_ids_only() {
        let key = ContentKey {
            id: "0011".to_owned(),
            secret: "canary".to_owned(),
        };
        let clear = ClearKey {
            kty: "oct".to_owned(),
            kid: "0011".to_owned(),
            k: "canary".to_owned(),
            kind: None,
        };
        let keys = ContentKeys {
            video: key.clone(),
            audio: key,
        };
        let shown = format!("{keys:?} {clear:?}");
        assert!(
            shown.contains("0011") && !shown.contains("canary"),
            "{shown}"
        );
    }
}
