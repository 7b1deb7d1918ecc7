//! What edges must know to judge keys: `GET /api/keys?after=R&wait=S`.

use serde::{Deserialize, Serialize};

use crate::AssetId;

/// The public keys and the revoked ones, as of a revision. The origin holds a request
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
