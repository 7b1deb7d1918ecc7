//! Which paths a key opens.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use regex::bytes::Regex;
use sha2::{Digest, Sha256};

use crate::{KeyError, pattern};

/// Longest path that a pattern is held against, bytes: time grows with it. Chosen: Weir's
/// own are under 200.
const PATH_LEN_MAX: usize = 1024;
/// How a hash begins (RFC 6920 §5, §9.4).
const SHA_256: &str = "sha-256;";

/// Parts a path under `/k/` into the token and the path it stands before:
/// `/k/<token>/v/x` is `(<token>, /v/x)`. `None` if it has no key prefix.
#[must_use]
pub fn split(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix("/k/")?;
    let slash = rest.find('/')?;
    Some(rest.split_at(slash))
}

/// A URI container (RFC 9246 §2.1.15), ready to match.
#[derive(Debug, Clone)]
pub(crate) enum Container {
    /// `<literal>/.*`: what nearly all keys hold; nothing to compile.
    Under(String),
    /// Any other pattern.
    Pattern(Regex),
    /// The SHA-256 of one path.
    Hash([u8; 32]),
}

impl Container {
    pub(crate) fn parse(cdniuc: &str) -> Result<Self, KeyError> {
        if let Some(hash) = cdniuc.strip_prefix("hash:") {
            return digest(hash).map(Self::Hash);
        }
        let pattern = cdniuc
            .strip_prefix("regex:")
            .ok_or(KeyError::Unsupported("another kind of URI container"))?;
        pattern::check(pattern)?;
        let literal = |b: u8| b.is_ascii_alphanumeric() || b"/-_".contains(&b);
        // `regex::escape` writes `-` as `\-`.
        let unescaped = pattern.replace("\\-", "-");
        match unescaped.strip_suffix(".*") {
            Some(under) if under.ends_with('/') && under.bytes().all(literal) => {
                Ok(Self::Under(under.to_owned()))
            }
            _ => pattern::compile(pattern).map(Self::Pattern),
        }
    }

    /// Whether the key opens `path`. What Weir serves needs no escape, so a path with
    /// one, or one that another reader could resolve to a different path, is opened by
    /// no key at all.
    pub(crate) fn opens(&self, path: &str) -> bool {
        is_plain(path)
            && match self {
                Self::Under(prefix) => path.starts_with(prefix.as_str()),
                Self::Pattern(pattern) => {
                    path.len() <= PATH_LEN_MAX && pattern.is_match(path.as_bytes())
                }
                Self::Hash(hash) => Sha256::digest(path.as_bytes())[..] == hash[..],
            }
    }
}

/// The whole of a SHA-256 in canonical base64url.
fn digest(hash: &str) -> Result<[u8; 32], KeyError> {
    let hash = hash
        .strip_prefix(SHA_256)
        .ok_or(KeyError::Unsupported("another hash than sha-256"))?;
    let bytes = URL_SAFE_NO_PAD.decode(hash).ok();
    bytes
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(KeyError::Malformed)
}

/// Visible, without an escape, and without a segment that is empty or of dots. Without a
/// branch in it, so that it goes many bytes at a time: every request pays for it.
fn is_plain(path: &str) -> bool {
    let bytes = path.as_bytes();
    let after = |n: usize| bytes.get(n..).unwrap_or_default();
    let escapes = |b: u8| (b == b'%') | (b == b'\\') | (b == b'?') | (b == b'#');
    let visible = |b: u8| b.is_ascii_graphic() & !escapes(b);
    let twice = |one: u8, two: u8| (one == two) & ((one == b'/') | (one == b'.'));
    let chars = bytes.iter().fold(true, |all, b| all & visible(*b));
    let pairs = bytes.iter().zip(after(1));
    let pairs = pairs.fold(true, |all, (one, two)| all & !twice(*one, *two));
    let dots = bytes.iter().zip(after(1)).zip(after(2));
    let dots = dots.fold(true, |all, ((one, two), three)| {
        all & !((*one == b'/') & (*two == b'.') & (*three == b'/'))
    });
    chars & pairs & dots & path.starts_with('/') & !path.ends_with("/.")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_plain_path_is_visible_and_has_no_segment_that_is_empty_or_of_dots(
            path in "/?[a/.%?#é\\\\ ]{0,10}|/[ -~]{0,60}"
        ) {
            let visible = |b: u8| b.is_ascii_graphic() && !b"%\\?#".contains(&b);
            let plain = path.starts_with('/')
                && path.bytes().all(visible)
                && !path.contains("//")
                && !path.contains("..")
                && !path.split('/').any(|segment| segment == ".");
            prop_assert_eq!(is_plain(&path), plain);
        }
    }
}
