//! Names of blobs.

use std::{fmt, str::FromStr};

/// Longest key, bytes. Chosen, well under a path's limit.
const LEN_MAX: usize = 256;

/// The text is not a blob's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a blob key: parts of a-z, 0-9, '-', '_' and inner '.', joined by '/'")]
pub struct InvalidKey(String);

/// Name of a blob: parts joined by `/`, each of `a–z`, `0–9`, `-`, `_` and, not first,
/// `.`; so no key leaves the store's folder, and none is a temporary file's name. Keys are
/// ordered by their bytes, as S3 lists them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobKey(String);

impl BlobKey {
    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BlobKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
        let part_is_good =
            |part: &str| !part.is_empty() && !part.starts_with('.') && part.bytes().all(allowed);
        if text.len() > LEN_MAX || !text.split('/').all(part_is_good) {
            return Err(InvalidKey(text.chars().take(LEN_MAX).collect()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_leaves_the_folder() {
        for bad in [
            "", "/a", "a/", "a//b", "../a", "a/../b", ".tmp/a", "a\\b", "A", "a\0",
        ] {
            assert!(bad.parse::<BlobKey>().is_err(), "{bad:?}");
        }
        for good in ["a", "media/ab/v720/0.m4s", "uploads/x_1"] {
            assert_eq!(good.parse::<BlobKey>().unwrap().as_str(), good);
        }
    }
}
