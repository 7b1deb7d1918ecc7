//! Which keys were taken back.

use std::collections::{HashMap, HashSet};

use keys::Verified;
use wire::{RevokedBefore, Revokes};

/// All that the origin tells. Looked up at every request with a key: each kind costs
/// nothing while it is empty.
#[derive(Default)]
pub(super) struct Revoked {
    jtis: HashSet<String>,
    subjects: Before,
    assets: Before,
    signers: Before,
}

/// By name, the Unix time in seconds before which keys were issued that are refused.
type Before = HashMap<String, u64>;

impl Revoked {
    pub(super) fn new(jtis: Vec<String>, before: Vec<RevokedBefore>) -> Self {
        let mut revoked = Self {
            jtis: jtis.into_iter().collect(),
            ..Self::default()
        };
        for RevokedBefore {
            what,
            issued_before,
        } in before
        {
            let (of, name) = match what {
                Revokes::Jti(jti) => {
                    revoked.jtis.insert(jti);
                    continue;
                }
                Revokes::Subject(name) => (&mut revoked.subjects, name),
                Revokes::Asset(asset) => (&mut revoked.assets, asset.to_string()),
                Revokes::Signer(name) => (&mut revoked.signers, name),
            };
            let latest = of.entry(name).or_default();
            *latest = issued_before.max(*latest);
        }
        revoked
    }

    /// Whether a key is taken back, where it is to open this asset.
    pub(super) fn has(&self, key: &Verified, asset: &str) -> bool {
        let claims = key.claims();
        let since = |of: &Before, name: &str| of.get(name).is_some_and(|t| claims.iat < *t);
        self.jtis.contains(key.jti())
            || since(&self.assets, asset)
            || since(&self.signers, key.signer())
            || claims
                .sub
                .as_deref()
                .is_some_and(|sub| since(&self.subjects, sub))
    }
}

#[cfg(test)]
mod tests {
    use keys::{Claims, KeySet, SigningKey};

    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn signing() -> SigningKey {
        SigningKey::from_seed([1; 32])
    }

    fn key(issued: u64, sub: Option<&str>) -> Verified {
        let claims = Claims {
            sub: sub.map(str::to_owned),
            ..keys::play("a", issued, NOW + 60, "j1".to_owned())
        };
        let set = KeySet::new(vec![signing().public()]);
        set.verify(&keys::mint(&signing(), &claims), NOW).unwrap()
    }

    fn revoked(what: Revokes) -> Revoked {
        let issued_before = NOW;
        Revoked::new(
            vec![],
            vec![RevokedBefore {
                what,
                issued_before,
            }],
        )
    }

    #[test]
    fn only_what_was_issued_before_is_taken_back() {
        let kid = signing().kid().to_owned();
        for what in [
            Revokes::Subject("jo".to_owned()),
            Revokes::Asset("a".parse().unwrap()),
            Revokes::Signer(kid),
        ] {
            let revoked = revoked(what);
            assert!(revoked.has(&key(NOW - 1, Some("jo")), "a"));
            assert!(!revoked.has(&key(NOW, Some("jo")), "a"));
        }
    }

    #[test]
    fn only_what_has_it_in_common_is_taken_back() {
        let subject = revoked(Revokes::Subject("jo".to_owned()));
        assert!(!subject.has(&key(NOW - 1, Some("Jo")), "a"));
        assert!(!subject.has(&key(NOW - 1, None), "a"));
        let asset = revoked(Revokes::Asset("b".parse().unwrap()));
        assert!(!asset.has(&key(NOW - 1, None), "a"));
        assert!(asset.has(&key(NOW - 1, None), "b"));
        let signer = revoked(Revokes::Signer("other".to_owned()));
        assert!(!signer.has(&key(NOW - 1, None), "a"));
    }

    #[test]
    fn of_two_times_the_later_counts() {
        let at = |issued_before: u64| RevokedBefore {
            what: Revokes::Subject("jo".to_owned()),
            issued_before,
        };
        for order in [[at(NOW - 9), at(NOW)], [at(NOW), at(NOW - 9)]] {
            let revoked = Revoked::new(vec![], order.to_vec());
            assert!(revoked.has(&key(NOW - 1, Some("jo")), "a"));
        }
    }
}
