//! Who may read: keys are judged here, without asking the origin.

mod local;
mod remembered;
mod revoked;

use std::sync::{Arc, RwLock};

use http::HeaderValue;
use keys::{KeyError, KeySet, Scope, Verified};

use self::{local::Local, remembered::Remembered, revoked::Revoked};
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
    local: Local,
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
            local,
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
        Ok(())
    }

    /// The revision last applied.
    pub(crate) fn revision(&self) -> Option<u64> {
        self.ring().map(|ring| ring.revision)
    }

    /// Judges a request at `now`, in Unix seconds.
    pub(crate) fn admit(
        &self,
        target: &Target,
        authorization: Option<&HeaderValue>,
        now: u64,
    ) -> Result<Viewer, Refusal> {
        if target.zone == Zone::Open {
            return Ok(Viewer::Anyone);
        }
        let token = target.token.as_deref();
        match token.or_else(|| bearer(authorization?)) {
            None => Ok(Viewer::Keyless),
            Some(token) => self.judge(token, target, now),
        }
    }

    fn judge(&self, token: &str, target: &Target, now: u64) -> Result<Viewer, Refusal> {
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
            left_secs => Ok(Viewer::Keyed { left_secs }),
        }
    }

    fn verify(&self, ring: &Ring, token: &str, now: u64) -> Result<Arc<Verified>, Refusal> {
        if let Some(known) = self.verified.get(token, ring.generation) {
            return Ok(known);
        }
        let key = ring.keys.verify(token, now).map_err(|error| match error {
            KeyError::Expired => Refusal::Expired,
            other => Refusal::Invalid(other),
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

#[cfg(test)]
mod tests {
    use keys::SigningKey;

    use super::*;
    use crate::path::Reading;

    const NOW: u64 = 1_800_000_000;
    const PATH: &str = "/v/a/1/v720/0.m4s";

    fn bulletin(revision: u64, signing: &[&SigningKey], revoked: &[&str]) -> wire::KeyBulletin {
        let public = signing.iter().map(|key| key.public()).collect();
        wire::KeyBulletin {
            revision,
            jwks: KeySet::new(public).to_jwks(),
            revoked: revoked.iter().map(|&jti| jti.to_owned()).collect(),
            ..Default::default()
        }
    }

    fn ask(gate: &Gate, token: &str, now: u64) -> Result<Viewer, Refusal> {
        let path = format!("/k/{token}{PATH}");
        gate.admit(
            &Target::parse(&path, None, Reading::WEIR).unwrap(),
            None,
            now,
        )
    }

    fn setup() -> (Gate, SigningKey, String) {
        let signing = SigningKey::from_seed([1; 32]);
        let gate = Gate::new(100, Local::default());
        gate.apply(bulletin(1, &[&signing], &[])).unwrap();
        let claims = keys::play("a", NOW, NOW + 60, "j1".to_owned());
        let token = keys::mint(&signing, &claims);
        (gate, signing, token)
    }

    #[test]
    fn a_remembered_key_still_expires() {
        let (gate, _, token) = setup();
        assert_eq!(ask(&gate, &token, NOW), Ok(Viewer::Keyed { left_secs: 60 }));
        assert_eq!(
            ask(&gate, &token, NOW + 59),
            Ok(Viewer::Keyed { left_secs: 1 })
        );
        assert_eq!(ask(&gate, &token, NOW + 60), Err(Refusal::Expired));
    }

    #[test]
    fn a_remembered_key_is_refused_once_revoked() {
        let (gate, signing, token) = setup();
        assert!(ask(&gate, &token, NOW).is_ok());
        gate.apply(bulletin(2, &[&signing], &["j1"])).unwrap();
        assert_eq!(ask(&gate, &token, NOW), Err(Refusal::Revoked));
    }

    #[test]
    fn a_remembered_key_is_refused_once_its_signer_is_gone() {
        let (gate, _, token) = setup();
        assert!(ask(&gate, &token, NOW).is_ok());
        let next = SigningKey::from_seed([2; 32]);
        gate.apply(bulletin(2, &[&next], &[])).unwrap();
        assert_eq!(
            ask(&gate, &token, NOW),
            Err(Refusal::Invalid(KeyError::UnknownKey))
        );
    }

    #[test]
    fn a_key_for_work_does_not_play() {
        let (gate, signing, _) = setup();
        for claims in [
            keys::admin(NOW, NOW + 60, "j2".to_owned()),
            keys::play("b", NOW, NOW + 60, "j3".to_owned()),
        ] {
            let token = keys::mint(&signing, &claims);
            assert_eq!(ask(&gate, &token, NOW), Err(Refusal::Scope));
        }
    }

    #[test]
    fn before_any_public_key_is_known_no_key_is_judged() {
        let (_, _, token) = setup();
        assert_eq!(
            ask(&Gate::new(1, Local::default()), &token, NOW),
            Err(Refusal::NotReady)
        );
    }

    #[test]
    fn a_bearer_key_counts_where_the_path_has_none() {
        let (gate, _, token) = setup();
        let target = Target::parse(PATH, None, Reading::WEIR).unwrap();
        let admit = |field: &str| {
            let field = HeaderValue::from_str(field).unwrap();
            gate.admit(&target, Some(&field), NOW)
        };
        let keyed = Ok(Viewer::Keyed { left_secs: 60 });
        assert_eq!(admit(&format!("Bearer {token}")), keyed);
        assert_eq!(admit(&format!("bearer {token}")), keyed);
        assert_eq!(admit("Basic YTpi"), Ok(Viewer::Keyless));
        assert!(admit("Bearer x").is_err());
    }

    #[test]
    fn a_set_that_is_not_understood_changes_nothing() {
        let (gate, _, token) = setup();
        let broken = wire::KeyBulletin {
            revision: 2,
            jwks: serde_json::json!({ "keys": 5 }),
            ..Default::default()
        };
        assert!(gate.apply(broken).is_err());
        assert_eq!(gate.revision(), Some(1));
        assert!(ask(&gate, &token, NOW).is_ok());
    }
}
