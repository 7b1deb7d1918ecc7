//! Keys: what edges must know to judge them, and what operators do with them.

use serde::{Deserialize, Serialize};

use crate::{AssetId, TrackId, VersionId};

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

/// `POST /api/keys`, with the admin token. Answered with a [`MintedKey`](crate::MintedKey).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MintRequest {
    /// What it opens.
    #[serde(flatten)]
    pub opens: Opens,
    /// How long, seconds; the origin's default where absent.
    #[serde(default)]
    pub ttl_secs: Option<u64>,
    /// Unix time, seconds: it opens nothing before, and its time counts from then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<u64>,
    /// Whom it is given to, by a name to revoke it by. Who holds the key can read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Who takes it, by names that they go by; everyone where empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audience: Vec<String>,
}

/// What a key opens.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "opens", rename_all = "lowercase")]
pub enum Opens {
    /// It plays an asset.
    Play {
        /// The asset.
        asset: AssetId,
        /// Only this version of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<VersionId>,
        /// Only these tracks; all where empty.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tracks: Vec<TrackId>,
    },
    /// It uploads.
    Upload {
        /// Largest file, bytes; the origin's own limit where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_bytes: Option<u64>,
        /// Media type that senders must name, such as `video/mp4` or `video/*`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        media_type: Option<String>,
        /// How many uploads it may begin, and it alone goes on with them; any number, and
        /// going on with others' too, where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        uses: Option<u32>,
    },
}

impl MintRequest {
    /// A key that plays an asset, and no more asked.
    #[must_use]
    pub fn play(asset: AssetId) -> Self {
        Self {
            opens: Opens::Play {
                asset,
                version: None,
                tracks: Vec::new(),
            },
            ttl_secs: None,
            not_before: None,
            subject: None,
            audience: Vec::new(),
        }
    }
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
