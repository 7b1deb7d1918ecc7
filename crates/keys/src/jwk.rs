//! Key pairs: the origin signs with one half, all verify with the other (RFC 7517, RFC 8037 §2).

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, Signer, VerifyingKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::KeyError;

/// Length of a `kid`: 96 bits of SHA-256 in base64url. Chosen: short, and no two alike.
const KID_LEN: usize = 16;

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
    pub(crate) const ALG: &str = "EdDSA";

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
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        let signature = Signature::from_slice(signature).map_err(|_| KeyError::Malformed)?;
        self.key
            .verify_strict(message, &signature)
            .map_err(|_| KeyError::BadSignature)
    }

    /// As a JSON Web Key.
    #[must_use]
    pub fn to_jwk(&self) -> Value {
        json!({
            "kty": "OKP", "crv": "Ed25519", "alg": Self::ALG, "use": "sig",
            "kid": self.kid, "x": URL_SAFE_NO_PAD.encode(self.key.as_bytes()),
        })
    }

    /// `None` for a key of another kind, which RFC 7517 §5 says to pass over.
    pub(crate) fn from_jwk(jwk: &Value) -> Result<Option<Self>, KeyError> {
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
