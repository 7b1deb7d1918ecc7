//! The origin's keys: what it signs with, and what it has revoked.

use std::{sync::Arc, sync::Mutex, time::Duration};

use keys::{KeySet, SigningKey};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};
use wire::KeyBulletin;

use crate::{chance::Chance, object::ASSET, world::World};

/// What the edge shows to the origin.
pub(crate) const JOIN: &str = "join-token-of-the-soak";
/// How often a key is revoked.
const REVOKE_EVERY: Duration = Duration::from_secs(15);
/// How soon an edge must refuse what was revoked, and how long before a client gives it up.
const HEARD_WITHIN: Duration = Duration::from_secs(5);
/// Keys at one time, and their lifetime in seconds.
const KEYS: u64 = 4;
const TTL: u64 = 100_000;

pub(crate) struct Keyring {
    signing: SigningKey,
    bulletin: watch::Sender<KeyBulletin>,
    good: Mutex<Vec<String>>,
    revoked: Mutex<Vec<(String, Instant)>>,
    pub(crate) foreign: String,
}

impl Keyring {
    pub(crate) fn new() -> Self {
        let signing = SigningKey::from_seed([42; 32]);
        let jwks = KeySet::new(vec![signing.public()]).to_jwks();
        let bulletin = KeyBulletin {
            revision: 1,
            jwks,
            ..KeyBulletin::default()
        };
        let good = (0..KEYS).map(|number| mint(&signing, ASSET, number));
        Self {
            good: Mutex::new(good.collect()),
            foreign: mint(&signing, "another", 0),
            signing,
            bulletin: watch::Sender::new(bulletin),
            revoked: Mutex::default(),
        }
    }

    pub(crate) fn good(&self, chance: &mut Chance) -> String {
        let good = self.good.lock().unwrap();
        good[chance.below(good.len() as u64) as usize].clone()
    }

    /// Whether it still is, for all that a client knows.
    pub(crate) fn is_good(&self, key: &str) -> bool {
        self.good.lock().unwrap().iter().any(|good| good == key)
    }

    /// One that every edge has heard of.
    pub(crate) fn revoked(&self) -> Option<String> {
        let revoked = self.revoked.lock().unwrap();
        let mut old = revoked
            .iter()
            .rev()
            .filter(|(_, at)| at.elapsed() > HEARD_WITHIN);
        old.next().map(|(key, _)| key.clone())
    }

    /// What is new after a revision, waited for so long.
    pub(crate) async fn news(&self, after: u64, wait: Duration) -> Option<String> {
        let mut bulletin = self.bulletin.subscribe();
        let newer = bulletin.wait_for(|it| it.revision > after);
        let newer = timeout(wait.max(Duration::from_millis(1)), newer).await;
        let newer = newer.ok()?.ok()?;
        Some(serde_json::to_string(&*newer).unwrap())
    }

    async fn replace_one(&self, number: u64) {
        let old = {
            let mut good = self.good.lock().unwrap();
            good.push(mint(&self.signing, ASSET, number));
            good.remove(0)
        };
        // Until no request with it is on its way.
        sleep(HEARD_WITHIN).await;
        self.bulletin.send_modify(|bulletin| {
            bulletin.revision += 1;
            bulletin.revoked.push(jti(number - KEYS));
        });
        let mut revoked = self.revoked.lock().unwrap();
        revoked.push((old, Instant::now()));
    }
}

fn jti(number: u64) -> String {
    format!("soak{number}")
}

fn mint(signing: &SigningKey, asset: &str, number: u64) -> String {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let claims = keys::play(asset, now - 10, now + TTL, jti(number));
    keys::mint(signing, &claims)
}

/// Runs until dropped.
pub(crate) async fn revoke_now_and_then(world: Arc<World>) {
    for number in KEYS.. {
        sleep(REVOKE_EVERY).await;
        world.keys.replace_one(number).await;
    }
}
