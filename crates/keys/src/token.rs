//! Compact JWS: written in one form, and read in that form only.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};
use serde_json::json;

use crate::{
    Claims, ISSUER, KeyError, KeySet, LIFE_SECS_MAX, PublicKey, Scope, SigningKey, path::Container,
    redact, set::Signer,
};

/// Longest token that is looked at, bytes. Chosen: twice what is minted.
pub const TOKEN_LEN_MAX: usize = 1024;
/// Longest token to mint, bytes: it stands in every address of a session. Chosen; whoever
/// mints looks at it.
pub const MINTED_LEN_MAX: usize = 500;
/// A key may begin this many seconds ahead of our clock: the minting host's may be fast.
/// Its end is exact. Chosen.
pub const LEEWAY_SECS: u64 = 5;
/// Claims that are enforced here, the only ones that `cdnicrit` may name (RFC 9246 §2.1.9).
const ENFORCED: [&str; 10] = [
    "iss", "sub", "aud", "iat", "nbf", "exp", "jti", "cdniv", "cdniuc", "cdnicrit",
];

/// Signs claims. Deterministic; with the claims that this crate makes for an id of 40
/// and a `jti` of 22 characters at most 500 bytes.
#[must_use]
pub fn mint(key: &SigningKey, claims: &Claims) -> String {
    compact(PublicKey::ALG, key.kid(), claims, |message| {
        key.sign(message)
    })
}

/// Header, claims, and what `sign` makes of the two (RFC 7515 §7.1).
pub(crate) fn compact<S: AsRef<[u8]>>(
    alg: &str,
    kid: &str,
    claims: &Claims,
    sign: impl FnOnce(&[u8]) -> S,
) -> String {
    let header = json!({ "alg": alg, "kid": kid }).to_string();
    let payload = serde_json::to_vec(claims).expect("strings and numbers are always JSON");
    let mut token = URL_SAFE_NO_PAD.encode(header);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(payload, &mut token);
    let signature = sign(token.as_bytes());
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    token
}

/// A key whose signature, time and claims were checked.
#[derive(Debug, Clone)]
pub struct Verified {
    claims: Claims,
    container: Container,
    signer: String,
}

impl Verified {
    /// What the key says.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Whether it opens `path`, a path without key prefix and query. Neither its time
    /// nor its revocation are looked at again.
    #[must_use]
    pub fn opens(&self, path: &str) -> bool {
        self.container.opens(path)
    }

    /// Its own name, by which it is revoked.
    #[must_use]
    pub fn jti(&self) -> &str {
        &self.claims.jti
    }

    /// The `kid` of what signed it.
    #[must_use]
    pub fn signer(&self) -> &str {
        &self.signer
    }

    /// From this time on, in Unix seconds, it opens nothing.
    #[must_use]
    pub fn expires(&self) -> u64 {
        self.claims.exp
    }

    /// Seconds until it expires; 0 once it has.
    #[must_use]
    pub fn seconds_left(&self, now: u64) -> u64 {
        self.claims.exp.saturating_sub(now)
    }

    /// What [`redact`](crate::redact()) puts in place of the token.
    #[must_use]
    pub fn log_name(&self) -> String {
        redact::short_hash(&self.claims.jti)
    }
}

