//! Who may read: keys are judged here, without asking the origin.

mod leash;
mod local;
mod refused;
mod remembered;
mod revoked;
#[cfg(test)]
mod tests;

use std::sync::{
    Arc, RwLock,
    atomic::{
        AtomicU64,
        Ordering::{Acquire, Release},
    },
};

use http::HeaderValue;
use keys::{KeyError, KeySet, Scope, Verified};

pub(crate) use self::leash::Leash;
use self::{local::Local, refused::Refused, remembered::Remembered, revoked::Revoked};
use crate::{
    Config, EdgeError,
    head::Access,
    path::{Target, Zone},
};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Viewer {
    /// Someone, where access classes do not apply.
    Anyone,
    /// Someone without a key.
    Keyless,
    /// The holder of a key that opens the path, for so many seconds more.
    Keyed { left_secs: u64 },
}

impl Viewer {
    pub(crate) fn may_read(self, access: Access) -> bool {
        match self {
            Self::Anyone | Self::Keyed { .. } => true,
            Self::Keyless => access == Access::Public,
        }
    }
}

/// Why a key, or its lack, is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Missing,
    Invalid(KeyError),
    Expired,
    Revoked,
    Scope,
    /// No public key is known here yet.
    NotReady,
}

/// Judges keys by the public keys and revocations last heard of, and by what this edge knows
/// of itself.
pub(crate) struct Gate {
    ring: RwLock<Option<Arc<Ring>>>,
    verified: Remembered,
    refused: Refused,
    local: Local,
    /// How often the ring was replaced: what was admitted before is judged again.
    news: AtomicU64,
}

struct Ring {
    revision: u64,
    keys: KeySet,
    jwks: serde_json::Value,
    /// Counts the changes of `keys`: what an older set verified does not count any more.
    generation: u64,
    revoked: Revoked,
}

impl Gate {
    /// A gate that knows no public key yet.
    pub(crate) fn open(config: &Config) -> Result<Self, EdgeError> {
        Ok(Self::new(config.keys_max, Local::open(config)?))
    }

    /// A gate that remembers up to `keys_max` keys.
    fn new(keys_max: usize, local: Local) -> Self {
        Self {
            ring: RwLock::new(None),
            verified: Remembered::new(keys_max),
            refused: Refused::new(),
            local,
            news: AtomicU64::new(0),
        }
    }

    /// Takes over what the origin says.
    pub(crate) fn apply(&self, bulletin: wire::KeyBulletin) -> Result<(), KeyError> {
        let keys = self.local.beside(KeySet::from_jwks(&bulletin.jwks)?);
        let before = self.ring();
        let generation = match &before {
            Some(ring) if ring.jwks == bulletin.jwks => ring.generation,
            Some(ring) => ring.generation + 1,
            None => 0,
        };
        let ring = Ring {
            revision: bulletin.revision,
            keys,
            jwks: bulletin.jwks,
            generation,
            revoked: Revoked::new(bulletin.revoked, bulletin.revoked_before),
        };
        *self.ring.write().expect("no holder panics") = Some(Arc::new(ring));
        // After it is there: who sees the count sees the ring.
        self.news.fetch_add(1, Release);
        Ok(())
    }

    /// The revision last applied.
    pub(crate) fn revision(&self) -> Option<u64> {
        self.ring().map(|ring| ring.revision)
    }

    /// Judges a request at `now`, in Unix seconds. Who is let in by a key is on its leash.
    pub(crate) fn admit(
        &self,
        target: &Target,
        authorization: Option<&HeaderValue>,
        now: u64,
    ) -> Result<(Viewer, Option<Leash>), Refusal> {
        if target.zone == Zone::Open {
            return Ok((Viewer::Anyone, None));
        }
        let token = target.token.as_deref();
        match token.or_else(|| bearer(authorization?)) {
            None => Ok((Viewer::Keyless, None)),
            Some(token) => self.judge(token, target, now),
        }
    }

    fn judge(
        &self,
        token: &str,
        target: &Target,
        now: u64,
    ) -> Result<(Viewer, Option<Leash>), Refusal> {
        // Before the ring: news meanwhile is looked at again.
        let news = self.news.load(Acquire);
        // Held meanwhile: a copy of what all threads share costs them more.
        let ring = self.ring.read().expect("no holder panics");
        let ring = ring.as_deref().ok_or(Refusal::NotReady)?;
        let key = self.verify(ring, token, now)?;
        if ring.revoked.has(&key, target.asset().unwrap_or_default()) {
            return Err(Refusal::Revoked);
        }
        if key.claims().weir != Scope::Play || !key.opens(target.media_path()) {
            return Err(Refusal::Scope);
        }
        match key.seconds_left(now) {
            0 => Err(Refusal::Expired),
            left_secs => {
                let leash = Leash::new(key, target, news);
                Ok((Viewer::Keyed { left_secs }, leash))
            }
        }
    }

    /// Whether what a key opened is to be cut. Nothing but a look at a number, unless there
    /// was news.
    pub(crate) fn has_revoked(&self, leash: &mut Leash) -> bool {
        let news = self.news.load(Acquire);
        if leash.news == news {
            return false;
        }
        leash.news = news;
        let ring = self.ring.read().expect("no holder panics");
        ring.as_deref().is_some_and(|ring| {
            ring.revoked.has(&leash.key, leash.asset()) || !ring.keys.has(leash.key.signer())
        })
    }

    fn verify(&self, ring: &Ring, token: &str, now: u64) -> Result<Arc<Verified>, Refusal> {
        if let Some(known) = self.verified.get(token, ring.generation) {
            return Ok(known);
        }
        if let Some(refusal) = self.refused.get(token, ring.generation) {
            return Err(refusal);
        }
        let key = ring.keys.verify(token, now).map_err(|error| {
            let refusal = match error {
                KeyError::Expired => Refusal::Expired,
                other => Refusal::Invalid(other),
            };
            self.refused.keep(token, ring.generation, refusal);
            refusal
        })?;
        let key = Arc::new(key);
        self.verified.keep(token, key.clone(), ring.generation);
        Ok(key)
    }

    fn ring(&self) -> Option<Arc<Ring>> {
        self.ring.read().expect("no holder panics").clone()
    }
}

/// The token of `Authorization: Bearer` (RFC 6750 §2.1).
fn bearer(authorization: &HeaderValue) -> Option<&str> {
    let (scheme, token) = authorization.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
