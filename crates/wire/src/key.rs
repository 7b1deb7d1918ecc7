//! What edges must know to judge keys: `GET /api/keys?after=R&wait=S`.

use serde::{Deserialize, Serialize};

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
}

/// `POST /api/keys/revoke`, with the admin token: this key opens nothing any more.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RevokeRequest {
    /// The key's `jti`.
    pub jti: String,
}
