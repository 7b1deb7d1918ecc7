//! Secrets that a site and its edges share, for sites that mint keys by themselves: HS256 (RFC
//! 7518 §3.2). Who verifies could sign as well, so that such a key plays, and does no more.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;

use crate::{Claims, KeyError, token};

/// Shortest secret, bytes: that of the hash (RFC 7518 §3.2). The longest is its block.
const SECRET_LEN_MIN: usize = 32;
const SECRET_LEN_MAX: usize = 64;
/// Longest name. Chosen: it stands in every key.
const KID_LEN_MAX: usize = 32;
/// Most secrets in a file. Chosen: rotation needs two.
const SECRETS_MAX: usize = 8;

/// A secret by which keys are minted and verified. It is printed as its name, and is in no
/// JSON Web Key Set that is written.
#[derive(Clone)]
pub struct SharedKey {
    kid: String,
    mac: Hmac<Sha256>,
}

/// `{"keys":[{"kty":"oct","alg":"HS256","kid":"site-1","k":"…"}]}`.
#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Jwk>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    alg: String,
    kid: String,
    k: String,
}

impl SharedKey {
    /// The secrets in a JSON Web Key Set of symmetric keys (RFC 7517 §5, RFC 7518 §6.4).
    ///
    /// # Errors
    /// [`KeyError::Malformed`] if it is none, holds none or more than eight, or two of a
    /// name; [`KeyError::Unsupported`] if one is not for HS256, shorter than 32 bytes, longer
    /// than 64, or has a name that is not 1 to 32 of `A-Z a-z 0-9 . _ -`.
    pub fn from_jwks(text: &str) -> Result<Vec<Self>, KeyError> {
        let jwks: Jwks = serde_json::from_str(text).map_err(|_| KeyError::Malformed)?;
        let count = jwks.keys.len();
        if !(1..=SECRETS_MAX).contains(&count) {
            return Err(KeyError::Malformed);
        }
        let mut shared: Vec<Self> = Vec::with_capacity(count);
        for jwk in &jwks.keys {
            let key = Self::from_jwk(jwk)?;
            if shared.iter().any(|other| other.kid == key.kid) {
                return Err(KeyError::Malformed);
            }
            shared.push(key);
        }
        Ok(shared)
    }

    fn from_jwk(jwk: &Jwk) -> Result<Self, KeyError> {
        if jwk.kty != "oct" || jwk.alg != Self::ALG {
            return Err(KeyError::Unsupported("a secret that is not for HS256"));
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        if !(1..=KID_LEN_MAX).contains(&jwk.kid.len()) || !jwk.kid.bytes().all(plain) {
            return Err(KeyError::Unsupported("another name of its secret"));
        }
        let secret = URL_SAFE_NO_PAD.decode(&jwk.k);
        let secret = secret.map_err(|_| KeyError::Malformed)?;
        if !(SECRET_LEN_MIN..=SECRET_LEN_MAX).contains(&secret.len()) {
            return Err(KeyError::Unsupported("a secret of another length"));
        }
        let mac = Hmac::new_from_slice(&secret).map_err(|_| KeyError::Malformed)?;
        Ok(Self {
            kid: jwk.kid.clone(),
            mac,
        })
    }

    pub(crate) const ALG: &str = "HS256";

    /// Its name, which stands in keys.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Signs claims; they are taken for [`Scope::Play`](crate::Scope::Play) alone.
    #[must_use]
    pub fn mint(&self, claims: &Claims) -> String {
        token::compact(Self::ALG, &self.kid, claims, |message| {
            let mac = self.mac.clone().chain_update(message);
            mac.finalize().into_bytes()
        })
    }

    /// In constant time.
    pub(crate) fn verify(&self, message: &[u8], tag: &[u8]) -> Result<(), KeyError> {
        let mac = self.mac.clone().chain_update(message);
        mac.verify_slice(tag).map_err(|_| KeyError::BadSignature)
    }
}

impl fmt::Debug for SharedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedKey")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}
