//! Keys: what edges must know to judge them, and what operators do with them.

use serde::{Deserialize, Serialize};

use crate::AssetId;

/// Answer to `GET /api/keys?after=R&wait=S`, with the join token: the public keys and the
/// revoked ones, as of a revision. The origin holds a request
/// whose `after` equals the newest revision up to `wait` seconds, then answers 204.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct KeyBulletin {
    /// Grows with every change.
    pub revision: u64,
    /// JSON Web Key Set (RFC 7517).
    pub jwks: serde_json::Value,
    /// `jti` of every key that was revoked and has not yet expired.
    pub revoked: Vec<String>,
    /// Many keys at once, of which some may live yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revoked_before: Vec<RevokedBefore>,
}

/// Keys that were revoked by what they have in common, if they were issued before a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokedBefore {
    /// What they have in common.
    #[serde(flatten)]
    pub what: Revokes,
    /// Unix time, seconds: those with an earlier `iat` open nothing any more.
    pub issued_before: u64,
}

/// Which keys: in JSON an object with one member, such as `{"subject":"jo"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Revokes {
    /// The one with this `jti`.
    Jti(String),
    /// All of this `sub`.
    Subject(String),
    /// All, for this asset. What a key opens besides stays open.
    Asset(AssetId),
    /// All that this `kid` signed.
    Signer(String),
}

/// `POST /api/keys/revoke`, with the admin token: these keys open nothing any more.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RevokeRequest {
    /// Which.
    #[serde(flatten)]
    pub what: Revokes,
    /// Unix time, seconds, not ahead: but for a single key, those that were issued from then
    /// on stay good. Until now where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_before: Option<u64>,
}

/// `POST /api/keys/rotate`, with the admin token: another signing key takes the place of the
/// one that signs. Answered with all of them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RotateRequest {
    /// It signs at once, also before all who verify have heard of it.
    #[serde(default)]
    pub now: bool,
}

/// One of the answer to `GET /api/keys/signing`, with the admin token: oldest first. Times are
/// Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKeyStatus {
    /// Its name, which stands in the keys that it signs.
    pub kid: String,
    /// What it does now.
    pub state: SigningKeyState,
    /// When it was made.
    pub created_at: u64,
    /// From when on it signs, or did.
    pub signs_from: u64,
    /// What it signed counts until then; absent where nothing takes its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted_until: Option<u64>,
}

/// The life of a signing key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SigningKeyState {
    /// Told to all who verify, and not signing yet.
    Next,
    /// It signs.
    Active,
    /// It signs no more, and what it signed counts.
    Retired,
}

impl SigningKeyState {
    /// Its name in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retired => "retired",
        }
    }
}
