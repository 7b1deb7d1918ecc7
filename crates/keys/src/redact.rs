//! Paths without the secret in them, for logs.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::TOKEN_LEN_MAX;

/// What stands between two parts of a path or query; one byte each.
const SEPARATORS: &[u8; 6] = b"/?&=#;";
/// How every token of ours begins: base64url of `{"`.
const TOKEN_START: &str = "eyJ";

/// A path, or path and query, as logs may show it: `/k/<token>/v/x` becomes
/// `/k/<8 hex digits>/v/x`, and so does a token that stands anywhere else. The digits are
/// those of the SHA-256 of the `jti`, or of the token if it has none; whoever sends a
/// forged token can choose them, so they mean something only beside the answer's status.
///
/// Escapes of unreserved characters (RFC 3986 §2.3) are resolved: who reads the path would
/// find the token behind them too.
#[must_use]
pub fn redact(path: &str) -> Cow<'_, str> {
    redact_by(path, log_name)
}

/// The same with the digits of each token by `name`, which is [`log_name`] or remembers
/// what that said.
pub fn redact_by(path: &str, name: impl FnMut(&str) -> String) -> Cow<'_, str> {
    if !path.contains('%') {
        return redact_plain(path, name);
    }
    Cow::Owned(redact_plain(&resolved(path), name).into_owned())
}

/// The same with no character escaped that needs no escape.
fn resolved(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let digits = after
            .get(..2)
            .filter(|it| it.bytes().all(|b| b.is_ascii_hexdigit()));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let unreserved = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
        match byte.filter(unreserved) {
            Some(byte) => {
                out.push(char::from(byte));
                rest = &after[2..];
            }
            None => {
                out.push('%');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn redact_plain(path: &str, mut name: impl FnMut(&str) -> String) -> Cow<'_, str> {
    let keyed = path.starts_with("/k/");
    if !keyed && !path.contains(TOKEN_START) {
        return Cow::Borrowed(path);
    }
    let mut clean = String::new();
    let (mut copied, mut start) = (0, 0);
    for part in parts(path) {
        let secret = (keyed && start == "/k/".len()) || part.contains(TOKEN_START);
        if secret && !part.is_empty() {
            clean.push_str(&path[copied..start]);
            clean.push_str(&name(part));
            copied = start + part.len();
        }
        start += part.len() + 1;
    }
    if copied == 0 {
        return Cow::Borrowed(path);
    }
    clean.push_str(&path[copied..]);
    Cow::Owned(clean)
}

/// What stands between separators.
fn parts(path: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(path);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = text.bytes().position(|byte| SEPARATORS.contains(&byte));
        rest = end.map(|end| &text[end + 1..]);
        Some(&text[..end.unwrap_or(text.len())])
    })
}

/// The first 8 hex digits of the SHA-256 of a text.
pub(crate) fn short_hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let nibbles = digest
        .iter()
        .take(4)
        .flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles
        .filter_map(|nibble| char::from_digit(nibble.into(), 16))
        .collect()
}

/// What stands for a token in logs: see [`redact`].
#[must_use]
pub fn log_name(token: &str) -> String {
    short_hash(jti(token).as_deref().unwrap_or(token))
}

/// The `jti` that a token claims, unverified.
fn jti(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        jti: String,
    }
    if token.len() > TOKEN_LEN_MAX {
        return None;
    }
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice::<Named>(&payload)
        .ok()
        .map(|named| named.jti)
}
