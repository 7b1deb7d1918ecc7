//! What a key opens, when, and what is refused.

mod chance;
mod forged;
mod logs;
mod parts;
mod paths;
mod profile;
mod public;
mod scope;
mod shared;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ed25519_dalek::Signer;
use keys::{Claims, KeyError, KeySet, SigningKey, Verified, mint, play};
use serde_json::{Value, json};

pub(crate) const NOW: u64 = 1_800_000_000;
pub(crate) const SEED: [u8; 32] = [7; 32];

pub(crate) fn signing() -> SigningKey {
    SigningKey::from_seed(SEED)
}

pub(crate) fn verify(token: &str) -> Result<Verified, KeyError> {
    KeySet::new(vec![signing().public()]).verify(token, NOW)
}

pub(crate) fn refusal(token: &str) -> KeyError {
    verify(token)
        .err()
        .unwrap_or_else(|| panic!("accepted: {token}"))
}

pub(crate) fn claims() -> Claims {
    play("ab", NOW - 60, NOW + 3600, "j1".to_owned())
}

pub(crate) fn minted() -> String {
    mint(&signing(), &claims())
}

/// A token whose signature holds, whatever it says.
pub(crate) fn signed(header: &str, payload: &str) -> String {
    let message = format!("{}.{}", BASE64.encode(header), BASE64.encode(payload));
    let signature = ed25519_dalek::SigningKey::from_bytes(&SEED).sign(message.as_bytes());
    format!("{message}.{}", BASE64.encode(signature.to_bytes()))
}

pub(crate) fn header() -> Value {
    json!({ "alg": "EdDSA", "kid": signing().kid() })
}

pub(crate) fn with_header(name: &str, value: Value) -> String {
    let mut header = header();
    header[name] = value;
    signed(
        &header.to_string(),
        &serde_json::to_string(&claims()).expect("claims are JSON"),
    )
}

pub(crate) fn with_claim(name: &str, value: Value) -> String {
    let mut payload = serde_json::to_value(claims()).expect("claims are JSON");
    payload[name] = value;
    signed(&header().to_string(), &payload.to_string())
}

pub(crate) fn opens(pattern: &str, path: &str) -> bool {
    verify(&with_claim("cdniuc", pattern.into()))
        .expect("claims are JSON")
        .opens(path)
}
