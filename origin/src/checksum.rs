//! `Upload-Checksum` of tus 1.0: an algorithm, a space, the digest in Base64.

use axum::http::StatusCode;
use base64::{Engine, prelude::BASE64_STANDARD};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::OriginError;

/// A checksum to be met, and what has come so far.
pub(crate) struct Checksum {
    expected: Vec<u8>,
    hasher: Hasher,
}

enum Hasher {
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Checksum {
    /// Algorithms known here; tus demands SHA-1.
    pub(crate) const ALGORITHMS: &str = "sha1,sha256";

    pub(crate) fn parse(header: &str) -> Result<Self, OriginError> {
        let bad = |detail: &str| OriginError::BadRequest(format!("Upload-Checksum {detail}"));
        let (algorithm, digest) = header
            .split_once(' ')
            .ok_or_else(|| bad("is an algorithm, a space and Base64"))?;
        let hasher = match algorithm {
            "sha1" => Hasher::Sha1(Sha1::new()),
            "sha256" => Hasher::Sha256(Sha256::new()),
            _ => return Err(bad("must be sha1 or sha256")),
        };
        let expected = BASE64_STANDARD
            .decode(digest)
            .map_err(|_| bad("is not Base64"))?;
        Ok(Self { expected, hasher })
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match &mut self.hasher {
            Hasher::Sha1(hasher) => hasher.update(bytes),
            Hasher::Sha256(hasher) => hasher.update(bytes),
        }
    }

    /// # Errors
    /// 460, as tus has it, when other bytes came.
    pub(crate) fn check(self) -> Result<(), OriginError> {
        let found = match self.hasher {
            Hasher::Sha1(hasher) => hasher.finalize().to_vec(),
            Hasher::Sha256(hasher) => hasher.finalize().to_vec(),
        };
        if found == self.expected {
            return Ok(());
        }
        Err(OriginError::Upload {
            status: StatusCode::from_u16(460).expect("three digits"),
            detail: "the checksum differs: send the same bytes again".into(),
        })
    }
}
