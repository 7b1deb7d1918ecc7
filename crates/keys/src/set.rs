//! What verifies: public keys, secrets shared with a site, and the names that one goes by.

use serde_json::{Value, json};

use crate::{KeyError, PublicKey, SharedKey};

/// Most public keys in a set. Chosen: rotation needs two.
const PUBLIC_MAX: usize = 32;

/// All that is trusted here.
#[derive(Debug, Clone, Default)]
pub struct KeySet {
    keys: Vec<PublicKey>,
    shared: Vec<SharedKey>,
    pub(crate) audiences: Vec<String>,
}

/// What a `kid` names. Its algorithm is its own, never the token's.
pub(crate) enum Signer<'a> {
    Public(&'a PublicKey),
    Shared(&'a SharedKey),
}

impl KeySet {
    /// Trusts these keys.
    #[must_use]
    pub fn new(keys: Vec<PublicKey>) -> Self {
        Self {
            keys,
            ..Self::default()
        }
    }

    /// Trusts these secrets besides. A name that a public key has as well is the public key's.
    #[must_use]
    pub fn with_shared(mut self, shared: Vec<SharedKey>) -> Self {
        self.shared = shared;
        self
    }

    /// Goes by these names: a key that is for certain ones must be for one of them.
    #[must_use]
    pub fn for_audiences(mut self, names: Vec<String>) -> Self {
        self.audiences = names;
        self
    }

    /// The public keys as a JSON Web Key Set; no secret is ever in it.
    #[must_use]
    pub fn to_jwks(&self) -> Value {
        json!({ "keys": self.keys.iter().map(PublicKey::to_jwk).collect::<Vec<_>>() })
    }

    /// Reads a JSON Web Key Set; keys of other kinds are passed over, symmetric ones too: a
    /// secret that came over the network is none.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] if it is no such set, holds more than 32 keys, a private
    /// key, a weak key, or a key whose `kid` is not its own.
    pub fn from_jwks(jwks: &Value) -> Result<Self, KeyError> {
        let listed = jwks["keys"].as_array().ok_or(KeyError::Malformed)?;
        if listed.len() > PUBLIC_MAX {
            return Err(KeyError::Malformed);
        }
        let read: Result<Vec<_>, _> = listed.iter().map(PublicKey::from_jwk).collect();
        Ok(Self::new(read?.into_iter().flatten().collect()))
    }

    /// Whether a `kid` is trusted.
    #[must_use]
    pub fn has(&self, kid: &str) -> bool {
        self.named(kid).is_ok()
    }

    pub(crate) fn named(&self, kid: &str) -> Result<Signer<'_>, KeyError> {
        let public = self.keys.iter().find(|key| key.kid() == kid);
        let shared = || self.shared.iter().find(|key| key.kid() == kid);
        public
            .map(Signer::Public)
            .or_else(|| shared().map(Signer::Shared))
            .ok_or(KeyError::UnknownKey)
    }
}

impl Signer<'_> {
    pub(crate) fn alg(&self) -> &'static str {
        match self {
            Self::Public(_) => PublicKey::ALG,
            Self::Shared(_) => SharedKey::ALG,
        }
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        match self {
            Self::Public(key) => key.verify(message, signature),
            Self::Shared(key) => key.verify(message, signature),
        }
    }

    /// A secret is known to every edge: what it signs must not do more than edges do.
    pub(crate) fn signs_play_alone(&self) -> bool {
        matches!(self, Self::Shared(_))
    }
}
