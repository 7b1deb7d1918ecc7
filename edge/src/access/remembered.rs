//! Keys whose signature holds, so that the next request costs a look-up.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Arc, RwLock},
};

use keys::Verified;

/// Maps that the keys are spread over, so that who adds one seldom holds up who looks for
/// another. Chosen.
const SHARDS: usize = 16;
/// What of a token is hashed, bytes: part of its signature, which nobody chooses.
const TAIL_LEN: usize = 16;

/// Keys by token, at least a few. Where a map is half full its young ones become the old,
/// and the old, which nobody used since, are forgotten.
pub(super) struct Remembered {
    shards: [RwLock<Shard>; SHARDS],
    young_max: usize,
    hasher: RandomState,
}

#[derive(Default)]
struct Shard {
    young: HashMap<u64, Known>,
    old: HashMap<u64, Known>,
}

#[derive(Clone)]
struct Known {
    token: Arc<str>,
    key: Arc<Verified>,
    /// Of the public keys that verified it.
    generation: u64,
}

impl Remembered {
    /// For up to `keys_max` keys.
    pub(super) fn new(keys_max: usize) -> Self {
        Self {
            shards: Default::default(),
            young_max: (keys_max / SHARDS / 2).max(1),
            hasher: RandomState::new(),
        }
    }

    /// The key of a token, if this generation of public keys has verified it.
    pub(super) fn get(&self, token: &str, generation: u64) -> Option<Arc<Verified>> {
        let place = self.place(token);
        let is_it = |known: &&Known| known.generation == generation && *known.token == *token;
        let shard = self.shard(place).read().expect("no holder panics");
        if let Some(known) = shard.young.get(&place).filter(is_it) {
            return Some(known.key.clone());
        }
        let known = shard.old.get(&place).filter(is_it)?.clone();
        drop(shard);
        let key = known.key.clone();
        self.put(place, known);
        Some(key)
    }

    pub(super) fn keep(&self, token: &str, key: Arc<Verified>, generation: u64) {
        let known = Known {
            token: token.into(),
            key,
            generation,
        };
        self.put(self.place(token), known);
    }

    fn put(&self, place: u64, known: Known) {
        let mut shard = self.shard(place).write().expect("no holder panics");
        if shard.young.len() >= self.young_max {
            shard.old = std::mem::take(&mut shard.young);
        }
        shard.young.insert(place, known);
    }

    fn place(&self, token: &str) -> u64 {
        let bytes = token.as_bytes();
        let tail = &bytes[bytes.len().saturating_sub(TAIL_LEN)..];
        self.hasher.hash_one(tail)
    }

    fn shard(&self, place: u64) -> &RwLock<Shard> {
        &self.shards[place as usize % SHARDS]
    }
}

#[cfg(test)]
mod tests {
    use keys::{KeySet, SigningKey};

    use super::*;

    const NOW: u64 = 1_800_000_000;

    /// So many keys, each with its token.
    fn keys(count: usize) -> Vec<(String, Arc<Verified>)> {
        let signing = SigningKey::from_seed([1; 32]);
        let set = KeySet::new(vec![signing.public()]);
        let made = (0..count).map(|n| {
            let claims = keys::play("a", NOW, NOW + 60, n.to_string());
            let token = keys::mint(&signing, &claims);
            let key = set.verify(&token, NOW).unwrap();
            (token, Arc::new(key))
        });
        made.collect()
    }

    fn len(remembered: &Remembered) -> usize {
        let shards = remembered.shards.iter().map(|shard| {
            let shard = shard.read().unwrap();
            shard.young.len() + shard.old.len()
        });
        shards.sum()
    }

    #[test]
    fn no_more_keys_are_remembered_than_may_be_and_those_in_use_stay() {
        let remembered = Remembered::new(64);
        let keys = keys(400);
        let (used, _) = &keys[0];
        for (token, key) in &keys {
            remembered.keep(token, key.clone(), 0);
            assert!(len(&remembered) <= 64);
            assert_eq!(remembered.get(used, 0).unwrap().jti(), "0");
        }
        assert!(len(&remembered) > 32);
    }

    #[test]
    fn a_key_is_found_by_its_whole_token_and_generation_only() {
        let remembered = Remembered::new(64);
        let (token, key) = &keys(1)[0];
        remembered.keep(token, key.clone(), 1);
        assert!(remembered.get(token, 1).is_some());
        assert!(remembered.get(token, 2).is_none());
        let other = format!("x{}", &token[1..]);
        assert!(remembered.get(&other, 1).is_none());
        assert!(remembered.get("", 1).is_none());
    }
}