impl KeySet {
    /// Checks a token at `now`, in Unix seconds: length, form, algorithm, signature, then
    /// claims and time. Nothing of the payload is read before its signature holds.
    ///
    /// # Errors
    /// See [`KeyError`]; expired and not yet valid are said only of keys truly signed.
    pub fn verify(&self, token: &str, now: u64) -> Result<Verified, KeyError> {
        if token.len() > TOKEN_LEN_MAX {
            return Err(KeyError::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(KeyError::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(KeyError::Malformed)?;
        let header: Header = json_part(header)?;
        let signer = self.named(&header.kid)?;
        header.check(&signer)?;
        signer.verify(signed.as_bytes(), &decode(signature)?)?;
        let claims: Claims = json_part(payload)?;
        json_part::<Narrowing>(payload)?.check()?;
        check_time(&claims, now)?;
        self.check_names(&claims)?;
        if signer.signs_play_alone() && claims.weir != Scope::Play {
            return Err(KeyError::Unsupported("a key pair's signature"));
        }
        if claims.cdniv != 1 {
            return Err(KeyError::Unsupported("another version of the profile"));
        }
        let container = Container::parse(&claims.cdniuc)?;
        Ok(Verified {
            claims,
            container,
            signer: header.kid,
        })
    }

    /// Who minted it, and for whom (RFC 9246 §2.1.1, §2.1.3).
    fn check_names(&self, claims: &Claims) -> Result<(), KeyError> {
        if claims.iss != ISSUER {
            return Err(KeyError::Unsupported("another issuer"));
        }
        match &claims.aud {
            Some(audience) if !audience.has_any(&self.audiences) => Err(KeyError::Elsewhere),
            _ => Ok(()),
        }
    }
}

/// All that a header may say. A key or a link to one (`jwk`, `jku`, `x5u`), `crit` and
/// all else is refused, and the algorithm is not the sender's choice.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    kid: String,
    typ: Option<String>,
}

impl Header {
    fn check(&self, signer: &Signer<'_>) -> Result<(), KeyError> {
        if self.alg != signer.alg() {
            return Err(KeyError::Unsupported("another algorithm"));
        }
        match self.typ.as_deref() {
            None | Some("JWT") => Ok(()),
            Some(_) => Err(KeyError::Unsupported("another type of token")),
        }
    }
}

/// Claims that would narrow a key further than this crate can: to pass over them, as
/// RFC 7519 does with strange claims, would widen it.
#[derive(Deserialize)]
struct Narrowing {
    /// An address in the clear tells who watches to all who see the key (RFC 9246 §2.1.10):
    /// it may stand in a JWE only, and none is opened here.
    cdniip: Option<IgnoredAny>,
    cdniets: Option<IgnoredAny>,
    cdnistt: Option<IgnoredAny>,
    cdnistd: Option<IgnoredAny>,
    cdnicrit: Option<String>,
}

impl Narrowing {
    fn check(&self) -> Result<(), KeyError> {
        let present = [&self.cdniip, &self.cdniets, &self.cdnistt, &self.cdnistd];
        if present.iter().any(|claim| claim.is_some()) {
            return Err(KeyError::Unsupported("a claim that narrows it"));
        }
        let critical = self
            .cdnicrit
            .as_deref()
            .map_or(Vec::new(), |list| list.split(',').collect());
        if critical.iter().any(|name| !ENFORCED.contains(name)) {
            return Err(KeyError::Unsupported("a critical claim"));
        }
        Ok(())
    }
}

fn check_time(claims: &Claims, now: u64) -> Result<(), KeyError> {
    let begins = claims.iat.max(claims.nbf.unwrap_or(0));
    if now >= claims.exp {
        Err(KeyError::Expired)
    } else if begins > now.saturating_add(LEEWAY_SECS) {
        Err(KeyError::NotYetValid)
    } else if claims.exp.saturating_sub(claims.iat) > LIFE_SECS_MAX {
        Err(KeyError::Unsupported("a life of more than 30 days"))
    } else {
        Ok(())
    }
}

fn json_part<T: DeserializeOwned>(part: &str) -> Result<T, KeyError> {
    let json = decode(part)?;
    // serde would read a struct from an array as well.
    if json.first() != Some(&b'{') {
        return Err(KeyError::Malformed);
    }
    serde_json::from_slice(&json).map_err(|_| KeyError::Malformed)
}

/// Strict: no padding, no stray bits, no white space. So one key has one spelling.
fn decode(part: &str) -> Result<Vec<u8>, KeyError> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| KeyError::Malformed)
}
