//! The keys that sign, and the sets that verify (RFC 7517, RFC 8037 §2).

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, Signer, VerifyingKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::KeyError;

/// Length of a `kid`: 96 bits of SHA-256 in base64url. Chosen: short, and no two alike.
const KID_LEN: usize = 16;
/// Most keys in a set. Chosen: rotation needs two.
const SET_LEN_MAX: usize = 32;

/// The origin's secret: mints keys.
pub struct SigningKey {
    secret: ed25519_dalek::SigningKey,
    public: PublicKey,
}

impl SigningKey {
    /// The key that 32 random bytes make.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let secret = ed25519_dalek::SigningKey::from_bytes(&seed);
        let public = PublicKey::new(secret.verifying_key());
        Self { secret, public }
    }

    /// The 32 bytes to keep secret and store.
    #[must_use]
    pub fn seed(&self) -> [u8; 32] {
        self.secret.to_bytes()
    }

    /// Names the key pair: see [`PublicKey::kid`].
    #[must_use]
    pub fn kid(&self) -> &str {
        self.public.kid()
    }

    /// What verifies its signatures.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.public.clone()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.secret.sign(message).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid())
            .finish_non_exhaustive()
    }
}

/// Verifies what one [`SigningKey`] signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    key: VerifyingKey,
    kid: String,
}

impl PublicKey {
    fn new(key: VerifyingKey) -> Self {
        let mut kid = URL_SAFE_NO_PAD.encode(Sha256::digest(key.as_bytes()));
        kid.truncate(KID_LEN);
        Self { key, kid }
    }

    /// The first 16 characters of the base64url of the SHA-256 of the public key.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Accepts exactly what the key signed: no small-order points, no second encoding.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8; 64]) -> Result<(), KeyError> {
        self.key
            .verify_strict(message, &Signature::from_bytes(signature))
            .map_err(|_| KeyError::BadSignature)
    }

    fn to_jwk(&self) -> Value {
        json!({
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig",
            "kid": self.kid, "x": URL_SAFE_NO_PAD.encode(self.key.as_bytes()),
        })
    }

    /// `None` for a key of another kind, which RFC 7517 §5 says to pass over.
    fn from_jwk(jwk: &Value) -> Result<Option<Self>, KeyError> {
        if jwk["kty"] != "OKP" || jwk["crv"] != "Ed25519" {
            return Ok(None);
        }
        let x = jwk["x"].as_str().ok_or(KeyError::Malformed)?;
        let bytes = URL_SAFE_NO_PAD.decode(x).map_err(|_| KeyError::Malformed)?;
        let bytes = bytes.try_into().map_err(|_| KeyError::Malformed)?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| KeyError::Malformed)?;
        let public = Self::new(key);
        // A name of its own choosing could shadow another key's.
        if key.is_weak() || jwk["kid"] != public.kid.as_str() || jwk.get("d").is_some() {
            return Err(KeyError::Malformed);
        }
        Ok(Some(public))
    }
}

/// The public keys that are trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeySet {
    keys: Vec<PublicKey>,
}

impl KeySet {
    /// Trusts these keys.
    #[must_use]
    pub fn new(keys: Vec<PublicKey>) -> Self {
        Self { keys }
    }

    /// The set as a JSON Web Key Set.
    #[must_use]
    pub fn to_jwks(&self) -> Value {
        json!({ "keys": self.keys.iter().map(PublicKey::to_jwk).collect::<Vec<_>>() })
    }

    /// Reads a JSON Web Key Set; keys of other kinds are passed over.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] if it is no such set, holds more than 32 keys, a private
    /// key, a weak key, or a key whose `kid` is not its own.
    pub fn from_jwks(jwks: &Value) -> Result<Self, KeyError> {
        let listed = jwks["keys"].as_array().ok_or(KeyError::Malformed)?;
        if listed.len() > SET_LEN_MAX {
            return Err(KeyError::Malformed);
        }
        let read: Result<Vec<_>, _> = listed.iter().map(PublicKey::from_jwk).collect();
        Ok(Self {
            keys: read?.into_iter().flatten().collect(),
        })
    }

    pub(crate) fn named(&self, kid: &str) -> Result<&PublicKey, KeyError> {
        self.keys
            .iter()
            .find(|key| key.kid == kid)
            .ok_or(KeyError::UnknownKey)
    }
}
